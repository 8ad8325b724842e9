"""Times as an operator types them, or as a table shows them. Local time, as everywhere.

The one reader of times: for queries, the time range, and the command line. A time is a span, as
long as the unit that it was typed in: `2026-11-29` is a day, `22:00` a minute.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from pulse_desktop.model.quantities import parse_duration

_DAY_S: Final = 86_400.0
_QUARTER_S: Final = 900
"""Clocks are put back at a quarter of an hour, by some of them."""
_MAX_S: Final = 10 * 366 * _DAY_S
_FRACTION: Final = r"(\.\d{1,6})\d{0,3}"
"""Nanoseconds are cut off, as they are from times on the wire."""
_CLOCK_PATTERN: Final = (
    rf"(\d{{1,2}}):(\d{{2}})(?::(\d{{2}})(?:{_FRACTION})?)?([+-]\d{{2}}(?::[0-5]\d)?)?"
)
"""With the offset from UTC that a table adds in an hour that occurs twice."""
_CLOCK: Final = re.compile(_CLOCK_PATTERN, re.ASCII)
_ISO: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    rf"(?:[Tt ]\s*(\d{{1,2}})(?::(\d{{2}})(?::(\d{{2}})(?:{_FRACTION})?)?)?"
    r"\s*([A-Za-z]{1,5}|[+-]\d{2}(?::?[0-5]\d)?)?)?",
    re.ASCII,
)
_WITHOUT_SEPARATORS: Final = re.compile(
    r"\A(\d{4})(\d{2})(\d{2})[Tt](\d{2})(\d{2})(\d{2})(?!\d)", re.ASCII
)
_NAMED_DAY: Final = re.compile(r"(today|yesterday)(?:\s+(\S+))?")
_DAY_AND_MONTH: Final = re.compile(r"(\d{1,2})[ .]+([^\W\d]{3})[^\W\d]*\.?(?:\s+(\S+))?")
_MONTH_AND_DAY: Final = re.compile(r"(\d{1,2})-(\d{1,2})(?:\s+(\S+))?", re.ASCII)
_DAY_OF_MONTH: Final = re.compile(rf"(\d{{1,2}})\s+({_CLOCK_PATTERN})", re.ASCII)
_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_UTC: Final = ("Z", "UTC", "GMT")
_MAX_MONTHS_BACK: Final = 12
"""A day of the month occurs within so many months."""
_MAX_YEARS_BACK: Final = 8
"""29 February occurs within so many years."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of time in Unix seconds.

    Attributes:
        start: its beginning.
        stop: its end, which does not belong to it; equal to `start` for an instant.
        time_dependent: whether it changes with the present time.
        ago: whether it is an instant so long ago: `2h`.
        of_day: whether it is a time of day without a date: the latest one.
        whole_day: whether it is a day without a time of day.
        repeated_after: seconds after which it occurs once more, as clocks are put back; 0 if not.
    """

    start: float
    stop: float
    time_dependent: bool = False
    ago: bool = False
    of_day: bool = False
    whole_day: bool = False
    repeated_after: float = 0.0

    @property
    def last_stop(self) -> float:
        """The end of its last occurrence."""
        return self.stop + self.repeated_after

    def contains(self, at: float) -> bool:
        """Return whether an instant is in it, in either occurrence."""
        again = at - self.repeated_after
        return self.start <= at < self.stop or self.start <= again < self.stop

    def after(self, at: float) -> "TimeSpan":
        """Return the first time of day after an instant; any other time as it is."""
        if not self.of_day or self.start >= at:
            return self
        length = self.stop - self.start
        days = max(0, int((at - self.start) // _DAY_S) - 1)  # a day may last an hour longer
        while not (later := [each for each in _shifted(self.start, days) if each >= at]):
            days += 1
        start = later[0]
        return TimeSpan(start, start + length, self.time_dependent, self.ago, self.of_day)


def parse_time(text: str, now: float) -> TimeSpan | None:
    """Return the time that a text means, None if it is not a time.

    Args:
        text: `22:00`, `22:00:05.250`, `29 22:00` (day of the month), `2026-11-29`,
            `2026-11-29T22:00`, `11-29 22:00`, `29 Nov`, `yesterday 22:00`, `now`, or `2h` and
            `now-2h` (so long ago). A time or day without a year is the latest one.
        now: Unix seconds.
    """
    text = text.strip()
    try:
        return (
            _named(text.lower(), now)
            or _relative(text.lower(), now)
            or _of_day(text, now)
            or _iso(text)
            or _dated(text, now)
        )
    except (ValueError, OverflowError, OSError):  # no such day, or too far away for the system
        return None


def parse_moment(text: str, now: float) -> float | None:
    """Return the beginning of a typed time, Unix seconds; None if it is not a time.

    Args:
        text: see `parse_time`.
        now: Unix seconds.
    """
    span = parse_time(text, now)
    return None if span is None else span.start


def repeated_offset(at: float) -> str:
    """Return the offset from UTC, `+02`, of a local time that occurs twice; otherwise nothing."""
    if not _is_repeated(int(at // _QUARTER_S), (time.timezone, *time.tzname)):
        return ""
    offset = datetime.fromtimestamp(at).astimezone().strftime("%z")
    return offset[:3] if offset[3:5] == "00" else f"{offset[:3]}:{offset[3:5]}"


@lru_cache(maxsize=4096)
def _is_repeated(quarter: int, _zone: tuple[object, ...]) -> bool:
    """Return whether the local times of a quarter of an hour occur twice: a table asks often."""
    moment = datetime.fromtimestamp(quarter * _QUARTER_S)  # noqa: DTZ006
    first, second = (moment.replace(fold=fold).timestamp() for fold in (0, 1))
    return first != second


def seconds_from_text(text: str) -> float | None:
    """Return the seconds of a duration such as `90s`, `15 min`, `1h 30m`; None if it is none.

    It has a unit, unlike the durations of a query, and is not zero.
    """
    text = text.strip()
    if not text or text[-1].isdigit() or (found := parse_duration(text)) is None:
        return None
    return found.value if 0 < found.value <= _MAX_S else None


def moment_from_iso(text: str) -> float:
    """Return the Unix seconds of an ISO 8601 time with a zone. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return moment.timestamp()


def _named(text: str, now: float) -> TimeSpan | None:
    if text == "now":
        return TimeSpan(now, now, time_dependent=True)
    found = _NAMED_DAY.fullmatch(text)
    if found is None:
        return None
    today = time.localtime(now)
    day = today.tm_mday - (found[1] == "yesterday")
    return _on_day(today.tm_year, today.tm_mon, day, found[2])


def _relative(text: str, now: float) -> TimeSpan | None:
    length = text.removesuffix("ago").rstrip()
    if length.startswith("now"):
        length = length.removeprefix("now").lstrip()
        if not length.startswith("-"):
            return None
    seconds = seconds_from_text(length.removeprefix("-"))
    if seconds is None:
        return None
    return TimeSpan(now - seconds, now - seconds, time_dependent=True, ago=True)


def _of_day(text: str, now: float) -> TimeSpan | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    offset, length = _clock(found)
    today = time.localtime(now)
    start = max(
        at
        for days in (1, 0, -1, -2)
        for at in _instants(today.tm_year, today.tm_mon, today.tm_mday + days, offset, found[5])
        if at <= now
    )
    return TimeSpan(start, start + length, time_dependent=True, of_day=True)


def _clock(found: re.Match[str]) -> tuple[float, float]:
    """Return the seconds since midnight and the length of a time of day."""
    hour, minute, second, fraction = found.groups()[:4]
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        raise ValueError(found[0])
    offset = int(hour) * 3600.0 + int(minute) * 60.0 + int(second or 0) + float(fraction or 0)
    if fraction:
        return offset, 10.0 ** (1 - len(fraction))
    return offset, 1.0 if second else 60.0


def _iso(text: str) -> TimeSpan | None:
    found = _ISO.fullmatch(_WITHOUT_SEPARATORS.sub(r"\1-\2-\3T\4:\5:\6", text))
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if hour is None:
        datetime(int(year), int(month), int(day))  # noqa: DTZ001  raises if there is no such day
        start = _local(int(year), int(month), int(day))
        return TimeSpan(start, _local(int(year), int(month), int(day) + 1), whole_day=True)
    datetime(  # noqa: DTZ001  raises if there is no such time
        int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0)
    )
    offset = int(hour) * 3600.0 + int(minute or 0) * 60.0 + int(second or 0) + float(fraction or 0)
    starts = _instants(int(year), int(month), int(day), offset, zone)
    length = 10.0 ** (1 - len(fraction)) if fraction else 1.0 if second else 60.0
    if minute:
        return TimeSpan(starts[0], starts[0] + length, repeated_after=starts[-1] - starts[0])
    # Both occurrences of an hour follow each other, perhaps with less than an hour of one.
    stop = _instants(int(year), int(month), int(day), offset + 3600, zone)[0]
    return TimeSpan(starts[0], stop if stop > starts[0] else starts[0] + 3600)


def _dated(text: str, now: float) -> TimeSpan | None:
    """Return the latest day such as `29 Nov` or `11-29`, or a time on it; `29 22:00`."""
    today = time.localtime(now)
    of_month = _DAY_OF_MONTH.fullmatch(text)
    if of_month is not None:
        return _on_day(*_latest_day(int(of_month[1]), now), of_month[2])
    found = _DAY_AND_MONTH.fullmatch(text)
    if found is not None and found[2].lower() in _MONTHS:
        day, month = int(found[1]), _MONTHS[found[2].lower()]
    elif (found := _MONTH_AND_DAY.fullmatch(text)) is not None:
        month, day = int(found[1]), int(found[2])
    else:
        return None
    year = today.tm_year - ((month, day) > (today.tm_mon, today.tm_mday))
    years = range(year, year - _MAX_YEARS_BACK - 1, -1)
    return _on_day(*_latest((each, month, day) for each in years), found[3])


def _latest_day(day: int, now: float) -> tuple[int, int, int]:
    """Return year, month and day of the latest day of a month with a number."""
    today = time.localtime(now)
    months = today.tm_year * 12 + today.tm_mon - 1 - (day > today.tm_mday)
    return _latest(
        (month // 12, month % 12 + 1, day) for month in range(months, months - _MAX_MONTHS_BACK, -1)
    )


def _latest(days: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Return the first of some days, year, month and day, that exists. Raises ValueError."""
    for year, month, day in days:
        try:
            datetime(year, month, day)  # noqa: DTZ001  is there such a day?
        except ValueError:
            continue
        return year, month, day
    raise ValueError


def _on_day(year: int, month: int, day: int, clock: str | None) -> TimeSpan | None:
    """Return a day, or a time on it; None if it is no time of day."""
    if clock is None:
        start = _local(year, month, day)
        return TimeSpan(start, _local(year, month, day + 1), time_dependent=True, whole_day=True)
    found = _CLOCK.fullmatch(clock)
    if found is None:
        return None
    offset, length = _clock(found)
    starts = _instants(year, month, day, offset, found[5])
    return TimeSpan(
        starts[0], starts[0] + length, time_dependent=True, repeated_after=starts[-1] - starts[0]
    )


def _local(year: int, month: int, day: int) -> float:
    """Return Unix seconds of the beginning of a day; days beyond the month count on."""
    return _instants(year, month, day)[0]


def _instants(
    year: int, month: int, day: int, offset: float = 0.0, zone: str | None = None
) -> list[float]:
    """Return Unix seconds of a time, the earliest first; days beyond the month count on.

    A local time occurs twice when clocks are put back. One that is skipped is as much later.
    """
    whole = int(offset)
    wall = datetime(year, month, 1) + timedelta(days=day - 1, seconds=whole)  # noqa: DTZ001
    if zone:
        return [_zoned(wall, zone).timestamp() + offset - whole]
    both = [wall.replace(fold=fold).timestamp() for fold in (0, 1)]
    shown = {at for at in both if datetime.fromtimestamp(at) == wall}  # noqa: DTZ006
    return [at + offset - whole for at in sorted(shown or both[:1])]


def _zoned(wall: datetime, zone: str) -> datetime:
    """Return a time with its zone: an offset, `UTC`, or a local name. Raises ValueError."""
    if zone.upper() in _UTC:  # first: GMT is a local name in London, also in summer
        return wall.replace(tzinfo=UTC)
    if zone not in time.tzname:
        return datetime.fromisoformat(f"{wall.isoformat()}{zone}")
    for fold in (0, 1):
        local = wall.replace(fold=fold).astimezone()
        if local.tzname() == zone and local.replace(tzinfo=None) == wall:
            return local
    seconds = -(time.timezone if zone == time.tzname[0] else time.altzone)
    return wall.replace(tzinfo=timezone(timedelta(seconds=seconds)))


def _shifted(at: float, days: int) -> list[float]:
    """Return when the same time of day occurs some days later."""
    moment = time.localtime(at)
    offset = moment.tm_hour * 3600.0 + moment.tm_min * 60.0 + moment.tm_sec + at % 1
    return _instants(moment.tm_year, moment.tm_mon, moment.tm_mday + days, offset)
