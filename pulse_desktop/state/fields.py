"""Careful reading of single fields that somebody else filled in."""

import math
from typing import Any

import msgspec

MAX_TEXT = 64 * 1024
MAX_WHOLE = 2**63


def as_text(value: object) -> str:
    """Return a text, a number as text, or an empty text for anything else. Cut at 64 KiB."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def as_number(value: object) -> float | None:
    """Return a finite number, read from text if need be, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_whole(value: object) -> int | None:
    """Return a whole number of at most 64 bits, read from text if need be, or None."""
    number = as_number(value)
    return None if number is None or abs(number) >= MAX_WHOLE else int(number)


def as_json(value: Any) -> bytes:
    """Write a decoded value back as JSON."""
    return msgspec.json.encode(value)
