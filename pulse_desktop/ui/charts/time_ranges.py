"""From what the state keeps over time to what a chart draws: one grid of times, gaps where unknown.

A rate before anything was heard is unknown, not zero. A bucket in which nothing was sampled has no
value.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulse_desktop.state.series import Reservoir, TimeBuckets

Values = NDArray[np.float64]

_WIDTHS: Final = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_SLACK: Final = 1.25
_USUAL: Final = 0.75
"""The quantile of the times between samples that counts as their pace."""
_FIRST_SPANS: Final = (120.0, 300.0, 600.0, 1800.0)
_ENOUGH: Final = 4.0
_FEWEST_POINTS: Final = 10


@dataclass(frozen=True)
class TimeRange:
    """The stretch of time that a chart shows.

    Attributes:
        title: such as "last 10 min".
        seconds: how long it is.
        bucket_s: seconds that one point of it stands for, a multiple of 5.
    """

    title: str
    seconds: float
    bucket_s: float

    def span(self, now: float) -> tuple[float, float]:
        """Return the left and right edge, Unix seconds."""
        return now - self.seconds, now


WINDOWS: Final = (
    TimeRange("last 10 min", 600.0, 10.0),
    TimeRange("last 30 min", 1800.0, 30.0),
    TimeRange("last hour", 3600.0, 60.0),
)


def auto_range(window: TimeRange, history_start: float, now: float) -> TimeRange:
    """Return a window no longer than what is known, so that the first minutes fill it.

    Args:
        window: the longest that is wanted.
        history_start: Unix seconds before which nothing is known.
        now: Unix seconds.
    """
    known = max(0.0, now - history_start)
    for seconds in _FIRST_SPANS:
        if known <= seconds < window.seconds:
            return TimeRange(window.title, seconds, max(5.0, seconds / 60.0))
    return window


def rate_series(
    series: Mapping[str, TimeBuckets],
    now: float,
    window: TimeRange,
    *,
    per_s: float,
    history_start: float,
) -> tuple[Values, dict[str, Values]]:
    """Return how often something happened, on one grid of times.

    What happens rarely is counted over longer stretches: a single event in ten seconds is not
    "six per minute".

    Args:
        series: counts by name.
        now: Unix seconds.
        window: what to show.
        per_s: the unit of time of the rates: 60 for "per minute".
        history_start: Unix seconds before which nothing is known.

    Returns:
        Times in the middle of their buckets, Unix seconds, and the rates by name.
    """
    width = _counting_width(series.values(), now, window)
    times = _grid(now, window.seconds, width)
    unknown = times < history_start
    result = {}
    for name, counts in series.items():
        sums = _sums(counts, now, times, width) * (per_s / width)
        result[name] = np.where(unknown, np.nan, sums)
    return times, result


def quantile_series(
    series: Mapping[str, Reservoir], now: float, window: TimeRange, quantile: float = 0.5
) -> tuple[Values, dict[str, Values]]:
    """Return measured values, on one grid of times that is as fine as the samples are.

    Args:
        series: samples by name.
        now: Unix seconds.
        window: what to show.
        quantile: which sample stands for a bucket with several.

    Returns:
        Times in the middle of their buckets, Unix seconds, and the values by name, NaN where
        nothing was sampled.
    """
    start = now - window.seconds
    samples = {name: _since(each, start) for name, each in series.items()}
    width = bucket_width((times for times, _ in samples.values()), window)
    times = _grid(now, window.seconds, width)
    result = {}
    for name, (at, values) in samples.items():
        result[name] = _quantiles(at, values, times[0] - width / 2, width, times.size, quantile)
    return times, result


def bucket_width(sampled_at: Iterable[Values], window: TimeRange) -> float:
    """Return seconds per point such that regular samples leave no bucket empty."""
    slowest = window.bucket_s
    for times in sampled_at:
        # Several who measure at nearly the same moment are no quicker than one of them.
        ordered = np.sort(times)
        _, firsts = np.unique(np.floor(ordered / window.bucket_s), return_index=True)
        if firsts.size > 2:
            usual = np.quantile(np.diff(ordered[firsts]), _USUAL, method="higher")
            slowest = max(slowest, float(usual) * _SLACK)
    wide = next((width for width in _WIDTHS if width >= slowest), _WIDTHS[-1])
    return max(wide, window.bucket_s)


def _grid(now: float, seconds: float, width: float) -> Values:
    """Return the middles of the whole buckets before now."""
    last = math.floor(now / width)
    count = max(1, math.ceil(seconds / width))
    return (np.arange(last - count, last, dtype=np.float64) + 0.5) * np.float64(width)


def _counting_width(series: Iterable[TimeBuckets], now: float, window: TimeRange) -> float:
    """Return seconds per point such that the most frequent has a few events in each."""
    most = max((each.total(now, window.seconds) for each in series), default=0.0)
    widths = [w for w in _WIDTHS if window.bucket_s <= w <= window.seconds / _FEWEST_POINTS]
    for width in widths:
        if most * width / window.seconds >= _ENOUGH:
            return width
    return widths[-1] if widths else window.bucket_s


def _sums(counts: TimeBuckets, now: float, times: Values, width: float) -> Values:
    buckets = math.ceil((now - times[0] + width) / counts.width_s) + 1  # not the whole day
    starts, sums = counts.window(now, buckets)
    edges = np.append(times - width / 2, times[-1] + width / 2)
    summed, _ = np.histogram(np.asarray(starts) + 1e-6, bins=edges, weights=np.asarray(sums))
    return summed.astype(np.float64)


def _since(series: Reservoir, start: float) -> tuple[Values, Values]:
    if not series.samples:
        return np.empty(0), np.empty(0)
    array = np.array(series.samples, dtype=np.float64)
    kept = array[array[:, 0] >= start]
    return kept[:, 0], kept[:, 1]


def _quantiles(
    at: Values, values: Values, start: float, width: float, count: int, quantile: float
) -> Values:
    result = np.full(count, np.nan)
    index = np.floor((at - start) / width).astype(np.int64)
    for bucket in np.unique(index):
        if 0 <= bucket < count:
            result[bucket] = np.quantile(values[index == bucket], quantile, method="nearest")
    return result
