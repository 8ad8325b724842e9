"""The worker process: start, receive tasks, shut down."""
