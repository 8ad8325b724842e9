"""Start and end of a program: SIGINT while modules are imported, and missing standard streams.

Only light modules of the standard library are imported here: an entry point calls `run_program`
before the imports that take time.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""Exit code of a program that SIGINT ended before it did anything."""
EXIT_TIMEOUT_S: Final = 3.0
"""Time for what runs in threads, such as looking up a name, to end with the program."""


def run_program(load: Callable[[], Callable[[], int]]) -> NoReturn:
    """Run a program and exit with its code.

    Args:
        load: imports the program's `main` and returns it.
    """
    signal.signal(signal.SIGINT, _exit_quietly)
    _fill_streams()
    try:
        code = load()()
    except SystemExit as error:  # of argparse, such as after the help
        if error.code is not None and not isinstance(error.code, int):
            raise
        code = error.code or 0
    code = code or _flush_stdout()
    exit_within(EXIT_TIMEOUT_S, code)
    sys.exit(code)


def exit_within(timeout_s: float, code: int) -> None:
    """End the process after a time if it has not ended by itself.

    Python waits at exit for every thread, also for one that waits for a name server or a disk that
    does not answer.

    Args:
        timeout_s: seconds from now.
        code: exit code.
    """
    timer = threading.Timer(timeout_s, os._exit, (code,))
    timer.daemon = True
    timer.start()


def restore_interrupt() -> None:
    """Let SIGINT raise KeyboardInterrupt: what was started from here on needs to be ended."""
    if signal.getsignal(signal.SIGINT) is _exit_quietly:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit_quietly(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _fill_streams() -> None:
    """Discard the output for a stream that is closed.

    Without that, the next file or socket would get its descriptor, and output would go there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    # A program without a console has no streams on Windows either.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _flush_stdout() -> int:
    """Return the exit code: 1 if the output cannot be written, such as to a full disk."""
    code = 0
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader, such as `head`, needs no more
    except (OSError, ValueError):
        code = 1
    else:
        return code
    null = os.open(os.devnull, os.O_WRONLY)  # Python would report the error at exit
    os.dup2(null, 1)
    os.close(null)
    return code
