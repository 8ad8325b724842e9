"""The entry point of `pulse-worker`."""

import contextlib
import sys
from collections.abc import Sequence

from pulse_desktop import __version__
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.output import OutputClosedError, print_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if list(words) == ["--version"]:
        with contextlib.suppress(OutputClosedError):
            print_line(f"pulse-worker {__version__}")
        return OK
    from pulse_workers.cli.command import run_command  # noqa: PLC0415 - takes a moment

    return run_command(words)
