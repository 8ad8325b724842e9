"""Atomic writes: a file is replaced by a complete new one or not at all."""

import asyncio
import contextlib
import errno
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

from pulse_desktop.model.errors import UserFacingError

_REPLACE_ATTEMPTS: Final = 20 if sys.platform == "win32" else 1
_REPLACE_DELAY_S: Final = 0.01
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Value = TypeVar("Value")


class AtomicFile:
    """A temporary file beside its destination, written off the event loop.

    Leaving the context without `finish` removes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = _part_of(path)
        self._file: BinaryIO | None = None

    async def __aenter__(self) -> Self:
        """Create the temporary file. Raises UserFacingError."""
        await self._in_thread(self._open)
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
        self._file = self._part.open("xb")

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with file:
                file.flush()
                os.fsync(file.fileno())
            _replace(self._part, self._path)

    def _remove(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # what it held back does not fit either
                file.close()
        self._part.unlink(missing_ok=True)

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        """Do blocking work aside; when cancelled, first let it end: it still uses the file."""
        working = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait({working})
            raise
        except OSError as error:
            raise _cannot_write(self._path, error) from None


def _cannot_write(path: Path, error: OSError) -> UserFacingError:
    title = f"Cannot save {path.name}"
    if error.errno in _FULL:
        return UserFacingError(
            title, "there is not enough space left.", "Free some space, or save it elsewhere."
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return UserFacingError(title, f"{path.parent} is not a folder.", "Choose another place.")
    if isinstance(error, PermissionError):
        return UserFacingError(title, f"{path.parent} is read-only.", "Choose another place.")
    return UserFacingError(title, f"{error.strerror or error}.", "Choose another place.")


def write_private_atomic(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, replacing it in one step, so that readers never see a part.

    Blocks. For small files; `AtomicFile` writes large ones off the event loop.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full. No partial file stays.
    """
    part = _part_of(path)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        _replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _replace(part: Path, path: Path) -> None:
    for attempt in range(_REPLACE_ATTEMPTS):
        try:
            part.replace(path)
        except PermissionError:  # on Windows while a reader has the old file open
            if attempt == _REPLACE_ATTEMPTS - 1:
                raise
            time.sleep(_REPLACE_DELAY_S)
        else:
            return
