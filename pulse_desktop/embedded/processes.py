"""References to processes that stay unambiguous when the system reuses a process id."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

import msgspec
import psutil

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_HAS_PROC: Final = _BOOT_ID.exists()
_STATE_FIELD: Final = 0
_START_FIELD: Final = 19  # of /proc/<pid>/stat, counted after the command name
_POLL_S: Final = 0.02


class ProcessRef(msgspec.Struct, frozen=True, gc=False):
    """Reference to one process.

    Attributes:
        pid: process id.
        identity: tells the process from a later one with the same id; empty if it had exited.
    """

    pid: int
    identity: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return a reference to a running process. It stays valid after the process exits."""
        return cls(pid, _identity(pid))

    def alive(self) -> bool:
        """Return whether this process is running. A zombie is not."""
        return bool(self.identity) and _identity(self.pid) == self.identity


def end_processes(processes: Iterable[ProcessRef], grace_s: float) -> list[ProcessRef]:
    """Terminate the processes that are running, kill them after `grace_s` seconds, return them.

    Blocks until they have exited.
    """
    running = [each for each in processes if each.alive()]
    for each in running:
        with contextlib.suppress(psutil.Error):
            psutil.Process(each.pid).terminate()
    deadline = time.monotonic() + grace_s
    while any(each.alive() for each in running) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for each in running:
        if each.alive():
            with contextlib.suppress(psutil.Error):
                psutil.Process(each.pid).kill()
    while any(each.alive() for each in running) and time.monotonic() < deadline + grace_s:
        time.sleep(_POLL_S)
    return running


def _identity(pid: int) -> str:
    if _HAS_PROC:
        return _identity_in_proc(pid)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return f"{process.create_time():.3f}"
    except psutil.Error:
        return ""


def _identity_in_proc(pid: int) -> str:
    # psutil's create time changes when the clock is set; ticks since boot do not.
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        return ""
    fields = text[text.rindex(b")") + 1 :].split()
    if fields[_STATE_FIELD] in b"ZX":
        return ""
    return f"{boot}:{fields[_START_FIELD].decode()}"
