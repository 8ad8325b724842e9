"""When a schedule is due: a pure function of its timing, its last firing, and the time.

Nothing is kept in memory between two firings, so any scheduler comes to the same answer, after a
restart as well.
"""

import dataclasses
from datetime import datetime, timedelta
from typing import Final

from pulse_workers.schedules.cron import CronRule

MISFIRE_GRACE_TIME: Final = timedelta(seconds=5)
"""Runs missed by no more than this are all sent; of those missed for longer only the last."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """What decides when a task is sent. All moments are in UTC.

    Attributes:
        since: when the schedule was made. Intervals count from here, the first at once; a cron
            line counts after it.
        cron: a cron line, or None.
        every: an interval, or None.
        at: one moment, or None. A schedule that has one is gone after its first firing.
    """

    since: datetime
    cron: CronRule | None = None
    every: timedelta | None = None
    at: datetime | None = None

    def next_after(self, fired: datetime | None) -> datetime | None:
        """Return what comes after the last firing, even if it is past; None for nothing."""
        times = (self._next_cron(fired), self._next_interval(fired), self._next_at(fired))
        return min((time for time in times if time is not None), default=None)

    def due(self, fired: datetime | None, now: datetime) -> datetime | None:
        """Return what to fire now, or None.

        Args:
            fired: what was fired last, None at the beginning.
            now: the time.
        """
        first = self.next_after(fired)
        if first is None or first > now:
            return None
        if now - first <= MISFIRE_GRACE_TIME:
            return first
        return self._last_until(now, first)

    def _next_cron(self, fired: datetime | None) -> datetime | None:
        if self.cron is None:
            return None
        return self.cron.next_after(self.since if fired is None else max(fired, self.since))

    def _next_interval(self, fired: datetime | None) -> datetime | None:
        if self.every is None:
            return None
        if fired is None or fired < self.since:
            return self.since
        return self.since + ((fired - self.since) // self.every + 1) * self.every

    def _next_at(self, fired: datetime | None) -> datetime | None:
        return self.at if self.at is not None and (fired is None or fired < self.at) else None

    def _last_until(self, now: datetime, first: datetime) -> datetime:
        """Return the last of what is due, given the first."""
        times = [first]
        if self.cron is not None:
            last = self.cron.last_until(now, first)
            times += [last] if last is not None else []
        if self.every is not None and now >= self.since:
            times.append(self.since + (now - self.since) // self.every * self.every)
        if self.at is not None and self.at <= now:
            times.append(self.at)
        return max(times)
