"""Texts of time ranges: titles, spans, and the local time zone."""

import math
import time
from datetime import datetime
from typing import Final

from pulse_desktop.model.time_range import RangeKind, TimeRange
from pulse_desktop.model.typed_time import repeated_offset
from pulse_desktop.text.translation import _

_DAY: Final = 86_400.0
_HOUR: Final = 3600.0
_MINUTE: Final = 60.0


def range_title(time_range: TimeRange, now: float) -> str:
    """Return what a range is called: `Last 15 min`, `Since 22:10`, `28 Nov 22:00 – 23:10`."""
    match time_range.kind:
        case RangeKind.LAST:
            return _("Last {duration}").format(duration=length_text(time_range.seconds))
        case RangeKind.SINCE:
            return _("Since {time}").format(time=moment_text(time_range.start, now))
        case RangeKind.FIXED:
            return span_text(time_range.start, time_range.end, now)
        case _:
            return _("All retained")


def short_titles(time_range: TimeRange, now: float) -> tuple[str, ...]:
    """Return what a range is called in ever less room: `10:46:32 –`, `10:46 –`; `1 h`, `Past`.

    Nothing stands for the usual range, that of all that is retained; any other is always told.
    """
    match time_range.kind:
        case RangeKind.LAST:
            return (length_text(time_range.seconds),)
        case RangeKind.SINCE:
            start = time_range.start
            minute = start - start % _MINUTE
            texts = (moment_text(start, now), moment_text(minute, now))
            return tuple(dict.fromkeys(_("{time} –").format(time=text) for text in texts))
        case RangeKind.FIXED:
            return (_("The past"), _("Past"))
        case _:
            return (_("All"), "")


def span_length_text(seconds: float) -> str:
    """Return the length of what is counted: exact below a minute, then to the second or minute."""
    if seconds < _MINUTE:
        return length_text(round(seconds, 3))
    step = 1.0 if seconds < _HOUR else _MINUTE
    return length_text(round(seconds / step) * step)


def length_text(seconds: float) -> str:
    """Return a length in as few units as it takes: `15 min`, `1 h 30 min`, `24 h`, `250 ms`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    parts = []
    rest = round(seconds, 3)
    for size, unit in ((_DAY, "d"), (3600.0, "h"), (_MINUTE, "min")):
        if size == _DAY and rest < 2 * _DAY:
            continue
        amount = math.floor(rest / size)
        if amount:
            parts.append(f"{amount} {unit}")
            rest -= amount * size
    if rest >= 0.001 and len(parts) < 2:
        parts.append(f"{rest:.3f}".rstrip("0").rstrip(".") + " s")
    return " ".join(parts[:2])


def moment_text(at: float, now: float, *, precise: bool = False) -> str:
    """Return a time in local time: `22:10`, `22:10:05`, `28 Nov 22:10`, with the year if needed.

    In an hour that occurs twice, the offset follows: `03:45+02`.

    Args:
        at: Unix seconds.
        now: Unix seconds: the date is left out on the same day.
        precise: whether to show milliseconds.
    """
    thousandths = round(at * 1000)
    moment, today = time.localtime(thousandths // 1000), time.localtime(now)
    clock = time.strftime("%H:%M", moment)
    if precise:
        clock = f"{time.strftime('%H:%M:%S', moment)}.{thousandths % 1000:03d}"
    elif moment.tm_sec:
        clock = time.strftime("%H:%M:%S", moment)
    clock += repeated_offset(thousandths // 1000)
    if moment.tm_year != today.tm_year:
        return f"{time.strftime('%d %b %Y', moment)} {clock}"
    if moment.tm_yday != today.tm_yday:
        return f"{time.strftime('%d %b', moment)} {clock}"
    return clock


def span_text(start: float, end: float, now: float) -> str:
    """Return both ends of a span of time, in milliseconds if it is shorter than a minute."""
    precise = end - start < _MINUTE
    first = moment_text(start, now, precise=precise)
    same_day = time.localtime(start)[:3] == time.localtime(end)[:3]
    last = moment_text(end, end if same_day else now, precise=precise)
    return f"{first} – {last}"


def typed_text(at: float, *, is_end: bool = False) -> str:
    """Return a time as it can be typed: `2026-11-29 22:00:00`, with milliseconds if it has some.

    Args:
        at: Unix seconds.
        is_end: whether it ends a range, in which the last typed unit is included: the end 22:01 is
            typed as `22:00`.
    """
    second, clock = _typed_second(at, is_end=is_end)
    date = time.strftime("%Y-%m-%d", time.localtime(second))
    return f"{date} {clock}{repeated_offset(second)}"


def typed_clock(at: float, *, is_end: bool = False) -> str:
    """Return the time of day as in `typed_text`, without the offset of an hour that repeats."""
    return _typed_second(at, is_end=is_end)[1]


def _typed_second(at: float, *, is_end: bool) -> tuple[int, str]:
    """Return the second or minute that is typed for a time, and its time of day as typed."""
    thousandths = round(at * 1000)
    if is_end and not thousandths % 60_000:
        minute = thousandths // 1000 - 60
        return minute, time.strftime("%H:%M", time.localtime(minute))
    if is_end:
        thousandths -= 1 if thousandths % 1000 else 1000
    second = thousandths // 1000
    clock = time.strftime("%H:%M:%S", time.localtime(second))
    return second, f"{clock}.{thousandths % 1000:03d}" if thousandths % 1000 else clock


def zone_text(at: float) -> str:
    """Return the local time zone at a time: `CET (UTC+01:00)`."""
    moment = datetime.fromtimestamp(at).astimezone()
    offset = moment.strftime("%z")
    name = moment.tzname() or ""
    text = f"UTC{offset[:3]}:{offset[3:5]}"
    return f"{name} ({text})" if name and name != "UTC" else "UTC"


def not_past_text(time_range: TimeRange) -> str:
    """Return how to say that something is of now in spite of the range; empty for a live range."""
    return "" if time_range.is_live else _("as of now, not of the time range")


def shown_range_text(start: float, end: float, now: float, *, is_live: bool) -> str:
    """Return what the axis of a chart really shows: `last 2 min`, `28 Nov 22:00 – 23:10`."""
    if is_live:
        return _("last {duration}").format(duration=length_text(round(end - start) or end - start))
    return span_text(start, end, now)
