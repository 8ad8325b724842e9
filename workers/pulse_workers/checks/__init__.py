"""Checks of the server and of the permissions a worker needs, for `pulse-worker check`."""
