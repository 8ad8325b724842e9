"""The command line of `pulse-worker`: one module per command."""
