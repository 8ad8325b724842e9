"""Times as an operator types them, or as a table shows them. Local time, as everywhere.

A time is a span, as long as the unit that it was typed in: `2026-11-29` is a day, `22:00` a minute.
"""

import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pulse_desktop.query.quantities import parse_duration

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?", re.ASCII)
_ISO: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(\.\d{1,6})?)?)?\s*([A-Za-z]{1,5}|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_DAY_AND_MONTH: Final = re.compile(r"(\d{1,2})[ .]+([^\W\d]{3})[^\W\d]*\.?(?:\s+(\S+))?")
_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_UTC: Final = ("Z", "UTC", "GMT")


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of time in Unix seconds.

    Attributes:
        start: its beginning.
        stop: its end, which does not belong to it; equal to `start` for an instant.
        relative: whether it moves with the present time.
        ago: whether it is an instant so long ago: `2h`.
        of_day: whether it is a time of day without a date: the latest one.
    """

    start: float
    stop: float
    relative: bool = False
    ago: bool = False
    of_day: bool = False

    def after(self, at: float) -> "TimeSpan":
        """Return the first time of day after an instant; any other time as it is."""
        if not self.of_day or self.start >= at:
            return self
        length = self.stop - self.start
        start = self.start
        while start < at:
            start = _shifted(start, 1)
        return TimeSpan(start, start + length, self.relative, self.ago, self.of_day)


def parse_time(text: str, now: float) -> TimeSpan | None:
    """Return the time that a text means, None if it is not a time.

    Args:
        text: `22:00`, `2026-11-29T22:00`, `29 Nov`, `2h` (so long ago), `today` or `yesterday`.
        now: Unix seconds.
    """
    text = text.strip()
    try:
        return (
            _named(text.lower(), now)
            or _relative(text, now)
            or _of_day(text, now)
            or _iso(text)
            or _day_and_month(text, now)
        )
    except (ValueError, OverflowError, OSError):  # no such day, or too far away for the system
        return None


def _named(text: str, now: float) -> TimeSpan | None:
    if text == "now":
        return TimeSpan(now, now, relative=True)
    days = {"today": 0, "yesterday": -1}.get(text)
    if days is None:
        return None
    today = time.localtime(now)
    start = _local(today.tm_year, today.tm_mon, today.tm_mday + days)
    return TimeSpan(start, _local(today.tm_year, today.tm_mon, today.tm_mday + days + 1), True)


def _relative(text: str, now: float) -> TimeSpan | None:
    length = text.removesuffix("ago").rstrip()
    if not length or length[-1].isdigit() or (found := parse_duration(length)) is None:
        return None
    return TimeSpan(now - found.value, now - found.value, relative=True, ago=True)


def _of_day(text: str, now: float) -> TimeSpan | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    offset, length = _clock(found)
    today = time.localtime(now)
    start = _local(today.tm_year, today.tm_mon, today.tm_mday, offset)
    if start > now:
        start = _local(today.tm_year, today.tm_mon, today.tm_mday - 1, offset)
    return TimeSpan(start, start + length, relative=True, of_day=True)


def _clock(found: re.Match[str]) -> tuple[float, float]:
    """Return the seconds since midnight and the length of a time of day."""
    hour, minute, second, fraction = found.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        raise ValueError(found[0])
    offset = int(hour) * 3600.0 + int(minute) * 60.0 + int(second or 0) + float(fraction or 0)
    if fraction:
        return offset, 10.0 ** (1 - len(fraction))
    return offset, 1.0 if second else 60.0


def _iso(text: str) -> TimeSpan | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if hour is None:
        datetime(int(year), int(month), int(day))  # noqa: DTZ001  raises if there is no such day
        start = _local(int(year), int(month), int(day))
        return TimeSpan(start, _local(int(year), int(month), int(day) + 1))
    moment = datetime(  # noqa: DTZ001  the time zone is added below
        int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0)
    )
    if zone and zone not in time.tzname:
        offset = "+00:00" if zone.upper() in _UTC else zone
        moment = datetime.fromisoformat(f"{moment.isoformat()}{offset}")
    start = moment.timestamp() + float(fraction or 0)
    if fraction:
        return TimeSpan(start, start + 10.0 ** (1 - len(fraction)))
    return TimeSpan(start, start + (1.0 if second else 60.0 if minute else 3600.0))


def _day_and_month(text: str, now: float) -> TimeSpan | None:
    """Return the latest day such as `29 Nov`, or a time on it: `29 Nov 22:00:05`."""
    found = _DAY_AND_MONTH.fullmatch(text)
    if found is None or found[2].lower() not in _MONTHS:
        return None
    day, month, year = int(found[1]), _MONTHS[found[2].lower()], time.localtime(now).tm_year
    start = _local(year, month, day)
    if start > now:
        year, start = year - 1, _local(year - 1, month, day)
    datetime(year, month, day)  # noqa: DTZ001  raises if there is no such day
    if found[3] is None:
        return TimeSpan(start, _local(year, month, day + 1), relative=True)
    clock = _CLOCK.fullmatch(found[3])
    if clock is None:
        return None
    offset, length = _clock(clock)
    start = _local(year, month, day, offset)
    return TimeSpan(start, start + length, relative=True)


def _local(year: int, month: int, day: int, offset: float = 0.0) -> float:
    """Return Unix seconds of a local time; days beyond the month count on."""
    whole = int(offset)
    at = time.mktime((year, month, day, whole // 3600, whole // 60 % 60, whole % 60, 0, 0, -1))
    return at + offset - whole


def _shifted(at: float, days: int) -> float:
    """Return the same time of day some days later."""
    moment = time.localtime(at)
    offset = moment.tm_hour * 3600.0 + moment.tm_min * 60.0 + moment.tm_sec + at % 1
    return _local(moment.tm_year, moment.tm_mon, moment.tm_mday + days, offset)
