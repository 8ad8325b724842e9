"""Series resampled to one grid of times.

A rate before the recorded history is unknown (NaN), not zero. A bucket without samples has no
value. The last point of a series includes the bucket that is not over yet: what happened just now
must not be missing for as long as a bucket takes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pulse_desktop.state.series import Reservoir, TimeBuckets
from pulse_desktop.ui.charts.colors import MAX_SERIES
from pulse_desktop.ui.charts.time_ranges import WIDTHS, ChartRange

FloatArray = NDArray[np.float64]

COUNTED_S: Final = 5.0
"""Greatest width of a bucket that a rate leaves out because it is not over yet."""
_LEAST_KNOWN: Final = 0.1
"""Part of a bucket over which its events are averaged at least: a moment is no rate."""
_SLACK: Final = 1.25
_INTERVAL_QUANTILE: Final = 0.75
"""Quantile of the times between samples that counts as the sampling interval."""
_MIN_EVENTS_PER_POINT: Final = 4.0
_MIN_POINTS: Final = 10
_MIN_SAMPLED_POINTS: Final = 4
"""Points of a series however rarely it is sampled: a value between two gaps is a dot."""


class CountSource(Protocol):
    """Something that is counted over time."""

    def total(self, now: float, seconds: float) -> float:
        """Return the number in the last seconds."""

    def resolution_since(self, start: float) -> float:
        """Return the width in seconds of the widest bucket since a time."""


class ExactCounts(CountSource, Protocol):
    """Something that is counted exactly in buckets of any width."""

    def sums(self, edges: FloatArray) -> FloatArray:
        """Return the numbers between the edges, Unix seconds."""


class TimeSpan(Protocol):
    """A span of time in which nothing was received."""

    @property
    def start(self) -> float:
        """Unix seconds."""

    @property
    def end(self) -> float:
        """Unix seconds."""


def rate_series(
    series: Mapping[str, TimeBuckets | ExactCounts],
    now: float,
    time_range: ChartRange,
    *,
    per_s: float,
    history_start: float,
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return rates on one grid of times.

    Rare events are counted in longer buckets: a single event in ten seconds is not "six per
    minute". For the same reason the last point is the rate of a longer time: of the last whole
    bucket and what follows it. Each event is counted once.

    Args:
        series: counts by name.
        now: Unix seconds.
        time_range: range of the grid.
        per_s: unit of time of the rates: 60 for "per minute".
        history_start: Unix seconds before which nothing is known. The rate of the bucket that
            contains it is that of the rest of the bucket.

    Returns:
        The middles of these times, Unix seconds, and the rates by name.
    """
    start = now - time_range.seconds
    narrow = max((each.resolution_since(start) for each in series.values()), default=1.0)
    narrow = max(narrow, min(time_range.bucket_s, COUNTED_S))
    width = _counting_width(series.values(), now, time_range, narrow)
    counted = now // narrow * narrow  # without the bucket of a series that is not over
    last = counted // width * width
    whole = np.arange(-max(1, math.ceil(time_range.seconds / width)), 0, dtype=np.float64)
    edges = np.append(last + whole * width, counted)
    times = (edges[:-1] + edges[1:]) / 2
    # Of the bucket in which history begins, only what is known counts.
    known = np.minimum(edges[1:] - history_start, np.diff(edges))
    unknown = known <= 0
    known = np.maximum(known, _LEAST_KNOWN * np.diff(edges))
    result = {}
    for name, counts in series.items():
        rates = _sums(counts, edges) * per_s / known
        result[name] = np.where(unknown, np.nan, rates)
    return times, result


def quantile_series(
    series: Mapping[str, Reservoir], now: float, time_range: ChartRange, quantile: float = 0.5
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return sampled values on one grid of times that is as fine as the samples.

    Args:
        series: samples by name.
        now: Unix seconds.
        time_range: range of the grid.
        quantile: which sample represents a bucket with several.

    Returns:
        The middles of the buckets, of the first and last one as far as they are in the range, Unix
        seconds, and the values by name, NaN where there is no sample.
    """
    start = now - time_range.seconds
    samples = {name: _between(each, start, now) for name, each in series.items()}
    width = bucket_width((times for times, _values in samples.values()), time_range)
    times = _grid(now, time_range.seconds, width)
    result = {}
    for name, (at, values) in samples.items():
        result[name] = _quantiles(at, values, times[0] - width / 2, width, times.size, quantile)
    ends = times[0] + width / 2
    times[0] = (max(start, ends - width) + ends) / 2  # a point beside the chart would not be seen
    return times, result


def spacing(times: FloatArray) -> float:
    """Return the seconds between two points, 0 for a single one; the first and last may be nearer.

    Args:
        times: Unix seconds, ascending.
    """
    return float(np.diff(times).max()) if times.size > 1 else 0.0


def without_gaps(times: FloatArray, values: FloatArray, gaps: Sequence[TimeSpan]) -> FloatArray:
    """Return values of which those in a gap are unknown (NaN) instead of zero.

    What a stream has delivered later is not zero, and stays.

    Args:
        times: middles of the buckets, Unix seconds, ascending; see `spacing`.
        values: for each time.
        gaps: times in which nothing was received.
    """
    if not gaps or times.size < 2:
        return values
    half = spacing(times) / 2
    missed = np.zeros(times.shape, dtype=bool)
    for gap in gaps:
        missed |= (times + half > gap.start) & (times - half < gap.end)
    return np.where(missed & (values == 0), np.nan, values)


def busiest_series(series: Mapping[str, Reservoir], since: float) -> dict[str, Reservoir]:
    """Return the series with the most samples since a time: as many as have distinct colors.

    Args:
        series: samples by name.
        since: Unix seconds.

    Returns:
        The series sorted by name.
    """
    sampled = {
        name: len(each.samples)
        for name, each in series.items()
        if each.samples and each.samples[-1][0] >= since
    }
    most = sorted(sampled, key=lambda name: (-sampled[name], name))[:MAX_SERIES]
    return {name: series[name] for name in sorted(most)}


def bucket_width(sampled_at: Iterable[FloatArray], time_range: ChartRange) -> float:
    """Return seconds per point such that regular samples leave no bucket empty.

    They are at most a fraction of the range, however rare the samples are.
    """
    slowest = time_range.bucket_s
    for times in sampled_at:
        # Several sources that sample at nearly the same time are not faster than one of them.
        ordered = np.sort(times)
        _buckets, firsts = np.unique(np.floor(ordered / time_range.bucket_s), return_index=True)
        if firsts.size > 2:
            interval = np.quantile(np.diff(ordered[firsts]), _INTERVAL_QUANTILE, method="higher")
            slowest = max(slowest, float(interval) * _SLACK)
    widths = [width for width in WIDTHS if width <= time_range.seconds / _MIN_SAMPLED_POINTS]
    wide = next((width for width in widths if width >= slowest), widths[-1] if widths else 0.0)
    return max(wide, time_range.bucket_s)


def _grid(now: float, seconds: float, width: float) -> FloatArray:
    """Return the middles of the whole buckets before now, and of the part of the next until now."""
    last = math.ceil(now / width) - 1
    count = max(1, math.ceil(seconds / width))
    middles = (np.arange(last - count, last + 1, dtype=np.float64) + 0.5) * np.float64(width)
    middles[-1] = (last * width + now) / 2
    return middles


def _counting_width(
    series: Iterable[TimeBuckets | ExactCounts],
    now: float,
    time_range: ChartRange,
    narrowest: float,
) -> float:
    """Return seconds per point such that the most frequent series has a few events in each."""
    most = max((each.total(now, time_range.seconds) for each in series), default=0.0)
    narrowest = max(time_range.bucket_s, narrowest)
    longest = max(time_range.seconds / _MIN_POINTS, narrowest)
    widths = [width for width in WIDTHS if narrowest <= width <= longest]
    for width in widths:
        if most * width / time_range.seconds >= _MIN_EVENTS_PER_POINT:
            return width
    return widths[-1] if widths else narrowest


def _sums(counts: TimeBuckets | ExactCounts, edges: FloatArray) -> FloatArray:
    if not isinstance(counts, TimeBuckets):
        return counts.sums(edges)
    summed = np.zeros(edges.size - 1)
    for start, width, sums in counts.segments(float(edges[0]), float(edges[-1])):
        middles = start + (np.arange(len(sums)) + 0.5) * width
        summed += np.histogram(middles, bins=edges, weights=np.asarray(sums))[0]
    return summed


def _between(series: Reservoir, start: float, end: float) -> tuple[FloatArray, FloatArray]:
    if not series.samples:
        return np.empty(0), np.empty(0)
    array = np.array(series.samples, dtype=np.float64)
    kept = array[(array[:, 0] >= start) & (array[:, 0] <= end)]
    return kept[:, 0], kept[:, 1]


def _quantiles(
    at: FloatArray, values: FloatArray, start: float, width: float, count: int, quantile: float
) -> FloatArray:
    result = np.full(count, np.nan)
    index = np.floor((at - start) / width).astype(np.int64)
    for bucket in np.unique(index):
        if 0 <= bucket < count:
            result[bucket] = np.quantile(values[index == bucket], quantile, method="nearest")
    return result
