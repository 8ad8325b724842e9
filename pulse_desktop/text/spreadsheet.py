"""Cells as spreadsheets read them: text from other systems never becomes a formula.

Source: OWASP "CSV injection". Spreadsheets take a cell for a formula that begins with one of a few
characters, also in full width, behind characters that are not shown, and if it is quoted.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.text.formats import without_isolates
from pulse_desktop.text.printable import printable_cell

_NUMBER: Final = re.compile(r"[+\u2212-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?%?", re.ASCII)
_INVISIBLE: Final = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
"""White space, controls, and what Unicode says is not shown: spreadsheets may leave it out."""
_SPECIAL: Final = re.compile(
    rf"[{_INVISIBLE}]*"
    r"""[=+@"\u2212\u207a\u207b\u207c\ufe62\ufe63\ufe66\ufe6b\uff02\uff0b\uff0d\uff1d\uff20-]"""
)
"""Start of a formula, also in a form that looks alike, or of a quoted cell, which can hide one."""


def cell_text(value: Any) -> str:
    """Return a value as the text of a cell: None is empty, what is no text is as in JSON."""
    return "" if value is None else value if isinstance(value, str) else to_json(value)


def to_cells(values: Mapping[str, Any]) -> list[str]:
    """Return the values of an object as the texts of cells, see `cell_text`."""
    return list(map(cell_text, values.values()))


def safe_cell(text: str) -> str:
    """Return a text for a cell, on one line.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, unless it is a
    number.
    """
    cell = printable_cell(without_isolates(text))
    return f"'{cell}" if _SPECIAL.match(cell) and not _NUMBER.fullmatch(cell) else cell


def tsv_line(cells: Iterable[str]) -> str:
    """Return cells as one line, separated by tabs, without a line break."""
    return "\t".join(map(safe_cell, cells))


def csv_line(cells: Iterable[str]) -> str:
    """Return cells as one line of CSV (RFC 4180), without a line break."""
    return ",".join(_quoted(safe_cell(cell)) for cell in cells)


def _quoted(cell: str) -> str:
    if any(character in cell for character in ',"'):
        return '"' + cell.replace('"', '""') + '"'
    return cell
