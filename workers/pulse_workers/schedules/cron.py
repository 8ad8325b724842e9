"""When a cron line comes due, in any time zone, forwards and backwards.

TaskIQ asks pycron once a minute "is it now?", which cannot say when the next time is, and runs a
nightly job twice or never when the clocks change. Here a line is read with pycron, so that it
means the same as for TaskIQ, and turned into the moments of a day. When the clocks change:

- a line with every hour (`*/15 * * * *`) follows real time: the repeated hour counts twice;
- any other (`30 2 * * *`) comes once a day: of a repeated time the first counts, and a time that
  is left out comes as long after midnight as on other days (02:30 becomes 03:30).
"""

import dataclasses
import functools
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import pycron  # type: ignore[import-untyped]

from pulse_workers.schedules.errors import InvalidScheduleError

_SEARCHED_DAYS: Final = 41 * 366
"""A 29 February that must also be a given weekday may be 40 years away."""
_HOURS: Final = 24
_DAY: Final = timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class CronRule:
    """A cron line as sets of numbers.

    Attributes:
        minutes, hours, days, months: those that fit.
        weekdays: those that fit, 0 is Sunday.
        either_day: the day of the month or the weekday suffices, since both are restricted.
        zone: where the line's times are meant.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`, in UTC; None if there is none in 40 years."""
        around = self._around(moment)
        later = [day[place] for day in around if (place := bisect_right(day, moment)) < len(day)]
        if later:
            return min(later)
        for day in self._days(moment, range(2, _SEARCHED_DAYS)):
            if day:
                return day[0]
        return None

    def last_until(self, moment: datetime, after: datetime) -> datetime | None:
        """Return the last time in (after, moment], in UTC, or None."""
        around = self._around(moment)
        earlier = [day[place - 1] for day in around if (place := bisect_right(day, moment))]
        if not earlier:
            days = min(_SEARCHED_DAYS, max(0, (moment - after).days) + 2)
            earlier = next(
                ([day[-1]] for day in self._days(moment, range(-2, -days - 1, -1)) if day), []
            )
        return max((found for found in earlier if found > after), default=None)

    def _around(self, moment: datetime) -> list[tuple[datetime, ...]]:
        """The days near a moment: where clocks go back at midnight, days overlap."""
        return list(self._days(moment, range(-1, 2)))

    def _days(self, moment: datetime, offsets: range) -> Iterator[tuple[datetime, ...]]:
        here = moment.astimezone(self.zone).date()
        for offset in offsets:
            try:
                day = here + offset * _DAY
            except OverflowError:
                return
            yield _moments(self, day) if self._fits(day) else ()

    def _fits(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_date = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


@functools.lru_cache(maxsize=2048)
def _moments(rule: CronRule, day: date) -> tuple[datetime, ...]:
    """Return the moments of one local day in order, each once, in UTC."""
    every_hour = len(rule.hours) == _HOURS
    found: set[datetime] = set()
    for hour in rule.hours:
        for minute in rule.minutes:
            local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=rule.zone)
            first = local.astimezone(UTC)
            if first.astimezone(rule.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                found.add(first)
                if every_hour:
                    found.add(local.replace(fold=1).astimezone(UTC))
            elif not every_hour:  # left out when the clocks went forward
                found.add(first)
    return tuple(sorted(found))


@functools.lru_cache(maxsize=1024)
def parse_cron(line: str, offset: str | timedelta | None = None) -> CronRule:
    """Read a line of five fields.

    Args:
        line: minute, hour, day of the month, month, weekday (0 or sun is Sunday).
        offset: name of a time zone, or how far the line's clock is ahead of UTC; None is UTC.

    Raises:
        InvalidScheduleError: it cannot be read, or some part of it never fits anything.
    """
    fields = line.split()
    if len(fields) != len(_FIELDS):
        raise InvalidScheduleError(f"cron {line!r}: wanted 5 fields, there are {len(fields)}")
    minutes, hours, days, months, weekdays = (
        _numbers(line, place, text) for place, text in enumerate(fields)
    )
    return CronRule(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        days,
        months,
        weekdays,
        either_day="*" not in fields[2] and "*" not in fields[4],
        zone=read_zone(offset),
    )


def read_zone(offset: str | timedelta | None) -> tzinfo:
    """Return the zone of TaskIQ's `cron_offset`.

    Raises:
        InvalidScheduleError: there is no such zone.
    """
    if not offset:
        return UTC
    try:
        return timezone(offset) if isinstance(offset, timedelta) else ZoneInfo(offset)
    except (ValueError, OSError, ImportError, LookupError):
        raise InvalidScheduleError(
            f"no time zone {offset!s}: wanted a name such as Europe/Kyiv, or an offset below 24 h"
        ) from None


_SUNDAY: Final = datetime(2000, 10, 1)  # noqa: DTZ001 - begins a month of 31 days
_FIELDS: Final[tuple[tuple[str, range, Callable[[int], datetime]], ...]] = (
    ("minute", range(60), lambda number: _SUNDAY.replace(minute=number)),
    ("hour", range(_HOURS), lambda number: _SUNDAY.replace(hour=number)),
    ("day of the month", range(1, 32), lambda number: _SUNDAY.replace(day=number)),
    ("month", range(1, 13), lambda number: _SUNDAY.replace(month=number)),
    ("weekday", range(7), lambda number: _SUNDAY + number * _DAY),
)


def _numbers(line: str, place: int, text: str) -> frozenset[int]:
    """Return what fits a field, by asking pycron about each number."""
    name, numbers, moment_of = _FIELDS[place]
    fitting: set[int] = set()
    for part in text.split(","):
        fields = ["*"] * len(_FIELDS)
        fields[place] = part
        asked = " ".join(fields)
        try:
            found = {number for number in numbers if pycron.is_now(asked, moment_of(number))}
        except (ValueError, ZeroDivisionError):
            found = set()
        if not found:
            raise InvalidScheduleError(
                f"cron {line!r}: {part!r} is no {name} ({numbers[0]} to {numbers[-1]})"
            )
        fitting |= found
    return frozenset(fitting)
