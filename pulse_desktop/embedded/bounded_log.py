"""Log file: limited in size, secrets replaced. For the output of a process, and for `logging`."""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from pulse_desktop.regular_file import open_for_append, open_for_reading

MAX_BYTES: Final = 2 << 20
OLD_FILES: Final = 3

_MAX_LINE_BYTES: Final = 64 << 10
_MASK: Final = b"***"


class BoundedLog:
    """A log file that is rotated to `name.1`, `name.2`, … when it is full.

    No symbolic link in its place is followed.

    Attributes:
        path: the current file.
        lost_bytes: bytes that could not be written, for example on a full disk.
    """

    def __init__(
        self, path: Path, *, max_bytes: int = MAX_BYTES, old_files: int = OLD_FILES
    ) -> None:
        self.path = path
        self.lost_bytes = 0
        self._max_bytes = max_bytes
        self._old_files = old_files
        self._secrets: tuple[bytes, ...] = ()
        self._line = b""
        self._file: BinaryIO | None = None

    def mask(self, secrets: Iterable[str]) -> None:
        """Replace these strings in all further output."""
        self._secrets = tuple(secret.encode() for secret in secrets if secret)

    def open(self) -> None:
        """Open the file, to find out whether it can be written.

        Raises:
            OSError: it cannot.
        """
        if self._file is None:
            self._open()

    def write(self, chunk: bytes) -> None:
        """Append output. Complete lines are written at once, the rest is buffered."""
        *lines, self._line = (self._line + chunk).split(b"\n")
        if lines:
            self._append(b"\n".join(lines) + b"\n")
        if len(self._line) > _MAX_LINE_BYTES:
            self.finish_line()

    def finish_line(self) -> None:
        """Write a buffered line that has no end."""
        if self._line:
            self._append(self._line + b"\n")
            self._line = b""

    def close(self) -> None:
        """Write the buffered rest and close the file."""
        self.finish_line()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, text: bytes) -> None:
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        try:
            file = self._file or self._open()
            if file.tell() and file.tell() + len(text) > self._max_bytes:
                file = self._rotate(file)
            file.write(text)
            file.flush()
        except OSError:
            self.lost_bytes += len(text)
            with contextlib.suppress(OSError):
                if self._file is not None:
                    self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        self._file = open_for_append(self.path)
        return self._file

    def _rotate(self, full: BinaryIO) -> BinaryIO:
        full.close()
        self._file = None
        for number in range(self._old_files, 0, -1):
            source = self.path if number == 1 else self._old(number - 1)
            # A folder in place of an old file cannot be replaced: the newer ones are still moved.
            with contextlib.suppress(OSError):
                source.replace(self._old(number))
        file = self._open()
        if file.tell() > 0:  # it could not be moved, and must not grow
            file.truncate(0)
            file.seek(0)
        return file

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


class BoundedLogHandler(logging.Handler):
    """Writes log records to a `BoundedLog`."""

    def __init__(self, log: BoundedLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._log.write(self.format(record).encode(errors="replace") + b"\n")
        except Exception:  # noqa: BLE001 - as every handler of `logging`
            self.handleError(record)

    def close(self) -> None:
        """Close the file."""
        with self.lock or contextlib.nullcontext():
            self._log.close()
        super().close()


def tail(path: Path, lines: int = 12) -> str:
    """Return the last lines of a log, empty if there is none."""
    try:
        with open_for_reading(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_LINE_BYTES))
            return b"\n".join(deque(file.read().splitlines(), lines)).decode(errors="replace")
    except OSError:
        return ""
