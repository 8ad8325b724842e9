"""Output of `pulse-worker`."""

import contextlib
import os
import sys


class OutputClosedError(Exception):
    """The reader of stdout, such as `head`, needs no more. Not an outage: the command ends."""


def print_line(text: str) -> None:
    """Write one line to stdout.

    Raises:
        OutputClosedError: the reader has closed the pipe.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _detach_stdout()
        raise OutputClosedError from None


def print_error(error: Exception) -> None:
    """Write one line to stderr, as every failed command ends."""
    sys.stderr.write(f"pulse-worker: {error}\n")


def print_note(text: str) -> None:
    """Write one line to stderr, beside the output."""
    sys.stderr.write(f"note: {text}\n")


def _detach_stdout() -> None:
    """Discard further output: Python would report a broken stdout at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
