"""Values in JSON by name or path: arguments, labels, the data of events."""

from collections.abc import Callable
from typing import Any, Final

from pulse_desktop.model.json_decoding import decode_json
from pulse_desktop.query.fields import Values

_MAX_INDEX_DIGITS: Final = 9


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
    """Return what JSON with a key or path must contain; empty if it may be written otherwise.

    Of a name with dots only the beginning is known: it may be a path, or one key as it is.
    """
    first, dot, _rest = name.partition(".")
    if not first.isascii() or '"' in first or "\\" in first:
        return b""
    return f'"{first}'.encode() if dot else f'"{first}"'.encode()


def values_at(data: Any, path: str) -> Values:
    """Return the values at a key or at a dotted path of keys and indexes; empty for none.

    Keys with dots in them may be a part of the path. A key that is all of the path comes first,
    then the shortest.
    """
    found = _lookup(data, path)
    if found is _MISSING:
        return ()
    return values_of(found)


def values_of(value: Any) -> Values:
    """Return the values of a JSON value: of a list, the list itself and its entries."""
    if type(value) is not list:
        return (value,)
    return (value, *(each for each in value if not isinstance(each, list | dict)))


_MISSING: Final = object()


def _lookup(data: Any, path: str) -> Any:
    undecided = [(data, path)]
    while undecided:
        inner, rest = undecided.pop()
        found = _child(inner, rest)
        if found is not _MISSING:
            return found
        at = rest.rfind(".")
        while at >= 0:
            if (child := _child(inner, rest[:at])) is not _MISSING:
                undecided.append((child, rest[at + 1 :]))
            at = rest.rfind(".", 0, at)
    return _MISSING


def _child(data: Any, key: str) -> Any:
    if isinstance(data, dict):
        return data.get(key, _MISSING)
    if isinstance(data, list) and key.isdecimal() and len(key) < _MAX_INDEX_DIGITS:
        index = int(key)
        return data[index] if index < len(data) else _MISSING
    return _MISSING
