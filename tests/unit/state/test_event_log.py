"""The event log is bounded, keeps unreadable events, and finds the events of a run."""

from pulse_desktop.protocol.timestamps import MAX_CLOCK_SKEW_S
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    event_message,
    heartbeat,
    new_message,
    queued_event,
    raw_message,
    state_of,
    task_event,
    task_message,
)


def test_an_unreadable_event_is_kept_and_counted() -> None:
    state = state_of(raw_message("agents", b"\x00nonsense"), heartbeat())
    assert [event.readable for event in state.log] == [False, True]
    assert state.log[0].raw == b"\x00nonsense"
    assert (state.unreadable, state.topics.by_name["agents"].unreadable) == (1, 1)
    assert len(state.workers.rows) == 1


def test_a_timestamp_far_in_the_future_is_replaced_by_the_arrival_time() -> None:
    ahead = raw_message(
        "messages", {"type": "message.new", "timestamp": NOW + MAX_CLOCK_SKEW_S + 60}
    )
    state = state_of(ahead)
    assert (state.log[0].timestamp, state.log[0].time_source) == (NOW, "received")


def test_the_log_is_bounded_in_bytes() -> None:
    state = SystemState(log_rows=1_000, log_bytes=10_000)
    state.fold([new_message(content="x" * 1_000) for _ in range(50)])
    assert state.log.weight <= 10_000
    assert len(state.log) < 10


def test_the_log_finds_the_events_of_a_run() -> None:
    state = state_of(
        task_message(), heartbeat(), task_event("started"), task_event("started", NOW, "b")
    )
    assert [event.type for event in state.log.mentioning("a" * 32)] == [NAME, "task.started"]
    assert state.log.count_mentioning("a" * 32) == {NAME: 1, "task.started": 1}


def test_many_events_of_one_type_do_not_push_the_others_of_a_run_out() -> None:
    line = event_message("tasks", "task.log", {"task_id": "a" * 32, "lines": []}, NOW)
    progress = [task_event("progress", NOW + 1, done=done) for done in range(600)]
    state = state_of(line, *progress)
    first, *rest = state.log.mentioning("a" * 32)
    assert first.type == "task.log"
    assert len(rest) == 500
    assert rest[-1].data()["done"] == 599
    assert state.log.count_mentioning("a" * 32)["task.progress"] == 600
    assert state.log.mentioning("a" * 32, type_="task.log") == [first]


def test_the_events_of_a_run_are_sorted_by_time() -> None:
    state = state_of(
        task_event("succeeded", NOW + 2, run_s=1.0),
        task_event("started", NOW + 1),
        event_message("messages", "message.scored", {"task_id": "a" * 32}, NOW + 1.5),
        queued_event(NOW),
    )
    assert [event.type for event in state.log.mentioning("a" * 32)] == [
        "task.queued",
        "task.started",
        "message.scored",
        "task.succeeded",
    ]
