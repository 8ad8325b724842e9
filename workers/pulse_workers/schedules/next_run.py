"""Computes when a schedule is due, from its timing, its last run, and the time.

No state is kept in memory between two runs, so that every scheduler computes the same answer, even
after a restart.
"""

import dataclasses
from datetime import datetime, timedelta
from typing import Final

from pulse_workers.schedules.cron import CronRule

MISFIRE_GRACE_TIME: Final = timedelta(seconds=5)
"""Runs missed by at most this are all sent; of runs missed by more, only the last."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """Times at which a task is sent, in UTC.

    Attributes:
        created_at: when the schedule was created. The first run of an interval is at this time;
            runs of a cron expression are after it.
        cron: the cron expression, or None.
        interval: the interval, or None.
        at: the time of a single run, or None. The schedule is removed after that run.
        resumed_at: when the schedule was resumed last, or None. Of the runs that were due while it
            was paused, only a single run is still to be sent.
    """

    created_at: datetime
    cron: CronRule | None = None
    interval: timedelta | None = None
    at: datetime | None = None
    resumed_at: datetime | None = None

    def next_after(self, last: datetime | None) -> datetime | None:
        """Return the due time after the last run's, even if it is past; None if there is none."""
        repeated = max((time for time in (last, self.resumed_at) if time is not None), default=None)
        times = (self._next_cron(repeated), self._next_interval(repeated), self._next_at(last))
        return min((time for time in times if time is not None), default=None)

    def due(self, last: datetime | None, now: datetime) -> datetime | None:
        """Return the due time of the run to send now, or None.

        Args:
            last: due time of the last run, None before the first.
            now: the current time.
        """
        first = self.next_after(last)
        if first is None or first > now:
            return None
        if now - first <= MISFIRE_GRACE_TIME:
            return first
        return self._last_missed(first, now)

    def _next_cron(self, last: datetime | None) -> datetime | None:
        if self.cron is None:
            return None
        return self.cron.next_after(self.created_at if last is None else max(last, self.created_at))

    def _next_interval(self, last: datetime | None) -> datetime | None:
        if self.interval is None:
            return None
        if last is None or last < self.created_at:
            return self.created_at
        elapsed = (last - self.created_at) // self.interval
        return self.created_at + (elapsed + 1) * self.interval

    def _next_at(self, last: datetime | None) -> datetime | None:
        return self.at if self.at is not None and (last is None or last < self.at) else None

    def _last_missed(self, first: datetime, now: datetime) -> datetime:
        """Return the last due time from `first` to `now`."""
        times = [first]
        if self.cron is not None:
            last = self.cron.last_until(now, first)
            times += [last] if last is not None else []
        if self.interval is not None and now >= self.created_at:
            elapsed = (now - self.created_at) // self.interval
            times.append(self.created_at + elapsed * self.interval)
        if self.at is not None and self.at <= now:
            times.append(self.at)
        return max(times)
