"""Usage locks: one locked file per user of the stack. The kernel unlocks it even after `kill -9`.

Files are created, and stale ones removed, under the start lock only, so that a lock is never taken
on a file that was just removed. A check whether a file is locked locks it for a moment, so two
checks at once can take a stale file for a live user: a single check must decide nothing final.
"""

import contextlib
import itertools
import os
from pathlib import Path
from typing import Final

import filelock

from pulse_desktop.embedded.data_folder import DataFolder, cannot_write
from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.regular_file import check_regular

_numbers: Final = itertools.count(1)

_acquired: Final["set[UsageLock]"] = set()
"""References to the acquired locks: the garbage collector would release an unreferenced one."""


def file_lock(path: os.PathLike[str]) -> filelock.BaseFileLock:
    """Return a lock on a file that only its owner can read. Any thread may release it."""
    return filelock.FileLock(path, thread_local=False, mode=0o600)


def try_acquire(lock: filelock.BaseFileLock) -> bool:
    """Acquire a lock if it is free, and return whether it was.

    Raises:
        EmbeddedStackError: its file cannot be locked, for example because a folder is in its place.
    """
    path = Path(lock.lock_file)
    try:
        check_regular(path)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise cannot_write(path, error) from error
    return True


class UsageLock:
    """One user of the stack. The stack runs while any usage lock is acquired."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.usage_locks / f"{os.getpid()}-{next(_numbers)}.lock"
        self._lock = file_lock(self._path)

    @property
    def acquired(self) -> bool:
        """Whether this user counts."""
        return self._lock.is_locked

    @property
    def name(self) -> str:
        """Name of the lock file."""
        return self._path.name

    def try_acquire(self) -> bool:
        """Acquire the lock. The caller holds the start lock.

        Returns:
            False while another process checks the file: try again.

        Raises:
            EmbeddedStackError: the file cannot be created.
        """
        if not self.acquired and not try_acquire(self._lock):
            return False
        _acquired.add(self)
        return True

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self.acquired:
            with contextlib.suppress(OSError):  # on Windows the guardian removes it later
                self._path.unlink()
            self._lock.release()
        _acquired.discard(self)


def live_users(folder: DataFolder) -> list[str]:
    """Return the names of the lock files that are locked."""
    return [path.name for path in folder.usage_locks.glob("*.lock") if _is_locked(path)]


def remove_stale_locks(folder: DataFolder) -> None:
    """Remove the files that are not locked. The caller holds the start lock."""
    for path in folder.usage_locks.glob("*.lock"):
        if not _is_locked(path):
            with contextlib.suppress(OSError):  # a folder, which is no user either
                path.unlink()


def _is_locked(path: Path) -> bool:
    lock = file_lock(path)
    try:
        if not try_acquire(lock):
            return True
    except EmbeddedStackError:  # not a lock file of a user
        return False
    lock.release()
    return False
