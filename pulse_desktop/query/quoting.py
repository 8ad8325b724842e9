"""Names, values and times as they are typed in a query."""

import contextlib
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

import msgspec

from pulse_desktop.model.typed_time import repeated_offset
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.tokens import ESCAPED, TokenKind, tokenize

_BARE: Final = re.compile(r"[\w@/+#%&;.!?$^~|':<>=-]+")
"""Characters that may stand without quotes, depending on what is around them."""
_BARE_NAME: Final = re.compile(r"[\w-]+")
_ARGUMENT: Final = re.compile(r"[^\W\d][\w-]*")
_MAX_BARE: Final = 200
_ESCAPES: Final = {character: f"\\{name}" for name, character in ESCAPED.items()}
_TO_ESCAPE: Final = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
_MICROSECONDS: Final = 1_000_000

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def quote(value: str) -> str:
    """Return a value as it is typed to stand for itself: in quotes where it would not.

    It can stand alone as a word, and after an operator.
    """
    if (
        _BARE.fullmatch(value)
        and ".." not in value
        and value[0] not in "-="
        and len(value) < _MAX_BARE
    ):
        with contextlib.suppress(QueryError):  # such as "args.:3", which has no name
            tokens = tokenize(value)
            if len(tokens) == 1 and tokens[0].kind is TokenKind.TEXT:
                return value
    return _in_quotes(value)


def text_query(text: str) -> str:
    """Return a query for the rows that contain a text as it is, empty for no text."""
    return quote(text) if text else ""


def keyed_field(keyed: str, name: str) -> str:
    """Return the query field of a name in a keyed field: `args.language`, `label."a b"`."""
    return f"{keyed}.{name if _BARE_NAME.fullmatch(name) else _in_quotes(name)}"


def argument_field(name: str, is_known: Callable[[str], bool]) -> str:
    """Return the query field of an argument: its name alone, unless that means something else.

    Args:
        name: of the argument, or its number.
        is_known: returns whether a name is that of a field.
    """
    if _ARGUMENT.fullmatch(name) and not is_known(name):
        return name
    return keyed_field("args", name)


def query_text(value: Any) -> str:
    """Return the value of a field without quotes: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return _encode(value).decode(errors="replace")
    except (TypeError, ValueError, OverflowError, RecursionError):  # not of JSON
        return str(value)


def local_time_text(at: float, *, is_end: bool = False) -> str:
    """Return a time in local time, to the millisecond if need be: `2026-11-29T22:00`.

    In an hour that occurs twice, as clocks are put back, the offset follows: `…T03:45+02`.

    Args:
        at: Unix seconds.
        is_end: whether it ends a range. A time without seconds would end it a minute later.
    """
    # Down to the millisecond, exactly: `fromtimestamp` may round up to the next one.
    moment = datetime.fromtimestamp(math.floor(Fraction(at) * 1_000) / 1_000)  # noqa: DTZ006  local
    text = moment.isoformat(sep="T", timespec="milliseconds")
    text = text if is_end else text.removesuffix(".000").removesuffix(":00")
    return text + repeated_offset(at)


def exact_time_text(at: float, *, is_end: bool = False, is_excluded: bool = False) -> str:
    """Return a time to the microsecond: local time, with the offset from UTC.

    It is what tables show, and means the same where the clock is another one.

    Args:
        at: Unix seconds.
        is_end: whether it ends a range: it is rounded up, and otherwise down.
        is_excluded: whether the range ends before it, as with `<`. A time that belongs to it needs
            all digits: `22:00:05` would end the range a second later.
    """
    exact = Fraction(at) * _MICROSECONDS  # a product of floats may be rounded the wrong way
    microseconds = math.ceil(exact) if is_end else math.floor(exact)
    seconds, rest = divmod(microseconds, _MICROSECONDS)
    moment = datetime.fromtimestamp(seconds, UTC).astimezone()
    if len(offset := f"{moment:%z}") > len("+0200"):  # seconds, which cannot be typed
        moment, offset = moment.astimezone(UTC), "Z"
    fraction = f".{rest:06d}"
    if not is_end or is_excluded:
        fraction = fraction.rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{offset.removesuffix('00')}"


def _in_quotes(text: str) -> str:
    return f'"{_TO_ESCAPE.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"
