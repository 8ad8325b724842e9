"""Runs a program so that it ends when the guardian does, even when that was killed.

    python -m pulse_desktop.embedded.parent_death --parent PID [--signal N | --watch] -- PROGRAM

Linux: asks the kernel to send `--signal` when the parent dies, then becomes the program.
Elsewhere on POSIX (`--watch`): stays as the program's parent and ends it when stdin closes.
Windows needs none of this: the guardian's job object ends its members.

A function run between fork and exec would do the same in the guardian, but is unsafe as soon as
that has a thread, and it has: asyncio waits for children in threads where pidfd is missing.
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
_GRACE_S: Final = 5.0


def exec_with_pdeathsig(program: Sequence[str], parent: int, signal_number: int) -> None:
    """Replace this process by `program`, which gets `signal_number` when `parent` dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses a parent death signal")
    # The parent may have died before the kernel was asked; then it never tells.
    if os.getppid() != parent:
        sys.exit(_ORPHANED)
    os.execv(program[0], list(program))  # noqa: S606 - no shell is the point


def supervise(program: Sequence[str]) -> int:
    """Run `program` until it ends, or stdin closes, or this process is asked to end."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL)  # noqa: S603
    while child.poll() is None:
        readable, _, _ = select.select([sys.stdin.fileno(), wake_read], [], [])
        asked = wake_read in readable and os.read(wake_read, 64).strip(bytes([signal.SIGCHLD]))
        if asked or (sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 4096)):
            return _end(child)
    return child.returncode


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def main() -> int:
    """Read the command line and run the program."""
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
