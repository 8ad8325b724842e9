"""Settings and authentication of workers."""
