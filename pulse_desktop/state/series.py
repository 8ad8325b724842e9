"""Time series in bounded memory: counts in time buckets, and reservoirs of samples."""

import bisect
import math
from collections import deque
from collections.abc import Iterable
from operator import itemgetter


class TimeBuckets:
    """Sums per time bucket, for the latest `length` buckets, and in wider buckets before.

    Attributes:
        width_s: seconds per bucket.
        length: number of buckets kept.
        older: wider buckets for what is too old for these, None if it is dropped.
    """

    def __init__(self, width_s: float, length: int, older: "TimeBuckets | None" = None) -> None:
        self.width_s = width_s
        self.length = length
        self.older = older
        self._sums = [0.0] * length
        self._head = -1  # number of the newest bucket since the epoch
        # The bucket that was added to last, and the time that it covers.
        self._index = 0
        self._begin = self._end = 0.0

    def add(self, at: float, amount: float = 1.0) -> None:
        """Add to the bucket of a time, Unix seconds; in any order."""
        if self._begin <= at < self._end:  # nearly always
            self._sums[self._index] += amount
            return
        bucket = int(at // self.width_s)
        if bucket > self._head:
            self._advance(bucket)
        elif bucket <= self._head - self.length:
            if self.older is not None:
                self.older.add(at, amount)
            return
        self._index = index = bucket % self.length
        self._begin = bucket * self.width_s
        self._end = self._begin + self.width_s
        self._sums[index] += amount

    def add_all(self, times: Iterable[float]) -> None:
        """Add 1 to the bucket of each time."""
        sums, begin, end, index = self._sums, self._begin, self._end, self._index
        for at in times:
            if begin <= at < end:
                sums[index] += 1.0
            else:
                self.add(at)
                begin, end, index = self._begin, self._end, self._index

    def window(self, now: float, buckets: int | None = None) -> tuple[list[float], list[float]]:
        """Return the start times (Unix seconds) and sums of the latest buckets, oldest first.

        The bucket that contains `now` is incomplete and left out.
        """
        count = min(buckets or self.length, self.length - 1)
        last = int(now // self.width_s) - 1
        first = last - count + 1
        starts = [number * self.width_s for number in range(first, last + 1)]
        return starts, self._between(first, last)

    def total(self, now: float, seconds: float) -> float:
        """Return the sum over the last `seconds`, the incomplete bucket included."""
        last = int(now // self.width_s)
        count = min(self.length, math.ceil(seconds / self.width_s))
        recent = sum(self._between(last - count + 1, last))
        return recent if self.older is None else recent + self.older.total(now, seconds)

    def segments(self, start: float, end: float) -> list[tuple[float, float, list[float]]]:
        """Return the buckets that overlap a span of time, in Unix seconds.

        Each sum is in one bucket only; those of two segments may overlap.

        Returns:
            For each width the start of the first bucket, the width, and the sums, oldest first.
        """
        found = [] if self.older is None else self.older.segments(start, end)
        oldest = max(self._head - self.length + 1, 0)
        if self._head < 0 or end < oldest * self.width_s:
            return found
        first = max(oldest, int(max(start, 0.0) // self.width_s))
        last = min(self._head, int(end // self.width_s))
        if first <= last:
            sums, begin, stop = self._sums, first % self.length, last % self.length + 1
            part = sums[begin:stop] if begin < stop else sums[begin:] + sums[:stop]
            found.append((first * self.width_s, self.width_s, part))
        return found

    def resolution_since(self, start: float) -> float:
        """Return the width of the widest buckets in use from a time on (Unix seconds)."""
        fits = self._head < 0 or start >= (self._head - self.length + 1) * self.width_s
        return self.width_s if fits or self.older is None else self.older.resolution_since(start)

    def _between(self, first: int, last: int) -> list[float]:
        """Return the sums of the buckets of these numbers, 0 for those that are not kept."""
        oldest = max(self._head - self.length + 1, 0)
        begin, end = max(first, oldest), min(last, self._head)
        if begin > end:
            return [0.0] * (last - first + 1)
        start, stop = begin % self.length, end % self.length + 1
        kept = self._sums[start:stop]
        if start >= stop:  # they continue at the start of the ring
            kept = self._sums[start:] + self._sums[:stop]
        return [0.0] * (begin - first) + kept + [0.0] * (last - end)

    def _advance(self, bucket: int) -> None:
        if self.older is not None and self._head >= 0:
            oldest = max(self._head - self.length + 1, 0)
            for number in range(oldest, min(self._head, bucket - self.length) + 1):
                if retired := self._sums[number % self.length]:
                    self.older.add((number + 0.5) * self.width_s, retired)
        new = min(bucket - self._head, self.length) if self._head >= 0 else self.length
        for number in range(bucket - new + 1, bucket + 1):
            self._sums[number % self.length] = 0.0
        self._head = bucket


def long_counts() -> TimeBuckets:
    """Return counts of two weeks: the last hour by 5 s, the last day by minute, then by 10 min."""
    return TimeBuckets(5.0, 720, TimeBuckets(60.0, 1440, TimeBuckets(600.0, 2016)))


class Reservoir:
    """The latest samples of one quantity.

    Attributes:
        samples: (Unix seconds, value), in order of time.
    """

    def __init__(self, capacity: int = 2_000) -> None:
        self.samples: deque[tuple[float, float]] = deque(maxlen=capacity)

    def add(self, at: float, value: float) -> None:
        """Add a sample; one that is older than all others only if there is room."""
        samples = self.samples
        if not samples or at >= samples[-1][0]:  # nearly always
            samples.append((at, value))
            return
        if len(samples) == samples.maxlen:
            if at < samples[0][0]:
                return
            samples.popleft()
        if not samples or at < samples[0][0]:
            samples.appendleft((at, value))
        else:
            samples.insert(bisect.bisect_right(samples, at, key=itemgetter(0)), (at, value))

    def since(self, earliest: float) -> list[float]:
        """Return the values sampled at or after a time."""
        return [value for at, value in self.samples if at >= earliest]

    def points(self, earliest: float) -> tuple[list[float], list[float]]:
        """Return the times and values of samples at or after a time, in order of time."""
        kept = sorted(sample for sample in self.samples if sample[0] >= earliest)
        return [at for at, _ in kept], [value for _, value in kept]


class ReservoirByName(dict[str, Reservoir]):
    """Reservoirs by name, created on first access.

    Attributes:
        capacity: maximum number of samples per reservoir.
    """

    def __init__(self, capacity: int = 2_000) -> None:
        super().__init__()
        self.capacity = capacity

    def __missing__(self, name: str) -> Reservoir:
        reservoir = self[name] = Reservoir(self.capacity)
        return reservoir


def percentile(values: Iterable[float], quantile: float) -> float:
    """Return the value at a quantile (0 to 1, nearest rank); NaN if there are no values."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, math.ceil(quantile * len(ordered)) - 1 if quantile else 0)]
