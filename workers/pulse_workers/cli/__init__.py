"""The command pulse-worker."""
