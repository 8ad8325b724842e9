"""Writes a recording, one zstd frame per batch of lines."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import zstandard

from pulse_desktop.atomic_file import write_error
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.regular_file import open_for_overwrite
from pulse_desktop.session.recording.recording_format import End, Header, Line, encode_line
from pulse_desktop.text.translation import _

_LEVEL: Final = 6
_END_BYTES: Final = 5_000
"""Room for the last line: it fits whatever was recorded before."""


class RecordingWriter:
    """A file that is being recorded. Blocking: call it in a thread.

    Attributes:
        path: the file.
        size: bytes written so far.
        is_full: whether the limit is reached; nothing more is written but the end.
    """

    def __init__(self, path: Path, header: Header, max_bytes: int) -> None:
        """Describe a recording; `__enter__` creates the file.

        Args:
            path: of the file.
            header: its first line.
            max_bytes: maximum size of the file.
        """
        self.path = path
        self._header = header
        self._max_bytes = max_bytes
        self._file: BinaryIO | None = None
        self._compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.size = 0
        self.is_full = False

    def __enter__(self) -> Self:
        """Create the file, readable by its owner only, or empty it.

        Raises:
            UserFacingError: it cannot be written.
        """
        try:
            self._file = open_for_overwrite(self.path)
        except OSError as error:
            raise write_error(self.path, error) from None
        try:
            self._write_frame(encode_line(self._header))
        except UserFacingError:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; the frames written so far are whole."""
        if self._file is not None:
            self._file.close()

    def write(self, lines: Sequence[Line]) -> int:
        """Write a batch of lines, as many as fit; return how many.

        Raises:
            UserFacingError: the disk is full, or failed. The frames before are whole.
        """
        encoded = [encode_line(line) for line in lines]
        while encoded:
            frame = self._compress(b"".join(encoded))
            if self.size + len(frame) + _END_BYTES <= self._max_bytes:
                self._append(frame)
                break
            self.is_full = True
            del encoded[len(encoded) // 2 :]
        return len(encoded)

    def finish(self, end: End) -> None:
        """Write the last line.

        Raises:
            UserFacingError: the disk is full, or failed.
        """
        self._write_frame(encode_line(end))
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise write_error(self.path, error) from None

    def _write_frame(self, lines: bytes) -> None:
        self._append(self._compress(lines))

    def _append(self, frame: bytes) -> None:
        if self._file is None:
            raise RuntimeError("the recording is not open")
        try:
            self._file.write(frame)
            self._file.flush()
        except OSError as error:
            self._cut()
            raise write_error(self.path, error) from None
        self.size += len(frame)

    def _cut(self) -> None:
        """Remove a frame that was written in part."""
        with contextlib.suppress(OSError):  # the reader skips it as well
            os.ftruncate(self._file.fileno(), self.size)  # type: ignore[union-attr]


def check_new(path: Path) -> None:
    """Check that there is no file yet.

    Raises:
        UserFacingError: there is.
    """
    if path.exists():
        raise UserFacingError(
            _("Cannot save {file}").format(file=path.name),
            _("the file exists."),
            _("Choose another name, or replace it with --force."),
        )
