"""Outcomes and percentiles of runs, counted over any range."""

import math
import random
from typing import Any

import numpy as np
import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.series import percentile
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.charts.run_series import RunColumns, bucket_edges, quantiles_of
from tests.kit.state_builder import NOW, TASK, StateBuilder


def run(
    builder: StateBuilder, number: int, *, at: float, run_s: float = 1.0, wait_s: float = 0.5
) -> str:
    task_id = f"{number:032x}"
    builder.task(task_id, at=at - run_s - wait_s)
    builder.started(task_id, at=at - run_s)
    builder.succeeded(task_id, run_s, at=at)
    return task_id


def test_percentiles_are_those_of_the_runs_in_the_range() -> None:
    builder = StateBuilder()
    for number in range(1, 201):
        run(builder, number, at=NOW + number, run_s=number / 100)
    columns = RunColumns(builder.state.runs.timings)
    (whole,) = columns.task_times(NOW, NOW + 1000)
    assert (whole.ended, whole.run.count, whole.wait.count) == (200, 200, 200)
    assert (whole.run.p50, whole.run.p95, whole.run.p99) == pytest.approx((1.0, 1.9, 1.98))
    assert whole.wait.p50 == pytest.approx(0.5)
    (half,) = columns.task_times(NOW + 101, NOW + 200)
    assert half.run.p50 == pytest.approx(1.5)
    assert columns.task_times(NOW + 500, NOW + 600) == []


def test_a_percentile_of_too_few_runs_is_blank() -> None:
    builder = StateBuilder()
    for number in range(19):
        run(builder, number, at=NOW + number)
    (times,) = RunColumns(builder.state.runs.timings).task_times(NOW - 10, NOW + 100)
    assert times.run.p50 == 1.0
    assert math.isnan(times.run.p95)
    assert math.isnan(times.run.p99)


def test_what_was_not_measured_is_not_in_the_sample() -> None:
    builder = StateBuilder()
    for number in range(3):
        run(builder, number, at=NOW + number)
    builder.task("f" * 32, at=NOW)
    builder.succeeded("f" * 32, at=NOW + 5)
    (times,) = RunColumns(builder.state.runs.timings).task_times(NOW - 10, NOW + 100)
    assert (times.ended, times.wait.count) == (4, 3)


def test_tasks_are_divided_by_one_sort_and_have_their_own_percentiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    builder, rng = StateBuilder(), random.Random(3)
    naive: dict[str, list[float]] = {}
    for number in range(600):
        name, run_s = f"m:task_{rng.randrange(12)}", rng.randrange(1, 4000) / 256
        builder.task(f"{number:032x}", name, at=NOW)
        builder.started(f"{number:032x}", at=NOW)
        builder.succeeded(f"{number:032x}", run_s, at=NOW + number)
        if number >= 50:
            naive.setdefault(name, []).append(run_s)
    columns = RunColumns(builder.state.runs.timings)
    compared: list[str] = []
    monkeypatch.setattr(columns, "_is_of", compared.append)
    monkeypatch.setattr(columns, "_tasks", columns._tasks.view(_Compared))  # noqa: SLF001
    _Compared.count = 0
    found = columns.task_times(NOW + 50, NOW + 600)
    assert {each.task: each.run.p50 for each in found} == {
        name: percentile(values, 0.5) for name, values in naive.items()
    }
    assert [each.ended for each in found] == sorted(map(len, naive.values()), reverse=True)
    together, slowest = columns.run_times(NOW + 50, NOW + 600)
    every = [each for values in naive.values() for each in values]
    assert sorted(together.tolist()) == sorted(every)
    assert slowest == max(naive, key=lambda name: percentile(naive[name], 0.95))
    assert (compared, _Compared.count) == ([], 0), "a pass over all runs for each task"
    monkeypatch.undo()
    assert columns.has_run_times(slowest, NOW + 50, NOW + 600)
    assert not columns.has_run_times(slowest, NOW + 6000, NOW + 7000)
    assert columns.run_times(NOW + 6000, NOW + 7000)[1] == ""


class _Compared(np.ndarray[Any, Any]):
    """An array that counts how often it is compared with a value."""

    count = 0

    def __eq__(self, other: object) -> Any:
        _Compared.count += 1
        return np.asarray(self) == other

    __hash__ = None


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 40, 60, 99, 100, 101, 200, 997])
def test_a_quantile_is_that_of_numpy_and_of_the_state(size: int) -> None:
    rng = np.random.default_rng(size)
    sample = rng.random(size)
    shares = (0.5, 0.95, 0.99)
    found = quantiles_of(sample, shares)
    assert found == [np.quantile(sample, share, method="inverted_cdf") for share in shares]
    assert found == [percentile(sample.tolist(), share) for share in shares]


def test_outcomes_add_up_in_buckets_of_any_width() -> None:
    builder = StateBuilder()
    for number in range(100):
        task_id = run(builder, number, at=NOW + number * 0.37)
        if number % 10 == 0:
            builder.failed(task_id, at=NOW + number * 0.37 + 0.001)
    columns = RunColumns(builder.state.runs.timings)
    states = (RunState.SUCCEEDED, RunState.FAILED)
    for width in (0.01, 1.0, 60.0):
        edges = bucket_edges(NOW, NOW + 40, width)
        counted = columns.counted(edges, states)
        assert {state: int(values.sum()) for state, values in counted.items()} == {
            RunState.SUCCEEDED: 90,
            RunState.FAILED: 10,
        }
    assert columns.counts(NOW, NOW + 40, states)[RunState.FAILED] == 10


def test_evicted_runs_are_not_counted() -> None:
    builder = StateBuilder()
    builder.state = SystemState(max_runs=50)
    for number in range(80):
        run(builder, number, at=NOW + number)
    (times,) = RunColumns(builder.state.runs.timings).task_times(NOW - 10, NOW + 100)
    assert times.ended == 50


def test_quantiles_over_time_need_enough_runs_in_a_bucket() -> None:
    builder = StateBuilder()
    for number in range(130):
        run(builder, number, at=NOW + (5 if number < 100 else 65), run_s=(number % 100 + 1) / 10)
    edges = NOW + np.array([0.0, 60.0, 120.0])
    found = RunColumns(builder.state.runs.timings).quantiles(edges)
    assert found[0.5] == pytest.approx([5.0, 1.5])
    assert found[0.95] == pytest.approx([9.5, 2.9])
    assert found[0.99][0] == pytest.approx(9.9)
    assert np.isnan(found[0.99][1])


def test_points_over_time_are_wider_with_few_runs_and_of_one_task() -> None:
    builder = StateBuilder()
    for number in range(400):
        run(builder, number, at=NOW + number, wait_s=1.0 if number < 200 else 9.0)
    columns = RunColumns(builder.state.runs.timings)
    times, waits = columns.quantile_series(NOW, NOW + 400, 5.0, waits=True)
    width = times[2] - times[1]
    assert width == 40.0
    late = times > NOW + 200 + width
    assert np.nanmin(waits[0.5][late]) == 9.0
    assert np.nanmax(waits[0.5][times < NOW + 200 - width]) == 1.0
    assert np.isfinite(waits[0.95][1:-1]).all()
    _times, others = columns.quantile_series(NOW, NOW + 400, 5.0, "another_task", waits=True)
    assert np.isnan(others[0.5]).all()
    assert columns.busiest_tasks(NOW, NOW + 400, 5) == [TASK]
    assert columns.busiest_tasks(NOW + 900, NOW + 990, 5) == []


def test_no_point_lies_beside_the_range() -> None:
    builder = StateBuilder()
    start = math.floor(NOW / 80) * 80 + 70.0  # a bucket of 80 s begins 70 s before
    run(builder, 1, at=start + 2)
    columns = RunColumns(builder.state.runs.timings)
    times, found = columns.quantile_series(start, start + 400, 80.0)
    assert times[0] == start + 5.0
    assert found[0.5][0] == 1.0
    assert start < times.min() < times.max() < start + 400


def test_the_first_end_is_that_of_a_run_in_one_of_the_states() -> None:
    builder = StateBuilder()
    columns = RunColumns(builder.state.runs.timings)
    assert math.isnan(columns.first_end((RunState.SUCCEEDED,)))
    run(builder, 1, at=NOW + 7)
    builder.failed(run(builder, 2, at=NOW + 3), at=NOW + 4)
    assert columns.first_end((RunState.SUCCEEDED,)) == NOW + 7
    assert columns.first_end((RunState.SUCCEEDED, RunState.FAILED)) == NOW + 4
