"""Repeats work at an interval, when something has changed, in part of the time.

What is shown has a clock of its own, which stands still in a recording and without a connection,
while the operator goes on. Intervals go by that clock or by the processor's, whichever moved more.
"""

import math
import time
from collections.abc import Callable
from typing import Final

CHART_SHARE: Final = 0.02
"""Part of the time for work that reads every run or event."""
UNCHANGED_FACTOR: Final = 20.0
"""How many times as long the interval is while nothing has changed."""
_FREE_S: Final = 0.002
"""Work that takes no longer than this is done at each interval."""


class Elapsed:
    """How long ago something was last done."""

    def __init__(self) -> None:
        """Begin with what was never done."""
        self.reset()

    def reset(self) -> None:
        """Count it as never done."""
        self._done_at: float | None = None
        self._tick = 0.0

    def restart(self, now: float) -> None:
        """Count it as done now. `now` is Unix seconds by the clock of what is shown."""
        self._done_at, self._tick = now, time.perf_counter()

    def seconds(self, now: float) -> float:
        """Return the seconds since it was done, infinity if it never was.

        Args:
            now: Unix seconds by the clock of what is shown, which may also be set back.
        """
        if self._done_at is None:
            return math.inf
        return max(abs(now - self._done_at), time.perf_counter() - self._tick)


class Throttle:
    """Decides, each time it is called, whether one piece of work is due, and does it.

    A version counts as shown only once the work has been done for it: work that is put off stays
    due.
    """

    def __init__(self, interval_s: float, *, share: float = 1.0, delay_s: float = 0.0) -> None:
        """Make the work due.

        Args:
            interval_s: shortest time between two runs of the work.
            share: part of the time that the work may take: the longer it takes, the rarer it is.
            delay_s: how much later the second run is, so that several pieces of work that are first
                done together are not always done in the same frame.
        """
        self._interval_s = interval_s
        self._share = share
        self._delay_s = delay_s
        self.reset()

    def reset(self) -> None:
        """Make the work due now."""
        self._shown: object = None
        self._asked: object = None
        self._since_run = Elapsed()
        # Seconds from then until the next run: for another question, and for the same one.
        self._wait_s = self._rest_s = 0.0

    def run(
        self, now: float, work: Callable[[], None], version: object = None, asked: object = None
    ) -> None:
        """Do the work if it is due.

        Args:
            now: Unix seconds.
            work: what is done.
            version: what the work shows. While it is that of the last run, the work is due less
                often. None if it always changes.
            asked: what was asked for. With another one the work is due after the interval, however
                long it takes.
        """
        passed = self._since_run.seconds(now)
        again = asked == self._asked
        unchanged = again and version is not None and version == self._shown
        if unchanged and passed < self._interval_s * UNCHANGED_FACTOR:
            return
        if passed < (self._rest_s if again else self._wait_s):
            return
        began = time.perf_counter()
        self._since_run.restart(now)
        work()
        cost = time.perf_counter() - began
        self._wait_s = self._interval_s + (self._delay_s if passed == math.inf else 0.0)
        self._rest_s = max(self._wait_s, cost / self._share if cost > _FREE_S else 0.0)
        self._shown, self._asked = version, asked
