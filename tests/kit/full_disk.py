"""A full disk for one process, without the permission to mount a small one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def no_room_in_files(pid: int, max_bytes: int = 1) -> Iterator[None]:
    """Let every write of a process fail that makes a file larger than a limit."""
    if sys.platform != "linux":
        raise NotImplementedError
    process = psutil.Process(pid)
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (max_bytes, before[1]))
    try:
        yield
    finally:
        if process.is_running():
            process.rlimit(psutil.RLIMIT_FSIZE, before)
