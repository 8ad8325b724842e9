"""Time ranges: bounds, text forms, moving, and what an operator types."""

import argparse
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.cli.argument_types import since as since_argument
from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.time_range import (
    ALL_RETAINED,
    LIVE_RANGES,
    TimeRange,
    TypedRangeError,
    fixed,
    last,
    moved,
    range_from_text,
    range_to_text,
    selected,
    since,
    typed_range,
    zoomed_out,
)
from pulse_desktop.model.typed_time import parse_moment, parse_time
from pulse_desktop.query.field_predicates import value_predicate
from pulse_desktop.query.parser import parse
from pulse_desktop.query.syntax import Comparison
from pulse_desktop.text.time_range_text import typed_text

NOW = 1_795_430_942.25
QUEUED = run_fields().fields["queued"]

_TIMES = st.floats(1e9, 2e9).map(lambda at: round(at, 3))
_RANGES = st.one_of(
    st.just(ALL_RETAINED),
    st.floats(1, 1e6).map(lambda seconds: last(float(f"{seconds:.4g}"))),
    _TIMES.map(since),
    st.builds(fixed, _TIMES, _TIMES),
)


def comparison(text: str) -> Comparison:
    root = parse(text).root
    assert isinstance(root, Comparison)
    return root


@given(_RANGES)
def test_a_range_is_read_back_from_its_text(time_range: TimeRange) -> None:
    read = range_from_text(range_to_text(time_range))
    assert read.kind is time_range.kind
    assert (read.seconds, read.start, read.end) == pytest.approx(
        (time_range.seconds, time_range.start, time_range.end), abs=0.0011
    )


@pytest.mark.parametrize("text", ["", "last", "last week", "2026-11-29", "since noon", "all 5"])
def test_other_texts_are_no_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time|Invalid|zone"):
        range_from_text(text)


@pytest.mark.parametrize(
    "text",
    ["since 0001-01-01T00:00:00+23:59", "2026-11-29T00:00:00Z..9999-12-31T23:59:59-23:59"],
)
def test_a_range_that_cannot_be_written_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        range_from_text(text)


def test_live_ranges_have_no_end() -> None:
    for time_range in (*LIVE_RANGES, since(NOW - 5)):
        assert time_range.is_live
        assert time_range.bounds(NOW)[1] == math.inf
        assert time_range.end_or(NOW) == NOW
    frozen = fixed(NOW - 10, NOW - 5)
    assert not frozen.is_live
    assert frozen.end_or(NOW) == NOW - 5


def test_what_overlaps_a_range_is_in_it() -> None:
    frozen = fixed(NOW - 100, NOW - 50)
    assert frozen.contains(NOW - 200, NOW - 100, NOW)
    assert frozen.contains(NOW - 50, math.inf, NOW)
    assert frozen.contains(NOW - 300, NOW, NOW)
    assert not frozen.contains(NOW - 300, NOW - 101, NOW)
    assert not frozen.contains(NOW - 49, NOW, NOW)
    assert not last(60).contains(NOW - 70, NOW - 61, NOW)
    assert last(60).contains(NOW + 5, NOW + 5, NOW), "the clock of a worker may be ahead"


def test_moving_and_zooming_stop_at_the_present() -> None:
    assert moved((NOW - 100, NOW - 50), -0.5, NOW) == fixed(NOW - 125, NOW - 75)
    assert moved((NOW - 100, NOW - 50), 0.5, NOW) == fixed(NOW - 75, NOW - 25)
    assert moved((NOW - 60, NOW - 10), 0.5, NOW) == last(50)
    assert zoomed_out((NOW - 200, NOW - 100), NOW) == fixed(NOW - 250, NOW - 50)
    assert zoomed_out((NOW - 110, NOW - 10), NOW) == last(200)


@given(st.floats(0.05, 1e7), st.floats(0, 0.5))
def test_zooming_out_near_the_present_shows_twice_the_time(length: float, ago: float) -> None:
    start, end = NOW - (1 + ago) * length, NOW - ago * length
    wider = zoomed_out((start, end), NOW)
    assert wider.is_live or ago > 0.49
    first, last_ = wider.bounds(NOW)[0], wider.end_or(NOW)
    assert 2 * length - 1e-6 <= last_ - first <= 2.2 * length + 1e-6
    assert first <= start + 1e-6
    assert last_ >= end


@pytest.mark.parametrize("seconds", [15, 61, 900, 3600, 21_600, 86_400])
def test_each_live_range_becomes_twice_as_long(seconds: float) -> None:
    wider = zoomed_out((NOW - seconds, NOW), NOW)
    assert wider.kind is last(1).kind
    assert wider.seconds == pytest.approx(2 * seconds, rel=0.07)
    assert seconds < 900 or wider == last(2 * seconds)


def test_what_is_selected_up_to_the_present_is_live() -> None:
    assert selected(NOW - 900, math.inf, NOW) == last(900)
    assert selected(math.inf, NOW - 900, NOW) == last(900)
    assert selected(NOW - 900, NOW, NOW) == last(900)
    assert selected(NOW - 900, NOW - 1, NOW) == fixed(NOW - 900, NOW - 1)
    assert selected(NOW + 5, math.inf, NOW).is_live, "the clock of a worker may be ahead"
    assert selected(NOW - 100.25, NOW, NOW) == last(101)
    assert selected(NOW - 121, NOW, NOW) == last(130)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-23 10:49:02.250"),
        ("10:00", "2026-11-23 10:00:00"),
        ("22:00:05.125", "2026-11-22 22:00:05.125"),
        ("yesterday 9:30", "2026-11-22 09:30:00"),
        ("today 22:00", "2026-11-23 22:00:00"),
        ("2026-11-20", "2026-11-20 00:00:00"),
        ("2026-11-20T08:01", "2026-11-20 08:01:00"),
        ("2026-11-20 08:01:02.003", "2026-11-20 08:01:02.003"),
        ("11-20 08:01", "2026-11-20 08:01:00"),
        ("20 08:01", "2026-11-20 08:01:00"),
        ("2h", "2026-11-23 08:49:02.250"),
        ("now-90m", "2026-11-23 09:19:02.250"),
        ("1h 30m ago", "2026-11-23 09:19:02.250"),
        ("2026-11-20T08:01:00+02:00", "2026-11-20 06:01:00"),
        ("2026-11-20T08:01:00+02", "2026-11-20 06:01:00"),
        ("2026-11-20T08:01:02.003000999Z", "2026-11-20 08:01:02.003"),
        ("10:00:05.125000999", "2026-11-23 10:00:05.125"),
        ("20261120T080100Z", "2026-11-20 08:01:00"),
        ("20261120T080100.125+0200", "2026-11-20 06:01:00.125"),
        ("2H", "2026-11-23 08:49:02.250"),
        ("NOW-2h", "2026-11-23 08:49:02.250"),
    ],
)
def test_a_time_is_read_as_it_is_usually_typed(text: str, expected: str) -> None:
    at = parse_moment(text, NOW)
    assert at is not None
    assert typed_text(at) == expected


@pytest.mark.parametrize("zone", ["GMT", "gmt", "UTC", "Z"])
def test_universal_time_is_no_local_time_of_that_name(
    monkeypatch: pytest.MonkeyPatch, utc: None, zone: str
) -> None:
    monkeypatch.setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0")
    time.tzset()
    noon = datetime(2026, 7, 5, 12, tzinfo=UTC).timestamp()
    assert parse_moment(f"2026-07-05 12:00 {zone}", NOW) == noon
    assert parse_moment("2026-07-05 13:00 BST", NOW) == noon


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("years", [0, 1, 1000, 7000])
def test_a_time_of_day_long_after_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    span = parse_time("22:00", NOW)
    at = parse_moment(f"{2026 + years}-11-29 22:00:01", NOW)
    mktime, calls = time.mktime, 0

    def counted(*args: Any) -> float:
        nonlocal calls
        calls += 1
        return mktime(*args)

    monkeypatch.setattr(time, "mktime", counted)
    assert span is not None
    assert at is not None
    assert span.after(at).start == at - 1 + 86_400
    assert calls <= 4


def test_a_time_of_day_is_the_same_across_the_change_of_the_clocks(
    monkeypatch: pytest.MonkeyPatch, utc: None
) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    span = parse_time("02:30", NOW)
    assert span is not None
    for day in ("2027-03-27", "2027-03-29", "2027-10-30", "2027-11-01"):
        at = parse_moment(f"{day} 02:30", NOW)
        assert at is not None
        assert span.after(at).start == at
        assert span.after(at - 3600).start == at


@pytest.mark.parametrize("text", ["", "noon", "25:00", "10:61", "2026-13-01", "31.12.", "5", "-"])
def test_what_is_no_time_is_not_guessed(text: str) -> None:
    assert parse_moment(text, NOW) is None


@given(_TIMES)
def test_a_time_that_was_typed_is_read_back(at: float) -> None:
    found = parse_moment(typed_text(at), NOW)
    assert found is not None
    assert typed_text(found) == typed_text(at)  # an hour that is repeated is read as either


def test_two_typed_times_are_a_frozen_range_and_one_is_live() -> None:
    assert typed_range("2h", "1h", NOW) == fixed(NOW - 7200, NOW - 3600)
    assert typed_range("15 min", "", NOW) == last(900)
    assert typed_range("last 15m", "now", NOW) == last(900)
    assert typed_range("yesterday", "", NOW).is_live
    assert typed_range("", "", NOW) == ALL_RETAINED


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("soon", "", "start"),
        ("", "1h", "start"),
        ("2h", "later", "end"),
        ("1h", "2h", "order"),
        ("2126-11-29", "", "order"),
    ],
)
def test_a_wrong_range_says_what_is_wrong(start: str, end: str, field: str) -> None:
    with pytest.raises(TypedRangeError) as error:
        typed_range(start, end, NOW)
    assert error.value.field == field


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    "text",
    [
        "now", "10:00", "22:00:05.125", "yesterday 9:30", "today", "2026-11-20", "2026-11-20T08:01",
        "11-20", "11-20 08:01", "20 08:01", "20 Nov", "20 Nov 08:01", "2h", "now-2h", "1h 30m ago",
        "2026-11-20T08:01:00+02:00",
    ],
)  # fmt: skip
def test_a_time_is_the_same_in_a_query_a_range_and_a_command(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = parse_moment(text, NOW)
    assert at is not None
    span = value_predicate(comparison(f'queued>="{text}"'), QUEUED, NOW)[0]
    assert span(at)
    assert not span(at - 0.01)
    if at < NOW:
        monkeypatch.setattr(time, "time", lambda: NOW)
        assert since_argument(text) == pytest.approx(NOW - at)
        assert typed_range(text, "", NOW).bounds(NOW)[0] == pytest.approx(at)


@pytest.mark.usefixtures("utc")
def test_a_day_as_the_end_of_a_range_is_included() -> None:
    day = typed_range("2026-11-20", "2026-11-20", NOW)
    assert (day.end - day.start, day.is_live) == (86_400, False)
    assert typed_range("yesterday", "today", NOW).is_live


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("end", ["2026-11-20", "2026-11-20 22:00", "20 22:00:05", "2026-11-20T22"])
def test_the_end_of_a_range_is_that_of_a_query(end: str) -> None:
    typed = typed_range("2026-11-20", end, NOW)
    accepts = value_predicate(comparison(f'queued:2026-11-20.."{end}"'), QUEUED, NOW)[0]
    assert not typed.is_live
    assert accepts(typed.end - 0.001)
    assert not accepts(typed.end)
    again = typed_range(typed_text(typed.start), typed_text(typed.end, is_end=True), NOW)
    assert again == typed


@given(_TIMES, st.sampled_from([0.001, 1.0, 60.0, 3600.0]))
def test_a_frozen_end_is_read_back_as_it_was(at: float, step: float) -> None:
    end = round(at // step * step, 3)
    again = typed_range(typed_text(end - 7200), typed_text(end, is_end=True), 3e9)
    assert again.end == pytest.approx(end, abs=0.0001) or again.end == pytest.approx(end - 3600)


@pytest.mark.usefixtures("utc")
def test_an_end_that_is_not_over_is_live() -> None:
    clock = datetime.fromtimestamp(NOW, UTC)
    assert typed_range("yesterday", f"{clock:%H:%M}", NOW).is_live
    assert not typed_range("yesterday", f"{clock:%H:%M:%S}.000", NOW).is_live


@pytest.mark.usefixtures("utc")
def test_a_leap_day_is_the_latest_one_that_exists() -> None:
    for year, leap_year in ((2027, 2024), (2028, 2028), (2103, 2096)):
        march = datetime(year, 3, 5, tzinfo=UTC).timestamp()
        leap_day = datetime(leap_year, 2, 29, tzinfo=UTC).timestamp()
        for text in ("29 Feb", "02-29", "29 feb 00:00"):
            assert parse_moment(text, march) == leap_day
    assert parse_moment("30 Feb", NOW) is None
    assert parse_moment("31.06", NOW) is None


@pytest.mark.parametrize("zone", ["+14:60", "-0099", "+25:00", "+2:00"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    assert parse_moment(f"2026-11-20T08:01:00{zone}", NOW) is None
    assert parse_moment("2026-11-20T08:01:00+05:45", NOW) is not None


@pytest.mark.usefixtures("utc")
def test_a_day_of_the_month_is_the_latest_one_that_exists() -> None:
    march = datetime(2026, 3, 5, tzinfo=UTC).timestamp()
    found = parse_moment("31 10:00", march)
    assert found == datetime(2026, 1, 31, 10, tzinfo=UTC).timestamp()
    assert parse_moment("32 10:00", march) is None


@pytest.mark.parametrize("text", ["soon", "2126-11-29", "noon", ""])
def test_a_command_takes_past_times_alone(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a past time"):
        since_argument(text)
