"""Errors of the local state, with what an operator can do about them."""

import errno
import sqlite3
from pathlib import Path
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text.translation import _

BUSY_TIMEOUT_S: Final = 3.0
"""Time for which a file that another program has locked is waited for."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_CODES: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED_CODES: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_INTERRUPT}
)
"""SQLITE_ERROR: a table is missing, or one exists that a version would make. SQLITE_INTERRUPT: a
statement took more steps than any does in a file of ours."""


class LocalStateError(UserFacingError):
    """The local state cannot be read or written."""


def damaged(reason: str) -> LocalStateError:
    """Return the error of a file that no program of ours has written so."""
    return LocalStateError(
        _("The local state is damaged"),
        reason,
        _("It was left as it is. Move the file away to begin without it."),
    )


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another program has locked the file."""
    return _kind(error) in _BUSY_CODES


def explain(path: Path, error: sqlite3.Error | OSError) -> LocalStateError:
    """Return the error for an operator of one that a file has caused."""
    if isinstance(error, OSError):
        return LocalStateError(
            _("The local state cannot be used"),
            f"{error.filename or path}: {error.strerror or error}.",
            _disk_advice(path) if error.errno in _FULL else _access_advice(path),
        )
    code = _kind(error)
    if isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode"):
        return damaged(_("{path}: a text in it is not UTF-8.").format(path=path))  # by Python
    reason = _("{path}: {reason}.").format(path=path, reason=error)
    if code in _BUSY_CODES:
        return LocalStateError(
            _("The local state is locked"),
            _("Another program has held {path} for {seconds:g} s.").format(
                path=path, seconds=BUSY_TIMEOUT_S
            ),
            _("Try again; end that program if it does not answer."),
        )
    if code in _DAMAGED_CODES:
        return damaged(reason)
    if code in _FULL_CODES:
        return LocalStateError(_("The local state cannot be used"), reason, _disk_advice(path))
    return LocalStateError(_("The local state cannot be used"), reason, _access_advice(path))


def _kind(error: sqlite3.Error) -> int:
    """Return the code of an error without what says more about it, all but the lowest byte."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _disk_advice(path: Path) -> str:
    return _("Free space on the disk of {folder}, then try again.").format(folder=path.parent)


def _access_advice(path: Path) -> str:
    return _("Make {folder} readable and writable, or set PULSE_DATA_DIR to another one.").format(
        folder=path.parent
    )
