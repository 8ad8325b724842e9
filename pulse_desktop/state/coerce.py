"""Coerce single fields from the wire to the types that the state expects."""

from math import isfinite
from typing import Annotated, Any

import msgspec

from pulse_desktop.protocol.timestamps import MAX_SPAN_S
from pulse_desktop.query.shortened_text import shortened, shortened_traceback

MAX_TEXT = 64 * 1024
MAX_INT = 2**63

Seconds = Annotated[float, msgspec.Meta(ge=0, le=MAX_SPAN_S)]
"""A duration that can have been measured."""


def to_text(value: object) -> str:
    """Return a string, a number as text, or "" for anything else.

    Of more than 64 Ki characters the beginning, with a mark.
    """
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else shortened(value, MAX_TEXT)
    return str(value) if type(value) in (int, float) else ""


def to_traceback(value: object) -> str:
    """Return text with a traceback, "" for anything else.

    Of more than 64 Ki characters both ends, with a mark between.
    """
    return shortened_traceback(value, MAX_TEXT) if isinstance(value, str) else to_text(value)


def to_float(value: object) -> float | None:
    """Return a finite number, parsed from text if necessary, or None."""
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def to_seconds(value: object) -> float | None:
    """Return a duration that can have been measured, parsed from text if necessary, or None."""
    number = to_float(value)
    return number if number is not None and 0 <= number <= MAX_SPAN_S else None


def to_int(value: object) -> int | None:
    """Return an integer of at most 64 bits, parsed from text if necessary, or None."""
    number = value if type(value) is int else to_float(value)
    return int(number) if number is not None and -MAX_INT < number < MAX_INT else None


def to_json_bytes(value: Any) -> bytes:
    """Encode a decoded value as JSON."""
    return msgspec.json.encode(value)
