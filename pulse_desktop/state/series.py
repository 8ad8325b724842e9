"""Counts and samples over time, in memory that does not grow."""

import math
from collections import deque
from collections.abc import Iterable


class TimeBuckets:
    """Sums per bucket of time, for the last `length` buckets.

    Attributes:
        width_s: seconds per bucket.
        length: number of buckets kept.
    """

    def __init__(self, width_s: float, length: int) -> None:
        self.width_s = width_s
        self.length = length
        self._sums = [0.0] * length
        self._head = -1  # number of the newest bucket since the epoch
        self._place = 0  # where its sum stands
        self._begin = self._end = 0.0  # the time it covers

    def add(self, at: float, amount: float = 1.0) -> None:
        """Add to the bucket of a time (Unix seconds). What is older than the span is ignored."""
        if self._begin <= at < self._end:  # nearly always
            self._sums[self._place] += amount
            return
        bucket = int(at // self.width_s)
        if bucket > self._head:
            self._advance(bucket)
        elif bucket <= self._head - self.length:
            return
        self._sums[bucket % self.length] += amount

    def window(self, now: float, buckets: int | None = None) -> tuple[list[float], list[float]]:
        """Return the start times (Unix seconds) and sums of the latest buckets, oldest first.

        The bucket that contains `now` is still filling and is left out.
        """
        count = min(buckets or self.length, self.length - 1)
        last = int(now // self.width_s) - 1
        numbers = range(last - count + 1, last + 1)
        return [number * self.width_s for number in numbers], [self._at(n) for n in numbers]

    def total(self, now: float, seconds: float) -> float:
        """Return the sum over the last `seconds`, the filling bucket included."""
        last = int(now // self.width_s)
        count = min(self.length, math.ceil(seconds / self.width_s))
        return sum(self._at(number) for number in range(last - count + 1, last + 1))

    def _at(self, number: int) -> float:
        if number > self._head or number <= self._head - self.length or number < 0:
            return 0.0
        return self._sums[number % self.length]

    def _advance(self, bucket: int) -> None:
        gone = min(bucket - self._head, self.length) if self._head >= 0 else self.length
        for number in range(bucket - gone + 1, bucket + 1):
            self._sums[number % self.length] = 0.0
        self._head = bucket
        self._place = bucket % self.length
        self._begin = bucket * self.width_s
        self._end = self._begin + self.width_s


class Reservoir:
    """The latest samples of one measured quantity.

    Attributes:
        samples: (Unix seconds, value), oldest first.
    """

    def __init__(self, capacity: int = 2_000) -> None:
        self.samples: deque[tuple[float, float]] = deque(maxlen=capacity)

    def add(self, at: float, value: float) -> None:
        """Add a sample."""
        self.samples.append((at, value))

    def since(self, earliest: float) -> list[float]:
        """Return the values sampled at or after a time."""
        return [value for at, value in self.samples if at >= earliest]

    def points(self, earliest: float) -> tuple[list[float], list[float]]:
        """Return times and values at or after a time, in order of time."""
        kept = sorted(sample for sample in self.samples if sample[0] >= earliest)
        return [at for at, _ in kept], [value for _, value in kept]

    def quantile_window(
        self, now: float, width_s: float, buckets: int, quantile: float
    ) -> tuple[list[float], list[float]]:
        """Return bucket start times and the quantile in each; NaN where nothing was sampled."""
        first = int(now // width_s) - buckets
        grouped: list[list[float]] = [[] for _ in range(buckets)]
        for at, value in self.samples:
            index = int(at // width_s) - first
            if 0 <= index < buckets:
                grouped[index].append(value)
        return (
            [(first + i) * width_s for i in range(buckets)],
            [percentile(group, quantile) for group in grouped],
        )


class ReservoirByName(dict[str, Reservoir]):
    """Series by name, made when first asked for.

    Attributes:
        capacity: samples per series.
    """

    def __init__(self, capacity: int = 2_000) -> None:
        super().__init__()
        self.capacity = capacity

    def __missing__(self, name: str) -> Reservoir:
        series = self[name] = Reservoir(self.capacity)
        return series


def percentile(values: Iterable[float], quantile: float) -> float:
    """Return the value at a quantile (0 to 1, nearest rank); NaN when there are none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, math.ceil(quantile * len(ordered)) - 1 if quantile else 0)]
