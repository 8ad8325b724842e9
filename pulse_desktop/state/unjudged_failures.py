"""Failures of which so far only the result is known, while their events may still be read.

A result has neither a traceback nor, in a stock application, the name of its task. So such a run
would be in a group of its own until its events are read, and in none of the marks of operators.
"""

import math
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

from pulse_desktop.state.run import TaskRun

CLOCK_GRACE_S: Final = 5.0
"""By so much the event of a failure may be stored before its result, or after it."""


class UnjudgedFailures:
    """Positions of failed runs that are in no group yet.

    Attributes:
        known_since: Unix seconds from which on all events were read as far as they can be; -inf if
            all were, which is so where nothing is read back.
    """

    def __init__(self) -> None:
        """Create it without any run; all events count as read."""
        self.known_since = -math.inf
        self._waiting: dict[int, float] = {}
        self._latest: list[tuple[float, int]] = []  # a heap, the latest first

    @property
    def latest(self) -> float:
        """Unix seconds of the latest failure that waits, -inf for none."""
        self._drop_discarded()
        return -self._latest[0][0] if self._latest else -math.inf

    def put(self, position: int, run: TaskRun, at: float) -> bool:
        """Let a failed run wait if more of it may be read yet; return whether it waits.

        Args:
            position: the run's position among the runs.
            run: the run.
            at: Unix seconds when it failed.
        """
        if (run.attempts and run.attempts[-1].result is not None) or not self._is_early(at):
            self._waiting.pop(position, None)
            return False
        if self._waiting.get(position) != at:
            self._waiting[position] = at
            heappush(self._latest, (-at, position))
        return True

    def discard(self, position: int) -> None:
        """Forget a run."""
        self._waiting.pop(position, None)

    def take(self, count: int) -> Iterator[int]:
        """Take the runs of which no more can be read, at most so many, the latest first."""
        for _number in range(count):
            self._drop_discarded()
            if not self._latest or self._is_early(-self._latest[0][0]):
                return
            position = heappop(self._latest)[1]
            del self._waiting[position]
            yield position

    def _is_early(self, at: float) -> bool:
        return at < self.known_since + CLOCK_GRACE_S

    def _drop_discarded(self) -> None:
        latest, waiting = self._latest, self._waiting
        while latest and waiting.get(latest[0][1]) != -latest[0][0]:
            heappop(latest)
