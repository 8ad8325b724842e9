"""Cells as spreadsheets read them: text from other systems never becomes a formula.

Source: OWASP "CSV injection". Spreadsheets take a cell for a formula that begins with one of a few
characters, also in full width, and also if it is quoted.
"""

import re
from collections.abc import Iterable
from typing import Final

from pulse_desktop.text.formats import without_isolates
from pulse_desktop.text.printable import printable_cell

_NUMBER: Final = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?%?", re.ASCII)
_SPECIAL: Final = re.compile("""\\s*[=+@"\\uff1d\\uff0b\\uff0d\\uff20-]""")
"""Start of a formula, also in full width, or of a quoted cell, which can hide one."""


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
