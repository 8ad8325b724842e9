"""Decoded values as one line of text.

Values come from foreign systems: strings of megabytes, control and bidirectional characters, lone
surrogates, integers of a million digits. Every function here has a limit on its work.
"""

import enum
import math
from collections.abc import Sequence
from typing import Any, Final

from pulse_desktop.text.translation import _, ngettext

MAX_TEXT: Final = 300
_MAX_KEY: Final = 80
_MAX_INTEGER_BITS: Final = 4_000  # longer integers are described, not written out


class Kind(enum.Enum):
    """Kind of a value."""

    OBJECT = "object"
    ARRAY = "array"
    TEXT = "text"
    NUMBER = "number"
    LITERAL = "literal"
    BYTES = "bytes"
    OTHER = "other"


CONTAINERS: Final = frozenset({Kind.OBJECT, Kind.ARRAY})


def kind_of(value: object) -> Kind:
    """Return the kind of a value."""
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
    """Return the keys of an object, or the items of an array."""
    if isinstance(value, list | tuple):
        return value
    return list(value)


def escaped(text: str, limit: int = MAX_TEXT) -> str:
    """Return a string as one line of printable text, elided after `limit` characters."""
    head = text[:limit]
    if not head.isprintable() or '"' in head or "\\" in head:
        head = "".join(
            _ESCAPES.get(c) or (c if c.isprintable() else _unicode_escape(c)) for c in head
        )
    return head if len(text) <= limit else f"{head}…"


def scalar_text(value: object, limit: int = MAX_TEXT) -> str:
    """Return a value that is no container as text, in the notation of JSON where possible."""
    match value:
        case str():
            text = f'"{escaped(value, limit)}"'
            if len(value) <= limit:
                return text
            return _("{text} ({count:,} characters)").format(text=text, count=len(value))
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
            if not shown:
                return ngettext("{count:,} byte", "{count:,} bytes", size).format(count=size)
            if size > 32:
                shown = f"{shown} …"
            return ngettext("{count:,} byte: {hex}", "{count:,} bytes: {hex}", size).format(
                count=size, hex=shown
            )
        case _:
            return f"({type(value).__name__})"


def container_text(value: object, count: int) -> str:
    """Return how many entries a container has, as text."""
    if isinstance(value, dict):
        if not count:
            return "{}"
        return ngettext("{count:,} key", "{count:,} keys", count).format(count=count)
    if isinstance(value, list):
        if not count:
            return "[]"
        return ngettext("{count:,} item", "{count:,} items", count).format(count=count)
    kind = type(value).__name__
    if not count:
        return _("[] empty {type}").format(type=kind)
    return ngettext("{count:,} item in a {type}", "{count:,} items in a {type}", count).format(
        count=count, type=kind
    )


def key_text(key: object) -> str:
    """Return a key as text."""
    return escaped(key, _MAX_KEY) if isinstance(key, str) else scalar_text(key, _MAX_KEY)


def path_segment(key: object) -> str:
    """Return a segment of a path in the notation of jq: `.name`, `["odd name"]`, `[3]`."""
    if isinstance(key, int) and not isinstance(key, bool):
        return f"[{_integer_text(key)}]"
    if not isinstance(key, str):
        return f"[{scalar_text(key, _MAX_KEY)}]"
    if key.isascii() and key.isidentifier():
        return f".{key}"
    return f'["{escaped(key, 10_000)}"]'


def _integer_text(value: int) -> str:
    if value.bit_length() > _MAX_INTEGER_BITS:
        return _("integer of {count:,} bits").format(count=value.bit_length())
    return str(value)


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _unicode_escape(character: str) -> str:
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
