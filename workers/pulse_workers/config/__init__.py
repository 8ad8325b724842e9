"""Settings of a worker, and how it authenticates."""
