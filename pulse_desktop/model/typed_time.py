"""Times and durations as an operator types them, in the local time zone."""

from datetime import datetime, timedelta
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_MAX_S: Final = 10 * 366 * 86_400.0


def seconds_from_text(text: str) -> float | None:
    """Return the seconds of a duration such as `90s`, `15 min`, `1h 30m`; None if it is none."""
    total, number, rest = 0.0, "", text.strip().lower()
    found = False
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:digits], rest[digits:].lstrip()
        letters = len(rest) - len(rest.lstrip("abcdefghijklmnopqrstuvwxyz"))
        unit, rest = rest[:letters], rest[letters:].lstrip()
        factor = _UNITS.get(unit)
        try:
            amount = float(number)
        except ValueError:
            return None
        if factor is None:
            return None
        total += amount * factor
        found = True
    return total if found and 0 < total <= _MAX_S else None


def moment_from_iso(text: str) -> float:
    """Return the Unix seconds of an ISO 8601 time with a zone. Raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return moment.timestamp()


def parse_moment(text: str, now: float) -> float | None:
    """Return the time that an operator typed, Unix seconds, None if it is none.

    Accepted are `now`, `22:00`, `22:00:05.250`, `29 22:00` (day of the month), `2026-11-29`,
    `2026-11-29 22:00`, `11-29 22:00`, `yesterday 22:00`, `2h` or `now-2h` (ago), all in the local
    time zone, and ISO 8601 with a zone. A time of day is the latest one that is not in the future.
    """
    words = text.strip().lower().replace("t", " ", 1) if _has_iso_t(text) else text.strip().lower()
    if words in ("", "now"):
        return now if words else None
    ago = seconds_from_text(words.removeprefix("now").strip().lstrip("-").removesuffix("ago"))
    if ago is not None:
        return now - ago
    today = datetime.fromtimestamp(now)  # noqa: DTZ006  local, like what is typed
    date_text, _, clock_text = words.rpartition(" ")
    if ":" not in clock_text:
        date_text, clock_text = words, ""
    day = _day(date_text, today)
    clock = _clock(clock_text) if clock_text else (timedelta() if date_text else None)
    is_number = words.isdigit()  # a day of the month, but which time of it?
    if day is None or clock is None or is_number:
        return _zoned(text)
    try:
        at = (day + clock).timestamp()
        if not date_text and at > now:
            at = (day - timedelta(days=1) + clock).timestamp()
    except (OverflowError, OSError, ValueError):
        return None
    return at


def _has_iso_t(text: str) -> bool:
    stripped = text.strip()
    return len(stripped) > 10 and stripped[10] in "Tt" and stripped[4] == "-"


def _day(text: str, today: datetime) -> datetime | None:
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    if text in ("", "today"):
        return midnight
    if text == "yesterday":
        return midnight - timedelta(days=1)
    parts = text.split("-")
    if not 1 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    year, month, day = ([midnight.year, midnight.month][: 3 - len(numbers)] + numbers)[:3]
    try:
        found = midnight.replace(year=year, month=month, day=day)
        if found > today and len(numbers) == 1:  # the latest day of that number
            before = midnight.replace(day=1) - timedelta(days=1)
            found = before.replace(day=day)
        elif found > today and len(numbers) == 2:
            found = found.replace(year=year - 1)
    except ValueError:
        return None
    return found


def _clock(text: str) -> timedelta | None:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3:
        return None
    try:
        hours, minutes = int(parts[0]), int(parts[1])
        seconds = float(parts[2]) if len(parts) == 3 else 0.0
    except ValueError:
        return None
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60):
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _zoned(text: str) -> float | None:
    try:
        return moment_from_iso(text)
    except (ValueError, OverflowError):
        return None
