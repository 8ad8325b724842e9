"""Timestamps are parsed from every form that senders use."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol.timestamps import (
    EARLIEST,
    LATEST,
    format_timestamp,
    parse_timestamp,
)

MOMENT = 1_795_430_942.114213


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-23T10:49:02.114213+00:00",
        "2026-11-23T10:49:02.114213Z",
        "2026-11-23T10:49:02.114213",
        "2026-11-23T12:49:02.114213+02:00",
        "2026-11-23 10:49:02.114213",
        1_795_430_942.114213,
        1_795_430_942_114.213,
        1_795_430_942_114_213,
        1_795_430_942_114_213_000,
    ],
)
def test_every_form_of_a_time_parses_to_the_same_time(value: str | float) -> None:
    assert parse_timestamp(value) == pytest.approx(MOMENT, abs=1e-5)


@pytest.mark.parametrize(
    "value",
    [
        *["", "yesterday", "10:49", "\x00", "0001-01-01T00:00:00", "9999-12-31T23:59:59-14:00"],
        *[0, -1, 17, True, None, [], {}, float("nan"), float("inf"), 10**400, 1e300],
    ],
)
def test_an_implausible_time_is_none(value: Any) -> None:
    assert parse_timestamp(value) is None


@given(st.floats(EARLIEST, LATEST - 1))
def test_a_formatted_time_parses_to_the_same_time(seconds: float) -> None:
    assert parse_timestamp(format_timestamp(seconds)) == pytest.approx(seconds, abs=1e-6)


zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=zones))  # noqa: DTZ001
def test_the_time_zone_is_honored(moment: datetime) -> None:
    assert parse_timestamp(moment.isoformat()) == moment.timestamp()


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_parsing_never_raises_and_its_result_can_be_formatted(value: Any) -> None:
    seconds = parse_timestamp(value)
    if seconds is not None:
        assert EARLIEST <= seconds <= LATEST
        datetime.fromtimestamp(seconds, UTC)
        assert format_timestamp(seconds)
