"""Who uses the stack: one locked file per user, which the kernel unlocks even after `kill -9`.

Files are created, and those of the dead removed, under the start lock only, so that a lock never
sits on a file that has just been removed. Looking whether a file is held locks it for a moment, so
two that look at once may take a dead user for a live one: a single look must decide nothing final.
"""

import contextlib
import itertools
import os
from typing import Final

import filelock

from pulse_desktop.embedded.paths import DataFolder

_numbers: Final = itertools.count(1)

_held_here: Final["set[UsageLock]"] = set()
"""Keeps held locks alive: one that is forgotten would be released by the garbage collector."""


def lock_on(path: os.PathLike[str]) -> filelock.BaseFileLock:
    """Return a lock on a file that only its owner may read; any thread may release it."""
    return filelock.FileLock(path, thread_local=False, mode=0o600)


def try_lock(lock: filelock.BaseFileLock) -> bool:
    """Take the lock if it is free."""
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    return True


class UsageLock:
    """One user's hold on the stack. Not held until `try_hold` says so."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.clients / f"{os.getpid()}-{next(_numbers)}.lock"
        self._lock = lock_on(self._path)

    @property
    def held(self) -> bool:
        """Whether the guardian counts this user."""
        return self._lock.is_locked

    @property
    def name(self) -> str:
        """Name of the file."""
        return self._path.name

    def try_hold(self) -> bool:
        """Count as a user from now on. The caller holds the start lock.

        False when the guardian looks at the file at this very moment: try again.

        Raises:
            OSError: the file cannot be created.
        """
        if not self.held and not try_lock(self._lock):
            return False
        _held_here.add(self)
        return True

    def release(self) -> None:
        """Count no longer."""
        if self.held:
            with contextlib.suppress(OSError):  # Windows: the guardian removes it later
                self._path.unlink()
            self._lock.release()
        _held_here.discard(self)


def live_users(folder: DataFolder) -> list[str]:
    """Return the names of the lock files that somebody holds."""
    return [path.name for path in folder.clients.glob("*.lock") if _held(path)]


def remove_stale_locks(folder: DataFolder) -> None:
    """Remove the files nobody holds. The caller holds the start lock."""
    for path in folder.clients.glob("*.lock"):
        if not _held(path):
            path.unlink(missing_ok=True)


def _held(path: os.PathLike[str]) -> bool:
    lock = lock_on(path)
    if try_lock(lock):
        lock.release()
        return False
    return True
