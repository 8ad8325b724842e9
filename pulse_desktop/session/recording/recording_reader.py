"""Reads a recording, as far as it is whole."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.regular_file import NotARegularFileError, open_for_reading
from pulse_desktop.session.recording.frame_reader import MAGIC, FrameReader
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    MAX_LINE_BYTES,
    VERSION,
    End,
    Header,
    Line,
    MalformedLineError,
    MessageLine,
    ObjectLine,
    ResultLine,
    decode_line,
    encode_line,
)
from pulse_desktop.text.translation import _

_MAX_MALFORMED: Final = 10_000
"""With more malformed lines a file is read no further: they would hold up the window."""
_MAX_SKIPPED_BYTES: Final = 128 << 20
"""A line that is longer than this ends what is read, for the same reason."""


class RecordingReader:
    """Reads the lines of a recording. Blocking: call it in a thread, or read small parts.

    Attributes:
        path: the file.
        header: the first line; without what it says of the connection if it is damaged.
        has_header: whether it could be read.
        end: the last line; None before it is reached, and if the recording was cut off.
        malformed: lines that were skipped: none of a recording, or after its end.
        messages: lines of messages so far.
        results: lines of results so far.
        lines_read: lines so far, without header and end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = Header(FORMAT, VERSION, "", 0.0)
        self.has_header = True
        self.end: End | None = None
        self.malformed = 0
        self.messages = 0
        self.results = 0
        self.lines_read = 0
        self._file: BinaryIO | None = None
        self._frames: FrameReader | None = None
        self._lines: Iterator[bytes] = iter(())

    @property
    def damaged_parts(self) -> int:
        """Parts of the file that could not be read so far."""
        if self._frames is None:
            return 0
        return self._frames.damaged + (self._frames.is_cut and self.end is not None)

    @property
    def has_checksums(self) -> bool:
        """Whether every change of what was read so far would be noticed."""
        return self._frames is not None and not self._frames.unchecked

    @property
    def progress(self) -> float:
        """How much of the file was read, from 0 to 1."""
        if self._frames is None or not self._frames.size:
            return 0.0
        return min(1.0, self._frames.position / self._frames.size)

    def __enter__(self) -> Self:
        """Open the file and read its header.

        Raises:
            UserFacingError: it is no recording, or one of a newer version.
        """
        try:
            self._file = open_for_reading(self.path, follow_links=True)
        except NotARegularFileError as error:
            advice = _("Give the file that `pulse-desktop record` wrote.")
            raise self._error(f"{error.strerror}.", advice) from None
        except FileNotFoundError as error:
            raise self._error(f"{error.strerror}.") from None
        except OSError as error:
            advice = _("Check the path and the permissions of the file.")
            raise self._error(f"{error.strerror or error}.", advice) from None
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

    def lines(self) -> Iterator[Line | None]:
        """Iterate over the lines after the header; malformed ones are counted, and None is yielded.

        So a reader with little time can stop after any of them: each may be long.
        """
        for raw in self._lines:
            try:
                line = decode_line(raw)
            except MalformedLineError:
                line = None
            if line is None or isinstance(line, Header) or self.end is not None:
                self.malformed += 1
                if self.malformed >= _MAX_MALFORMED:
                    return
                yield None
                continue
            if isinstance(line, End):
                self.end = line
                continue
            self.lines_read += 1
            self.messages += isinstance(line, MessageLine)
            self.results += isinstance(line, ResultLine)
            yield line

    def _read_header(self, file: BinaryIO) -> None:
        is_none = _("it is not a recording of Pulse Desktop.")
        if file.read(len(MAGIC)) != MAGIC:
            raise self._error(is_none)
        self._frames = FrameReader(file)
        self._lines = self._read_lines(self._frames)
        try:
            first = decode_line(next(self._lines, b""))
        except MalformedLineError:
            raise self._error(is_none) from None
        if not isinstance(first, Header):
            if not self._frames.damaged:
                raise self._error(is_none)
            self.has_header = False
            self.header = Header(FORMAT, VERSION, "", _time(first))
            self._lines = itertools.chain([encode_line(first)], self._lines)
            return
        if first.format != FORMAT:
            raise self._error(is_none)
        if first.version < 1:
            copy = _("Open a copy of the file, if there is one.")
            raise self._error(_("it is damaged: its version is not valid."), copy)
        if first.version > VERSION:
            text = _("it was recorded by a newer version, {program}.")
            advice = _("Update Pulse Desktop to open it.")
            raise self._error(text.format(program=first.program), advice)
        self.header = first

    def _read_lines(self, frames: FrameReader) -> Iterator[bytes]:
        parts: list[bytes] = []
        length = 0
        for piece in frames.pieces():
            if piece is None:  # the line goes on in a part that is damaged
                parts, length = [], 0
                continue
            for raw in io.BytesIO(piece):
                length += len(raw)
                if length <= MAX_LINE_BYTES:
                    parts.append(raw)
                elif length > MAX_LINE_BYTES + _MAX_SKIPPED_BYTES:
                    self.malformed += 1
                    return
                if raw.endswith(b"\n"):
                    yield b"".join(parts) if length <= MAX_LINE_BYTES else b""
                    parts, length = [], 0
        if length and not frames.is_cut:
            self.malformed += 1

    def _error(self, detail: str, advice: str = "") -> UserFacingError:
        advice = advice or _("`pulse-desktop record FILE` makes a recording.")
        title = _("Cannot open {file}").format(file=self.path.name)
        return UserFacingError(title, detail, advice)


def _time(line: Line) -> float:
    """Return the time of a line, 0 if it has none."""
    match line:
        case MessageLine():
            return line.at
        case ObjectLine() | ResultLine():
            return line.object.stored_at
    return 0.0
