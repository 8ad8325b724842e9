"""Values in JSON by name or path: arguments, labels, the data of events."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pulse_desktop.query.fields import Values

_decode: Final = msgspec.json.Decoder().decode
_MAX_PARTS: Final = 64
"""Entries of a list that are values of their own."""


def decode_json(raw: bytes) -> Any:
    """Return decoded JSON, None if it is not JSON."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


class JsonDecoder:
    """Decodes JSON, and keeps the latest: two conditions look at the same row in turn."""

    def __init__(self, decode: Callable[[bytes], Any] = decode_json) -> None:
        """Keep nothing yet.

        Args:
            decode: decodes JSON, or a part of it; it raises nothing.
        """
        self._decode = decode
        self._raw = b""
        self._value: Any = None

    def decode(self, raw: bytes) -> Any:
        """Return what was decoded."""
        if raw is not self._raw:
            self._value, self._raw = self._decode(raw), raw
        return self._value


def json_key(name: str) -> bytes:
    """Return what JSON with a key at its top must contain; empty if it may be written otherwise."""
    first = name.partition(".")[0]
    return (
        f'"{first}"'.encode() if first.isascii() and '"' not in name and "\\" not in name else b""
    )


def values_at(data: Any, path: str) -> Values:
    """Return the values at a key or at a dotted path of keys and indexes; empty for none."""
    found = _lookup(data, path)
    if found is _MISSING:
        return ()
    return values_of(found)


def values_of(value: Any) -> Values:
    """Return the values of a JSON value: of a list, the list itself and its entries."""
    if type(value) is not list:
        return (value,)
    return (value, *(each for each in value[:_MAX_PARTS] if not isinstance(each, list | dict)))


_MISSING: Final = object()


def _lookup(data: Any, path: str) -> Any:
    if isinstance(data, dict) and path in data:
        return data[path]
    if isinstance(data, list) and path.isdecimal():
        return data[int(path)] if len(path) < 7 and int(path) < len(data) else _MISSING
    first, dot, rest = path.partition(".")
    if not dot:
        return _MISSING
    inner = _lookup(data, first)
    return _MISSING if inner is _MISSING else _lookup(inner, rest)
