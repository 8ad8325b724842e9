"""Failure groups kept with each change equal those found by iterating over all runs."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.model.run_state import UNHEALTHY_STATES, RunState
from pulse_desktop.query.fingerprint import Fingerprint, fingerprint
from pulse_desktop.state.attention import WINDOW_S, attention_items
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NOW,
    result_body,
    result_update,
    run_update,
    stored_object,
    task_event,
    task_message,
)

IDS = ["a", "b", "c", "d", "e", "f"]


@st.composite
def _updates(draw: st.DrawFn) -> TaskRun:
    task_id, at = draw(st.sampled_from(IDS)), NOW + draw(st.integers(0, 3000))
    match draw(
        st.sampled_from(["queued", "started", "failed", "succeeded", "cancelled", "stored"])
    ):
        case "queued":
            return run_update(task_message(at, task_id))
        case "stored":
            value = draw(st.sampled_from(["fine", "Error: no"]))
            return result_update(stored_object(at, task_id), result_body(value))
        case "failed":
            error = {"type": draw(st.sampled_from(["E", "F"])), "message": "m"}
            retry = draw(st.booleans())
            return run_update(task_event("failed", at, task_id, error=error, will_retry=retry))
        case kind:
            return run_update(task_event(kind, at, task_id))


def _found_by_iterating(runs: TaskRuns, now: float) -> dict[Fingerprint, set[str]]:
    found: dict[Fingerprint, set[str]] = {}
    for run in runs.rows:
        if run.state is RunState.OVERDUE:
            key = Fingerprint(run.state, "", run.name)
            found.setdefault(key, set()).add(run.task_id)
        elif run.state in UNHEALTHY_STATES and (run.finished_at or 0.0) >= now - WINDOW_S:
            key = fingerprint(run)
            found.setdefault(key, set()).add(run.task_id)
    return found


def _found(runs: TaskRuns, now: float) -> dict[Fingerprint, set[str]]:
    return {
        key: {runs.rows[position].task_id for position in group.newest(100)}
        for key, group in runs.failure_groups.since(now - WINDOW_S)
    }


@given(
    st.lists(st.one_of(_updates(), st.integers(0, 4000)), max_size=40),
    st.sampled_from([3, 100]),
)
def test_failure_groups_equal_those_found_by_iterating(
    steps: list[TaskRun | int], capacity: int
) -> None:
    runs, now = TaskRuns(capacity, overdue_after_s=500), NOW
    for step in steps:
        if isinstance(step, int):
            now = max(now, NOW + step)
            runs.tick(now)
            assert _found(runs, now) == _found_by_iterating(runs, now)
        else:
            runs.put(step)
    assert _found(runs, now) == _found_by_iterating(runs, now)


def test_evicted_runs_leave_no_group() -> None:
    runs = TaskRuns(capacity=10)
    for number in range(500):
        fields = {"error": {"type": f"E{number}", "message": "m"}}
        runs.put(run_update(task_event("failed", NOW, f"{number:032x}", **fields)))
    assert len(runs.failure_groups.groups) == runs.failure_groups.size == 10
    list(runs.failure_groups.since(NOW + 1))
    assert not runs.failure_groups.groups
    assert runs.failure_groups.size == 0


@pytest.mark.parametrize("kind", ["failed", "overdue"])
def test_attention_items_of_many_failures_are_computed_within_a_frame(kind: str) -> None:
    state = SystemState()
    for number in range(30_000):
        task_id = f"{number:032x}"
        if kind == "failed":
            fields = {"error": {"type": "E", "message": "m"}}
            state.runs.put(run_update(task_event("failed", NOW + number / 100, task_id, **fields)))
        else:
            state.runs.put(run_update(task_message(NOW, task_id)))
    for _ in range(10):
        state.tick(NOW + 1_000)
    (item,) = attention_items(state, NOW + 1_000)
    assert item.count == 30_000
    quickest = min(_seconds(lambda: attention_items(state, NOW + 1_000)) for _ in range(5))
    assert quickest < 0.01  # under a millisecond on a quiet machine


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
