"""The state of task runs, derived from events, task messages and stored results."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.state.deadlines import DEFAULT_S
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    TASK,
    VALUE_ERROR,
    event_message,
    fold_body,
    queued_event,
    raw_message,
    result_body,
    result_of,
    run_error,
    run_of,
    run_request,
    run_update,
    state_of,
    stored_object,
    task_event,
    task_message,
)

LATE = NOW + DEFAULT_S + 10


def test_a_result_that_arrives_before_its_task_is_kept() -> None:
    stored = stored_object(NOW + 2)
    state = state_of(stored)
    assert run_of(state).state is RunState.RESULT_UNREADABLE
    assert state.pending_reads == [stored]
    fold_body(state, stored, result_body([1, 2]))
    assert run_of(state).state is RunState.SUCCEEDED
    assert run_of(state).name == NAME
    state.fold([task_message(NOW)])
    run = run_of(state)
    assert (run.state, run.queued_at, run.finished_at) == (RunState.SUCCEEDED, NOW, NOW + 2)
    assert run_request(run).complete


@pytest.mark.parametrize("offset_s", [-7200.0, -90.0, 5.0, 600.0])
@pytest.mark.parametrize("reports_end", [False, True])
def test_a_wrong_clock_of_the_worker_neither_prolongs_a_run_nor_makes_it_overdue(
    offset_s: float, reports_end: bool
) -> None:
    def arriving(event: InboundMessage, at: float) -> InboundMessage:
        return msgspec.structs.replace(event, at=at)

    state = state_of(
        arriving(queued_event(NOW + offset_s), NOW),
        arriving(task_event("started", NOW + 1 + offset_s), NOW + 1),
    )
    state.tick(NOW + 30)
    assert run_of(state).state is RunState.RUNNING
    if reports_end:
        state.fold([arriving(task_event("succeeded", NOW + 3 + offset_s, run_s=2.0), NOW + 3)])
    stored = stored_object(NOW + 3)
    state.fold([stored])
    fold_body(state, stored, result_body(1))
    run = run_of(state)
    assert run.state is RunState.SUCCEEDED
    assert run.queued_at is not None
    assert run.queued_at <= NOW + 1
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.started_at <= run.finished_at <= NOW + 3
    assert run.wait_s is None or 0 <= run.wait_s <= 1.1
    assert run.run_s is None or run.run_s >= 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"status": "error", "message": "no such chat"}, "no such chat"),
        ("Error: it broke", "Error: it broke"),
        ({"failed": 2, "total": 5}, "2 of 5 failed"),
    ],
)
def test_a_return_value_that_reports_an_error_is_a_soft_failure(value: Any, reason: str) -> None:
    stored = stored_object(NOW + 2)
    state = state_of(
        task_message(), task_event("started"), task_event("succeeded", NOW + 1, run_s=1.0), stored
    )
    assert run_of(state).state is RunState.SUCCEEDED
    fold_body(state, stored, result_body(value))
    assert run_of(state).state is RunState.SOFT_FAILED
    assert run_of(state).reason == reason
    assert result_of(state).outcome == "soft_failed"


def test_a_run_without_a_result_becomes_overdue_until_its_result_arrives() -> None:
    state = state_of(task_message())
    state.tick(NOW + 5)
    assert run_of(state).state is RunState.QUEUED
    state.tick(LATE)
    assert run_of(state).state is RunState.OVERDUE
    assert state.runs.counts[RunState.OVERDUE] == 1
    stored = stored_object(LATE)
    state.fold([stored])
    fold_body(state, stored, result_body())
    assert run_of(state).state is RunState.SUCCEEDED
    state.tick(LATE + 10_000)
    assert run_of(state).state is RunState.SUCCEEDED
    assert +state.runs.counts == {RunState.SUCCEEDED: 1}


def test_a_repeated_old_update_leaves_an_overdue_run_overdue() -> None:
    state = state_of(task_message())
    state.tick(LATE)
    state.fold([task_message()])
    assert run_of(state).state is RunState.OVERDUE
    state.fold([task_event("started", LATE)])
    assert run_of(state).state is RunState.RUNNING


def test_a_run_in_the_heartbeat_of_an_online_worker_is_not_overdue() -> None:
    tasks = [{"task_id": TASK, "task_name": NAME}]
    state = state_of(
        task_event("started"),
        event_message("monitoring", "worker.heartbeat", {"worker": "w", "tasks": tasks}, LATE),
    )
    state.tick(LATE + 1)
    assert run_of(state).state is RunState.RUNNING
    state.tick(LATE + 100)  # the worker is silent as well
    assert run_of(state).state is RunState.OVERDUE
    heartbeat = event_message(
        "monitoring", "worker.heartbeat", {"worker": "w", "tasks": tasks}, LATE + 100
    )
    state.fold([heartbeat])
    state.tick(LATE + 101)
    assert run_of(state).state is RunState.RUNNING


def test_a_run_is_retrying_between_attempts() -> None:
    state = state_of(task_message(), task_event("started", NOW + 1))
    state.fold([task_event("failed", NOW + 2, will_retry=True, error={"type": "E"})])
    assert run_of(state).state is RunState.RETRYING
    assert run_error(run_of(state)).type == "E"
    state.fold([task_event("started", NOW + 3, attempt=2)])
    assert run_of(state).state is RunState.RUNNING
    assert run_of(state).error is None
    state.fold([task_event("failed", NOW + 4, attempt=2, will_retry=False)])
    assert run_of(state).state is RunState.FAILED


def test_a_task_that_taskiq_published_again_is_retrying_until_it_starts() -> None:
    state = state_of(
        task_message(),
        task_event("started", NOW + 1),
        task_event("failed", NOW + 2, will_retry=False),
    )
    assert run_of(state).state is RunState.FAILED
    state.fold([task_message(NOW + 2.1, _retries=1)])
    assert (run_of(state).state, run_of(state).attempt) == (RunState.RETRYING, 2)
    state.fold([task_event("started", NOW + 3)])  # the first delivery of the new message
    assert run_of(state).state is RunState.RUNNING
    state.fold([task_event("succeeded", NOW + 4)])
    assert run_of(state).state is RunState.SUCCEEDED
    assert run_request(run_of(state)).retry_rank == 0  # of the original message, not of the retry


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_finished_task_that_is_started_again_is_running(attempt: int) -> None:
    stored = stored_object(NOW + 3)
    state = state_of(
        task_event("started", NOW + 1), task_event("failed", NOW + 2, error={"type": "E"}), stored
    )
    fold_body(state, stored, result_body(error=VALUE_ERROR))
    assert run_of(state).state is RunState.FAILED
    state.fold([task_event("started", NOW + 10, attempt=attempt)])
    run = run_of(state)
    assert run.state is RunState.RUNNING
    assert (run.error, run.reason, run.run_s, run.finished_at) == (None, "", None, None)
    again = stored_object(NOW + 12, sequence=2)
    state.fold([again])
    fold_body(state, again, result_body("fine"))
    assert run_of(state).state is RunState.SUCCEEDED


def test_a_run_that_a_worker_refuses_has_no_attempt_and_no_worker() -> None:
    state = SystemState()
    cancelled = task_event("cancelled", NOW + 3, attempt=1, worker="w-1", run_s=None, reason="stop")
    state.fold([cancelled])
    (run,) = state.runs.rows
    assert (run.state, run.attempts, run.worker) == (RunState.CANCELLED, (), "")
    assert run.finished_at == NOW + 3


def test_a_cancelled_run_has_a_duration() -> None:
    state = state_of(task_event("started", NOW + 1))
    state.fold([task_event("cancelled", NOW + 3, run_s=2.0, reason="stop")])
    run = run_of(state)
    assert (run.state, run.finished_at, run.run_s) == (RunState.CANCELLED, NOW + 3, 2.0)
    state.fold([task_event("started", NOW + 5, attempt=2)])
    assert run_of(state).state is RunState.RUNNING


@pytest.mark.parametrize("run_s", [-5.0, "-5", 1e300])
@pytest.mark.parametrize("kind", ["succeeded", "failed"])
def test_a_run_time_that_no_clock_measures_is_unknown(kind: str, run_s: object) -> None:
    state = state_of(queued_event(), task_event(kind, NOW + 9, run_s=run_s))
    assert run_of(state).state in (RunState.SUCCEEDED, RunState.FAILED)
    assert run_of(state).run_s is None
    assert all(map(math.isnan, state.runs.timings.run_s[: len(state.runs.rows)]))
    state.fold([task_event("started", NOW + 2)])
    assert run_of(state).run_s == 7


@pytest.mark.parametrize("duration_ms", [-5_000, 1e300])
def test_an_older_event_without_a_possible_duration_has_none(duration_ms: float) -> None:
    data = {"task_id": TASK, "task_name": NAME, "duration_ms": duration_ms}
    assert run_of(state_of(event_message("tasks", "task_completed", data))).run_s is None


def test_the_worker_is_known_from_the_last_event_alone() -> None:
    state = state_of(task_event("succeeded", worker="worker-9@h:1"))
    assert run_of(state).worker == "worker-9@h:1"


def test_an_unreadable_result_finishes_the_run() -> None:
    stored = stored_object(NOW)
    state = state_of(task_message(), stored)
    fold_body(state, stored, b"\x80\x04garbage")
    run = run_of(state)
    assert run.state is RunState.RESULT_UNREADABLE
    assert run.reason
    assert result_of(state).problem == run.reason


def test_a_run_without_events_has_the_duration_of_its_result() -> None:
    stored = stored_object(NOW + 2)
    state = state_of(task_message(), stored)
    fold_body(state, stored, result_body("fine", seconds=0.5))
    assert run_of(state).run_s == 0.5
    assert {name: each.since(NOW) for name, each in state.runs.durations.items()} == {NAME: [0.5]}
    assert state.runs.success_rate(NOW + 3, 60) == (1, 1)
    state.fold([stored])
    fold_body(state, stored, result_body("fine", seconds=0.5))
    assert {name: each.since(NOW) for name, each in state.runs.durations.items()} == {NAME: [0.5]}
    assert state.runs.success_rate(NOW + 3, 60) == (1, 1)


def test_a_corrected_end_time_moves_the_run_to_its_bucket() -> None:
    stored = stored_object(NOW + 100)
    state = state_of(task_message(), stored)
    fold_body(state, stored, result_body("fine"))
    state.fold([task_event("succeeded", NOW + 1)])
    succeeded = state.runs.ended[RunState.SUCCEEDED]
    assert succeeded.total(NOW + 101, 5) == 0
    assert succeeded.total(NOW + 101, 200) == 1


def test_a_run_known_from_older_events_has_an_incomplete_request() -> None:
    body = {
        "type": "task_started",
        "task_name": NAME,
        "status": "started",
        "timestamp": NOW,
        "data": {"task_id": TASK, "params": {"k": "v"}},
    }
    state = state_of(raw_message("monitoring", body))
    run = run_of(state)
    assert (run.state, run.name, run_request(run).kwargs) == (RunState.RUNNING, NAME, b'{"k":"v"}')
    assert not run_request(run).complete


def test_a_malformed_task_is_logged_with_its_problem() -> None:
    state = state_of(InboundMessage(Source.TASK, "taskiq_tasks", b'{"task_id":1}', NOW))
    (event,) = state.log
    assert event.topic == "taskiq"
    assert "not a task" in event.problem
    assert state.unreadable == 1
    assert len(state.runs.rows) == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["task", "queued", "started", "retry", "failed", "succeeded", "cancelled", "stored"]
        )
        | st.just("tick"),
        st.integers(0, 11),  # which run
        st.integers(0, 800),  # when
        st.integers(1, 3),  # which attempt
    ),
    max_size=80,
)


@given(steps)
def test_the_counts_always_equal_a_recount_of_the_rows(
    changes: list[tuple[str, int, int, int]],
) -> None:
    state = SystemState(max_runs=8)
    runs = state.runs
    task_ids = {f"{which:032x}" for _, which, _, _ in changes}
    for number, (kind, which, after, attempt) in enumerate(changes):
        task_id, at = f"{which:032x}", NOW + after
        if kind == "tick":
            heartbeat = {"worker": f"w{number}", "tasks": [f"{attempt:032x}"]}
            state.fold([event_message("monitoring", "worker.heartbeat", heartbeat, at)])
            state.tick(at)
        elif kind == "task":
            state.fold([task_message(at, task_id)])
        elif kind == "queued":
            runs.put(run_update(queued_event(at, task_id)))
        elif kind == "stored":
            stored = stored_object(at, task_id, sequence=number)
            state.fold([stored])
            fold_body(state, stored, result_body({"status": "error"} if after % 2 else 1))
        else:
            name = "failed" if kind == "retry" else kind
            message = task_event(name, at, task_id, attempt=attempt, will_retry=kind == "retry")
            runs.put(run_update(message))
        recount = dict.fromkeys(RunState, 0)
        for run in runs.rows:
            recount[run.state] += 1
            assert runs.get(run.task_id) is run
            assert (run.finished_at is None) == (run.state in OPEN_STATES)
        assert {state: runs.counts[state] for state in RunState} == recount
        assert len(runs.rows) <= 8
    assert sum(runs.position(task_id) is not None for task_id in task_ids) == len(runs.rows)


@given(steps)
def test_finished_runs_in_the_series_equal_a_recount(
    changes: list[tuple[str, int, int, int]],
) -> None:
    runs = TaskRuns()
    for kind, which, after, attempt in changes:
        if kind in ("started", "failed", "succeeded", "cancelled"):
            message = task_event(kind, NOW + after, f"{which:032x}", attempt=attempt)
            runs.put(run_update(message))
    for state, series in runs.ended.items():
        expected = sum(run.state is state for run in runs.rows)
        assert series.total(NOW + 900, 1_000) == expected


def test_each_change_of_a_run_is_counted_also_while_it_is_open() -> None:
    state = SystemState()
    counts = [state.runs.changes]
    for arrival in (
        task_message(),
        task_event("started", NOW + 1),
        task_event("succeeded", NOW + 2, run_s=1.0),
    ):
        state.fold([arrival])
        counts.append(state.runs.changes)
    assert counts == sorted(set(counts))
    state.fold([event_message("monitoring", "worker.heartbeat", {"worker": "w@h:1"}, NOW + 3)])
    assert state.runs.changes == counts[-1]
