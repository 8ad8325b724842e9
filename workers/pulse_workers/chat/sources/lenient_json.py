"""Decoding of values that are not valid JSON: other encodings, control characters, lost quotes.

Telegram Desktop itself writes some of these.
"""

import codecs
import json
import re
from typing import Any, Final

import msgspec

_STRING: Final = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
_INVALID_ESCAPE: Final = re.compile(r'\\(["\\/bfnrt]|u[0-9A-Fa-f]{4})|\\')
_FAULT: Final = re.compile(
    rf"(?P<string>{_STRING})"
    r"|(?P<colon>:[ \t]*+)(?!(?:true|false|null|NaN|-?Infinity)\b)"
    r'(?P<unquoted>[A-Za-z_][^",\n{}\[\]]*+)'
    r"|,(?P<end>\s*+[\]}])",
    re.DOTALL,
)
"""A value without quotes or a comma before a bracket. Strings match first, to be kept."""
_MAX_DEPTH: Final = 200
_MAX_INTEGER: Final = 1_000
"""Digits of an integer; converting a longer one takes quadratic time."""


def decode_value(body: bytes, *, are_tokens_repaired: bool = True) -> Any:
    """Return the value of a JSON text, with known faults repaired; None if it stays invalid.

    Args:
        body: the text.
        are_tokens_repaired: whether invalid escapes, commas and values without quotes are repaired,
            too, and not only what strings and numbers contain.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body.decode("utf-8", _CP1252)
    repairs = (_escape_backslashes, _repair_punctuation) if are_tokens_repaired else ()
    for repair in (str, *repairs):
        text = repair(text)
        try:
            value = json.loads(text, strict=False, parse_int=_integer)
            return _without_surrogates(value)
        except (ValueError, RecursionError):
            continue
    return None


def _decode_invalid(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


_CP1252: Final = "pulse_cp1252"
codecs.register_error(_CP1252, _decode_invalid)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_INTEGER else float(digits)


def _without_surrogates(value: Any, depth: int = 0) -> Any:
    """Replace unpaired surrogates in all strings: they cannot be stored as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [_without_surrogates(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(key): _without_surrogates(each, depth + 1)
            for key, each in value.items()
        }
    return value


def _escape_backslashes(text: str) -> str:
    return _INVALID_ESCAPE.sub(lambda match: match[0] if match[1] else r"\\", text)


def _repair_punctuation(text: str) -> str:
    """Quote values without quotes and remove commas before a bracket; leave strings as they are."""
    return _FAULT.sub(_repair, text)


def _repair(fault: re.Match[str]) -> str:
    if fault["unquoted"] is not None:
        return f'{fault["colon"]}"{fault["unquoted"]}"'
    return fault["string"] or fault["end"]
