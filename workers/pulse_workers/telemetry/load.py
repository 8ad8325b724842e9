"""What a worker costs and how full it is, between two looks."""

import time
from collections.abc import Callable
from typing import Final

_SHORTEST: Final = 1.0
"""Seconds below which a share says more about the moment than about the worker."""


class RateMeter:
    """How fast a sum of seconds grows: 1.0 is one second in each second."""

    def __init__(self, total: Callable[[], float], clock: Callable[[], float]) -> None:
        """Begin now.

        Args:
            total: seconds so far, never less than before.
            clock: seconds.
        """
        self._total = total
        self._clock = clock
        self._then = (clock(), total())
        self._share: float | None = None

    def look(self) -> float | None:
        """Return the share since the last look; the one before if that was just now.

        None until a second has passed: nothing was measured yet.
        """
        now, total = self._clock(), self._total()
        since, before = self._then
        if now - since >= _SHORTEST:
            self._share = (total - before) / (now - since)
            self._then = (now, total)
        return self._share


class SlotTime:
    """Seconds for which slots were busy, all slots together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._busy = 0
        self._seconds = 0.0
        self._since = clock()

    def enter(self) -> None:
        """A slot becomes busy."""
        self.total()
        self._busy += 1

    def leave(self) -> None:
        """A slot becomes free."""
        self.total()
        self._busy -= 1

    def total(self) -> float:
        """Return the seconds so far."""
        now = self._clock()
        self._seconds += self._busy * (now - self._since)
        self._since = now
        return self._seconds
