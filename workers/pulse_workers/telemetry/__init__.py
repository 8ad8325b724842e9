"""Events of workers: tasks, heartbeats, load, task schemas."""
