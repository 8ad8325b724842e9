"""Program that runs another program so that it ends when the guardian dies, even by `kill -9`.

    python -m pulse_desktop.embedded.parent_death --parent PID [--signal N | --watch] -- PROGRAM

Linux: sets `--signal` as the parent death signal (PR_SET_PDEATHSIG), then execs the program.
Other POSIX systems (`--watch`): runs the program as a child and ends it when stdin closes.
Windows does not need it: the job object of the guardian ends its members.

A function that runs between fork and exec could set the signal as well, but is unsafe in a process
with threads, which the guardian is: asyncio waits for children in threads where pidfd is missing.
"""

import argparse
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_ORPHANED: Final = 70
"""Exit code if the parent died before the program was started."""

_TERMINATE_TIMEOUT_S: Final = 5.0


def exec_with_pdeathsig(program: Sequence[str], parent: int, signal_number: int) -> None:
    """Replace this process by `program`, which gets `signal_number` when `parent` dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # If the parent died before the call, the kernel sends no signal.
    if os.getppid() != parent:
        sys.exit(_ORPHANED)
    os.execv(program[0], list(program))  # noqa: S606 - deliberately without a shell


def supervise(program: Sequence[str]) -> int:
    """Run `program` until it exits, stdin closes or a signal arrives; return its exit code."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_args: None)
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL)  # noqa: S603
    stdin = sys.stdin.fileno()
    while child.poll() is None:
        readable, _, _ = select.select([stdin, wake_read], [], [])
        signaled = wake_read in readable and os.read(wake_read, 64).strip(bytes([signal.SIGCHLD]))
        if signaled or (stdin in readable and not os.read(stdin, 4096)):
            return _end(child)
    return child.returncode


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(_TERMINATE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def main() -> int:
    """Parse the arguments and run the program."""
    parser = argparse.ArgumentParser(prog="python -m pulse_desktop.embedded.parent_death")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, default=9)
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    if options.watch:
        return supervise(options.program)
    exec_with_pdeathsig(options.program, options.parent, options.signal)
    raise AssertionError("exec returned")


if __name__ == "__main__":
    sys.exit(main())
