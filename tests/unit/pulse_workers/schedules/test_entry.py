"""Stored schedule entries: decoding of any value, and compatibility with TaskIQ."""

import json
import pickle
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pulse_workers.schedules.cron import InvalidScheduleError
from pulse_workers.schedules.entry import (
    InvalidEntry,
    Pause,
    ScheduleEntry,
    encode_schedule,
    has_same_timing,
    read_entry,
    unknown_task_reason,
)
from pulse_workers.schedules.next_run import Timing
from taskiq import ScheduledTask

NOW = datetime(2026, 11, 23, 22, 0, 0, 250_000, tzinfo=UTC)


def schedule(**fields: Any) -> ScheduledTask:
    return ScheduledTask(
        **{
            "task_name": "m:f",
            "labels": {"retry": 2},
            "args": [1, {"a": [None]}],
            "kwargs": {"ж": "é"},
            "schedule_id": "s",
            **fields,
        }
    )


def read(body: bytes, schedule_id: str = "s") -> ScheduleEntry | InvalidEntry:
    return read_entry(schedule_id, body, 7, NOW)


def entry(body: bytes) -> ScheduleEntry:
    found = read(body)
    assert isinstance(found, ScheduleEntry), found
    return found


def test_a_cron_expression_of_too_many_parts_is_invalid_and_not_parsed() -> None:
    line = "1-59/1," * 200_000 + "1 * * * *"
    before = time.thread_time()
    found = read(encode_schedule(schedule(cron=line), Timing(NOW), None))
    assert isinstance(found, InvalidEntry)
    assert found.reason == f"cron: expected at most 1000 characters, found {len(line)}"
    assert time.thread_time() - before < 2  # minutes if each part was parsed
    entry(encode_schedule(schedule(cron="1-59/1," * 140 + "1 * * * *"), Timing(NOW), None))


@pytest.mark.parametrize(
    "times",
    [
        {"cron": "0 3 * * *", "cron_offset": "Europe/Kyiv"},
        {"cron": "0 3 * * *", "cron_offset": timedelta(hours=-3)},
        {"interval": 30},
        {"interval": timedelta(days=1)},
        {"time": NOW + timedelta(days=400)},
    ],
)
def test_a_stored_schedule_is_decoded_here_and_by_taskiq(times: dict[str, Any]) -> None:
    stored = schedule(**times)
    found = entry(encode_schedule(stored, Timing(NOW), None))
    assert found.task == stored
    assert found.timing.created_at == NOW
    due = found.next_due
    assert due is not None
    claimed = found.claim(due, "scheduler@host:1", NOW)
    after = entry(found.encode(claimed))
    assert after.last == claimed
    assert after.task == stored == ScheduledTask.model_validate_json(found.encode(claimed))


def test_task_ids_are_equal_for_all_schedulers_and_differ_between_runs() -> None:
    found = entry(encode_schedule(schedule(interval=30), Timing(NOW), None))
    later = NOW + timedelta(seconds=30)
    ids = {found.claim(due, who, NOW).task_id for due in (NOW, later) for who in ("a", "b")}
    assert len(ids) == 2
    recreated = entry(encode_schedule(schedule(interval=30), Timing(later), None))
    assert recreated.claim(later, "a", NOW).task_id not in ids
    chosen = entry(encode_schedule(schedule(time=NOW, task_id="mine"), Timing(NOW), None))
    assert chosen.claim(NOW, "a", NOW).task_id == "mine"


def test_an_entry_of_another_program_starts_when_it_was_stored_and_has_the_id_of_its_key() -> None:
    found = read(schedule(interval=60, schedule_id="other").model_dump_json().encode())
    assert isinstance(found, ScheduleEntry)
    assert (found.id, found.next_due) == ("s", NOW)
    naive = schedule(time=NOW.replace(tzinfo=None))
    assert entry(naive.model_dump_json().encode()).next_due == NOW


class FailsWhenUnpickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_never_opened(protocol: int) -> None:
    found = read(pickle.dumps(FailsWhenUnpickled(), protocol))
    assert isinstance(found, InvalidEntry)
    assert "unreadable" in found.reason


LAST = {
    "due": "2026-01-01T00:00:00Z",
    "task_id": "x",
    "by": "y",
    "taken_at": "2026-01-01T00:00:00Z",
    "sent": True,
}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"interval": 0}, "at least 1 second"),
        ({"interval": 10**12}, "at most 36500 days"),
        ({"interval": 10**30}, "interval"),
        ({"cron": "0 0 31 2 *"}, "never comes"),
        ({"cron": "* * * * *", "cron_offset": "Mars/Base"}, "unknown time zone"),
        ({"cron": "* * * * *", "created_at": "yesterday"}, "Invalid"),
        ({"interval": 5, "last": {"due": "2026-01-01T00:00:00Z"}}, "missing required field"),
        ({"time": "0001-01-01T00:00:00+14:00"}, ""),
        ({"interval": 5, "last": {**LAST, "taken_at": "9999-12-31T23:59:59Z"}}, "date value"),
        ({"interval": 5, "last": {**LAST, "due": "9999-12-31T23:59:59Z"}}, "date value"),
        ({}, "cron, interval, or datetime must be present"),
        ({"interval": 5, "args": "x"}, "args"),
    ],
)
def test_an_invalid_entry_has_a_reason(fields: dict[str, Any], message: str) -> None:
    body = {"task_name": "m:f", "labels": {}, "args": [], "kwargs": {}, **fields}
    found = read(json.dumps(body).encode())
    assert isinstance(found, InvalidEntry)
    assert message in found.reason
    assert found.task_name == "m:f"


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@example(b'"\x80"')
def test_any_bytes_are_decoded_without_an_error(body: bytes) -> None:
    assert isinstance(read(body), InvalidEntry)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from(["* * * * *", "2026-01-01T00:00:00", "PT5S", "a:b", 5])
        for name in ("task_name", "cron", "cron_offset", "interval", "time", "created_at", "last")
    },
)


@given(FIELDS)
@settings(deadline=None)
def test_any_field_values_are_decoded_without_an_error(fields: dict[str, Any]) -> None:
    body = json.dumps({"task_name": "m:f", "labels": {}, "args": [], "kwargs": {}, **fields})
    found = read(body.encode())
    if isinstance(found, ScheduleEntry):
        found.due(NOW)


PAUSED_TIMES: list[dict[str, Any]] = [
    {"cron": "0 3 * * *", "cron_offset": "Europe/Kyiv"},
    {"cron": "0 3 * * *", "cron_offset": timedelta(hours=3)},
    {"interval": 30},
    {"interval": timedelta(hours=2)},
    {"time": NOW},
]


@pytest.mark.parametrize("times", PAUSED_TIMES)
def test_a_paused_entry_is_due_for_nobody_and_keeps_its_times(times: dict[str, Any]) -> None:
    active = entry(encode_schedule(schedule(**times), Timing(NOW), None))
    body = active.pause("olena@desk", NOW)
    paused = entry(body)
    assert paused.paused == Pause("olena@desk", NOW)
    assert paused.task == active.task
    later = NOW + timedelta(days=400)
    assert paused.next_due is None
    assert paused.due(later) is None
    # A reader that knows no pauses finds a single run in the distant future.
    foreign = ScheduledTask.model_validate_json(body)
    assert foreign.time == datetime(9999, 1, 1, tzinfo=UTC)
    assert (foreign.cron, foreign.interval) == (None, None)
    assert entry(paused.encode(active.claim(NOW, "a", NOW))).paused == paused.paused
    resumed = entry(paused.resume(later))
    assert (resumed.paused, resumed.task) == (None, active.task)
    next_due = resumed.next_due
    assert next_due is not None
    if "time" in times:
        assert resumed.due(later) == NOW  # a single run is sent late
    else:
        assert next_due > later
        assert resumed.due(later) is None
        assert resumed.due(next_due) == next_due


def test_arguments_without_json_form_are_rejected_on_encoding() -> None:
    with pytest.raises(InvalidScheduleError, match="no JSON form"):
        encode_schedule(schedule(interval=5, args=[object()]), Timing(NOW), None)


def test_timing_is_compared_without_arguments_and_labels() -> None:
    assert has_same_timing(schedule(interval=5), schedule(interval=5, args=[], labels={}))
    assert not has_same_timing(schedule(interval=5), schedule(interval=6))
    assert not has_same_timing(
        schedule(cron="* * * * *"), schedule(cron="* * * * *", cron_offset="UTC")
    )


def test_an_unknown_task_name_gets_suggestions() -> None:
    known = ("a.b:run", "c:run", "c:other")
    assert unknown_task_reason("a.b:run", known) == ""
    assert unknown_task_reason("run", known).endswith("similar names: a.b:run, c:run")
    assert "PULSE_WORKER_TASKS" in unknown_task_reason("x:y", known)
