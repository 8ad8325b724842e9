"""Formats of numbers, sizes, durations and times: one function for each, used everywhere.

An unknown value is formatted as an empty text, never as zero. Symbols of units (ms, min, kB) are
international and not translated.
"""

import math
import re
import time
from typing import Final

from pulse_desktop.model.typed_time import repeated_offset
from pulse_desktop.text.printable import printable
from pulse_desktop.text.translation import _

MINUS: Final = "\u2212"

_RIGHT_TO_LEFT: Final = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_ISOLATES: Final = re.compile("[\u2068\u2069]")
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


def duration(seconds: float | None, *, brief: bool = False) -> str:
    """Return a duration: `0.6 ms`, `38 ms`, `1.33 s`, `12.3 s`, `4 min 12 s`, `3 d 4 h`.

    The unit depends on the duration alone, so that equal durations look alike everywhere.

    Args:
        seconds: None and NaN give an empty text.
        brief: use two digits instead of three: `1.3 s`, `12 s`, `4 min`.
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 0:
        return MINUS + duration(-seconds, brief=brief)
    if seconds < 0.9995:
        thousandths = seconds * 1000
        if thousandths < 0.05:
            return "0 s"
        return f"{thousandths:.1f} ms" if thousandths < 9.95 else f"{thousandths:.0f} ms"
    if brief:
        return f"{seconds:.1f} s" if seconds < 9.95 else _coarse(seconds + 0.5)
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    minutes = round(seconds / _MINUTE)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / _HOUR)
    return f"{hours // 24} d {hours % 24} h"


def size(count: float | None) -> str:
    """Return a number of bytes in decimal units: `412 B`, `1.8 kB`, `36 kB`, `2.4 MB`."""
    if count is None or not math.isfinite(count):
        return ""
    if count < 0:
        return MINUS + size(-count)
    if count < 1000:
        return f"{count:.0f} B"
    value = count
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 9.95:
            return f"{value:.1f} {unit}"
        if value < 999.5:
            return f"{value:.0f} {unit}"
    return f"{value / 1000:,.1f} PB"


def count(number: float | None) -> str:
    """Return a whole number with all digits: `1,204,118`."""
    if number is None or not math.isfinite(number):
        return ""
    text = f"{abs(number):,.0f}"
    return MINUS + text if number < 0 and text != "0" else text


def short_count(number: float | None) -> str:
    """Return a whole number in at most five characters: `86`, `1.2k`, `38k`, `4.1M`."""
    if number is None or not math.isfinite(number):
        return ""
    if abs(number) < 1000:
        return count(number)
    value = float(number)
    for unit in ("k", "M", "G"):
        value /= 1000
        if abs(value) < 9.95:
            return f"{value:.1f}{unit}"
        if abs(value) < 999.5:
            return f"{value:.0f}{unit}"
    return f"{value / 1000:.1f}T"


def rate(per_second: float | None) -> str:
    """Return a rate: `0.2/s`, `83/s`, `1,204/s`."""
    if per_second is None or not math.isfinite(per_second):
        return ""
    if per_second == 0:
        return "0/s"
    if per_second < 9.95:
        return f"{per_second:.1f}/s" if per_second >= 0.05 else "< 0.1/s"
    return f"{per_second:,.0f}/s"


def dollars(amount: float | None) -> str:
    """Return an amount of money with two significant digits at least: `$0`, `$0.0031`, `$1.20`."""
    if amount is None or not math.isfinite(amount):
        return ""
    if amount == 0:
        return "$0"
    digits = 2 if abs(amount) >= 0.1 else min(1 - math.floor(math.log10(abs(amount))), 8)
    return f"${amount:,.{digits}f}"


def percent(share: float | None) -> str:
    """Return a fraction as a percentage: `98.7 %`. Only exactly 0 and 1 give `0 %` and `100 %`."""
    if share is None or not math.isfinite(share):
        return ""
    value = share * 100
    if 99.95 <= value < 100:
        return "> 99.9 %"
    if 0 < value < 0.05:
        return "< 0.1 %"
    return f"{value:.0f} %" if value in (0.0, 100.0) else f"{value:.1f} %"


def clock(at: float | None, now: float | None = None, *, precise: bool = False) -> str:
    """Return a time of day in local time: `10:49:02`; with the date if it is not today.

    In an hour that occurs twice, as clocks are put back, the offset follows: `03:45:10+02`.

    Args:
        at: Unix seconds.
        now: Unix seconds; without it the date is left out.
        precise: whether to add milliseconds to a time of today.
    """
    if at is None:
        return ""
    milliseconds = 0
    if precise:
        at, milliseconds = divmod(round(at * 1000), 1000)
    moment = time.localtime(at)
    text = f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d}"
    if now is None:
        return text
    today, zone = time.localtime(now), repeated_offset(at)
    if today.tm_yday == moment.tm_yday and today.tm_year == moment.tm_year:
        return f"{text}.{milliseconds:03d}{zone}" if precise else text + zone
    return f"{time.strftime('%d %b', moment)} {text}{zone}"


def absolute(at: float | None) -> str:
    """Return date, time with milliseconds, and time zone: `2026-11-23 10:49:02.114 UTC`."""
    if at is None:
        return ""
    # Round to milliseconds first, so that 0.9996 s does not become `.1000`.
    thousandths = round(at * 1000)
    moment = time.localtime(thousandths // 1000)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", moment)
    return f"{stamp}.{thousandths % 1000:03d} {moment.tm_zone}"


def clock_ms(at: float | None) -> str:
    """Return a time of day with milliseconds: `10:49:02.114`."""
    return absolute(at)[11:23]


def ago(at: float | None, now: float) -> str:
    """Return how long ago something happened: `now`, `3 s ago`, `2 min ago`, `in 5 h`."""
    if at is None:
        return ""
    seconds = now - at
    if seconds < -1:
        return _("in {duration}").format(duration=_coarse(-seconds))
    if seconds < 1:
        return _("now")
    return _("{duration} ago").format(duration=_coarse(seconds))


def age(seconds: float | None) -> str:
    """Return a duration in one unit: `12 s`, `14 min`, `5 h`."""
    return "" if seconds is None else _coarse(max(0.0, seconds))


def _coarse(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} d"


def elided(text: str, limit: int) -> str:
    """Return a text as one line of at most `limit` characters, ending with … if truncated."""
    line = " ".join(text.split()) if "\n" in text or "\t" in text else text
    return line if len(line) <= limit else line[: limit - 1] + "…"


def isolated(text: str) -> str:
    """Return a value to be placed beside others, so that it does not change their order.

    Text in a right-to-left script would otherwise carry neighboring commas, quotes and numbers
    with it. It is put between Unicode's isolates, and its own controls of direction are made
    visible; other text stays as it is.
    """
    if text.isascii() or not _RIGHT_TO_LEFT.search(text):
        return text
    return f"\u2068{printable(without_isolates(text))}\u2069"


def without_isolates(text: str) -> str:
    """Return a text without the isolates that `isolated` adds, as it should be copied."""
    return text if text.isascii() else _ISOLATES.sub("", text)


def capitalized(text: str) -> str:
    """Return a text with a capital first letter, unless it begins with an address or a path."""
    first = text.partition(" ")[0].rstrip(".,:;")
    return text if set(first) & set(":./@") else f"{text[:1].upper()}{text[1:]}"


def sentence(text: str) -> str:
    """Return a text as a sentence with its full stop; an empty one stays empty."""
    if not text:
        return ""
    return capitalized(text) if text.endswith((".", "?", "!", "…")) else f"{capitalized(text)}."
