"""Reads a recording, as far as it is whole."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import zstandard

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.regular_file import NotARegularFileError, open_for_reading
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    MAX_LINE_BYTES,
    VERSION,
    End,
    Header,
    Line,
    MalformedLineError,
    decode_line,
)
from pulse_desktop.text.translation import _

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_MAX_MALFORMED: Final = 10_000
"""With more malformed lines a file is read no further: they would hold up the window."""
_MAX_SKIPPED_BYTES: Final = 128 << 20
"""A line that is longer than this ends what is read, for the same reason."""
_WINDOW_BYTES: Final = 128 << 20
"""Memory that decompression may take, whatever the file demands."""


class RecordingReader:
    """Reads the lines of a recording. Blocking: call it in a thread, or read small parts.

    Attributes:
        path: the file.
        header: the first line.
        end: the last line; None before it is reached, and if the recording was cut off.
        malformed: lines that were skipped because they are none of a recording.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = Header(FORMAT, VERSION, "", 0.0)
        self.end: End | None = None
        self.malformed = 0
        self._file: BinaryIO | None = None
        self._lines: Iterator[bytes] = iter(())

    def __enter__(self) -> Self:
        """Open the file and read its header.

        Raises:
            UserFacingError: it is no recording, or one of a newer version.
        """
        try:
            self._file = open_for_reading(self.path, follow_links=True)
        except NotARegularFileError:
            raise self._error(_("it is no regular file.")) from None
        except OSError as error:
            raise self._error(f"{error.strerror or error}.") from None
        try:
            self._read_header(self._file)
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
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def lines(self) -> Iterator[Line]:
        """Iterate over the lines after the header; malformed ones are counted and skipped."""
        for raw in self._lines:
            try:
                line = decode_line(raw)
            except MalformedLineError:
                self.malformed += 1
                if self.malformed >= _MAX_MALFORMED:
                    return
                continue
            if isinstance(line, End):
                self.end = line
            else:
                yield line

    def _read_header(self, file: BinaryIO) -> None:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise self._error(_("it is no recording of Pulse Desktop."))
        file.seek(0)
        self._lines = self._read_lines(file)
        try:
            header = decode_line(next(self._lines, b""))
        except MalformedLineError:
            header = None
        if not isinstance(header, Header) or header.format != FORMAT:
            raise self._error(_("it is no recording of Pulse Desktop."))
        if header.version < 1:
            raise self._error(_("it is damaged: its version is none."))
        if header.version > VERSION:
            raise self._error(
                _("it was recorded by a newer version, {program}.").format(program=header.program)
            )
        self.header = header

    def _read_lines(self, file: BinaryIO) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        with decompressor.stream_reader(file, read_across_frames=True, closefd=False) as stream:
            buffered = io.BufferedReader(stream)
            with contextlib.suppress(zstandard.ZstdError, OSError):  # `end` stays None
                while line := buffered.readline(MAX_LINE_BYTES):
                    if line.endswith(b"\n"):
                        yield line
                    elif len(line) == MAX_LINE_BYTES:
                        self.malformed += 1
                        if self.malformed >= _MAX_MALFORMED or not _skip_line(buffered):
                            return

    def _error(self, detail: str) -> UserFacingError:
        return UserFacingError(
            _("Cannot open {file}").format(file=self.path.name),
            detail,
            _("`pulse-desktop record FILE` makes a recording."),
        )


def _skip_line(file: io.BufferedIOBase) -> bool:
    """Skip the rest of a line; return whether its end was found."""
    for _number in range(_MAX_SKIPPED_BYTES >> 20):
        rest = file.readline(1 << 20)
        if rest.endswith(b"\n"):
            return True
        if not rest:
            break
    return False
