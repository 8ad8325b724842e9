"""Size limits for values from the wire.

A few hundred bytes can describe a value with 10^30 leaves (shared references), one that contains
itself, or one nested so deeply that printing it crashes the process. Every decoder of stored bodies
measures its value here; a shared part counts as often as it would be displayed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ValueLimits:
    """Limits for a value that is to be displayed.

    Attributes:
        max_bytes: size of the encoded body.
        max_depth: nesting of containers; 1 is a flat list.
        max_nodes: number of values, keys included, shared ones counted each time.
        max_text_bytes: total UTF-8 bytes of strings and bytes of byte strings. What is slow to
            convert counts more: see `digits_cost` and `surrogates_cost`.
        max_number_keys: keys of one dictionary that are not text. Numbers can be chosen so that
            the dictionary takes quadratic time.
    """

    max_bytes: int = 16 * MEBIBYTE
    max_depth: int = 100
    max_nodes: int = 1_000_000
    max_text_bytes: int = 64 * MEBIBYTE
    max_number_keys: int = 1_000_000

    def too_many_values(self) -> "OverLimitError":
        """Return the error for more than `max_nodes` values."""
        return OverLimitError(f"more than {self.max_nodes:,} values")

    def check_text(self, size: int) -> None:
        """Check a total of text.

        Raises:
            OverLimitError: it is too large.
        """
        if size > self.max_text_bytes:
            raise OverLimitError(f"more than {format_mib(self.max_text_bytes)} of text")

    def check_number_keys(self, count: int) -> None:
        """Check the number of keys of a dictionary that are not text.

        Raises:
            OverLimitError: it has too many.
        """
        if count > self.max_number_keys:
            raise OverLimitError(f"more than {self.max_number_keys:,} keys that are not text")


DEFAULT_LIMITS: Final = ValueLimits()


class OverLimitError(ValueError):
    """A value that is too large, too deep, or contains itself. `str()` gives the reason."""


@dataclass(frozen=True, slots=True)
class ValueSize:
    """The size of a value as displayed.

    Attributes:
        nodes: number of values, keys included.
        text_bytes: total bytes of strings and byte strings.
        depth: 0 for a scalar, 1 for a flat container.
        plain: whether every string is valid UTF-8 and every leaf has a JSON-like type; `to_plain`
            converts a value that is not.
    """

    nodes: int
    text_bytes: int
    depth: int
    plain: bool


def measure(value: Any, limits: ValueLimits = DEFAULT_LIMITS) -> ValueSize:
    """Measure a value as displayed: a shared part counts each time it appears.

    Raises:
        OverLimitError: the value exceeds a limit or contains itself.
    """
    return _Measurement(limits).run(value)


def to_plain(value: Any) -> Any:
    """Return a measured value with lone surrogates replaced and datetimes as ISO 8601 text."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case datetime():
            return value.isoformat()
        case dict():
            return {to_plain(key): to_plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return type(value)(to_plain(item) for item in value)
        case _:
            return value


_CONTAINERS: Final = frozenset({list, tuple, dict, set, frozenset})
_BLOBS: Final = frozenset({bytes, bytearray})
_ONE_NODE: Final = frozenset({float, bool, type(None)})
_WORD: Final = 1 << 64
_BITS_PER_DIGIT: Final = 3
_LINEAR_DIGITS: Final = 64
_SURROGATE_COST: Final = 512
_MOST_COUNTED: Final = 1 << 18  # enough to exceed every limit
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_ENCODED_SURROGATES: Final = re.compile(rb"\xed[\xa0-\xbf]")


def integer_cost(number: int) -> int:
    """Return how much text an integer counts as: nothing if it has at most 64 bits."""
    if -_WORD < number < _WORD:
        return 0
    return digits_cost(number.bit_length() // _BITS_PER_DIGIT)


def digits_cost(digits: int) -> int:
    """Return how much text the digits of a number count as: converting them is quadratic."""
    return digits * (1 + digits // _LINEAR_DIGITS)


def surrogates_cost(raw: bytes) -> int:
    """Return how much text the surrogates in UTF-8 count as: each is decoded by itself."""
    return _SURROGATE_COST * _count(_ENCODED_SURROGATES.finditer(raw))


def _count(matches: Iterable[Any]) -> int:
    return sum(1 for _ in islice(matches, _MOST_COUNTED))


class _Measurement:
    """One traversal of a value, bounded by the limits on depth and nodes."""

    def __init__(self, limits: ValueLimits) -> None:
        self._limits = limits
        self._path: set[int] = set()
        self._deepest = 0
        self._nodes = 0
        self._text_bytes = 0
        self._plain = True

    def run(self, value: Any) -> ValueSize:
        """Measure one value."""
        self._walk((value,))
        return ValueSize(self._nodes, self._text_bytes, self._deepest, self._plain)

    def _walk(self, items: Iterable[Any]) -> None:
        nodes = text_bytes = 0
        containers = []
        for item in items:
            nodes += 1
            kind = type(item)
            if kind is str:
                text_bytes += len(item)
                if not item.isascii():
                    self._limits.check_text(self._text_bytes + text_bytes)
                    text_bytes += self._utf8_length(item) - len(item)
            elif kind is int:
                text_bytes += integer_cost(item)
            elif kind in _ONE_NODE:
                pass
            elif kind in _CONTAINERS:
                containers.append(item)
            elif kind in _BLOBS:
                text_bytes += len(item)
            else:
                self._plain = False
        self._add(nodes, text_bytes)
        for container in containers:
            self._enter(container)

    def _enter(self, container: Any) -> None:
        key = id(container)
        if key in self._path:
            raise OverLimitError("the value contains itself")
        self._path.add(key)
        self._deepest = max(self._deepest, len(self._path))
        if self._deepest > self._limits.max_depth:
            raise OverLimitError(f"nested deeper than {self._limits.max_depth} levels")
        self._walk(container)
        if type(container) is dict:
            self._walk(container.values())
        self._path.remove(key)

    def _add(self, nodes: int, text_bytes: int) -> None:
        self._nodes += nodes
        self._text_bytes += text_bytes
        if self._nodes > self._limits.max_nodes:
            raise self._limits.too_many_values()
        self._limits.check_text(self._text_bytes)

    def _utf8_length(self, text: str) -> int:
        try:
            return len(text.encode())
        except UnicodeEncodeError:
            self._plain = False
            return 3 * len(text) + _SURROGATE_COST * _count(_SURROGATES.finditer(text))


def format_mib(size: int) -> str:
    """Return a number of bytes in MiB, for error messages."""
    return f"{max(1, round(size / MEBIBYTE))} MiB"
