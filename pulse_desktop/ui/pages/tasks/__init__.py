"""The page of task runs."""
