"""The times of the failures of one group, for counts within any range."""

import math
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

MAX_TIMES: Final = 100_000
"""Times kept of one group; of more than these the oldest are left out."""
_FEW: Final = 64
"""Times that are added one by one."""


class FailureTimes:
    """Times in Unix seconds, mostly added from the newest on in both directions.

    Attributes:
        dropped: number of times that were left out, all older than those kept.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._times = array("d")
        # History is read newest first: what is older than all others is added at this end.
        self._older = array("d")  # descending

    def __len__(self) -> int:
        return len(self._times) + len(self._older)

    def add(self, at: float) -> None:
        """Add a time."""
        times = self._times
        if not times or at >= times[-1]:
            times.append(at)
        elif at < times[0] and (not self._older or at <= self._older[-1]):
            if len(self) < MAX_TIMES and not self.dropped:
                self._older.append(at)
            else:
                self.dropped += 1
            return
        elif self.dropped and at < (self._older[-1] if self._older else times[0]):
            self.dropped += 1
            return
        else:
            self._merge_older()
            insort(self._times, at)
        if len(self) > MAX_TIMES:
            self._merge_older()
            del self._times[: MAX_TIMES // 4]
            self.dropped += MAX_TIMES // 4

    def take_over(self, other: "FailureTimes") -> None:
        """Add the times of another group."""
        other._merge_older()  # noqa: SLF001 - of the same class
        times = other._times  # noqa: SLF001
        if len(times) <= _FEW and not other.dropped:
            for at in times:
                self.add(at)
            return
        self._merge_older()
        merged = array("d", sorted((*self._times, *times)))
        # Of what is older than these, times are missing.
        since = [
            kept[0]
            for kept, dropped in ((self._times, self.dropped), (times, other.dropped))
            if dropped and kept
        ]
        excess = max(len(merged) - MAX_TIMES, bisect_left(merged, max(since, default=-math.inf)))
        if excess > 0:
            del merged[:excess]
            self.dropped += excess
        self._times = merged
        self.dropped += other.dropped

    def remove(self, at: float) -> None:
        """Remove a time, which may be one of those left out."""
        self._merge_older()
        index = bisect_left(self._times, at)
        if index < len(self._times) and self._times[index] == at:
            del self._times[index]
        elif self.dropped:
            self.dropped -= 1

    def bounds(self) -> tuple[float, float] | None:
        """Return the earliest and the latest time, None if there is none."""
        self._merge_older()
        return (self._times[0], self._times[-1]) if self._times else None

    def latest(self, start: float, stop: float) -> float | None:
        """Return the latest time in a range, both ends included, None if there is none."""
        self._merge_older()
        index = bisect_right(self._times, stop)
        return self._times[index - 1] if index and self._times[index - 1] >= start else None

    def count(self, start: float, stop: float) -> int:
        """Return how many times are in a range, both ends included."""
        self._merge_older()
        return max(0, bisect_right(self._times, stop) - bisect_left(self._times, start))

    def histogram(self, start: float, stop: float, bins: int) -> Sequence[int]:
        """Return the number of times in each of `bins` equal parts of a range."""
        self._merge_older()
        times, width = self._times, (stop - start) / bins
        edges = [bisect_left(times, start + number * width) for number in range(bins)]
        edges.append(bisect_right(times, stop))
        return [max(0, last - first) for first, last in pairwise(edges)]

    def _merge_older(self) -> None:
        if self._older:
            self._older.reverse()
            self._older.extend(self._times)
            self._times, self._older = self._older, array("d")
