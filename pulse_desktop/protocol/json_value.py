"""Any value as JSON, for output and recordings: what JSON lacks becomes what is nearest to it."""

import math
import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import msgspec

_MAX_INTEGER_BITS: Final = 64
_MAX_DECIMAL_BITS: Final = 4_000  # writing more bits as decimal digits takes too long
_MAX_DEPTH: Final = 200
_UNICODE_ESCAPE: Final = "\\u"
_ESCAPE: Final = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|.)",
    re.DOTALL,
)
"""An escape of JSON: a surrogate pair, one code unit, or any other."""


def to_json(value: Any, *, indent: int = 0) -> str:
    """Encode any value as JSON.

    What JSON lacks is converted: bytes to base64, sets and tuples to arrays, NaN and infinities to
    null, keys and integers of more than 64 bits to strings.
    """
    try:
        encoded = msgspec.json.encode(value)
    except (
        TypeError,
        ValueError,
        OverflowError,
        UnicodeError,
        RecursionError,
        msgspec.MsgspecError,
    ):
        encoded = msgspec.json.encode(_to_json_value(value, _MAX_DEPTH))
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return encoded.decode()


def readable_json(raw: bytes) -> str:
    r"""Return JSON as it was sent, but with letters in place of their escapes.

    Many programs write all that is not ASCII as `\u0416`. Escapes that JSON needs stay, and those
    of controls and lone surrogates. What is no JSON is returned as text.
    """
    text = raw.decode("utf-8", "backslashreplace")
    return _ESCAPE.sub(_readable_escape, text) if _UNICODE_ESCAPE in text else text


def _readable_escape(escape: re.Match[str]) -> str:
    high, low, unit = escape.groups()
    if high:
        number = 0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF)
    elif unit:
        number = int(unit, 16)
    else:
        return escape[0]
    letter = chr(number)  # a lone surrogate is not printable
    return letter if letter.isprintable() and letter not in '"\\' else escape[0]


def _to_json_value(value: Any, depth: int) -> Any:
    """Return the nearest value that JSON has, nested at most `depth` levels."""
    match value:
        case None | bool():
            return value
        case bytes() | bytearray() | memoryview() | datetime() | date() | time() | timedelta():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case int():
            return value if value.bit_length() < _MAX_INTEGER_BITS else _integer_text(value)
        case float():
            return value if math.isfinite(value) else None
        case dict() if depth:
            return {_key(key): _to_json_value(item, depth - 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth:
            return [_to_json_value(item, depth - 1) for item in value]
        case _:
            return f"({type(value).__name__})"


def _key(key: Any) -> str:
    match key:
        case str():
            return key.encode("utf-8", "backslashreplace").decode()
        case int() if not isinstance(key, bool):
            return _integer_text(key)
        case bytes() | bytearray():
            return bytes(key).decode("utf-8", "backslashreplace")
        case float() if not math.isfinite(key):
            return str(key)
        case _:
            return to_json(key)


def _integer_text(value: int) -> str:
    return str(value) if value.bit_length() <= _MAX_DECIMAL_BITS else hex(value)
