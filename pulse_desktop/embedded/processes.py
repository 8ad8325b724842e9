"""Processes named so that a number used again is never mistaken for the one that had it before."""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import psutil

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_HAS_PROC: Final = _BOOT_ID.exists()
_STATE_FIELD: Final = 0
_START_FIELD: Final = 19  # of /proc/<pid>/stat, counted after the command name


class ProcessRef(msgspec.Struct, frozen=True, gc=False):
    """One process: its number and what tells it from a later one with the same number."""

    pid: int
    identity: str

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return bool(self.identity) and identity_of(self.pid) == self.identity


def process_ref(pid: int) -> ProcessRef:
    """Return a reference that stays true after the process has ended."""
    return ProcessRef(pid, identity_of(pid))


def identity_of(pid: int) -> str:
    """Return what tells this process from others of the same number, empty when it has ended."""
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
    # psutil's create time moves when the clock is set; ticks since boot do not.
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        return ""
    fields = text[text.rindex(b")") + 1 :].split()
    if fields[_STATE_FIELD] in b"ZX":
        return ""
    return f"{boot}:{fields[_START_FIELD].decode()}"


def end_processes(leftovers: Iterable[ProcessRef], grace_s: float) -> list[ProcessRef]:
    """End those that still run: asked first, killed after `grace_s` seconds. Returns them.

    Blocks until they are gone.
    """
    found = [each for each in leftovers if each.alive()]
    for each in found:
        with contextlib.suppress(psutil.Error):
            psutil.Process(each.pid).terminate()
    deadline = time.monotonic() + grace_s
    while any(each.alive() for each in found) and time.monotonic() < deadline:
        time.sleep(0.02)
    for each in found:
        if each.alive():
            with contextlib.suppress(psutil.Error):
                psutil.Process(each.pid).kill()
    while any(each.alive() for each in found) and time.monotonic() < deadline + grace_s:
        time.sleep(0.02)
    return found
