"""The form that enqueues a task, or enqueues a run again with other arguments."""
