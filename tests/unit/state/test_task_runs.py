"""What a task run is doing, told from whatever has been heard of it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.state.deadlines import DEFAULT_S
from pulse_desktop.state.serialize import event_to_dict, run_to_dict
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NAME,
    NOW,
    TASK,
    VALUE_ERROR,
    account,
    event_arrival,
    fold_body,
    queued_event,
    raw_arrival,
    result_body,
    stored_object,
    task_arrival,
    task_event,
)

LATE = NOW + DEFAULT_S + 10


def folded(*arrivals):
    state = SystemState()
    state.fold(arrivals)
    return state


def run_of(state, task_id=TASK):
    return state.runs.get(task_id)


def test_a_result_that_arrives_before_its_task_is_kept() -> None:
    stored = stored_object(NOW + 2)
    state = folded(stored)
    assert run_of(state).state is RunState.RESULT_UNREADABLE
    assert state.pending_reads == [stored]
    fold_body(state, stored, result_body([1, 2]))
    assert run_of(state).state is RunState.SUCCEEDED
    assert run_of(state).name == NAME
    state.fold([task_arrival(NOW)])
    run = run_of(state)
    assert (run.state, run.queued_at, run.finished_at) == (RunState.SUCCEEDED, NOW, NOW + 2)
    assert run.request.complete


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"status": "error", "message": "no such chat"}, "no such chat"),
        ("Error: it broke", "Error: it broke"),
        ({"failed": 2, "total": 5}, "2 of 5 failed"),
    ],
)
def test_a_job_that_returned_an_error_is_a_soft_failure(value, reason) -> None:
    stored = stored_object(NOW + 2)
    state = folded(
        task_arrival(), task_event("started"), task_event("succeeded", NOW + 1, run_s=1.0), stored
    )
    assert run_of(state).state is RunState.SUCCEEDED
    fold_body(state, stored, result_body(value))
    assert run_of(state).state is RunState.SOFT_FAILED
    assert run_of(state).reason == reason
    assert state.results.get(TASK).outcome == "soft_failed"


def test_a_run_seen_and_never_answered_becomes_overdue_and_is_cleared_when_it_answers() -> None:
    state = folded(task_arrival())
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


def test_an_old_account_told_again_does_not_make_an_overdue_run_look_alive() -> None:
    state = folded(task_arrival())
    state.tick(LATE)
    state.fold([task_arrival()])
    assert run_of(state).state is RunState.OVERDUE
    state.fold([task_event("started", LATE)])
    assert run_of(state).state is RunState.RUNNING


def test_a_run_that_a_living_worker_lists_is_not_overdue() -> None:
    tasks = [{"task_id": TASK, "task_name": NAME}]
    state = folded(
        task_event("started"),
        event_arrival("monitoring", "worker.heartbeat", {"worker": "w", "tasks": tasks}, LATE),
    )
    state.tick(LATE + 1)
    assert run_of(state).state is RunState.RUNNING
    state.tick(LATE + 100)  # by now the worker is silent too
    assert run_of(state).state is RunState.OVERDUE
    beat = event_arrival(
        "monitoring", "worker.heartbeat", {"worker": "w", "tasks": tasks}, LATE + 100
    )
    state.fold([beat])
    state.tick(LATE + 101)
    assert run_of(state).state is RunState.RUNNING


def test_between_attempts_a_run_is_retrying() -> None:
    state = folded(task_arrival(), task_event("started", NOW + 1))
    state.fold([task_event("failed", NOW + 2, will_retry=True, error={"type": "E"})])
    assert run_of(state).state is RunState.RETRYING
    assert run_of(state).error.type == "E"
    state.fold([task_event("started", NOW + 3, attempt=2)])
    assert run_of(state).state is RunState.RUNNING
    assert run_of(state).error is None
    state.fold([task_event("failed", NOW + 4, attempt=2, will_retry=False)])
    assert run_of(state).state is RunState.FAILED


def test_a_task_that_taskiq_put_on_the_subject_again_is_retrying_until_it_starts() -> None:
    state = folded(
        task_arrival(),
        task_event("started", NOW + 1),
        task_event("failed", NOW + 2, will_retry=False),
    )
    assert run_of(state).state is RunState.FAILED
    state.fold([task_arrival(NOW + 2.1, _retries=1)])
    assert (run_of(state).state, run_of(state).attempt) == (RunState.RETRYING, 2)
    state.fold([task_event("started", NOW + 3)])  # its first delivery, so the number is 1 again
    assert run_of(state).state is RunState.RUNNING
    state.fold([task_event("succeeded", NOW + 4)])
    assert run_of(state).state is RunState.SUCCEEDED
    assert run_of(state).request.retry_rank == 0  # the original, not the message that repeats it


@pytest.mark.parametrize("attempt", [1, 2])
def test_the_same_task_id_started_again_after_its_answer_is_running_again(attempt) -> None:
    stored = stored_object(NOW + 3)
    state = folded(
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


def test_a_cancelled_run_says_so_and_how_long_it_ran() -> None:
    state = folded(task_event("started", NOW + 1))
    state.fold([task_event("cancelled", NOW + 3, run_s=2.0, reason="stop")])
    run = run_of(state)
    assert (run.state, run.finished_at, run.run_s) == (RunState.CANCELLED, NOW + 3, 2.0)
    state.fold([task_event("started", NOW + 5, attempt=2)])
    assert run_of(state).state is RunState.RUNNING


def test_a_worker_is_known_even_if_only_the_end_was_seen() -> None:
    state = folded(task_event("succeeded", worker="worker-9@h:1"))
    assert run_of(state).worker == "worker-9@h:1"


def test_a_result_nobody_can_read_is_still_an_answer() -> None:
    stored = stored_object(NOW)
    state = folded(task_arrival(), stored)
    fold_body(state, stored, b"\x80\x04garbage")
    run = run_of(state)
    assert run.state is RunState.RESULT_UNREADABLE
    assert run.reason
    assert state.results.get(TASK).problem == run.reason


def test_an_uninstrumented_run_is_timed_by_its_result() -> None:
    stored = stored_object(NOW + 2)
    state = folded(task_arrival(), stored)
    fold_body(state, stored, result_body("fine", seconds=0.5))
    assert run_of(state).run_s == 0.5
    assert state.runs.recent_durations(NOW + 3, 60) == {NAME: [0.5]}
    assert state.runs.success_rate(NOW + 3, 60) == (1, 1)
    state.fold([stored])
    fold_body(state, stored, result_body("fine", seconds=0.5))
    assert state.runs.recent_durations(NOW + 3, 60) == {NAME: [0.5]}
    assert state.runs.success_rate(NOW + 3, 60) == (1, 1)


def test_an_end_that_turns_out_to_be_earlier_is_counted_where_it_belongs() -> None:
    stored = stored_object(NOW + 100)
    state = folded(task_arrival(), stored)
    fold_body(state, stored, result_body("fine"))
    state.fold([task_event("succeeded", NOW + 1)])
    succeeded = state.runs.finished[RunState.SUCCEEDED]
    assert succeeded.total(NOW + 101, 5) == 0
    assert succeeded.total(NOW + 101, 200) == 1


def test_a_run_told_of_by_an_older_system_can_be_looked_at_but_not_repeated() -> None:
    body = {
        "type": "task_started",
        "task_name": NAME,
        "status": "started",
        "timestamp": NOW,
        "data": {"task_id": TASK, "params": {"k": "v"}},
    }
    state = folded(raw_arrival("monitoring", body))
    run = run_of(state)
    assert (run.state, run.name, run.request.kwargs) == (RunState.RUNNING, NAME, b'{"k":"v"}')
    assert not run.request.complete


def test_a_task_that_cannot_be_read_stands_in_the_log_with_its_reason() -> None:
    state = folded(InboundMessage(Source.TASK, "taskiq_tasks", b'{"task_id":1}', NOW))
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
def test_the_counts_always_equal_a_recount(moves) -> None:
    state = SystemState(max_runs=8)
    runs = state.runs
    for number, (kind, which, after, attempt) in enumerate(moves):
        task_id, at = f"{which:032x}", NOW + after
        if kind == "tick":
            beat = {"worker": f"w{number}", "tasks": [f"{attempt:032x}"]}
            state.fold([event_arrival("monitoring", "worker.heartbeat", beat, at)])
            state.tick(at)
        elif kind == "task":
            state.fold([task_arrival(at, task_id)])
        elif kind == "queued":
            runs.put(account(queued_event(at, task_id)))
        elif kind == "stored":
            stored = stored_object(at, task_id, sequence=number)
            state.fold([stored])
            fold_body(state, stored, result_body({"status": "error"} if after % 2 else 1))
        else:
            name = "failed" if kind == "retry" else kind
            arrival = task_event(name, at, task_id, attempt=attempt, will_retry=kind == "retry")
            runs.put(account(arrival))
        recount = dict.fromkeys(RunState, 0)
        for run in runs.rows:
            recount[run.state] += 1
            assert runs.get(run.task_id) is run
            assert (run.finished_at is None) == (run.state in OPEN_STATES)
        assert {state: runs.counts[state] for state in RunState} == recount
        assert len(runs.rows) <= 8
    assert len(runs._positions) == len(runs.rows)


@given(steps)
def test_ended_runs_in_the_series_equal_a_recount_while_none_is_forgotten(moves) -> None:
    runs = TaskRuns()
    for kind, which, after, attempt in moves:
        if kind in ("started", "failed", "succeeded", "cancelled"):
            arrival = task_event(kind, NOW + after, f"{which:032x}", attempt=attempt)
            runs.put(account(arrival))
    for state, series in runs.finished.items():
        expected = sum(run.state is state for run in runs.rows)
        assert series.total(NOW + 900, 1_000) == expected


def test_a_run_described_for_scripts_is_json_with_the_names_they_use() -> None:
    stored = stored_object(NOW + 3)
    state = folded(
        task_arrival(rerun_of="b" * 32),
        task_event("started", NOW + 1),
        task_event("failed", NOW + 2, error={"type": "E", "message": "m"}, run_s=1.0),
        stored,
    )
    told = json.loads(msgspec.json.encode(run_to_dict(run_of(state))))
    assert told == {
        "task_id": TASK,
        "task_name": NAME,
        "state": "failed",
        "args": [1],
        "kwargs": {"k": "v"},
        "labels": {"rerun_of": "b" * 32},
        "queued_at": "2026-11-23T10:49:02.000000+00:00",
        "started_at": "2026-11-23T10:49:03.000000+00:00",
        "finished_at": "2026-11-23T10:49:04.000000+00:00",
        "wait_s": 1.0,
        "run_s": 1.0,
        "worker": "worker-2@host-a:4121",
        "attempt": 1,
        "error": {"type": "E", "message": "m"},
        "rerun_of": "b" * 32,
    }


def test_an_unreadable_event_is_described_by_its_problem_and_its_bytes() -> None:
    state = folded(raw_arrival("tasks", b"\xff{"))
    told = json.loads(msgspec.json.encode(event_to_dict(state.log[0])))
    assert told["type"] is None
    assert told["data"] is None
    assert told["problem"].startswith("not JSON")
    assert told["raw"] == "\\xff{"
