"""Due times of cron expressions in any time zone, intervals and single runs, and missed runs."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pycron
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulse_workers.schedules.cron import CronRule, InvalidScheduleError, parse_cron
from pulse_workers.schedules.next_run import MISFIRE_GRACE_TIME, Timing

KYIV = "Europe/Kyiv"
START = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def times(rule: CronRule, begin: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        following = rule.next_after(begin)
        assert following is not None
        begin = following
        found.append(begin.astimezone(rule.zone).strftime("%d %H:%M %z"))
    return found


def test_a_daily_expression_keeps_its_local_time_when_clocks_change() -> None:
    rule = parse_cron("0 9 * * *", KYIV)
    assert times(rule, datetime(2026, 3, 28, tzinfo=UTC), 2) == ["28 09:00 +0200", "29 09:00 +0300"]


def test_a_time_skipped_in_spring_keeps_its_distance_from_midnight() -> None:
    rule = parse_cron("30 3 * * *", KYIV)
    assert times(rule, datetime(2026, 3, 28, tzinfo=UTC), 3) == [
        "28 03:30 +0200",
        "29 04:30 +0300",
        "30 03:30 +0300",
    ]


def test_a_time_repeated_in_autumn_runs_once() -> None:
    rule = parse_cron("30 3 * * *", KYIV)
    assert times(rule, datetime(2026, 10, 24, tzinfo=UTC), 3) == [
        "24 03:30 +0300",
        "25 03:30 +0300",
        "26 03:30 +0200",
    ]


def test_an_expression_with_every_hour_follows_real_time() -> None:
    rule = parse_cron("*/30 * * * *", KYIV)
    autumn = times(rule, datetime(2026, 10, 25, 0, 15, tzinfo=UTC), 4)
    assert autumn == ["25 03:30 +0300", "25 03:00 +0200", "25 03:30 +0200", "25 04:00 +0200"]
    spring = times(rule, datetime(2026, 3, 29, 0, 15, tzinfo=UTC), 3)
    assert spring == ["29 02:30 +0200", "29 04:00 +0300", "29 04:30 +0300"]


def test_clocks_may_go_back_at_midnight() -> None:
    rule = parse_cron("5 0 * * *", "America/Havana")  # 01:00 becomes 00:00 on 1 November 2026
    found = times(rule, datetime(2026, 10, 31, 1, tzinfo=UTC), 3)
    assert found == ["31 00:05 -0400", "01 00:05 -0400", "02 00:05 -0500"]


def test_an_offset_shifts_the_expression() -> None:
    rule = parse_cron("0 9 * * *", timedelta(hours=5, minutes=30))
    assert rule.next_after(START) == datetime(2026, 11, 24, 3, 30, tzinfo=UTC)


def test_day_of_month_and_day_of_week_are_alternatives_as_in_cron() -> None:
    rule = parse_cron("0 0 1 * mon")
    assert times(rule, datetime(2026, 11, 24, tzinfo=UTC), 3) == [
        "30 00:00 +0000",
        "01 00:00 +0000",
        "07 00:00 +0000",
    ]


def test_the_29th_of_february_is_found_across_a_century_without_one() -> None:
    rule = parse_cron("0 0 29 2 *")
    assert rule.next_after(datetime(2097, 1, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("* * * *", "expected 5 fields, found 4"),
        ("", "expected 5 fields, found 0"),
        ("61 * * * *", "'61' is not a valid minute (0 to 59)"),
        ("*/0 * * * *", "'*/0' is not a valid minute"),
        ("a * * * *", "'a' is not a valid minute"),
        ("0 5,25 * * *", "'25' is not a valid hour"),
        ("0 0 * jan *", "'jan' is not a valid month (1 to 12)"),
        ("0 0 * * 7", "'7' is not a valid day of week (0 to 6)"),
    ],
)
def test_an_invalid_expression_is_rejected_with_a_reason(line: str, message: str) -> None:
    with pytest.raises(InvalidScheduleError, match=re.escape(message)):
        parse_cron(line)


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", timedelta(hours=30)])
def test_an_unknown_time_zone_is_rejected(zone: str | timedelta) -> None:
    with pytest.raises(InvalidScheduleError, match="unknown time zone"):
        parse_cron("* * * * *", zone)


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "*/7", "5,50", "10-20", "30-59/9"]),
    st.sampled_from(["*", "0", "3", "*/5", "2-4", "23"]),
    st.sampled_from(["*", "1", "29", "28-31", "*/10"]),
    st.sampled_from(["*", "3", "10", "*/2", "11"]),
    st.sampled_from(["*", "sun", "mon-fri", "0,6", "*/2"]),
)


def between(first: int, last: int) -> st.SearchStrategy[datetime]:
    begin, end = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (first, last))
    return st.floats(begin, end).map(lambda at: datetime.fromtimestamp(at, UTC))


@given(FIELDS, between(2026, 2027))
@settings(deadline=None)
def test_in_utc_an_expression_is_due_exactly_when_pycron_matches(
    fields: tuple[str, ...], begin: datetime
) -> None:
    line = " ".join(fields)
    minute = begin.replace(second=0, microsecond=0) + timedelta(minutes=1)
    minutes = (minute + timedelta(minutes=step) for step in range(3 * 24 * 60))
    expected = next((moment for moment in minutes if pycron.is_now(line, moment)), None)
    found = parse_cron(line).next_after(begin)
    if expected is not None:
        assert found == expected
    else:
        assert found is None or found > begin + timedelta(days=3)


ZONES = st.sampled_from(
    [None, KYIV, "America/Havana", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]
)


@given(FIELDS, between(1990, 2030), ZONES)
@settings(deadline=None)
def test_next_times_increase_and_are_found_backwards_and_match_pycron(
    fields: tuple[str, ...], begin: datetime, zone: str | None
) -> None:
    rule = parse_cron(" ".join(fields), zone)
    first = rule.next_after(begin)
    if first is None:
        return
    second = rule.next_after(first)
    assert second is not None
    assert begin < first < second
    assert rule.last_until(second, begin) == second
    assert rule.last_until(second - timedelta(microseconds=1), begin) == first
    assert rule.last_until(first - timedelta(microseconds=1), begin) is None
    if fields[1] == "*" and zone is not None:
        assert pycron.is_now(" ".join(fields), first.astimezone(ZoneInfo(zone)))


def seconds(timing: Timing, last: float | None, now: float) -> float | None:
    """Like `Timing.due`, in seconds after the start."""
    last_due = START + timedelta(seconds=last) if last is not None else None
    due = timing.due(last_due, START + timedelta(seconds=now))
    return (due - START).total_seconds() if due is not None else None


def test_an_interval_starts_at_once_and_keeps_its_grid_after_late_runs() -> None:
    timing = Timing(START, interval=timedelta(seconds=30))
    assert seconds(timing, None, 0) == 0
    assert seconds(timing, 0, 29.9) is None
    assert seconds(timing, 0, 33) == 30
    assert seconds(timing, 30, 59.9) is None
    assert seconds(timing, 30, 60) == 60


def test_a_single_run_is_due_once_even_if_its_time_is_past() -> None:
    at = START + timedelta(seconds=10)
    assert seconds(Timing(START, at=at), None, 9) is None
    assert seconds(Timing(START, at=at), None, 10) == 10
    assert seconds(Timing(START, at=at), None, 1e6) == 10
    assert seconds(Timing(START, at=at), 10, 1e6) is None


def test_an_expression_is_not_due_for_times_before_its_creation() -> None:
    timing = Timing(START + timedelta(seconds=30), cron=parse_cron("* * * * *"))
    assert seconds(timing, None, 59) is None
    assert seconds(timing, None, 60) == 60


def test_within_the_grace_time_every_missed_run_is_sent_later_only_the_last() -> None:
    timing = Timing(START, interval=timedelta(seconds=1))
    grace = MISFIRE_GRACE_TIME.total_seconds()
    assert seconds(timing, 0, 1 + grace) == 1
    assert seconds(timing, 0, 2 + grace) == 2 + grace
    week = 7 * 86_400
    nightly = Timing(START, cron=parse_cron("0 3 * * *"))
    assert seconds(nightly, None, week) == week - 19 * 3600
    assert seconds(nightly, week - 19 * 3600, week) is None


INTERVALS = st.integers(1, 10_000)


@given(INTERVALS, st.lists(st.floats(0, 20_000), min_size=1, max_size=30))
@settings(deadline=None)
def test_no_run_is_repeated_early_or_off_the_grid(every: int, steps: list[float]) -> None:
    timing = Timing(START, interval=timedelta(seconds=every))
    now, last = 0.0, None
    for step in steps:
        now += step
        due = seconds(timing, last, now)
        if due is None:
            continue
        assert due <= now
        assert due % every == 0
        assert last is None or due > last
        last = due
