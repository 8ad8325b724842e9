"""When a run is called overdue: by its own timeout, by what its like took, else after 5 minutes."""

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.deadlines import DEFAULT_S, GRACE_S, MIN_S
from pulse_desktop.state.system import SystemState
from tests.unit.state.state_builders import NOW, TASK, queued_event, task_arrival, task_event

LATER = NOW + 10_000


def ended(state, count, run_s, waited_s=0.1) -> None:
    """Let so many runs of the same task take so long."""
    for number in range(count):
        task_id = f"{number:032x}"
        state.fold(
            [
                queued_event(NOW, task_id),
                task_event("started", NOW + waited_s, task_id),
                task_event("succeeded", NOW + waited_s + run_s, task_id, run_s=run_s),
            ]
        )


def started(state, at=LATER, **labels):
    state.fold([task_arrival(at - 200, **labels), task_event("started", at)])
    return state.runs.get(TASK)


def first_called_overdue(state, since):
    """Return after how many whole seconds a run is called overdue."""
    for seconds in range(20_000):
        state.tick(since + seconds)
        if state.runs.get(TASK).state is RunState.OVERDUE:
            return seconds
    raise AssertionError("never")


def test_nothing_is_known_of_a_task_that_never_ran() -> None:
    state = SystemState()
    limit = state.runs.deadline_of(started(state), LATER)
    assert (limit.seconds, limit.source) == (DEFAULT_S, "default")
    assert first_called_overdue(state, LATER) == DEFAULT_S + 1


def test_a_task_is_late_when_it_takes_five_times_what_its_like_took() -> None:
    state = SystemState()
    ended(state, 5, run_s=100.0)
    limit = state.runs.deadline_of(started(state), LATER)
    assert (limit.seconds, limit.source) == (500.0, "runs")
    assert (limit.sample_count, limit.baseline_s) == (5, 100.0)
    assert first_called_overdue(state, LATER) == 501


def test_four_runs_are_too_few_to_know() -> None:
    state = SystemState()
    ended(state, 4, run_s=100.0)
    assert state.runs.deadline_of(started(state), LATER).source == "default"


def test_a_quick_task_has_a_minute_nevertheless() -> None:
    state = SystemState()
    ended(state, 20, run_s=0.01)
    assert state.runs.deadline_of(started(state), LATER).seconds == MIN_S
    assert first_called_overdue(state, LATER) == MIN_S + 1


def test_one_slow_run_in_a_hundred_does_not_raise_the_limit() -> None:
    state = SystemState()
    ended(state, 99, run_s=20.0)
    state.fold([task_event("succeeded", NOW, "f" * 32, run_s=9_000.0)])
    assert state.runs.deadline_of(started(state), LATER).seconds == 100.0


@pytest.mark.parametrize(("label", "seconds"), [(20, 20.0), (1.5, 1.5), ("90", 90.0)])
def test_a_tasks_own_timeout_counts_before_everything(label, seconds) -> None:
    state = SystemState()
    ended(state, 50, run_s=100.0)
    limit = state.runs.deadline_of(started(state, timeout=label), LATER)
    assert (limit.seconds, limit.source) == (seconds + GRACE_S, "timeout")
    assert limit.baseline_s == seconds


@pytest.mark.parametrize("label", ["soon", "", "-1", "0", "nan", "inf", None])
def test_a_timeout_that_is_none_is_overlooked(label) -> None:
    state = SystemState()
    limit = state.runs.deadline_of(started(state, timeout=label), LATER)
    assert (limit.seconds, limit.source) == (DEFAULT_S, "default")


def test_signs_of_life_do_not_prolong_a_timeout_but_any_other_limit() -> None:
    for labels, source, seconds in (({"timeout": 20}, "timeout", 31), ({}, "default", 321)):
        state = SystemState()
        started(state, **labels)
        state.fold([task_event("progress", LATER + 20, done=1, total=9)])
        assert state.runs.deadline_of(state.runs.get(TASK), LATER).source == source
        assert first_called_overdue(state, LATER) == seconds


def test_waiting_in_the_queue_is_not_running() -> None:
    state = SystemState()
    ended(state, 20, run_s=0.01)
    state.fold([task_arrival(LATER)])
    limit = state.runs.deadline_of(state.runs.get(TASK), LATER)
    assert (limit.seconds, limit.source) == (DEFAULT_S, "default")
    state.fold([task_event("started", LATER + 250)])
    assert first_called_overdue(state, LATER) == 250 + MIN_S + 1


def test_a_long_queue_makes_nobody_late() -> None:
    state = SystemState()
    ended(state, 20, run_s=0.01, waited_s=400.0)
    state.fold([task_arrival(LATER)])
    limit = state.runs.deadline_of(state.runs.get(TASK), LATER)
    assert (limit.seconds, limit.source, limit.sample_count) == (2_000.0, "waits", 20)


def test_a_task_whose_start_nobody_tells_has_the_time_that_its_like_took() -> None:
    state = SystemState()
    ended(state, 20, run_s=500.0)
    state.fold([task_arrival(LATER)])
    limit = state.runs.deadline_of(state.runs.get(TASK), LATER)
    assert (limit.seconds, limit.source) == (2_500.0, "runs")


def test_limits_follow_what_is_measured_later() -> None:
    state = SystemState()
    ended(state, 5, run_s=20.0)
    run = started(state)
    assert state.runs.deadline_of(run, LATER).seconds == 100.0
    ended(state, 200, run_s=40.0)
    assert state.runs.deadline_of(run, LATER + 31).seconds == 200.0
