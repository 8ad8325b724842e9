"""Coerce single fields from the wire to the types that the state expects."""

from math import isfinite
from typing import Any

import msgspec

MAX_TEXT = 64 * 1024
MAX_INT = 2**63


def to_text(value: object) -> str:
    """Return a string, a number as text, or "" for anything else. Truncated to 64 Ki characters."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    return str(value) if type(value) in (int, float) else ""


def to_float(value: object) -> float | None:
    """Return a finite number, parsed from text if necessary, or None."""
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def to_int(value: object) -> int | None:
    """Return an integer of at most 64 bits, parsed from text if necessary, or None."""
    number = value if type(value) is int else to_float(value)
    return int(number) if number is not None and -MAX_INT < number < MAX_INT else None


def to_json_bytes(value: Any) -> bytes:
    """Encode a decoded value as JSON."""
    return msgspec.json.encode(value)
