"""A file that appears only when it is whole, written aside so that no disk holds up the window."""

import asyncio
import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

from pulse_desktop.model.errors import UserFacingError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Value = TypeVar("Value")


class AtomicFile:
    """A temporary file beside its destination; leaving the context without `finish` removes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
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
            self._part.replace(self._path)

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
