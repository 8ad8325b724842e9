"""Ticks are round, start at zero and share a unit; clock labels are round local times."""

import math
from datetime import datetime

import pytest

from pulse_desktop.ui.charts.scale import (
    Unit,
    clock_text,
    clock_ticks,
    value_text,
    value_ticks,
)


def labels(largest: float, unit: Unit, max_ticks: int = 5) -> list[str]:
    return [label for _value, label in value_ticks(largest, unit, max_ticks).ticks]


@pytest.mark.parametrize(
    ("largest", "unit", "expected"),
    [
        (17.2, Unit.PER_SECOND, ["0", "5/s", "10/s", "15/s", "20/s"]),
        (0.41, Unit.SECONDS, ["0", "100 ms", "200 ms", "300 ms", "400 ms", "500 ms"]),
        (4.1, Unit.SECONDS, ["0", "1 s", "2 s", "3 s", "4 s", "5 s"]),
        (100, Unit.SECONDS, ["0", "20 s", "40 s", "60 s", "80 s", "100 s"]),
        (600, Unit.SECONDS, ["0", "2 min", "4 min", "6 min", "8 min", "10 min"]),
        (0.37, Unit.RATIO, ["0", "10 %", "20 %", "30 %", "40 %"]),
        (2, Unit.COUNT, ["0", "1", "2"]),
        (12_000, Unit.COUNT, ["0", "5k", "10k", "15k"]),
        (214e6, Unit.BYTES, ["0", "50 MB", "100 MB", "150 MB", "200 MB", "250 MB"]),
        (0.7, Unit.SCORE, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (180, Unit.PERCENT, ["0", "50 %", "100 %", "150 %", "200 %"]),
    ],
)
def test_tick_labels_are_round_and_share_a_unit(
    largest: float, unit: Unit, expected: list[str]
) -> None:
    assert labels(largest, unit) == expected


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("largest", [0, 1e-9, 0.3, 1, 7, 999, 1e6, 3.7e11, 1e300, math.inf, -5])
def test_every_scale_starts_at_zero_and_reaches_the_largest_value(
    unit: Unit, largest: float
) -> None:
    ticks = value_ticks(largest, unit)
    values = [value for value, _label in ticks.ticks]
    assert values[0] == 0
    assert values == sorted(values)
    assert ticks.top == values[-1]
    assert 2 <= len(values) <= 12
    if 0 < largest < 1e15:
        assert ticks.top >= largest * (1 - 1e-9)
    assert len({label for _value, label in ticks.ticks}) == len(values), (
        "two ticks have the same label"
    )


def test_not_a_number_has_no_text() -> None:
    assert value_text(math.nan, Unit.COUNT) == ""


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, Unit.SECONDS, "0 s"),
        (0.0383, Unit.SECONDS, "38.3 ms"),
        (30.01, Unit.SECONDS, "30.0 s"),
        (1234, Unit.COUNT, "1.23k"),
        (7, Unit.COUNT, "7"),
        (0.185, Unit.RATIO, "18.5 %"),
        (214_000_000, Unit.BYTES, "214 MB"),
        (412, Unit.BYTES, "412 B"),
    ],
)
def test_tooltip_values_have_a_unit(value: float, unit: Unit, text: str) -> None:
    assert value_text(value, unit) == text


def test_clock_ticks_are_round_local_times() -> None:
    start = datetime(2026, 11, 23, 10, 49, 2).astimezone().timestamp()
    ticks = clock_ticks(start, start + 600, 6)
    assert [label for _value, label in ticks] == ["10:50", "10:52", "10:54", "10:56", "10:58"]
    assert all(start <= at <= start + 600 for at, _label in ticks)


def test_short_spans_show_seconds_and_long_ones_dates() -> None:
    start = datetime(2026, 11, 23, 22, 0, 0).astimezone().timestamp()
    assert [label for _value, label in clock_ticks(start, start + 20, 4)] == [
        *("22:00:00", "22:00:05", "22:00:10", "22:00:15", "22:00:20"),
    ]
    names = [label for _value, label in clock_ticks(start, start + 4 * 86400, 6)]
    assert "25 Nov" in names
    assert clock_text(start, 60) == "22:00:00"
    assert clock_text(start, 1e6) == "23 Nov 22:00:00"


def test_no_span_has_no_ticks() -> None:
    assert clock_ticks(5.0, 5.0) == []
    assert clock_ticks(0.0, math.nan) == []
