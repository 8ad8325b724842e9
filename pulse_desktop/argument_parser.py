"""The argument parser of both programs: help that cannot be written is a failure."""

import argparse
import sys
from typing import Any


class ArgumentParser(argparse.ArgumentParser):
    """An argument parser that exits with 1 when it cannot write its help.

    That of the standard library ignores the error, and exits with 0. It also takes the beginning of
    an option for the option, such as `--for` for `--force`; this one does not.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create it, with the options of the standard library's."""
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def print_help(self, file: Any = None) -> None:
        """Write the help to a file, stdout by default."""
        stream = file or sys.stdout
        try:
            stream.write(self.format_help())
            stream.flush()
        except BrokenPipeError:
            pass  # the reader, such as `head`, needs no more
        except OSError:
            sys.exit(1)
