"""Names, values and times as they are typed in a query mean what they were written for."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pulse_desktop.query import Field, FieldKind, FieldSet, compile_query, parse, quote
from pulse_desktop.query.quoting import exact_time_text, keyed_field, local_time_text, query_text
from pulse_desktop.query.syntax import Comparison
from pulse_desktop.query.tokens import split_field

NOW = 1_764_453_600.0


def times(query: str, *found: float) -> list[float]:
    """Return the times that a query accepts."""
    at = Field[float]("at", FieldKind.TIME, "Time", lambda row, _now: (row,))
    matcher = compile_query(parse(query), FieldSet[float]((at,), str), NOW)
    return [each for each in found if matcher.accepts(each)]


@given(st.text(min_size=1, max_size=60))
def test_a_name_in_a_keyed_field_is_read_as_it_was(name: str) -> None:
    root = parse(f"{keyed_field('args', name)}=1").root
    assert isinstance(root, Comparison)
    assert split_field(root.field) == ("args", name)


@given(st.text(alphabet="ab.:=<>!-_args kwlbe\"'()3", min_size=1, max_size=20))
@example("args.:3")
@example("kwargs.=1")
@example("label.:x")
def test_a_quoted_value_is_one_word_that_stands_for_itself(value: str) -> None:
    fields = FieldSet[str]((), str.casefold)
    matcher = compile_query(parse(quote(value)), fields, NOW)
    assert matcher.accepts(f"before {value} after")
    assert not matcher.accepts("Z")


@pytest.mark.parametrize(
    "value",
    [True, False, None, 7, -0.5, 1234567.25, 0.1 + 0.2, 1e300, "true", "", ["a", 1.5], {"b": [2]}],
)
def test_the_text_of_a_value_is_equal_to_it_alone(value: Any) -> None:
    field = Field[list[Any]]("v", FieldKind.VALUE, "Value", lambda row, _now: tuple(row))
    fields = FieldSet[list[Any]]((field,), str)
    matcher = compile_query(parse(f"v={quote(query_text(value))}"), fields, NOW)
    assert matcher.accepts([value])
    assert not matcher.accepts(["another", 8, [3], {"b": [3]}])


def test_a_value_that_is_not_of_json_has_a_text() -> None:
    assert query_text(1 + 2j) == "(1+2j)"


@pytest.mark.parametrize("at", [NOW, NOW + 7, NOW + 7.25])
def test_the_last_time_of_a_range_is_exact(at: float) -> None:
    found = (at - 1, at, at + 0.01, at + 1, at + 59)
    assert times(f"at<={local_time_text(at, is_end=True)}", *found) == [at - 1, at]
    assert times(f"at>={local_time_text(at)}", *found) == list(found[1:])


def test_a_round_time_is_short() -> None:
    assert len(local_time_text(NOW)) == len("2026-11-29T22:00")
    assert len(local_time_text(NOW + 7)) == len("2026-11-29T22:00:07")


@given(st.floats(0, 4e9))
@example(1125899907.3261719)
def test_exact_times_include_what_they_were_made_for(at: float) -> None:
    query = f"at:{exact_time_text(at)}..{exact_time_text(at, is_end=True)}"
    assert times(query, at) == [at]
    assert not times(query, at - 2e-5 - math.ulp(at), at + 2e-5 + math.ulp(at))


@pytest.fixture
def use_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "2026-11-30T20:11:10+00"),
        ("Europe/Kyiv", "2026-11-30T22:11:10+02"),
        ("Asia/Kolkata", "2026-12-01T01:41:10+0530"),
        ("America/New_York", "2026-11-30T15:11:10-05"),
    ],
)
def test_an_exact_time_is_the_one_that_tables_show(
    use_zone: Callable[[str], None], zone: str, expected: str
) -> None:
    use_zone(zone)
    at = 1_796_069_470.0
    assert exact_time_text(at) == expected
    assert exact_time_text(at, is_end=True, is_excluded=True) == expected
    typed = f"at>={exact_time_text(at)} at<{expected}"
    for reader in ("UTC", zone, "Asia/Tokyo"):
        use_zone(reader)
        assert times(f"at:{exact_time_text(at)}", at - 0.1, at, at + 0.9, at + 1) == [at, at + 0.9]
        assert times(f"at>={expected}", at - 0.001, at) == [at]
        assert not times(typed, at - 0.001, at, at + 0.001)
        last = exact_time_text(at, is_end=True)
        assert times(f"at:..{last}", at, at + 0.01) == [at]


@pytest.mark.parametrize("zone", ["Europe/Kyiv", "America/New_York", "Africa/Monrovia"])
@given(at=st.integers(0, 4_000_000_000))
@example(at=1_792_886_400)  # 25 October 2026, clocks are put back in Europe
@example(at=1_792_890_000)
@example(at=40_000_000)  # an offset with seconds in Monrovia
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_an_exact_time_means_one_instant_in_any_zone(
    use_zone: Callable[[str], None], zone: str, at: int
) -> None:
    use_zone(zone)
    assert times(f"at:{exact_time_text(at)}", at - 3600.0, float(at), at + 3600.0) == [at]


@given(st.floats(0, 4e9))
@example(1796219689.5329998)
def test_a_time_from_here_on_begins_no_later_than_it(at: float) -> None:
    assert times(f"at>={local_time_text(at)}", at) == [at]
