"""What a decoded value is called and how it reads in one line, whoever made it.

Values come from foreign systems: texts of megabytes, control and direction-changing characters,
half surrogates, integers of a million digits. Nothing here takes longer than its limit allows.
"""

import enum
import math
from collections.abc import Sequence
from typing import Any, Final

SHOWN_TEXT: Final = 300
_KEY_TEXT: Final = 80
_DIGITS_BITS: Final = 4_000  # an integer of more bits is described, not written out


class Kind(enum.Enum):
    """What a value is, for its color and for how it opens."""

    OBJECT = "object"
    ARRAY = "array"
    TEXT = "text"
    NUMBER = "number"
    LITERAL = "literal"
    BYTES = "bytes"
    OTHER = "other"


CONTAINERS: Final = frozenset({Kind.OBJECT, Kind.ARRAY})


def kind_of(value: object) -> Kind:
    """Tell what a value is."""
    match value:
        case dict():
            return Kind.OBJECT
        case list() | tuple() | set() | frozenset():
            return Kind.ARRAY
        case str():
            return Kind.TEXT
        case bool() | None:
            return Kind.LITERAL
        case int() | float():
            return Kind.NUMBER
        case bytes() | bytearray() | memoryview():
            return Kind.BYTES
        case _:
            return Kind.OTHER


def children(value: Any) -> Sequence[Any]:
    """Return what a container is walked by: the keys of an object, the items of an array."""
    if isinstance(value, list | tuple):
        return value
    return list(value)


def escaped(text: str, limit: int = SHOWN_TEXT) -> str:
    """Write a text in one line with nothing invisible left in it, cut after `limit` characters."""
    head = text[:limit]
    if not head.isprintable() or '"' in head or "\\" in head:
        head = "".join(_ESCAPES.get(c) or (c if c.isprintable() else _coded(c)) for c in head)
    return head if len(text) <= limit else f"{head}…"


def scalar_text(value: object, limit: int = SHOWN_TEXT) -> str:
    """Write a value that is no container, in JSON's way where it has one."""
    match value:
        case str():
            rest = f" ({len(value):,} characters)" if len(value) > limit else ""
            return f'"{escaped(value, limit)}"{rest}'
        case True:
            return "true"
        case False:
            return "false"
        case None:
            return "null"
        case int():
            return _integer_text(value)
        case float():
            return repr(value) if math.isfinite(value) else _not_finite(value)
        case bytes() | bytearray() | memoryview():
            size = value.nbytes if isinstance(value, memoryview) else len(value)
            shown = bytes(value[: min(limit // 3, 32)]).hex(" ")
            return f"{size:,} bytes{': ' if shown else ''}{shown}{' …' if size > 32 else ''}"
        case _:
            return f"({type(value).__name__})"


def container_text(value: object, count: int) -> str:
    """Say how much is in a container."""
    if isinstance(value, dict):
        return "{}" if not count else f"{count:,} {'key' if count == 1 else 'keys'}"
    name = "" if isinstance(value, list) else f" in a {type(value).__name__}"
    if not count:
        return f"[]{' empty' + name[3:] if name else ''}"
    return f"{count:,} {'item' if count == 1 else 'items'}{name}"


def key_text(key: object) -> str:
    """Write a key the way it is shown in front of its value."""
    return escaped(key, _KEY_TEXT) if isinstance(key, str) else scalar_text(key, _KEY_TEXT)


def path_segment(key: object) -> str:
    """Write one step of a path in the notation of jq: `.name`, `["odd name"]`, `[3]`."""
    if isinstance(key, int) and not isinstance(key, bool):
        return f"[{_integer_text(key)}]"
    if not isinstance(key, str):
        return f"[{scalar_text(key, _KEY_TEXT)}]"
    if key.isascii() and key.isidentifier():
        return f".{key}"
    return f'["{escaped(key, 10_000)}"]'


def _integer_text(value: int) -> str:
    if value.bit_length() > _DIGITS_BITS:
        return f"integer of {value.bit_length():,} bits"
    return str(value)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _coded(character: str) -> str:
    number = ord(character)
    if number > 0xFFFF:
        number -= 0x10000
        return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
    return f"\\u{number:04x}"


_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
