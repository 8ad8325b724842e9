"""The events of a run are found from the newest to the oldest, in slices."""

import random

import pytest

from pulse_desktop.state import event_search
from pulse_desktop.state.event_search import EventSearch
from tests.kit.state_builder import NOW, StateBuilder
from tests.unit.state.state_builders import (
    NAME,
    event_message,
    state_of,
    task_event,
    task_message,
)

WANTED = "a" * 32


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "SLICE", 7)


@pytest.mark.parametrize(
    ("wanted", "is_indexed"), [(WANTED, True), ("günther", False), ("a" * 129, False)]
)
def test_all_events_of_a_run_are_found_in_the_order_of_time(
    wanted: str, *, is_indexed: bool
) -> None:
    builder = StateBuilder()
    times = random.Random(3).sample(range(100), 20)
    for number, offset in enumerate(times):
        builder.progress(wanted, NOW + offset, done=number)
        builder.runs(2, first=2 * number)
    search = EventSearch(builder.state.log, wanted)
    steps = 0
    while not search.is_complete:
        search.step()
        steps += 1
    assert [event.timestamp - NOW for event in search.events()] == sorted(times)
    assert steps == 1 if is_indexed else steps >= len(builder.state.log) // 7
    assert search.counts == {"task.progress": 20}


def test_task_messages_and_events_of_other_topics_are_found() -> None:
    state = state_of(
        task_message(),
        task_event("succeeded", NOW + 2, run_s=1.0),
        task_event("started", NOW + 1),
        task_event("started", NOW, "b"),
        event_message("messages", "message.scored", {"task_id": WANTED}, NOW + 1.5),
    )
    search = EventSearch(state.log, WANTED)
    search.finish()
    assert [event.type for event in search.events()] == [
        NAME,
        "task.started",
        "message.scored",
        "task.succeeded",
    ]


def test_new_events_are_found_by_the_next_step() -> None:
    builder = StateBuilder().runs(30)
    builder.started(WANTED)
    search = EventSearch(builder.state.log, WANTED)
    search.finish()
    builder.succeeded(WANTED, at=NOW + 2)
    assert not search.is_complete
    search.step()
    assert [event.type for event in search.events()] == ["task.started", "task.succeeded"]
    assert [event.type for event in search.events("task.succeeded")] == ["task.succeeded"]


def test_the_latest_by_time_of_many_events_of_one_type_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_search, "MAX_EVENTS", 5)
    builder = StateBuilder()
    builder.started(WANTED)
    for number in random.Random(5).sample(range(40), 40):
        builder.progress(WANTED, NOW + number, done=number)
    search = EventSearch(builder.state.log, WANTED)
    search.finish()
    kept = [event.timestamp - NOW for event in search.events("task.progress")]
    assert kept == [35, 36, 37, 38, 39]
    assert search.counts["task.progress"] == 40
    assert len(search.events("task.started")) == 1


def test_no_event_mentions_an_id_that_cannot_be_encoded() -> None:
    search = EventSearch(StateBuilder().runs(30).state.log, "\ud800")
    search.finish()
    assert search.events() == []


def test_heartbeats_that_mention_the_run_are_left_out() -> None:
    builder = StateBuilder()
    builder.heartbeat(tasks=[{"task_id": WANTED}])
    builder.started(WANTED)
    search = EventSearch(builder.state.log, WANTED)
    search.finish()
    assert [event.type for event in search.events()] == ["task.started"]


def test_many_events_of_an_indexed_run_are_found_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_search, "MAX_FOUND", 6)
    builder = StateBuilder()
    for number in range(20):
        builder.progress(WANTED, NOW + number, done=number)
        builder.runs(1, first=number)
    search = EventSearch(builder.state.log, WANTED)
    found = []
    while not search.is_complete:
        search.step()
        found.append(search.counts.total())
    assert found == [6, 12, 18, 20]
    assert [event.data()["done"] for event in search.events()] == list(range(20))
