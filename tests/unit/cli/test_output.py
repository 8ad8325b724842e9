"""What commands write: JSON from any value, and text that cannot steer a terminal."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from pulse_desktop.cli.output import (
    print_error,
    to_json,
    write_json,
    write_table,
    write_text,
)
from pulse_desktop.model.errors import UserFacingError


def read_back(value: Any) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(to_json(value), parse_constant=refuse)


@pytest.mark.parametrize(
    ("value", "written"),
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
def test_what_json_cannot_say_becomes_the_nearest_it_can(value: Any, written: Any) -> None:
    assert read_back(value) == written


def test_an_integer_of_a_million_digits_does_not_stop_the_rest() -> None:
    told = read_back({"huge": 1 << 4_000_000, "after": 1})
    assert told["huge"].startswith("0x1000")
    assert told["after"] == 1


def test_a_value_nested_without_end_is_cut() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert "(list)" in to_json(endless)


def test_an_object_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": "two\nlines\u2028"})
    assert capsys.readouterr().out.count("\n") == 1


def test_a_foreign_text_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    write_text("\x1b]0;title\x07 \x9b2J \u202eabc\r\n👩\u200d💻 є\tx")
    assert capsys.readouterr().out == "\\x1b]0;title\\x07 \\x9b2J \\u202eabc \n👩\u200d💻 є x\n"


def test_a_complaint_says_what_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(UserFacingError("Cannot", "because.", "Do this."))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Cannot: because.\nDo this.\n")


def test_a_table_stands_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    write_table([("1", "long name"), ("1000", "x")], ("N", "NAME"))
    assert capsys.readouterr().out == "N     NAME\n1     long name\n1000  x\n"
