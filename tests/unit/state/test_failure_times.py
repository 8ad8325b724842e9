"""Counts of failures within any range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.state import failure_times
from pulse_desktop.state.failure_times import MAX_TIMES, FailureTimes
from pulse_desktop.state.task_runs import TaskRuns
from tests.unit.state.state_builders import NOW
from tests.unit.state.test_failure_groups import failed

times_ = st.lists(st.integers(0, 100).map(float), max_size=60)


@given(times_, times_, st.integers(-5, 105), st.integers(1, 60), st.integers(1, 20))
def test_counts_equal_those_of_a_list(
    added: list[float], removed: list[float], start: int, length: int, bins: int
) -> None:
    times = FailureTimes()
    for at in added:
        times.add(at)
    kept = list(added)
    for at in removed:
        times.remove(at)
        if at in kept:
            kept.remove(at)
    stop = start + length
    assert len(times) == len(kept)
    assert times.count(start, stop) == sum(start <= at <= stop for at in kept)
    assert sum(times.histogram(start, stop, bins)) == times.count(start, stop)
    assert times.bounds() == ((min(kept), max(kept)) if kept else None)


def test_only_the_latest_are_kept() -> None:
    times = FailureTimes()
    for number in range(3 * MAX_TIMES):
        times.add(float(number))
        times.add(float(-number))
    assert len(times) <= MAX_TIMES
    bounds = times.bounds()
    assert bounds is not None
    assert bounds[1] == 3 * MAX_TIMES - 1


def test_a_range_of_kept_times_is_counted_although_older_ones_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failure_times, "MAX_TIMES", 100)
    runs = TaskRuns(1)
    for number in range(102):
        runs.put(failed(number, NOW + number))
    (group,) = runs.failure_groups.groups()
    assert group.count == 102
    assert group.count_between(NOW + 100, NOW + 101) == 2
    assert group.count_between(NOW, NOW + 101) == 102


@pytest.mark.parametrize("taken", [3, 200, MAX_TIMES])
def test_the_times_of_another_group_are_taken_over(taken: int) -> None:
    times, other = FailureTimes(), FailureTimes()
    for number in range(100):
        times.add(float(number))
    for number in range(taken):
        other.add(number + 0.5)
    times.take_over(other)
    assert len(times) + times.dropped == 100 + taken
    assert len(times) <= MAX_TIMES
    assert times.count(taken - 2, taken + 1) >= 2


def test_times_are_kept_without_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_times, "MAX_TIMES", 100)
    times = FailureTimes()
    for number in range(100):
        times.add(1_000.0 - number)  # history, newest first
    times.add(1_001.0)
    for number in range(100, 150):
        times.add(1_000.0 - number)
    times.add(700.5)
    bounds = times.bounds()
    assert bounds == (926.0, 1_001.0)
    assert times.count(*bounds) == 76
    assert len(times) + times.dropped == 152


def test_times_between_those_kept_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_times, "MAX_TIMES", 100)
    times = FailureTimes()
    for number in range(101):
        times.add(1_000.0 - number)
    for number in range(10):
        times.add(950.5 + number)
    assert times.count(950.0, 1_000.0) == 61


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_is_taken_over_leaves_no_hole(
    monkeypatch: pytest.MonkeyPatch, *, is_taken: bool
) -> None:
    monkeypatch.setattr(failure_times, "MAX_TIMES", 100)
    cut, whole = FailureTimes(), FailureTimes()
    for number in range(110):
        cut.add(float(number))
    whole.add(5.5)
    whole.add(105.5)
    times, other = (whole, cut) if is_taken else (cut, whole)
    times.take_over(other)
    bounds = times.bounds()
    assert bounds is not None
    assert bounds[0] == 25.0
    assert times.count(*bounds) == len(times) == 86
    assert len(times) + times.dropped == 112
