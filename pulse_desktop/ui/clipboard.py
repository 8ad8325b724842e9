"""The clipboard: everything that the window copies, made safe for where it is pasted.

Copied text comes from other systems. A terminal would execute the escape codes in it, and a
spreadsheet would calculate its formulas.
"""

from collections.abc import Iterable, Sequence

from PySide6.QtGui import QGuiApplication

from pulse_desktop.text.formats import without_isolates
from pulse_desktop.text.printable import (
    printable,
    printable_json,
    printable_line,
)
from pulse_desktop.text.spreadsheet import tsv_line


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
    """Copy rows of cells, tab-separated, as spreadsheets read them; see `safe_cell`."""
    return _copy("\n".join(map(tsv_line, rows)))


def _copy(text: str) -> str:
    if text:
        QGuiApplication.clipboard().setText(text)
    return text
