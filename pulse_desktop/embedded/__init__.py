"""Embedded stack: nats-server, workers and a sample chat on this machine, shared by all windows.

Nothing is imported here, so that the small programs of this package start fast.
"""
