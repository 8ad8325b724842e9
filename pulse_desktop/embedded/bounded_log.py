"""Log file of a child process: limited in size, secrets replaced."""

import contextlib
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

MAX_BYTES: Final = 2 << 20
OLD_FILES: Final = 3

_MAX_LINE_BYTES: Final = 64 << 10
_MASK: Final = b"***"


class BoundedLog:
    """A log file that is rotated to `name.1`, `name.2`, … when it is full.

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
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab")
        return self._file

    def _rotate(self, full: BinaryIO) -> BinaryIO:
        full.close()
        self._file = None
        for number in range(self._old_files, 0, -1):
            source = self.path if number == 1 else self._old(number - 1)
            if source.exists():
                source.replace(self._old(number))
        return self._open()

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def tail(path: Path, lines: int = 12) -> str:
    """Return the last lines of a log, empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MAX_LINE_BYTES))
            return b"\n".join(deque(file.read().splitlines(), lines)).decode(errors="replace")
    except OSError:
        return ""
