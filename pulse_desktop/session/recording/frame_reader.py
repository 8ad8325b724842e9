"""Decompresses a file of zstd frames, and goes on after a damaged one."""

import os
from collections.abc import Iterator
from typing import BinaryIO, Final

import zstandard

MAGIC: Final = b"\x28\xb5\x2f\xfd"
_WINDOW_BYTES: Final = 128 << 20
"""Memory that decompression may take, whatever the file demands."""
_FEED_BYTES: Final = 1 << 10
"""Compressed bytes at a time: they expand to 32 MiB at most."""
_MAX_HELD_BYTES: Final = 8 << 20
"""A longer frame is handed on before its checksum is known; the recorder writes shorter ones."""
_MAX_DAMAGED: Final = 10_000
"""With more damaged parts a file is read no further."""
_SEARCH_BYTES: Final = 1 << 20


class _DamagedFrameError(Exception):
    """A frame that cannot be decompressed to its end."""


class FrameReader:
    """Reads the frames of a file. Blocking.

    A frame is handed on when its checksum was verified. One that cannot be decompressed is handed
    on up to there; one whose content does not match its checksum is not, nothing in it is certain.

    Attributes:
        damaged: parts of the file that could not be read.
        is_cut: whether the file ends within a frame.
        unchecked: frames without a checksum: changes in them may be unnoticed.
        size: bytes of the file.
        position: bytes read so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        self._next: int | None = 0
        self.damaged = 0
        self.is_cut = False
        self.unchecked = 0
        self.size = os.fstat(file.fileno()).st_size
        self.position = 0

    def pieces(self) -> Iterator[bytes | None]:
        """Yield what the frames contain, and None where a part is missing."""
        while self._next is not None and self.damaged < _MAX_DAMAGED:
            start = self._next
            try:
                try:
                    yield from self._read_frame(start)
                except _DamagedFrameError:
                    self.damaged += 1
                    yield None
                    self._next = self._find_frame(start + 1)
            except OSError:  # of the disk
                self.damaged += 1
                yield None
                return

    def _read_frame(self, start: int) -> Iterator[bytes]:
        """Yield the content of a frame.

        Raises:
            _DamagedFrameError: its rest cannot be decompressed.
            OSError: it cannot be read.
        """
        frame = self._decompressor.decompressobj()
        self._file.seek(start)
        self.position = start
        held: list[bytes] = []
        size = 0
        header = chunk = self._file.read(_FEED_BYTES)
        while chunk:
            self.position += len(chunk)
            try:
                held.append(frame.decompress(chunk))
            except (zstandard.ZstdError, MemoryError) as error:
                if not is_checksum_mismatch(error):
                    yield from held
                raise _DamagedFrameError from None
            size += len(held[-1])
            if frame.eof:
                self.position -= len(frame.unused_data)
                self._next = self.position
                self.unchecked += not _has_checksum(header)
                yield from held
                return
            if size > _MAX_HELD_BYTES:
                yield from held
                held.clear()
            chunk = self._file.read(_FEED_BYTES)
        self._next = None
        self.is_cut = bool(header)
        yield from held

    def _find_frame(self, start: int) -> int | None:
        """Return where the next frame begins, None if there is none.

        Raises:
            OSError: the file cannot be read.
        """
        self._file.seek(start)
        overlap = b""
        while chunk := self._file.read(_SEARCH_BYTES):
            data = overlap + chunk
            if (found := data.find(MAGIC)) >= 0:
                return start - len(overlap) + found
            start += len(chunk)
            overlap = data[1 - len(MAGIC) :]
        return None


def is_checksum_mismatch(error: Exception) -> bool:
    """Return whether a frame was decompressed to its end and is not what was compressed.

    zstandard gives no code of its errors, only their text.
    """
    return "doesn't match checksum" in str(error)


def _has_checksum(frame: bytes) -> bool:
    try:
        return zstandard.get_frame_parameters(frame).has_checksum
    except zstandard.ZstdError:
        return False
