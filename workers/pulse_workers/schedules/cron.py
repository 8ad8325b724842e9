"""Cron expressions: the next and the previous time, in any time zone.

TaskIQ asks pycron once a minute whether an expression matches now. That does not give the time of
the next run, and runs a nightly job twice or never when daylight saving time begins or ends. Here
pycron parses the expression, so that it means the same as for TaskIQ, and the times of a day are
computed from the result. When clocks change:

- an expression with every hour (`*/15 * * * *`) follows real time: the repeated hour runs twice;
- any other (`30 2 * * *`) runs once a day: at the first of two repeated times, and a skipped time
  is replaced by the one as long after midnight as usual (02:30 becomes 03:30).
"""

import dataclasses
import functools
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import pycron

from pulse_desktop.text.translation import _
from pulse_workers.errors import WorkerError

_MAX_SEARCH_DAYS: Final = 41 * 366
"""29 February on a given day of the week can be 40 years away."""
_MAX_LENGTH: Final = 1_000
"""Characters of an expression. Parsing asks about each part, and a stored value can have many."""
_HOURS: Final = 24
_DAY: Final = timedelta(days=1)


class InvalidScheduleError(WorkerError):
    """A schedule is invalid. `str()` is the reason."""


@dataclasses.dataclass(frozen=True)
class CronRule:
    """A parsed cron expression.

    Attributes:
        minutes, hours, days, months: the matching numbers.
        weekdays: the matching days of the week, 0 is Sunday.
        either_day: both kinds of day are restricted, so that one match suffices.
        zone: time zone of the expression.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo

    def next_after(self, time: datetime) -> datetime | None:
        """Return the first time after `time`, in UTC; None if there is none in 40 years."""
        days = self._nearby_days(time)
        later = [day[index] for day in days if (index := bisect_right(day, time)) < len(day)]
        if later:
            return min(later)
        for day in self._days(time, range(2, _MAX_SEARCH_DAYS)):
            if day:
                return day[0]
        return None

    def last_until(self, time: datetime, after: datetime) -> datetime | None:
        """Return the last time in (after, time], in UTC, or None."""
        days = self._nearby_days(time)
        earlier = [day[index - 1] for day in days if (index := bisect_right(day, time))]
        if not earlier:
            limit = min(_MAX_SEARCH_DAYS, max(0, (time - after).days) + 2)
            earlier = next(
                ([day[-1]] for day in self._days(time, range(-2, -limit - 1, -1)) if day), []
            )
        return max((found for found in earlier if found > after), default=None)

    def _nearby_days(self, time: datetime) -> list[tuple[datetime, ...]]:
        """Return the times of three days: where clocks go back at midnight, days overlap."""
        return list(self._days(time, range(-1, 2)))

    def _days(self, time: datetime, offsets: range) -> Iterator[tuple[datetime, ...]]:
        local_date = time.astimezone(self.zone).date()
        for offset in offsets:
            try:
                day = local_date + offset * _DAY
            except OverflowError:
                return
            yield _times_of_day(self, day) if self._matches(day) else ()

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_date = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


@functools.lru_cache(maxsize=2048)
def _times_of_day(rule: CronRule, day: date) -> tuple[datetime, ...]:
    """Return the distinct times of one local day in order, in UTC."""
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
            elif not every_hour:  # skipped when the clocks went forward
                found.add(first)
    return tuple(sorted(found))


def parse_cron(expression: str, offset: str | timedelta | None = None) -> CronRule:
    """Parse a cron expression of five fields.

    Args:
        expression: minute, hour, day of month, month, day of week (0 or sun is Sunday).
        offset: name of a time zone, or an offset from UTC; None is UTC.

    Raises:
        InvalidScheduleError: it cannot be parsed, or a part of it matches nothing.
    """
    if len(expression) > _MAX_LENGTH:
        raise InvalidScheduleError(
            _("cron: expected at most {limit} characters, found {count}").format(
                limit=_MAX_LENGTH, count=len(expression)
            )
        )
    return _parse(expression, offset)


@functools.lru_cache(maxsize=1024)
def _parse(expression: str, offset: str | timedelta | None) -> CronRule:
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise InvalidScheduleError(
            _("cron {expression!r}: expected 5 fields, found {count}").format(
                expression=expression, count=len(fields)
            )
        )
    minutes, hours, days, months, weekdays = (
        _parse_field(expression, index, text) for index, text in enumerate(fields)
    )
    return CronRule(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        days,
        months,
        weekdays,
        either_day="*" not in fields[2] and "*" not in fields[4],
        zone=parse_zone(offset),
    )


def parse_zone(offset: str | timedelta | None) -> tzinfo:
    """Return the time zone of TaskIQ's `cron_offset`.

    Raises:
        InvalidScheduleError: there is no such time zone.
    """
    if not offset:
        return UTC
    try:
        return timezone(offset) if isinstance(offset, timedelta) else ZoneInfo(offset)
    except (ValueError, OSError, ImportError, LookupError):
        raise InvalidScheduleError(
            _(
                "unknown time zone {zone}: expected a name such as Europe/Kyiv, or an offset below "
                "24 hours"
            ).format(zone=offset)
        ) from None


_SUNDAY: Final = datetime(2000, 10, 1)  # noqa: DTZ001 - the first day of a month of 31 days
_FIELDS: Final[tuple[tuple[str, range, Callable[[int], datetime]], ...]] = (
    (_("minute"), range(60), lambda number: _SUNDAY.replace(minute=number)),
    (_("hour"), range(_HOURS), lambda number: _SUNDAY.replace(hour=number)),
    (_("day of month"), range(1, 32), lambda number: _SUNDAY.replace(day=number)),
    (_("month"), range(1, 13), lambda number: _SUNDAY.replace(month=number)),
    (_("day of week"), range(7), lambda number: _SUNDAY + number * _DAY),
)


def _parse_field(expression: str, index: int, text: str) -> frozenset[int]:
    """Return the numbers that a field matches, by asking pycron about each of them."""
    name, numbers, time_with = _FIELDS[index]
    matching: set[int] = set()
    for part in text.split(","):
        fields = ["*"] * len(_FIELDS)
        fields[index] = part
        expression_of_part = " ".join(fields)
        try:
            found = {n for n in numbers if pycron.is_now(expression_of_part, time_with(n))}
        except (ValueError, ZeroDivisionError):
            found = set()
        if not found:
            raise InvalidScheduleError(
                _("cron {expression!r}: {part!r} is not a valid {field} ({low} to {high})").format(
                    expression=expression,
                    part=part,
                    field=name,
                    low=numbers[0],
                    high=numbers[-1],
                )
            )
        matching |= found
    return frozenset(matching)
