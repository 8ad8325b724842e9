"""Careful reading of single fields that somebody else filled in."""

from math import isfinite
from typing import Any

import msgspec

MAX_TEXT = 64 * 1024
MAX_WHOLE = 2**63


def to_text(value: object) -> str:
    """Return a text, a number as text, or an empty text for anything else. Cut at 64 KiB."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    return str(value) if type(value) in (int, float) else ""


def to_float(value: object) -> float | None:
    """Return a finite number, read from text if need be, or None."""
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def to_int(value: object) -> int | None:
    """Return a whole number of at most 64 bits, read from text if need be, or None."""
    number = value if type(value) is int else to_float(value)
    return int(number) if number is not None and -MAX_WHOLE < number < MAX_WHOLE else None


def to_json_bytes(value: Any) -> bytes:
    """Write a decoded value back as JSON."""
    return msgspec.json.encode(value)
