"""Writes a recording, one zstd frame per batch of lines."""

import contextlib
import os
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import zstandard

from pulse_desktop.atomic_file import write_error
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import End, Header, Line, encode_line

if TYPE_CHECKING:
    from io import FileIO

_LEVEL: Final = 6
_FRAME_BYTES: Final = 1 << 20
"""Usual size of a frame before compression: what one damaged bit costs."""
_END_BYTES: Final = 5_000
"""Room for the last line: it fits whatever was recorded before."""


class RecordingWriter:
    """Writes into the file of a recording. Blocking: call it in a thread.

    Attributes:
        path: the file.
        header: the first line, written by `__enter__`.
        size: bytes written so far.
        is_full: whether the limit is reached; nothing more is written but the end.
        is_finished: whether the end is written.
    """

    def __init__(self, file: RecordingFile, header: Header, max_bytes: int) -> None:
        """Describe a recording; `__enter__` starts it.

        Args:
            file: open; the caller closes it.
            header: the first line.
            max_bytes: maximum size of the file.
        """
        self.path = file.path
        self._recording_file = file
        self.header = header
        self._max_bytes = max_bytes
        self._file: FileIO | None = None
        self._compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress
        self._lock = threading.Lock()
        self.size = 0
        self.is_full = False
        self.is_finished = False

    def __enter__(self) -> Self:
        """Empty the file and write its header.

        Raises:
            UserFacingError: it cannot be written.
        """
        try:
            self._file = self._recording_file.start()
        except OSError as error:
            raise write_error(self.path, error) from None
        self._append(self._compress(encode_line(self.header)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write nothing more; the frames written so far are whole."""
        with self._lock:  # a thread may be writing
            self._file = None

    def write(self, lines: Sequence[Line]) -> int:
        """Write a batch of lines, as many as fit; return how many.

        Raises:
            UserFacingError: the disk is full, or failed. The frames before are whole.
        """
        return self.write_encoded([encode_line(line) for line in lines])

    def write_encoded(self, encoded: Sequence[bytes]) -> int:
        """Write a batch of lines as `encode_line` returns them; see `write`."""
        written = 0
        count = _lines_within(encoded, 0, len(encoded))
        while count:
            frame = self._compress(b"".join(encoded[written : written + count]))
            if self.size + len(frame) + _END_BYTES <= self._max_bytes:
                self._append(frame)
                written += count
                count = count if self.is_full else len(encoded)
            else:
                self.is_full = True
                count //= 2
            count = _lines_within(encoded, written, count)
        return written

    def finish(self, end: End) -> None:
        """Write the last line.

        Raises:
            UserFacingError: the disk is full, or failed.
        """
        self._append(self._compress(encode_line(end)))
        with self._lock:
            try:
                os.fsync(self._file.fileno())  # type: ignore[union-attr]
            except OSError as error:
                raise write_error(self.path, error) from None
        self.is_finished = True

    def _append(self, frame: bytes) -> None:
        with self._lock:
            if self._file is None:
                raise RuntimeError("the recording is not open")
            try:
                rest = memoryview(frame)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._cut()
                raise write_error(self.path, error) from None
            self.size += len(frame)

    def _cut(self) -> None:
        """Remove a frame that was written in part."""
        with contextlib.suppress(OSError):  # the reader skips it as well
            os.ftruncate(self._file.fileno(), self.size)  # type: ignore[union-attr]


def _lines_within(encoded: Sequence[bytes], start: int, count: int) -> int:
    """Return how many lines, at most `count`, make a frame of usual size; at least one."""
    size = 0
    stop = min(start + count, len(encoded))
    for number in range(start, stop):
        size += len(encoded[number])
        if size > _FRAME_BYTES and number > start:
            return number - start
    return stop - start
