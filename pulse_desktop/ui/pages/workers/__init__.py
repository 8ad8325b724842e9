"""The monitoring page: workers and the task queue."""
