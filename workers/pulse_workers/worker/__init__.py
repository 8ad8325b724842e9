"""The worker process: it receives tasks, runs them, and drains when it stops."""
