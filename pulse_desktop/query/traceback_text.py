"""Reads the text of a Python traceback: exceptions with their frames, chains and groups.

The text comes from foreign processes of any Python version. Reading never fails and takes time in
proportion to a bounded part of the text, whatever is in it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pulse_desktop.query.shortened_text import left_out

MAX_TEXT: Final = 256 * 1024
"""Characters that are read of a traceback: of a longer one the beginning and the end."""
MAX_LINES: Final = 12_000
_MAX_LINE: Final = 4_096
_MAX_DIGITS: Final = 10
_MAX_EXCEPTIONS: Final = 64
_MAX_MESSAGE_LINES: Final = 20
_HEAD_SHARE: Final = 4  # a quarter of the limit is for the beginning

_HEADERS: Final = (
    "Traceback (most recent call last):",
    "Exception Group Traceback (most recent call last):",
)
_CAUSE: Final = "The above exception was the direct cause of the following exception:"
_CONTEXT: Final = "During handling of the above exception, another exception occurred:"
_REPEATED: Final = "  [Previous line repeated "
_FRAME: Final = re.compile(r'  File "(.{1,2048}?)", line (\d{1,9}), in (.{1,512})')
_TYPE: Final = re.compile(r"([^\W\d][\w.<>]{0,255})(?:: ?(.*))?", re.DOTALL)
_UNDERLINE: Final = frozenset("~^ ")


class Frame(NamedTuple):
    """One frame of a traceback.

    Attributes:
        path: of the source file, as written by the worker.
        line: number of the line.
        function: name of the function.
        source: the line of code, empty if unknown.
        left_out: how many more times the frame occurs here, where the text leaves these out.
    """

    path: str
    line: int
    function: str
    source: str = ""
    left_out: int = 0


class RaisedException(NamedTuple):
    """One exception of a traceback.

    Attributes:
        type: class name as written, possibly with its module; empty if it was cut off.
        message: what follows the type.
        frames: from the outermost to the frame that raised.
        depth: how many exception groups it is a part of.
        repeats: whether the text leaves out frames that repeat.
        relation: "cause" or "context" if it follows another exception of its chain, else empty.
        cut: how many lines are missing, where the text was too long to be kept whole.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    depth: int = 0
    repeats: bool = False
    relation: str = ""
    cut: int = 0

    @property
    def name(self) -> str:
        """Class name without its module."""
        return self.type.rpartition(".")[2]


def read_traceback(text: str) -> Sequence[RaisedException]:
    """Return the exceptions in a traceback in the order of the text: the one raised last is last.

    The members of an exception group follow the group.
    """
    return _Reader().read(_lines(text))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text, each with the number of exception groups around it."""
    if len(text) > MAX_TEXT:
        head = MAX_TEXT // _HEAD_SHARE
        text = f"{text[:head]}\n{text[head - MAX_TEXT :]}"
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        head = MAX_LINES // _HEAD_SHARE
        lines = lines[:head] + lines[head - MAX_LINES :]
    in_group = text.startswith("  | ")  # a group that was never raised
    for line in lines:
        line = line[:_MAX_LINE].rstrip("\r")  # noqa: PLW2901 - the line as read
        body = line.lstrip(" ")
        indent = len(line) - len(body)
        if body.startswith("+ Exception Group Traceback"):
            in_group = True
            yield indent // 2, body[2:]
        elif in_group and indent and body[:1] in {"|", "+"}:
            depth = indent // 2 + (1 if body.startswith("+-+-") else 0)
            yield depth, body.removeprefix("| ")
        else:
            yield 0, line


class _Reader:
    """The state of reading, line by line."""

    def __init__(self) -> None:
        self._found: list[RaisedException] = []
        self._frames: list[Frame] = []
        self._message: list[str] = []
        self._type = ""
        self._depth = 0
        self._repeats = False
        self._relation = ""
        self._cut = 0
        self._is_after_cut = False
        self._mode = "start"  # or "frames", "message", "between", "member", "ignored"

    def read(self, lines: Iterator[tuple[int, str]]) -> Sequence[RaisedException]:
        for depth, line in lines:
            self._read_line(depth, line)
            if len(self._found) >= _MAX_EXCEPTIONS:
                break
        self._finish()
        return self._found

    def _read_line(self, depth: int, line: str) -> None:
        if number := left_out(line):
            self._cut += number
            self._is_after_cut = True
            return
        if self._is_after_cut:
            self._resume(line)
        if self._mode == "frames":
            self._read_frame(line)
        elif line.startswith("+-"):  # the next member of an exception group, or the end of it
            self._finish()
            self._mode, self._depth = "member", depth
        elif self._mode == "message":
            self._read_message(line)
        elif line.startswith(_HEADERS):
            self._mode, self._depth = "frames", depth
        elif line.strip():
            # An exception that was never raised has no header.
            if self._mode != "ignored" and (found := _TYPE.fullmatch(line)):
                self._depth = depth
                self._read_type(found)
            elif self._mode == "start":
                self._mode = "ignored"

    def _resume(self, line: str) -> None:
        """Go on with frames behind a mark in a message, if they are there."""
        is_frame = _FRAME.fullmatch(line) is not None
        if is_frame and self._mode in {"message", "start"}:
            cut, self._cut = self._cut, 0
            self._finish()
            self._mode, self._cut = "frames", cut
        self._is_after_cut = not is_frame and line.startswith("  ")

    def _read_frame(self, line: str) -> None:
        if found := _FRAME.fullmatch(line):
            self._frames.append(Frame(found[1], int(found[2]), found[3]))
        elif line.startswith(_REPEATED):
            self._repeats = True
            number = line.removeprefix(_REPEATED).partition(" ")[0]
            if self._frames and number.isascii() and number.isdigit() and len(number) < _MAX_DIGITS:
                self._frames[-1] = self._frames[-1]._replace(left_out=int(number))
        elif line.startswith("  "):
            source = line.strip()
            last = self._frames[-1] if self._frames else None
            if last is not None and not last.source and not _UNDERLINE.issuperset(source):
                self._frames[-1] = last._replace(source=source)
        elif found := _TYPE.fullmatch(line):
            self._read_type(found)

    def _read_type(self, found: re.Match[str]) -> None:
        self._type = found[1]
        self._message = [found[2] or ""]
        self._mode = "message"

    def _read_message(self, line: str) -> None:
        if line in (_CAUSE, _CONTEXT):
            depth = self._depth
            self._finish()
            self._mode, self._depth = "between", depth
            self._relation = "cause" if line == _CAUSE else "context"
        elif len(self._message) < _MAX_MESSAGE_LINES:
            self._message.append(line)

    def _finish(self) -> None:
        """Add the exception that was read so far, if any."""
        if self._frames or self._type:
            message = "\n".join(self._message).strip()
            self._found.append(
                RaisedException(
                    self._type,
                    message,
                    tuple(self._frames),
                    self._depth,
                    self._repeats,
                    self._relation,
                    self._cut,
                )
            )
        self._frames, self._message = [], []
        self._type = self._relation = ""
        self._repeats = False
        self._cut = 0
