"""The embedded stack: a nats-server, workers and sample data on this machine, shared by windows.

Nothing is imported here, so that the small programs in this package start in no time.
"""
