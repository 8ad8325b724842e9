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
        ("\u22123.5", "\u22123.5"),
        ("\tcmd", " cmd"),
        ("-\u200b1", "'-\\u200b1"),
        ("\u2013 a dash", "\u2013 a dash"),
    ],
)
def test_a_cell_is_read_as_text_or_a_number(cell: str, shown: str) -> None:
    assert read(csv_line(["first", cell])) == ["first", shown]


LOOK_ALIKES = (
    "\u2212",
    "\u207a",
    "\u207b",
    "\u207c",
    "\ufe62",
    "\ufe63",
    "\ufe66",
    "\ufe6b",
    "\uff02",
)
HIDDEN = (
    *(
        "",
        " ",
        "\t",
        "\r",
        "\n",
        "\x00",
        "\xa0",
        "\xad",
        "\u061c",
        "\u180e",
        "\u200b",
        "\u200d",
        "\u200e",
    ),
    *(
        "\u202e",
        "\u2060",
        "\u2066",
        "\u2068",
        "\u3000",
        "\u3164",
        "\ufe0f",
        "\ufeff",
        "\ufff9",
        "\U000e0001",
    ),
)


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_a_formula_behind_what_is_not_shown_is_text(hidden: str) -> None:
    for start in (*FORMULA_STARTS, *LOOK_ALIKES):
        (cell,) = read(csv_line([f"{hidden}{start}cmd|' /C calc'!A0"]))
        # A control or an override that is escaped is shown, and no formula begins with it.
        assert cell.startswith(("'", "\\")), (start, cell)


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
