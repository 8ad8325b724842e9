"""Output of commands: JSON of any value, text without terminal control sequences."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from pulse_desktop.cli.output import (
    TableWriter,
    print_error,
    to_json,
    write_json,
    write_text,
)
from pulse_desktop.model.errors import UserFacingError


def decoded(value: Any) -> Any:
    def reject(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(to_json(value), parse_constant=reject)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\xff\x00", "/wA="),
        ((1, (2,)), [1, [2]]),
        ({1}, [1]),
        (math.nan, None),
        ([math.inf, -math.inf], [None, None]),
        (
            {None: 1, (1, 2): 2, True: 3, b"k": 4, 5: 6},
            {"null": 1, "[1,2]": 2, "true": 3, "k": 4, "5": 6},
        ),
        ({math.nan: (), (0,): 1}, {"nan": [], "[0]": 1}),
        ("half \ud800", "half \\ud800"),
        ({"\udfff": 1}, {"\\udfff": 1}),
        (2**64, 2**64),
        ({(): 10**30}, {"[]": str(10**30)}),
        (datetime(2026, 11, 23, tzinfo=UTC), "2026-11-23T00:00:00Z"),
        ({(): complex(1, 2)}, {"[]": "(complex)"}),
    ],
)
def test_values_that_json_lacks_are_converted(value: Any, expected: Any) -> None:
    assert decoded(value) == expected


def test_an_integer_of_a_million_digits_is_written_in_hexadecimal() -> None:
    value = decoded({"huge": 1 << 4_000_000, "after": 1})
    assert value["huge"].startswith("0x1000")
    assert value["after"] == 1


def test_a_recursive_value_is_cut() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "(list)" in to_json(endless)


def test_a_json_object_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": "two\nlines\u2028"})
    assert capsys.readouterr().out.count("\n") == 1


def test_control_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    write_text("\x1b]0;title\x07 \x9b2J \u202eabc\r\n👩\u200d💻 є\tx")
    assert capsys.readouterr().out == "\\x1b]0;title\\x07 \\x9b2J \\u202eabc \n👩\u200d💻 є x\n"


def test_an_error_has_a_title_a_detail_and_advice(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(UserFacingError("Cannot", "because.", "Do this."))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Cannot: because.\nDo this.\n")


def test_a_table_is_aligned_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    TableWriter(("N", "NAME")).write([("1", "long name"), ("1000", "x")])
    assert capsys.readouterr().out == "N     NAME\n1     long name\n1000  x\n"


def test_later_rows_are_aligned_if_their_values_were_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = TableWriter(("STATE", "ID"), {"STATE": ["soft failure"]})
    table.write([("failed", "1")])
    table.write([("soft failure", "2")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.index(end) for line, end in zip(lines, ("ID", "1", "2"), strict=True)] == [14] * 3


def test_a_row_of_a_table_is_one_bounded_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("failed", "x" * 5000, "a"),
        ("failed", "two\nlines\r\u2028and\x1b[31mcolor", "b"),
        ("ok", "日本語", "c"),
        ("failed", "1 error:\n  field" + "\n" * 200 + "end", "d"),
        ("failed", "field" + " " * 200 + "end", "e"),
    ]
    TableWriter(("STATE", "TASK", "ID")).write(rows)
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == len(rows) + 2
    assert max(map(len, lines)) < 80
    assert lines[1].endswith("x…  a")
    assert "two lines" in lines[2]
    assert "  1 error: field end  " in lines[4]
    assert "…  e" in lines[5]
    assert "\x1b" not in "".join(lines)
    # A Japanese character takes two columns of a terminal.
    assert lines[3].rindex("c") == lines[1].rindex("a") - 3
