"""The clipboard: everything that the window copies, made safe for where it is pasted.

Copied text comes from other systems. A terminal would execute the escape codes in it, and a
spreadsheet would calculate its formulas.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from PySide6.QtGui import QGuiApplication

from pulse_desktop.text.formats import without_isolates
from pulse_desktop.text.printable import (
    printable,
    printable_cell,
    printable_json,
    printable_line,
)

_NUMBER: Final = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?%?", re.ASCII)
_SPECIAL: Final = re.compile("""\\s*[=+@"\\uff1d\\uff0b\\uff0d\\uff20-]""")
"""Start of a formula, also in full width, or of a quoted cell, which can hide one."""


def copy_text(text: str) -> str:
    """Copy a text of one or more lines, such as a message or traceback."""
    return _copy(printable(without_isolates(text)))


def copy_line(text: str) -> str:
    """Copy an id, name or path exactly, but without characters that end the line."""
    return _copy(printable_line(without_isolates(text)))


def copy_json(text: str) -> str:
    """Copy JSON. It stays the same value: control characters are escaped in the way of JSON."""
    return _copy(printable_json(text))


def copy_table(rows: Iterable[Sequence[str]]) -> str:
    """Copy rows of cells, tab-separated, as spreadsheets read them.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front, unless it is a
    number.
    """
    return _copy("\n".join("\t".join(map(_cell, row)) for row in rows))


def _copy(text: str) -> str:
    if text:
        QGuiApplication.clipboard().setText(text)
    return text


def _cell(text: str) -> str:
    cell = printable_cell(without_isolates(text))
    return f"'{cell}" if _SPECIAL.match(cell) and not _NUMBER.fullmatch(cell) else cell
