"""CSV that a spreadsheet reads as text and numbers, whatever is in it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.text.spreadsheet import csv_line

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", '"')


def read(line: str) -> list[str]:
    (row,) = csv.reader(io.StringIO(line + "\n"))
    return row


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("plain", "plain"),
        ('a,"b"', 'a,"b"'),
        ("=1+1", "'=1+1"),
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("-3.5", "-3.5"),
        ("two\r\nlines", "two lines"),
        ("\x1b[31m", "\\x1b[31m"),
        ('["pl", 3]', '["pl", 3]'),
    ],
)
def test_a_cell_is_read_as_text_or_a_number(cell: str, shown: str) -> None:
    assert read(csv_line(["first", cell])) == ["first", shown]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_every_line_has_its_cells_and_no_formula(cells: list[str]) -> None:
    line = csv_line(cells)
    assert "\n" not in line
    found = read(line) if line else [""]
    assert len(found) == len(cells)
    for cell in found:
        starts = cell.lstrip()[:1]
        assert starts not in FORMULA_STARTS or cell[:1] == "'" or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "").removesuffix("%"))
    except ValueError:
        return False
    return True
