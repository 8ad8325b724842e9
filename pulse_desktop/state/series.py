"""Time series in bounded memory: counts in time buckets, and reservoirs of samples."""

import bisect
import math
from collections import deque
from collections.abc import Iterable
from operator import itemgetter


class TimeBuckets:
    """Sums per time bucket, for the latest `length` buckets.

    Attributes:
        width_s: seconds per bucket.
        length: number of buckets kept.
    """

    def __init__(self, width_s: float, length: int) -> None:
        self.width_s = width_s
        self.length = length
        self._sums = [0.0] * length
        self._head = -1  # number of the newest bucket since the epoch
        self._head_index = 0
        self._begin = self._end = 0.0  # the time that the newest bucket covers

    def add(self, at: float, amount: float = 1.0) -> None:
        """Add to the bucket of a time (Unix seconds). Ignores times before the oldest bucket."""
        if self._begin <= at < self._end:  # nearly always
            self._sums[self._head_index] += amount
            return
        bucket = int(at // self.width_s)
        if bucket > self._head:
            self._advance(bucket)
        elif bucket <= self._head - self.length:
            return
        self._sums[bucket % self.length] += amount

    def window(self, now: float, buckets: int | None = None) -> tuple[list[float], list[float]]:
        """Return the start times (Unix seconds) and sums of the latest buckets, oldest first.

        The bucket that contains `now` is incomplete and left out.
        """
        count = min(buckets or self.length, self.length - 1)
        last = int(now // self.width_s) - 1
        numbers = range(last - count + 1, last + 1)
        return [number * self.width_s for number in numbers], [self._at(n) for n in numbers]

    def total(self, now: float, seconds: float) -> float:
        """Return the sum over the last `seconds`, the incomplete bucket included."""
        last = int(now // self.width_s)
        count = min(self.length, math.ceil(seconds / self.width_s))
        return sum(self._at(number) for number in range(last - count + 1, last + 1))

    def first_at(self, now: float, seconds: float) -> float | None:
        """Return the start of the first bucket with a sum within the last `seconds`, or None."""
        last = int(now // self.width_s)
        count = min(self.length, math.ceil(seconds / self.width_s))
        numbers = (number for number in range(last - count + 1, last + 1) if self._at(number))
        first = next(numbers, None)
        return None if first is None else first * self.width_s

    def _at(self, number: int) -> float:
        if number > self._head or number <= self._head - self.length or number < 0:
            return 0.0
        return self._sums[number % self.length]

    def _advance(self, bucket: int) -> None:
        new = min(bucket - self._head, self.length) if self._head >= 0 else self.length
        for number in range(bucket - new + 1, bucket + 1):
            self._sums[number % self.length] = 0.0
        self._head = bucket
        self._head_index = bucket % self.length
        self._begin = bucket * self.width_s
        self._end = self._begin + self.width_s


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
