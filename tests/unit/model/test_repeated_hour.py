"""Local times around the nights in which clocks are changed: repeated, skipped, half an hour."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.time_range import fixed, typed_range
from pulse_desktop.model.typed_time import TimeSpan, parse_time, repeated_offset
from pulse_desktop.query.field_predicates import value_predicate
from pulse_desktop.query.matcher import compile_query
from pulse_desktop.query.parser import parse
from pulse_desktop.query.quoting import local_time_text
from pulse_desktop.query.syntax import Comparison
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.time_range_text import moment_text, span_text, typed_text
from pulse_desktop.ui.query.conditions import time_condition

CHANGES = {
    "Europe/Kyiv": ["2026-10-25T01:00", "2026-03-29T01:00"],
    "America/Sao_Paulo": ["2018-02-18T02:00", "2018-11-04T03:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "UTC": ["2026-10-25T01:00"],
}
SLOW = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
UseZone = Callable[[str], None]


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


FIRST, SECOND = utc("2026-10-25T00:45"), utc("2026-10-25T01:45")
"""03:45 in Kyiv, twice."""


@pytest.fixture(autouse=True)
def use_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[UseZone]:
    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    use("Europe/Kyiv")
    yield use
    monkeypatch.undo()
    time.tzset()


def span_of(text: str, now: float = SECOND + 86_400) -> TimeSpan:
    span = parse_time(text, now)
    assert span is not None, text
    return span


def accepts(text: str, at: float, now: float = SECOND + 86_400) -> bool:
    root = parse(text).root
    assert isinstance(root, Comparison)
    return value_predicate(root, run_fields().fields["queued"], now)[0](at)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        ("2026-10-25T01:40", "2026-10-25T01:30"),
        ("2026-10-25T00:40", "2026-10-25T00:30"),
        ("2026-10-25T01:20", "2026-10-25T00:30"),
        ("2026-10-25T00:20", "2026-10-24T00:30"),
    ],
)
def test_a_time_of_day_is_the_latest_that_is_not_in_the_future(now: str, start: str) -> None:
    assert span_of("03:30", utc(now)).start == utc(start)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2026-10-25T03:30 EET", "2026-10-25T01:30"),
        ("2026-10-25T03:30 EEST", "2026-10-25T00:30"),
        ("2026-10-25T03:30+02", "2026-10-25T01:30"),
        ("2026-07-01T12:00 EET", "2026-07-01T10:00"),
        ("2026-07-01T12:00 EEST", "2026-07-01T09:00"),
    ],
)
def test_the_name_of_a_zone_counts(text: str, start: str) -> None:
    span = span_of(text)
    assert (span.start, span.repeated_after) == (utc(start), 0)


@pytest.mark.parametrize("text", ["2026-10-25T03:45", "25 Oct 03:45", "10-25 03:45", "25 03:45"])
def test_a_repeated_minute_is_both_of_them_and_nothing_between(text: str) -> None:
    for at in (FIRST, FIRST + 59, SECOND, SECOND + 59):
        assert accepts(f'queued:"{text}"', at)
    for at in (FIRST - 1, FIRST + 60, SECOND - 1, SECOND + 60):
        assert not accepts(f'queued:"{text}"', at)


def test_comparisons_begin_with_the_first_and_end_with_the_last() -> None:
    day = "2026-10-25T03:45"
    for operator, expected in {
        ">=": (False, True, True, True, True),
        "<": (True, False, False, False, False),
        "<=": (True, True, True, True, False),
        ">": (False, False, False, False, True),
    }.items():
        at = (FIRST - 1, FIRST, SECOND, SECOND + 59, SECOND + 60)
        assert tuple(accepts(f"queued{operator}{day}", each) for each in at) == expected


def test_a_repeated_hour_and_its_day_are_whole() -> None:
    hour = span_of("2026-10-25T03")
    assert (hour.start, hour.stop) == (utc("2026-10-25T00:00"), utc("2026-10-25T02:00"))
    assert (day := span_of("2026-10-25")).stop - day.start == 25 * 3600


@pytest.mark.parametrize("zone", CHANGES)
@SLOW
@given(data=st.data())
def test_every_time_that_is_shown_is_found(
    zone: str, use_zone: UseZone, data: st.DataObject
) -> None:
    use_zone(zone)
    change = utc(data.draw(st.sampled_from(CHANGES[zone])))
    at = change + data.draw(st.integers(-7200, 7200))
    shown = local(at)
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        text = shown.strftime(form)
        span = span_of(text)
        assert span.contains(at), text
        assert span.start <= at < span.last_stop
        for other in (span.start, span.stop - 1, span.last_stop - 1):
            assert local(other).strftime(form) == text
    assert typed_range(typed_text(at), typed_text(at + 1, is_end=True), at + 1e6).start == at
    now = at + data.draw(st.integers(0, 7200))
    latest = span_of(shown.strftime("%H:%M:%S"), now).start
    assert at <= latest <= now
    assert local(latest).time() == shown.time()
    assert span_of(formats.clock(at, at), at).start == at


def test_only_a_repeated_time_is_shown_with_its_offset(use_zone: UseZone) -> None:
    assert formats.clock(FIRST, FIRST) == "03:45:00+03"
    assert formats.clock(SECOND, SECOND, precise=True) == "03:45:00.000+02"
    assert formats.clock(SECOND, SECOND + 86_400) == "25 Oct 03:45:00+02"
    assert formats.clock(utc("2026-10-25T02:00"), SECOND) == "04:00:00"
    assert repeated_offset(utc("2026-03-29T01:00")) == ""
    use_zone("Australia/Lord_Howe")
    assert formats.clock(utc("2026-04-04T14:45"), utc("2026-04-04T15:10")) == "01:45:00+11"
    assert formats.clock(utc("2026-04-04T15:15"), utc("2026-04-04T15:15")) == "01:45:00+10:30"


@pytest.mark.parametrize("zone", CHANGES)
@SLOW
@given(data=st.data())
def test_the_query_of_a_time_is_for_that_time_alone(
    zone: str, use_zone: UseZone, data: st.DataObject
) -> None:
    use_zone(zone)
    change = utc(data.draw(st.sampled_from(CHANGES[zone])))
    at = change + data.draw(st.integers(-7200, 7200)) + data.draw(st.sampled_from([0, 0.25]))
    start, end = local_time_text(at), local_time_text(at, is_end=True)
    for text in (f"queued>={start}", f"queued:{start}.."):
        assert not accepts(text, at - 1), text
        assert accepts(text, at), text
    for text in (f"queued<={end}", f"queued:..{end}", f"queued:{start}..{end}"):
        assert accepts(text, at), text
        assert not accepts(text, at + 1), text


def test_the_query_of_a_range_in_a_repeated_hour_is_for_that_hour() -> None:
    matcher = compile_query(
        parse(time_condition(fixed(SECOND, SECOND + 600), ("queued", "seen"))),
        run_fields(),
        SECOND + 86_400,
    )
    found = [
        at - SECOND
        for at in (FIRST + 60, SECOND - 1, SECOND, SECOND + 60, SECOND + 601)
        if matcher.accepts(TaskRun("a", queued_at=at, last_seen=at))
    ]
    assert found == [0, 60]


def test_the_title_of_a_repeated_time_has_its_offset() -> None:
    assert moment_text(FIRST, FIRST) == "03:45+03"
    assert span_text(SECOND, SECOND + 600, SECOND + 86_400) == "25 Oct 03:45+02 – 03:55+02"
    assert moment_text(utc("2026-10-25T02:00"), SECOND) == "04:00"


def test_a_day_without_midnight_begins_when_its_first_hour_does(use_zone: UseZone) -> None:
    use_zone("America/Sao_Paulo")
    assert span_of("2018-11-04").start == utc("2018-11-04T03:00")
    assert span_of("2018-11-03").stop == utc("2018-11-04T03:00")
