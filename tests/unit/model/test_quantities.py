"""Numbers, durations, sizes and times as typed and as shown."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.quantities import parse_duration, parse_number, parse_size
from pulse_desktop.model.typed_time import parse_time
from pulse_desktop.text import formats

NOW = datetime(2026, 11, 30, 2, 30, tzinfo=UTC).timestamp()


def at(text: str) -> float:
    """Return Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "value", "low", "high"),
    [
        ("200ms", 0.2, 0.1995, 0.2005),
        ("1.33 s", 1.33, 1.325, 1.335),
        ("5", 5.0, 4.5, 5.5),
        ("5m", 300.0, 270.0, 330.0),
        ("4 min 12 s", 252.0, 251.5, 252.5),
        ("1 h 05 min", 3900.0, 3870.0, 3930.0),
        ("3 d 4 h", 273_600.0, 271_800.0, 275_400.0),
        ("250us", 0.00025, 0.0002495, 0.0002505),
        ("0 s", 0.0, 0.0, 0.00005),
    ],
)
def test_durations(text: str, value: float, low: float, high: float) -> None:
    found = parse_duration(text)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high))


@pytest.mark.parametrize("text", ["", "s", "5 x", "5s x", "-5s", "1.s", "5M", "1h 5", "٥s"])
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(st.floats(0, 4e6))
def test_a_shown_duration_is_equal_to_what_it_was_made_of(seconds: float) -> None:
    found = parse_duration(formats.duration(seconds))
    assert found is not None
    assert found.low - 1e-9 <= seconds <= found.high + 1e-9


@given(st.integers(0, 10**14))
def test_a_shown_size_is_equal_to_what_it_was_made_of(count: int) -> None:
    found = parse_size(formats.size(count))
    assert found is not None
    assert found.low <= count <= found.high


def test_sizes_and_numbers() -> None:
    assert [parse_size(text) and parse_size(text).value for text in ("2MB", "1KiB", "7")] == [  # type: ignore[union-attr]
        2e6,
        1024,
        7,
    ]
    assert parse_size("2 XB") is None
    numbers = [parse_number(text) for text in ("1,204", "-1.5", "\u22123", "1e3")]
    assert [number and number.value for number in numbers] == [1204, -1.5, -3, 1000]
    assert [parse_number(text) for text in ("1,20", "x", "", "1e999", "0x1")] == [None] * 5


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("02:00", "2026-11-30T02:00", "2026-11-30T02:01"),
        ("22:00", "2026-11-29T22:00", "2026-11-29T22:01"),
        ("22:00:05", "2026-11-29T22:00:05", "2026-11-29T22:00:06"),
        ("22:00:05.250", "2026-11-29T22:00:05.250", "2026-11-29T22:00:05.251"),
        ("2026-11-29", "2026-11-29", "2026-11-30"),
        ("2026-11-29T22", "2026-11-29T22:00", "2026-11-29T23:00"),
        ("2026-11-29T22:00", "2026-11-29T22:00", "2026-11-29T22:01"),
        ("2026-11-29 22:00:05", "2026-11-29T22:00:05", "2026-11-29T22:00:06"),
        ("2026-11-29T22:00Z", "2026-11-29T22:00", "2026-11-29T22:01"),
        ("2026-11-29T22:00+02:00", "2026-11-29T20:00", "2026-11-29T20:01"),
        ("2026-11-29 22:00:05.114 UTC", "2026-11-29T22:00:05.114", "2026-11-29T22:00:05.115"),
        ("29 Nov", "2026-11-29", "2026-11-30"),
        ("31 Dec 10:00", "2025-12-31T10:00", "2025-12-31T10:01"),
        ("today", "2026-11-30", "2026-12-01"),
        ("yesterday", "2026-11-29", "2026-11-30"),
        ("now", "2026-11-30T02:30", "2026-11-30T02:30"),
        ("2h", "2026-11-30T00:30", "2026-11-30T00:30"),
        ("3 min ago", "2026-11-30T02:27", "2026-11-30T02:27"),
    ],
)
def test_times(text: str, start: str, stop: str) -> None:
    found = parse_time(text, NOW)
    assert found is not None
    assert (found.start, found.stop) == pytest.approx((at(start), at(stop)), abs=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "24:00", "1:60", "2026-02-30", "30 Feb", "2026-11-29T25:00", "5", "x", "9999-13-01"],
)
def test_what_is_no_time(text: str) -> None:
    assert parse_time(text, NOW) is None


@given(st.floats(NOW - 300 * 86_400, NOW))
def test_a_shown_time_means_the_time_that_it_was_made_of(moment: float) -> None:
    for shown in (formats.clock(moment, NOW, precise=True), formats.absolute(moment)):
        found = parse_time(shown, NOW)
        assert found is not None
        assert found.start - 0.001 <= moment <= found.stop + 0.001, shown


@given(st.text())
def test_any_text_is_a_quantity_or_not(text: str) -> None:
    for parse in (parse_number, parse_duration, parse_size):
        parse(text)
    parse_time(text, NOW)
