"""Output of `pulse-worker`."""

import sys


def print_line(text: str) -> None:
    """Write one line to stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_error(error: Exception) -> None:
    """Write one line to stderr, as every failed command ends."""
    sys.stderr.write(f"pulse-worker: {error}\n")
