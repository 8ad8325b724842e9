"""Commands to running workers: cancel, pause, resume, drain, log level."""
