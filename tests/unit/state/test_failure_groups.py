"""Troubles kept as they come and go are those that a walk over all runs would find."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse_desktop.model.run_state import UNHEALTHY_STATES, RunState
from pulse_desktop.query.fingerprint import fingerprint
from pulse_desktop.state.attention import WINDOW_S, attention_items
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import (
    NOW,
    account,
    result_account,
    result_body,
    stored_object,
    task_arrival,
    task_event,
)

IDS = ["a", "b", "c", "d", "e", "f"]


@st.composite
def _accounts(draw) -> TaskRun:
    task_id, at = draw(st.sampled_from(IDS)), NOW + draw(st.integers(0, 3000))
    match draw(
        st.sampled_from(["queued", "started", "failed", "succeeded", "cancelled", "stored"])
    ):
        case "queued":
            return account(task_arrival(at, task_id))
        case "stored":
            answer = draw(st.sampled_from(["fine", "Error: no"]))
            return result_account(stored_object(at, task_id), result_body(answer))
        case "failed":
            error = {"type": draw(st.sampled_from(["E", "F"])), "message": "m"}
            retry = draw(st.booleans())
            return account(task_event("failed", at, task_id, error=error, will_retry=retry))
        case kind:
            return account(task_event(kind, at, task_id))


def _found_by_walking(runs: TaskRuns, now: float) -> dict[tuple, set[str]]:
    found: dict[tuple, set[str]] = {}
    for run in runs.rows:
        if run.state is RunState.OVERDUE:
            found.setdefault((run.state, "", run.name), set()).add(run.task_id)
        elif run.state in UNHEALTHY_STATES and (run.finished_at or 0.0) >= now - WINDOW_S:
            key = fingerprint(run)
            found.setdefault(key, set()).add(run.task_id)
    return found


def _found(runs: TaskRuns, now: float) -> dict[tuple, set[str]]:
    return {
        key: {runs.rows[position].task_id for position in group.newest(100)}
        for key, group in runs.failure_groups.since(now - WINDOW_S)
    }


@given(
    st.lists(st.one_of(_accounts(), st.integers(0, 4000)), max_size=40),
    st.sampled_from([3, 100]),
)
@settings(max_examples=200)
def test_troubles_are_those_that_a_walk_finds(told, capacity) -> None:
    runs, now = TaskRuns(capacity, overdue_after_s=500), NOW
    for step in told:
        if isinstance(step, int):
            now = max(now, NOW + step)
            runs.tick(now)
            assert _found(runs, now) == _found_by_walking(runs, now)
        else:
            runs.put(step)
    assert _found(runs, now) == _found_by_walking(runs, now)


def test_runs_that_were_forgotten_leave_no_group_behind() -> None:
    runs = TaskRuns(capacity=10)
    for number in range(500):
        told = {"error": {"type": f"E{number}", "message": "m"}}
        runs.put(account(task_event("failed", NOW, f"{number:032x}", **told)))
    assert len(runs.failure_groups.groups) == runs.failure_groups.size == 10
    list(runs.failure_groups.since(NOW + 1))
    assert not runs.failure_groups.groups
    assert runs.failure_groups.size == 0


@pytest.mark.parametrize("kind", ["failed", "overdue"])
def test_a_look_at_very_many_troubles_takes_no_frame(kind) -> None:
    state = SystemState()
    for number in range(30_000):
        task_id = f"{number:032x}"
        if kind == "failed":
            told = {"error": {"type": "E", "message": "m"}}
            state.runs.put(account(task_event("failed", NOW + number / 100, task_id, **told)))
        else:
            state.runs.put(account(task_arrival(NOW, task_id)))
    for _ in range(10):
        state.tick(NOW + 1_000)
    (item,) = attention_items(state, NOW + 1_000)
    assert item.count == 30_000
    quickest = min(_seconds(lambda: attention_items(state, NOW + 1_000)) for _ in range(5))
    assert quickest < 0.01  # it is under a millisecond on a machine that is not busy


def _seconds(work) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin
