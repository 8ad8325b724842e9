"""Output of commands: JSON of any value, CSV, text without terminal control sequences.

Values come from other systems. A result may be a pickle with bytes, sets, NaN and keys that are
not strings; a message may contain escape sequences.
"""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

MAX_CELL: Final = 60
"""Longest text in a column of a table. JSON output has everything."""
MAX_QUOTED: Final = 120
"""Characters of an argument that a message repeats."""
_JOINERS: Final = "\u200c\u200d"  # part of emoji and some scripts


def prepare_streams(*, for_scripts: bool) -> None:
    """Make stdout and stderr accept every character in any locale.

    Args:
        for_scripts: whether the output is JSON or CSV, which is UTF-8 in any locale.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # replaced by a test, or closed
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
            if for_scripts:
                stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]


def detach_stdout() -> None:
    """Discard further output: Python would report a broken stdout at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


async def wait_stdout_closed() -> None:
    """Wait until the reader of stdout has closed the pipe; forever if stdout is no pipe.

    A command that waits for events would otherwise notice it only at the next one.
    """
    import asyncio

    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    descriptor = -1
    with contextlib.suppress(OSError, ValueError):  # replaced by a test, or closed
        descriptor = sys.stdout.fileno()
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            descriptor = -1
    if descriptor >= 0:
        with contextlib.suppress(NotImplementedError, OSError):  # Windows
            loop.add_reader(descriptor, closed.set)
    try:
        await closed.wait()
    finally:
        if descriptor >= 0:
            with contextlib.suppress(NotImplementedError, OSError):
                loop.remove_reader(descriptor)


def write_json(value: Any) -> None:
    """Write an object as one line of JSON to stdout and flush it."""
    _write(sys.stdout, to_json(value) + "\n")


def write_csv(rows: Iterable[Sequence[str]]) -> None:
    """Write rows as CSV to stdout, safe for spreadsheets, and flush them once."""
    from pulse_desktop.text.spreadsheet import csv_line

    _write(sys.stdout, "".join(f"{csv_line(cells)}\n" for cells in rows))


def write_text(text: str) -> None:
    """Write one or more lines to stdout and flush them."""
    _write(sys.stdout, _escape_controls(text) + "\n")


def write_labelled(label: str, text: str, width: int) -> None:
    """Write a labelled text for people, with its further lines indented.

    Args:
        label: what the text is.
        text: may have several lines.
        width: characters of the column of labels.
    """
    indented = text.replace("\n", "\n" + " " * (width + 1))
    write_text(f"{label:<{width}} {indented}")


def write_line(text: str) -> None:
    """Write exactly one line to stdout and flush it: line breaks in the text become spaces."""
    _write(sys.stdout, _one_line(text) + "\n")


def write_note(text: str) -> None:
    """Write a note for the operator to stderr."""
    _write(sys.stderr, _escape_controls(text) + "\n")


def write_remark(text: str, *, for_scripts: bool) -> None:
    """Write what a person reads: to stdout, or to stderr where stdout is for a program.

    Args:
        text: such as that nothing was found.
        for_scripts: whether the output is JSON or CSV.
    """
    (write_note if for_scripts else write_text)(text)


def print_error(error: UserFacingError) -> None:
    """Write an error to stderr: what happened, and what to do about it."""
    message = f"{error.title}: {error.detail}" if error.detail else error.title
    write_note("\n".join(part for part in (message, error.advice) if part))


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout and flush them once: line breaks in the texts become spaces."""
    _write(sys.stdout, "".join(f"{_one_line(line)}\n" for line in lines))


class TableWriter:
    """Writes a table a few rows at a time, one line per row; long cells are elided.

    The first rows, the headings and the values that are known before decide how wide the columns
    are. A wider cell in a later row shifts the rest of its line.
    """

    def __init__(
        self, headings: tuple[str, ...], known: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Create a table.

        Args:
            headings: of the columns.
            known: the values that a column may have, by its heading: it has room for each.
        """
        self._headings = headings
        self._known = known or {}
        self._widths: list[int] = []

    def write(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Write rows, below the headings if they are the first."""
        lines = [tuple(_cell(cell) for cell in row) for row in rows]
        if not self._widths:
            lines.insert(0, self._headings)
            columns = zip(self._headings, zip(*lines, strict=True), strict=True)
            self._widths = [
                max(map(_display_width, (*cells, *self._known.get(heading, ()))))
                for heading, cells in columns
            ]
        write_lines(map(self._line, lines))

    def _line(self, cells: tuple[str, ...]) -> str:
        padded = (
            cell + " " * (width - _display_width(cell))
            for cell, width in zip(cells, self._widths, strict=True)
        )
        return "  ".join(padded).rstrip()


def _cell(text: str) -> str:
    # Cut first: escapes are longer than what they stand for.
    return formats.elided(_escape_controls(formats.elided(text, 2 * MAX_CELL)), MAX_CELL)


def _display_width(text: str) -> int:
    """Return the columns that a terminal uses for a text."""
    import unicodedata

    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c) or c in _JOINERS
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def to_json(value: Any, *, indent: int = 0) -> str:
    """Encode any value as JSON; see `json_value.to_json`, which is imported when it is needed."""
    from pulse_desktop.protocol import json_value

    return json_value.to_json(value, indent=indent)


def _escape_controls(text: str) -> str:
    """Make control characters visible, so that text cannot control the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _escape_character(c) for c in text)


def _one_line(text: str) -> str:
    return _escape_controls(text).replace("\n", " ")


def _escape_character(character: str) -> str:
    if character.isspace():
        return " "
    if character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode()


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        detach_stdout()
        raise UserFacingError(
            _("Cannot write the output"), f"{error.strerror}.", _("Check whether the disk is full.")
        ) from None
