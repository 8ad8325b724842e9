"""Series of task runs for charts, over any range: outcomes over time, and percentiles."""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.history_start import retained_since
from pulse_desktop.state.run_timings import STATES, RunTimings
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.charts.counted_times import CountedTimes
from pulse_desktop.ui.charts.resampling import FloatArray

QUANTILES: Final = (0.5, 0.95, 0.99)
_CODES: Final = {state: code for code, state in enumerate(STATES)}
_MIN_FOR_QUANTILE: Final = {0.5: 1, 0.95: 20, 0.99: 100}
"""Samples below which a quantile would only be the largest of them."""
_MAX_LATE_S: Final = 7 * 86_400.0
_MIN_RUNS_PER_POINT: Final = 25
"""Runs for each point of a chart of percentiles: p95 of fewer would be their largest."""


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of a sample, seconds, NaN where there are too few values.

    Attributes:
        count: size of the sample.
        p50: the median.
        p95: 95th percentile.
        p99: 99th percentile.
    """

    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class TaskTimes:
    """How long the runs of a task waited and ran.

    Attributes:
        task: name of the task.
        ended: number of runs that ended.
        wait: time from enqueuing to start.
        run: run time.
    """

    task: str
    ended: int
    wait: Percentiles
    run: Percentiles


def charted_since(state: SystemState) -> float:
    """Return since when charts of all that is retained show something, Unix seconds.

    A run may have ended before the oldest row: events can be sent late. More than a week before it
    is a clock that is wrong, and would leave no room for the others. Infinity for nothing.
    """
    since = retained_since(state)
    ended_at = np.frombuffer(state.runs.timings.ended_at, np.float64)
    late = ended_at[(ended_at < since) & (ended_at >= since - _MAX_LATE_S)]
    return float(late.min()) if late.size else since


class RunColumns:
    """The times of ended runs, as arrays over the columns of the state, which they share."""

    def __init__(self, timings: RunTimings) -> None:
        self._timings = timings
        self._ended_at = np.frombuffer(timings.ended_at, np.float64)
        self._run_s = np.frombuffer(timings.run_s, np.float32)
        self._wait_s = np.frombuffer(timings.wait_s, np.float32)
        self._states = np.frombuffer(timings.states, np.uint8)
        self._tasks = np.frombuffer(timings.tasks, np.uint16)

    def selected(self, positions: NDArray[np.int64]) -> "RunColumns":
        """Return the columns of some runs, as they are now.

        Args:
            positions: of retained runs.
        """
        indices = positions % self._ended_at.size
        chosen = copy.copy(self)
        for name in ("_ended_at", "_run_s", "_wait_s", "_states", "_tasks"):
            setattr(chosen, name, getattr(self, name)[indices])
        return chosen

    @property
    def version(self) -> int:
        """Changes whenever a run does."""
        return self._timings.version

    def ahead_of(self, now: float) -> int:
        """Return how many runs ended at a time (Unix seconds) or later: a clock may be ahead."""
        if self._timings.last_end < now:  # nearly always
            return 0
        return int(np.count_nonzero(self._ended_at >= now))

    def ended(self, states: Iterable[RunState], task: str | None = None) -> CountedTimes:
        """Return the ends of runs in some states, to be counted; of one task, or of all."""
        codes = [_CODES[state] for state in states]
        chosen = np.isin(self._states, codes) & np.isfinite(self._ended_at)
        if task is not None:
            chosen &= self._is_of(task)
        return CountedTimes(self._ended_at[chosen])

    def first_end(self, states: Iterable[RunState]) -> float:
        """Return when the first of the runs in some states ended, Unix seconds; NaN for none."""
        codes = [_CODES[state] for state in states]
        chosen = np.isin(self._states, codes) & np.isfinite(self._ended_at)
        first = float(np.min(self._ended_at, where=chosen, initial=np.inf))
        return first if np.isfinite(first) else np.nan

    def busiest_tasks(self, start: float, end: float, limit: int) -> list[str]:
        """Return the tasks with the most ended runs in a span of time, most runs first."""
        inside = (self._ended_at >= start) & (self._ended_at <= end)
        names = self._timings.task_names
        counts = np.bincount(self._tasks[inside], minlength=len(names))
        most = np.argsort(-counts, kind="stable")[:limit]
        return [names[number] for number in most.tolist() if counts[number]]

    def _is_of(self, task: str) -> NDArray[np.bool_]:
        number = self._timings.number_of(task)
        return self._tasks == (-1 if number is None else number)

    def counts(self, start: float, end: float, states: Sequence[RunState]) -> dict[RunState, int]:
        """Return how many runs ended in a span of time, by state."""
        inside = self._states[(self._ended_at >= start) & (self._ended_at <= end)]
        counts = np.bincount(inside, minlength=len(STATES))
        return {state: int(counts[_CODES[state]]) for state in states}

    def outside(self, edges: FloatArray, states: Sequence[RunState]) -> int:
        """Return how many runs ended before the first edge or after the last, Unix seconds.

        Those of the present, which are shown in a moment, are not counted.
        """
        soon = edges[-1] + 2 * (edges[-1] - edges[-2])
        out = (self._ended_at < edges[0]) | (self._ended_at >= soon)
        return int(np.isin(self._states[out], [_CODES[state] for state in states]).sum())

    def counted(self, edges: FloatArray, states: Sequence[RunState]) -> dict[RunState, FloatArray]:
        """Return how many runs ended between the edges, Unix seconds, by state."""
        inside = (self._ended_at >= edges[0]) & (self._ended_at < edges[-1])
        at, codes = self._ended_at[inside], self._states[inside]
        return {
            state: np.histogram(at[codes == _CODES[state]], edges)[0].astype(np.float64)
            for state in states
        }

    def task_times(self, start: float, end: float) -> list[TaskTimes]:
        """Return the percentiles of each task in a span of time, most runs first."""
        inside = np.flatnonzero((self._ended_at >= start) & (self._ended_at <= end))
        parts = sorted(self._by_task(inside), key=lambda part: (-part[1].size, part[0]))
        return [
            TaskTimes(
                self._timings.task_names[number],
                of_task.size,
                percentiles(self._wait_s[of_task]),
                percentiles(self._run_s[of_task]),
            )
            for number, of_task in parts
        ]

    def run_times(self, start: float, end: float) -> tuple[FloatArray, str]:
        """Return the known run times in a span of time, seconds, and the name of the slowest task.

        It is the one with the highest 95th percentile; empty if there are no run times.
        """
        inside = (self._ended_at >= start) & (self._ended_at <= end) & np.isfinite(self._run_s)
        found = np.flatnonzero(inside)
        times = {
            number: quantiles_of(self._run_s[of_task], (0.95,))[0]
            for number, of_task in self._by_task(found)
        }
        slowest = max(times, key=lambda number: times[number], default=None)
        name = "" if slowest is None else self._timings.task_names[slowest]
        return self._run_s[found].astype(np.float64), name

    def has_run_times(self, task: str, start: float, end: float) -> bool:
        """Return whether the run time of any run of a task in a span of time is known."""
        inside = (self._ended_at >= start) & (self._ended_at <= end) & np.isfinite(self._run_s)
        return bool((inside & self._is_of(task)).any())

    def _by_task(self, indices: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
        """Return the indices of each task by its number: one sort, not a pass for each task."""
        if not indices.size:
            return []
        tasks = self._tasks[indices]
        order = np.argsort(tasks, kind="stable")
        tasks, indices = tasks[order], indices[order]
        edges = np.flatnonzero(np.diff(tasks)) + 1
        numbers = tasks[np.concatenate(([0], edges))].tolist()
        return list(zip(numbers, np.split(indices, edges), strict=True))

    def quantile_series(
        self,
        start: float,
        end: float,
        width: float,
        task: str | None = None,
        *,
        waits: bool = False,
        quantiles: Sequence[float] = QUANTILES,
    ) -> tuple[FloatArray, dict[float, FloatArray]]:
        """Return quantiles over time; with few runs the points are wider.

        Args:
            start: Unix seconds.
            end: Unix seconds.
            width: least seconds per point.
            task: name of the task, None for all.
            waits: whether of the time before the start instead of the run time.
            quantiles: some of `QUANTILES`.

        Returns:
            The middles of the parts of the points between start and end, Unix seconds, and the
            values by quantile.
        """
        inside = (self._ended_at >= start) & (self._ended_at < end)
        if task is not None:
            inside &= self._is_of(task)
        ended = np.count_nonzero(inside)
        while width < (end - start) / 8 and ended * width / (end - start) < _MIN_RUNS_PER_POINT:
            width *= 2
        edges = bucket_edges(start, end, width)
        seen = np.clip(edges, start, end)  # a point beside the chart would not be seen
        return (seen[:-1] + seen[1:]) / 2, self.quantiles(
            edges, task, waits=waits, quantiles=quantiles
        )

    def quantiles(
        self,
        edges: FloatArray,
        task: str | None = None,
        *,
        waits: bool = False,
        quantiles: Sequence[float] = QUANTILES,
    ) -> dict[float, FloatArray]:
        """Return quantiles between the edges, NaN where there are too few runs.

        Args:
            edges: Unix seconds, ascending and equally spaced.
            task: name of the task, None for all.
            waits: whether of the time before the start instead of the run time.
            quantiles: some of `QUANTILES`.
        """
        values = self._wait_s if waits else self._run_s
        inside = (self._ended_at >= edges[0]) & (self._ended_at < edges[-1]) & np.isfinite(values)
        if task is not None:
            inside &= self._is_of(task)
        at, sample = self._ended_at[inside], values[inside].astype(np.float64)
        found = {quantile: np.full(edges.size - 1, np.nan) for quantile in quantiles}
        if not at.size:
            return found
        buckets = ((at - edges[0]) / (edges[1] - edges[0])).astype(np.int64)
        order = np.argsort(buckets, kind="stable")
        buckets, sample = buckets[order], sample[order]
        for bucket, part in zip(
            np.unique(buckets).tolist(),
            np.split(sample, np.flatnonzero(np.diff(buckets)) + 1),
            strict=True,
        ):
            known = [each for each in quantiles if part.size >= _MIN_FOR_QUANTILE[each]]
            for quantile, value in zip(known, quantiles_of(part, known), strict=True):
                found[quantile][min(bucket, edges.size - 2)] = value
        return found


def percentiles(sample: NDArray[np.float32]) -> Percentiles:
    """Return the percentiles of a sample; NaN in it is unknown and not counted."""
    known = sample[np.isfinite(sample)].astype(np.float64)
    enough = [each for each in QUANTILES if known.size >= _MIN_FOR_QUANTILE[each]]
    values = [*quantiles_of(known, enough), np.nan, np.nan, np.nan][: len(QUANTILES)]
    return Percentiles(int(known.size), *values)


def bucket_edges(start: float, end: float, width: float) -> FloatArray:
    """Return the edges of buckets that cover a span of time, at multiples of their width."""
    first = np.floor(start / width)
    count = int(np.ceil(end / width) - first)
    return (first + np.arange(max(1, count) + 1)) * width


def quantiles_of(sample: NDArray[np.floating[Any]], quantiles: Sequence[float]) -> list[float]:
    """Return the values at quantiles (above 0, to 1, nearest rank) of a sample that is not empty.

    Much faster than `numpy.quantile`.
    """
    if not quantiles:
        return []
    ranks = [math.ceil(quantile * sample.size) - 1 for quantile in quantiles]
    found: list[float] = np.partition(sample, ranks)[ranks].tolist()
    return found
