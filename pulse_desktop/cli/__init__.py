"""Command line of `pulse-desktop`: one module per command, with `add_parser` and `run`."""
