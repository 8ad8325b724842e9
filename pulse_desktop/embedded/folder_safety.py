"""Safety of the data folder: it belongs to this user, and no other user can write to it.

Another user who can write to it could put links in place of our files, or replace the address that
windows connect to. Windows has other permissions, and its data folder is in the user's profile.
"""

import errno
import logging
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pulse_desktop.embedded.errors import EmbeddedStackError
from pulse_desktop.regular_file import check_regular
from pulse_desktop.text.translation import _

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

_log: Final = logging.getLogger(__name__)


class NotAFolderError(OSError):
    """Something else than a folder is where one is expected."""

    def __init__(self, path: Path, mode: int) -> None:
        """Name what is there.

        Args:
            path: where the folder is expected.
            mode: type of what is there, as in `st_mode`.
        """
        super().__init__(errno.ENOTDIR, _kind(mode), str(path))


def create_folder(folder: Path, *, parents: bool = False) -> None:
    """Create a folder, accessible to the owner only, when it is missing.

    Raises:
        OSError: something else is there, or it cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, parents=parents, exist_ok=True)
    except FileExistsError:
        raise NotAFolderError(folder, folder.lstat().st_mode) from None


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return _("it is a file, not a folder")
    if stat.S_ISLNK(mode):
        return _("it is a symbolic link that leads to no folder")
    if stat.S_ISFIFO(mode):
        return _("it is a FIFO, not a folder")
    if stat.S_ISSOCK(mode):
        return _("it is a socket, not a folder")
    return _("it is a device, not a folder")


def make_private(folder: Path, own_entries: Iterable[str] | None = None) -> None:
    """Check that only this user can change what is in a folder; take the permission from others.

    Args:
        folder: that exists.
        own_entries: names that this program gives to entries. The permissions of a folder with
            others are not changed: it serves another purpose too. None if all are.

    Raises:
        EmbeddedStackError: the folder belongs to another user, or others can write to it and this
            is not repaired.
        OSError: it cannot be examined.
    """
    if sys.platform == "win32":
        return
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise _belongs_to_another(folder, status.st_uid)
    if not status.st_mode & _OTHERS_WRITE:
        return
    names = {each.name for each in folder.iterdir()}
    if status.st_mode & stat.S_ISVTX or (own_entries is not None and names - set(own_entries)):
        raise _others_can_write(folder)
    folder.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS_WRITE)
    _log.warning("other users could write to %s; they no longer can", folder)


def open_parent(folder: Path) -> Path | None:
    """Return the folder above that lets other users replace this one, None if there is none.

    In a folder with the sticky bit, such as /tmp, they cannot. A group that may write to a parent
    was given that right. It is no error: what they put in its place would belong to them, which
    `make_private` refuses.

    Raises:
        OSError: a parent cannot be examined.
    """
    if sys.platform == "win32":
        return None
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return parent
    return None


def check_own_file(path: Path) -> None:
    """Check that a file is missing, or a regular file of this user that can be written.

    Raises:
        EmbeddedStackError: it belongs to another user.
        OSError: it is something else, or cannot be written.
    """
    status = check_regular(path)
    if status is None:
        return
    if sys.platform != "win32" and status.st_uid != os.geteuid():
        raise _belongs_to_another(path, status.st_uid)
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(0, _("it cannot be read and written"), str(path))


def _belongs_to_another(path: Path, owner: int) -> EmbeddedStackError:
    return EmbeddedStackError(
        _("The data folder is not private"),
        _("{path} belongs to another user, {owner}.").format(path=path, owner=_user_name(owner)),
        _("Run the program as that user, or set PULSE_DATA_DIR to a folder of your own."),
    )


def _others_can_write(folder: Path) -> EmbeddedStackError:
    if folder.stat().st_mode & stat.S_ISVTX:  # meant to be shared, such as /tmp
        advice = _("Set PULSE_DATA_DIR to a folder of your own, such as {folder}.").format(
            folder=folder / "pulse-desktop"
        )
    else:
        advice = _(
            "Run `chmod go-w {folder}`, or set PULSE_DATA_DIR to a folder of your own."
        ).format(folder=folder)
    return EmbeddedStackError(
        _("The data folder is not private"),
        _("Other users can write to {folder}.").format(folder=folder),
        advice,
    )


def _user_name(number: int) -> str:
    if sys.platform != "win32":
        import pwd  # noqa: PLC0415 - does not exist on Windows

        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            pass
    return str(number)
