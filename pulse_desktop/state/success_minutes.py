"""The minutes in which runs of one task succeeded: whether it ran for long enough to judge it."""

from bisect import bisect_left, insort
from typing import Final

MAX_MINUTES: Final = 2_880
"""Minutes kept of one task; of more than these the oldest are left out."""
_MINUTE_S: Final = 60.0


class SuccessMinutes:
    """Which minutes had a success, mostly added from the newest on in both directions."""

    def __init__(self) -> None:
        """Start without any."""
        self._minutes: list[int] = []
        self._counts: dict[int, int] = {}

    def add(self, at: float) -> None:
        """Add a success at a time, Unix seconds."""
        minute = int(at // _MINUTE_S)
        count = self._counts.get(minute, 0)
        if not count:
            if len(self._minutes) >= MAX_MINUTES:
                if minute < self._minutes[0]:
                    return
                del self._counts[self._minutes.pop(0)]
            insort(self._minutes, minute)
        self._counts[minute] = count + 1

    def remove(self, at: float) -> None:
        """Remove a success, which may be one of those left out."""
        minute = int(at // _MINUTE_S)
        count = self._counts.get(minute, 0)
        if count > 1:
            self._counts[minute] = count - 1
        elif count:
            del self._counts[minute]
            del self._minutes[bisect_left(self._minutes, minute)]

    def has_periods(self, start: float, end: float, length: float, count: int) -> bool:
        """Return whether so many periods of a time have a success.

        Args:
            start: Unix seconds; the periods follow it without gaps.
            end: Unix seconds.
            length: seconds of each period.
            count: number of periods; 0 always has them.
        """
        minutes, earliest = self._minutes, start
        for _number in range(count):
            index = bisect_left(minutes, earliest / _MINUTE_S)
            if index == len(minutes) or (at := minutes[index] * _MINUTE_S) > end:
                return False
            earliest = start + ((at - start) // length + 1) * length
        return True
