"""What stands under a schedule's key: read whatever it is, written so that any TaskIQ reads it."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulse_workers.schedules.entry import (
    InvalidEntry,
    ScheduleEntry,
    encode_schedule,
    read_entry,
    same_times,
    unknown_task_reason,
)
from pulse_workers.schedules.errors import InvalidScheduleError
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
def test_a_schedule_is_read_as_it_was_stored_also_by_taskiq_itself(times: dict[str, Any]) -> None:
    stored = schedule(**times)
    found = entry(encode_schedule(stored, NOW, None))
    assert found.task == stored
    assert found.timing.since == NOW
    due = found.next_due
    assert due is not None
    taken = found.take(due, "scheduler@host:1", NOW)
    after = entry(found.body(taken))
    assert after.last == taken
    assert after.task == stored == ScheduledTask.model_validate_json(found.body(taken))


def test_every_scheduler_gives_a_run_the_same_id_and_each_run_another() -> None:
    found = entry(encode_schedule(schedule(interval=30), NOW, None))
    later = NOW + timedelta(seconds=30)
    ids = {found.take(due, who, NOW).task_id for due in (NOW, later) for who in ("a", "b")}
    assert len(ids) == 2
    anew = entry(encode_schedule(schedule(interval=30), later, None))
    assert anew.take(later, "a", NOW).task_id not in ids
    chosen = entry(encode_schedule(schedule(time=NOW, task_id="mine"), NOW, None))
    assert chosen.take(NOW, "a", NOW).task_id == "mine"


def test_a_foreign_entry_begins_when_it_was_stored_and_its_key_names_it() -> None:
    found = read(schedule(interval=60, schedule_id="other").model_dump_json().encode())
    assert isinstance(found, ScheduleEntry)
    assert (found.id, found.next_due) == ("s", NOW)
    naive = schedule(time=NOW.replace(tzinfo=None))
    assert entry(naive.model_dump_json().encode()).next_due == NOW


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_not_opened(protocol: int) -> None:
    found = read(pickle.dumps(Harm(), protocol))
    assert isinstance(found, InvalidEntry)
    assert "unreadable" in found.reason


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"interval": 0}, "at least 1 second"),
        ({"interval": 10**12}, "at most 36500 days"),
        ({"interval": 10**30}, "interval"),
        ({"cron": "0 0 31 2 *"}, "never comes"),
        ({"cron": "* * * * *", "cron_offset": "Mars/Base"}, "no time zone"),
        ({"cron": "* * * * *", "created_at": "yesterday"}, "Invalid"),
        ({"interval": 5, "last": {"due": "2026-01-01T00:00:00Z"}}, "missing required field"),
        ({"time": "0001-01-01T00:00:00+14:00"}, ""),
        ({}, "cron, interval, or datetime must be present"),
        ({"interval": 5, "args": "x"}, "args"),
    ],
)
def test_an_entry_that_cannot_be_used_says_why(fields: dict[str, Any], said: str) -> None:
    body = {"task_name": "m:f", "labels": {}, "args": [], "kwargs": {}, **fields}
    found = read(json.dumps(body).encode())
    assert isinstance(found, InvalidEntry)
    assert said in found.reason
    assert found.task_name == "m:f"


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@settings(max_examples=200)
def test_whatever_stands_there_is_read_without_an_error(body: bytes) -> None:
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
@settings(max_examples=200, deadline=None)
def test_whatever_its_fields_hold_it_is_read_without_an_error(fields: dict[str, Any]) -> None:
    body = json.dumps({"task_name": "m:f", "labels": {}, "args": [], "kwargs": {}, **fields})
    found = read(body.encode())
    if isinstance(found, ScheduleEntry):
        found.due(NOW)


def test_what_has_no_json_form_is_refused_when_it_is_stored() -> None:
    with pytest.raises(InvalidScheduleError, match="no JSON form"):
        encode_schedule(schedule(interval=5, args=[object()]), NOW, None)


def test_only_other_times_begin_a_schedule_anew() -> None:
    assert same_times(schedule(interval=5), schedule(interval=5, args=[], labels={}))
    assert not same_times(schedule(interval=5), schedule(interval=6))
    assert not same_times(schedule(cron="* * * * *"), schedule(cron="* * * * *", cron_offset="UTC"))


def test_a_bare_name_is_told_what_is_perhaps_meant() -> None:
    known = ("a.b:run", "c:run", "c:other")
    assert unknown_task_reason("a.b:run", known) == ""
    assert unknown_task_reason("run", known).endswith("perhaps a.b:run or c:run is meant")
    assert "PULSE_WORKER_TASKS" in unknown_task_reason("x:y", known)
