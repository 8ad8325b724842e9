"""Reading of a file as UTF-8, whatever encoding its byte order mark names."""

import codecs
from typing import BinaryIO, Final

CHUNK: Final = 256 << 10
"""Bytes read from the file at a time."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Utf8Reader:
    """Reads chunks of a file as UTF-8, whatever its byte order mark says it is.

    Attributes:
        bytes_read: bytes of the file read so far.
        is_at_end: whether everything has been read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.bytes_read = 0
        self.is_at_end = False
        self._file = file
        self._mark = b""
        self._encoding = "utf-8"
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self) -> bytes:
        """Return the next chunk, empty at the end."""
        body = self._file.read(CHUNK)
        is_first = self.bytes_read == 0
        self.bytes_read += len(body)
        self.is_at_end = len(body) < CHUNK
        if is_first:
            body = self._without_mark(body)
        if self._decoder is None:
            return body
        return self._decoder.decode(body, self.is_at_end).encode("utf-8", "replace")

    def _without_mark(self, body: bytes) -> bytes:
        for mark, encoding in _BOMS:
            if body.startswith(mark):
                self._mark, self._encoding = mark, encoding
                if encoding != "utf-8":
                    self._decoder = codecs.getincrementaldecoder(encoding)("replace")
                return body[len(mark) :]
        return body

    def offset_of(self, position: int, rest: bytes) -> int:
        """Return the offset in the file of a position in the stream.

        Args:
            position: in what was read.
            rest: what was read from there on.
        """
        if self._decoder is None:
            return len(self._mark) + position
        return self.bytes_read - len(rest.decode("utf-8", "replace").encode(self._encoding))
