"""Deadlines of runs: from their own timeout, from earlier runs of the task, else 5 minutes."""

from typing import Any

import msgspec
import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.deadlines import DEFAULT_S, GRACE_S, MIN_S
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import NOW, queued_event, run_of, task_event, task_message

LATER = NOW + 10_000


def finish_runs(state: SystemState, count: int, run_s: float, waited_s: float = 0.1) -> None:
    """Fold `count` finished runs of the same task."""
    for number in range(count):
        task_id = f"{number:032x}"
        state.fold(
            [
                queued_event(NOW, task_id),
                task_event("started", NOW + waited_s, task_id),
                task_event("succeeded", NOW + waited_s + run_s, task_id, run_s=run_s),
            ]
        )


def start_run(state: SystemState, at: float = LATER, **labels: Any) -> TaskRun:
    state.fold([task_message(at - 200, **labels), task_event("started", at)])
    return run_of(state)


def seconds_until_overdue(state: SystemState, since: float) -> int:
    """Return the number of whole seconds until the run is overdue."""
    for seconds in range(20_000):
        state.tick(since + seconds)
        if run_of(state).state is RunState.OVERDUE:
            return seconds
    raise AssertionError("the run is never overdue")


def test_a_task_without_finished_runs_has_the_default_deadline() -> None:
    state = SystemState()
    deadline = state.runs.deadline_of(start_run(state), LATER)
    assert (deadline.seconds, deadline.source) == (DEFAULT_S, "default")
    assert seconds_until_overdue(state, LATER) == DEFAULT_S + 1


def test_the_deadline_is_five_times_the_duration_of_earlier_runs() -> None:
    state = SystemState()
    finish_runs(state, 5, run_s=100.0)
    deadline = state.runs.deadline_of(start_run(state), LATER)
    assert (deadline.seconds, deadline.source) == (500.0, "runs")
    assert (deadline.sample_count, deadline.baseline_s) == (5, 100.0)
    assert seconds_until_overdue(state, LATER) == 501


def test_four_finished_runs_are_too_few_samples() -> None:
    state = SystemState()
    finish_runs(state, 4, run_s=100.0)
    assert state.runs.deadline_of(start_run(state), LATER).source == "default"


def test_a_quick_task_has_the_minimum_deadline() -> None:
    state = SystemState()
    finish_runs(state, 20, run_s=0.01)
    assert state.runs.deadline_of(start_run(state), LATER).seconds == MIN_S
    assert seconds_until_overdue(state, LATER) == MIN_S + 1


def test_one_slow_run_in_a_hundred_does_not_raise_the_deadline() -> None:
    state = SystemState()
    finish_runs(state, 99, run_s=20.0)
    state.fold([task_event("succeeded", NOW, "f" * 32, run_s=9_000.0)])
    assert state.runs.deadline_of(start_run(state), LATER).seconds == 100.0


@pytest.mark.parametrize(("label", "seconds"), [(20, 20.0), (1.5, 1.5), ("90", 90.0)])
def test_the_timeout_label_outranks_earlier_runs(label: Any, seconds: float) -> None:
    state = SystemState()
    finish_runs(state, 50, run_s=100.0)
    deadline = state.runs.deadline_of(start_run(state, timeout=label), LATER)
    assert (deadline.seconds, deadline.source) == (seconds + GRACE_S, "timeout")
    assert deadline.baseline_s == seconds


@pytest.mark.parametrize("label", ["soon", "", "-1", "0", "nan", "inf", None])
def test_an_invalid_timeout_label_is_ignored(label: Any) -> None:
    state = SystemState()
    deadline = state.runs.deadline_of(start_run(state, timeout=label), LATER)
    assert (deadline.seconds, deadline.source) == (DEFAULT_S, "default")


def test_progress_prolongs_every_deadline_except_a_timeout() -> None:
    for labels, source, seconds in (({"timeout": 20}, "timeout", 31), ({}, "default", 321)):
        state = SystemState()
        start_run(state, **labels)
        state.fold([task_event("progress", LATER + 20, done=1, total=9)])
        assert state.runs.deadline_of(run_of(state), LATER).source == source
        assert seconds_until_overdue(state, LATER) == seconds


def test_time_in_the_queue_does_not_count_as_run_time() -> None:
    state = SystemState()
    finish_runs(state, 20, run_s=0.01)
    state.fold([task_message(LATER)])
    deadline = state.runs.deadline_of(run_of(state), LATER)
    assert (deadline.seconds, deadline.source) == (DEFAULT_S, "default")
    state.fold([task_event("started", LATER + 250)])
    assert seconds_until_overdue(state, LATER) == 250 + MIN_S + 1


def test_long_waits_of_earlier_runs_extend_the_deadline_of_queued_runs() -> None:
    state = SystemState()
    finish_runs(state, 20, run_s=0.01, waited_s=400.0)
    state.fold([task_message(LATER)])
    deadline = state.runs.deadline_of(run_of(state), LATER)
    assert (deadline.seconds, deadline.source, deadline.sample_count) == (2_000.0, "waits", 20)


def test_a_task_without_start_events_has_the_deadline_of_earlier_runs() -> None:
    state = SystemState()
    finish_runs(state, 20, run_s=500.0)
    state.fold([task_message(LATER)])
    deadline = state.runs.deadline_of(run_of(state), LATER)
    assert (deadline.seconds, deadline.source) == (2_500.0, "runs")


def test_deadlines_follow_later_measurements() -> None:
    state = SystemState()
    finish_runs(state, 5, run_s=20.0)
    run = start_run(state)
    assert state.runs.deadline_of(run, LATER).seconds == 100.0
    finish_runs(state, 200, run_s=40.0)
    assert state.runs.deadline_of(run, LATER + 31).seconds == 200.0


@pytest.mark.parametrize("offset_s", [-7200.0, 600.0])
@pytest.mark.parametrize("labels", [{}, {"timeout": "60"}])
def test_the_clock_of_a_worker_does_not_change_when_its_run_is_overdue(
    offset_s: float, labels: dict[str, Any]
) -> None:
    state = SystemState()
    started = msgspec.structs.replace(task_event("started", LATER + offset_s), at=LATER)
    state.fold([task_message(LATER - 1, **labels), started])
    deadline_s = 60 + GRACE_S if labels else DEFAULT_S
    assert seconds_until_overdue(state, LATER) == pytest.approx(deadline_s, abs=2)
