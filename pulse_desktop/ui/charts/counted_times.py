"""Times of things that happened, counted exactly in buckets of any width."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pulse_desktop.state.event_rows import EventRows
from pulse_desktop.state.series import TimeBuckets
from pulse_desktop.ui.charts.resampling import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CountedTimes:
    """The times of one series, Unix seconds. It is an `ExactCounts`."""

    def __init__(self, times: FloatArray) -> None:
        self._at = np.sort(times)

    def total(self, now: float, seconds: float) -> float:
        """Return how many are in the last seconds."""
        first, last = np.searchsorted(self._at, (now - seconds, now))
        return float(last - first)

    def resolution_since(self, start: float) -> float:  # noqa: ARG002  as TimeBuckets
        """Return the narrowest useful width of buckets, in seconds."""
        return 0.001

    def sums(self, edges: FloatArray) -> FloatArray:
        """Return how many are between the edges."""
        return np.diff(np.searchsorted(self._at, edges)).astype(np.float64)

    @property
    def first(self) -> float:
        """Unix seconds of the first, NaN if there is none."""
        return float(self._at[0]) if self._at.size else np.nan


def is_coarse(counts: Iterable[TimeBuckets], start: float, width: float) -> bool:
    """Return whether buckets are wider than the points of a chart that begins at a time.

    Args:
        counts: the buckets.
        start: Unix seconds.
        width: seconds per point.
    """
    return any(each.resolution_since(start) > width for each in counts)


def event_times(
    events: EventRows, topics: Sequence[str], start: float, end: float
) -> dict[str, CountedTimes]:
    """Return the times of the events of some topics in a span of time, Unix seconds.

    A million events take some milliseconds.
    """
    parts: list[tuple[FloatArray, NDArray[np.uint8]]] = []
    for times, topic_codes in events.times():
        at = np.frombuffer(times, np.float64)
        inside = (at >= start) & (at <= end)
        if inside.any():
            parts.append((at[inside], np.frombuffer(topic_codes, np.uint8)[inside]))
    if not parts:
        return {name: CountedTimes(np.empty(0)) for name in topics}
    # The newest events are given codes as they are read.
    column = events.column("topic")
    codes = {} if column is None else {name: code for code, name in enumerate(column.values)}
    at = np.concatenate([times for times, _codes in parts])
    of = np.concatenate([topic_codes for _times, topic_codes in parts])
    return {name: CountedTimes(at[of == codes.get(name, -1)]) for name in topics}
