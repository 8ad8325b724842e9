"""Regular files, opened without following a symbolic link or waiting for a FIFO.

A folder, a link, a FIFO or a device in place of a file of ours is an error that names it. Opening
it as usual would write to another file, or block until a process opens the other end.
"""

import errno
import os
import stat
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final

from pulse_desktop.text.translation import _

# Windows has none of these flags; the check before the opening must do there.
_SAFE_FLAGS: Final = (
    getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
)
_BINARY: Final = getattr(os, "O_BINARY", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


class NotARegularFileError(OSError):
    """Something else than a regular file is where one is expected."""

    def __init__(self, path: Path, mode: int) -> None:
        """Name what is there.

        Args:
            path: where the file is expected.
            mode: type of what is there, as in `st_mode`.
        """
        super().__init__(errno.EINVAL, _kind(mode), str(path))


def open_for_append(path: Path) -> BinaryIO:
    """Open a file to append to it; create it, readable by its owner only, when it is missing.

    Raises:
        OSError: it is not a regular file, or cannot be opened.
    """
    descriptor = _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return os.fdopen(descriptor, "ab")


def open_for_overwrite(path: Path) -> BinaryIO:
    """Open a file to replace its content; create it, readable by its owner only, when missing.

    Raises:
        OSError: it is not a regular file, or cannot be opened.
    """
    descriptor = _open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    return os.fdopen(descriptor, "wb")


def open_new(path: Path) -> FileIO:
    """Create a file to write it without a buffer, readable by its owner only.

    Raises:
        FileExistsError: something is there.
        OSError: it cannot be created.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE_FLAGS
    return os.fdopen(os.open(path, flags | _BINARY, 0o600), "wb", buffering=0)


def open_for_changes(path: Path) -> FileIO:
    """Open a file that exists to write it without a buffer; its content stays.

    Raises:
        OSError: it is missing, is not a regular file, or cannot be opened.
    """
    return os.fdopen(_open(path, os.O_WRONLY | _BINARY), "wb", buffering=0)


def overwrite_in_place(path: Path, content: bytes) -> bool:
    """Overwrite a file of the same size, which needs no space on the disk.

    Returns:
        Whether that was possible.
    """
    try:
        descriptor = _open(path, os.O_RDWR)
    except OSError:
        return False
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        try:
            return os.fstat(descriptor).st_size == len(content) == file.write(content)
        except OSError:
            return False


def open_for_reading(path: Path, *, follow_links: bool = False) -> BinaryIO:
    """Open a file to read it.

    Args:
        path: of the file.
        follow_links: whether a symbolic link to a regular file will do.

    Raises:
        OSError: it is missing, is not a regular file, or cannot be opened.
    """
    return os.fdopen(_open(path, os.O_RDONLY, follow_links=follow_links), "rb")


def read_start(path: Path, max_bytes: int, *, follow_links: bool = False) -> bytes:
    """Return at most `max_bytes` bytes of a file. Arguments and errors: see `open_for_reading`."""
    with open_for_reading(path, follow_links=follow_links) as file:
        return file.read(max_bytes)


def open_beneath(folder: Path, relative: Path) -> BinaryIO:
    """Open a file beneath a folder to read it, without following a symbolic link on the way.

    Args:
        folder: resolved path of the folder.
        relative: path of the file from there, without links and `..`.

    Raises:
        OSError: it is missing, is not a regular file, or cannot be opened.
    """
    *folders, name = relative.parts
    if os.open not in os.supports_dir_fd:  # Windows: look again at what was opened
        file = open_for_reading(folder / relative)
        if os.path.samestat(os.fstat(file.fileno()), (folder / relative).lstat()):
            return file
        file.close()
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(relative))
    flags = os.O_RDONLY | os.O_DIRECTORY | _SAFE_FLAGS
    parent = os.open(folder, flags)
    try:
        for each in folders:
            child = os.open(each, flags, dir_fd=parent)
            os.close(parent)
            parent = child
        _check_mode(folder / relative, os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        descriptor = os.open(name, os.O_RDONLY | _SAFE_FLAGS, dir_fd=parent)
    finally:
        os.close(parent)
    return os.fdopen(_checked(folder / relative, descriptor), "rb")


def check_regular(path: Path, *, follow_links: bool = False) -> os.stat_result | None:
    """Check that there is a regular file, and return its status; None when nothing is there.

    Raises:
        OSError: something else is there, or it cannot be examined.
    """
    try:
        status = path.stat() if follow_links else path.lstat()
    except FileNotFoundError:
        return None
    _check_mode(path, status.st_mode)
    return status


def _open(path: Path, flags: int, *, follow_links: bool = False) -> int:
    check_regular(path, follow_links=follow_links)
    safe_flags = _SAFE_FLAGS & ~_NOFOLLOW if follow_links else _SAFE_FLAGS
    return _checked(path, os.open(path, flags | safe_flags, 0o600))


def _checked(path: Path, descriptor: int) -> int:
    """Return the descriptor of a file if it is regular, whatever was there at an earlier check."""
    try:
        _check_mode(path, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_mode(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotARegularFileError(path, mode)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return _("it is a folder, not a file")
    if stat.S_ISLNK(mode):
        return _("it is a symbolic link, not a file")
    if stat.S_ISFIFO(mode):
        return _("it is a FIFO, not a file")
    if stat.S_ISSOCK(mode):
        return _("it is a socket, not a file")
    return _("it is a device, not a file")
