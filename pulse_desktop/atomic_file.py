"""Atomic files: a reader sees the old content or the new, never a part.

Each is written to a temporary file beside its destination, which then replaces it. A folder, a FIFO
or a device is never replaced, and a file that is replaced keeps its mode.
"""

import asyncio
import contextlib
import errno
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.regular_file import NotARegularFileError, check_regular
from pulse_desktop.text.translation import _

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REPLACE_ATTEMPTS: Final = 20 if sys.platform == "win32" else 1
_REPLACE_PAUSE_S: Final = 0.01
_MAX_NAME_BYTES: Final = 200
_WRONG_NAME: Final = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.ELOOP, errno.EINVAL})

Value = TypeVar("Value")


def write_atomic(
    path: Path, content: bytes, *, private: bool = False, follow_links: bool = False
) -> None:
    """Write a small file atomically.

    Args:
        path: a file; replaced when it exists.
        content: all of it.
        private: whether only the owner may read it (mode 0600).
        follow_links: whether the file that a symbolic link leads to is replaced, not the link.

    Raises:
        OSError: something else than a file is there, the folder is missing, not writable, or the
            disk is full; no temporary file is left.
    """
    if follow_links:
        path = _linked_file(path)
    mode = _mode_of_replaced(path)
    temporary = _temporary_path(path)
    try:
        created = 0o600 if private else 0o666
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, created)
        with os.fdopen(descriptor, "wb") as file:
            _set_mode(temporary, None if private else mode)
            file.write(content)
        _replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


class AtomicFile:
    """A large file written chunk by chunk in a thread, so that no disk holds up the event loop.

    At the end of a symbolic link it is the file that the link leads to.

    Leaving the context without `finish` removes the temporary file. When cancelled it is removed at
    once where the system allows that, so that a slow disk does not outlast the end of the program.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = _temporary_path(path)
        self._file: BinaryIO | None = None

    async def __aenter__(self) -> Self:
        """Create the temporary file. Raises UserFacingError."""
        try:
            await self._in_thread(self._open)
        except asyncio.CancelledError:  # it may exist by now
            await self._in_thread(self._remove)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._in_thread(self._remove)

    async def write(self, chunk: bytes) -> None:
        """Append. Raises UserFacingError."""
        file = self._file
        if file is not None:
            await self._in_thread(lambda: file.write(chunk))

    async def finish(self) -> None:
        """Put the file in its place, replacing another. Raises UserFacingError."""
        await self._in_thread(self._finish)

    def _open(self) -> None:
        self._path = _linked_file(self._path)
        mode = _mode_of_replaced(self._path)
        self._temporary = _temporary_path(self._path)
        self._file = self._temporary.open("xb")
        _set_mode(self._temporary, mode)

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with file:
                file.flush()
                os.fsync(file.fileno())
            _mode_of_replaced(self._path)  # still a file
            _replace(self._temporary, self._path)

    def _remove(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # what is still buffered does not fit either
                file.close()
        self._temporary.unlink(missing_ok=True)

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):  # Windows refuses it while the file is open
            self._temporary.unlink(missing_ok=True)

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        """Do blocking work in a thread; when cancelled, wait for it first: it uses the file."""
        working = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait({working, asyncio.ensure_future(asyncio.to_thread(self._unlink))})
            raise
        except OSError as error:
            raise write_error(self._path, error) from None


def _temporary_path(path: Path) -> Path:
    # Any name that the file may have leaves no room for more, in bytes.
    name = path.name.encode(errors="replace")[:_MAX_NAME_BYTES].decode(errors="ignore")
    return path.with_name(f".{name}.{secrets.token_hex(4)}.part")


def _linked_file(path: Path) -> Path:
    """Return the file that a path leads to, which may be missing.

    Raises:
        NotARegularFileError: the link leads to itself.
    """
    if not path.is_symlink():
        return path
    file = Path(os.path.realpath(path))
    if file.is_symlink():
        check_regular(file)
    return file


def _mode_of_replaced(path: Path) -> int | None:
    """Return the mode of the file that is to be replaced, None if there is none or it is a link.

    Raises:
        NotARegularFileError: something else is there.
        OSError: it cannot be examined.
    """
    status = None if path.is_symlink() else check_regular(path)
    return None if status is None else stat.S_IMODE(status.st_mode)


def _set_mode(path: Path, mode: int | None) -> None:
    if mode is not None and sys.platform != "win32":
        path.chmod(mode & 0o777)


def _replace(temporary: Path, path: Path) -> None:
    for attempt in range(_REPLACE_ATTEMPTS):
        try:
            temporary.replace(path)
        except PermissionError:  # Windows refuses while a reader has the old file open
            if attempt == _REPLACE_ATTEMPTS - 1:
                raise
            time.sleep(_REPLACE_PAUSE_S)
        else:
            return


def write_error(path: Path, error: OSError) -> UserFacingError:
    """Return why a file cannot be written, for the operator."""
    title = _("Cannot save {file}").format(file=path.name)
    elsewhere = _("Choose another folder.")
    if error.errno in _NO_SPACE:
        return UserFacingError(
            title, _("there is not enough space left."), _("Free some space, or save it elsewhere.")
        )
    is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    if is_missing and not os.path.isdir(path.parent):  # noqa: PTH112 - it raises nothing
        detail = _("{folder} is not a folder.").format(folder=path.parent)
        return UserFacingError(title, detail, elsewhere)
    if isinstance(error, NotARegularFileError) or error.errno in _WRONG_NAME:
        return UserFacingError(title, f"{error.strerror or error}.", _("Choose another name."))
    if isinstance(error, PermissionError):
        if os.path.lexists(path) and not os.access(path, os.W_OK):
            return UserFacingError(title, _("the file is read-only."), _("Choose another name."))
        detail = _("{folder} is read-only.").format(folder=path.parent)
        return UserFacingError(title, detail, elsewhere)
    return UserFacingError(title, f"{error.strerror or error}.", elsewhere)
