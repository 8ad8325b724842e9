"""Load of a worker between two heartbeats: CPU share and slot utilization."""

import time
from collections.abc import Callable
from typing import Final

_MIN_INTERVAL_S: Final = 1.0
"""Over a shorter time a rate is not meaningful."""


class RateMeter:
    """Growth rate of a total in seconds: 1.0 is one second per second."""

    def __init__(self, total: Callable[[], float], clock: Callable[[], float]) -> None:
        """Start measuring now.

        Args:
            total: returns the seconds so far, never decreasing.
            clock: monotonic seconds.
        """
        self._total = total
        self._clock = clock
        self._last = (clock(), total())
        self._rate: float | None = None

    def sample(self) -> float | None:
        """Return the rate since the previous sample; the previous rate if that was just now.

        None until a second has passed.
        """
        now, total = self._clock(), self._total()
        last_time, last_total = self._last
        if now - last_time >= _MIN_INTERVAL_S:
            self._rate = (total - last_total) / (now - last_time)
            self._last = (now, total)
        return self._rate


class SlotTime:
    """Busy time of all slots together, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._busy = 0
        self._seconds = 0.0
        self._since = clock()

    def enter(self) -> None:
        """Count a slot that becomes busy."""
        self.total()
        self._busy += 1

    def leave(self) -> None:
        """Count a slot that becomes free."""
        self.total()
        self._busy -= 1

    def total(self) -> float:
        """Return the seconds so far."""
        now = self._clock()
        self._seconds += self._busy * (now - self._since)
        self._since = now
        return self._seconds
