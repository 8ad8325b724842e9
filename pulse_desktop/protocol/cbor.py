"""Decode CBOR as plain data.

A general decoder acts on tags: it compiles regular expressions, computes powers of ten and follows
shared references, all of which a few bytes can make expensive. This one checks every count against
the bytes that are there, and turns what JSON cannot hold into text.

Source of the format: RFC 8949, and the tags 25 and 256 (string references), 28 and 29 (shared
values), which TaskIQ's CBORSerializer writes.
"""

import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pulse_desktop.protocol.value_limits import (
    OverLimitError,
    ValueLimits,
    integer_cost,
    surrogates_cost,
)
from pulse_desktop.text.translation import N_

_BYTES: Final = 2
_INDEFINITE: Final = 31
_BREAK: Final = 0xFF
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS: Final = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SIMPLE: Final = {20: False, 21: True, 22: None, 23: None}


_MAX_INTEGER_BYTES: Final = 1_024
_SHORT_KEY: Final = 64
_INDEX_LENGTHS: Final = ((24, 3), (256, 4), (65_536, 5), (4_294_967_296, 7))
"""A string is numbered if it is at least as long as a reference with the next number would be."""


_WORD: Final = 1 << 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INCOMPLETE: Final = object()


class MalformedCborError(ValueError):
    """The bytes are not one CBOR value."""


def decode_cbor(body: bytes, limits: ValueLimits) -> tuple[Any, str]:
    """Decode one CBOR value into what JSON can hold, and byte strings.

    Args:
        body: the whole value.
        limits: limits that apply; shared values are to be measured afterwards.

    Returns:
        The value, and what in it is not plain data and became text, empty for nothing.

    Raises:
        MalformedCborError: it is not CBOR, or more bytes follow the value.
        OverLimitError: it has too many values, nests too deeply, or has a container as a key.
    """
    decoder = _Decoder(body, limits)
    try:
        value = decoder.value(0)
    except (IndexError, UnicodeDecodeError, struct.error):
        raise MalformedCborError from None
    if decoder.at != len(body):
        raise MalformedCborError
    return value, decoder.not_plain


class _Decoder:
    """One pass over a body."""

    def __init__(self, body: bytes, limits: ValueLimits) -> None:
        self.at = 0
        self.not_plain = ""
        self._body = body
        self._limits = limits
        self._nodes = 0
        self._text = 0
        self._namespaces: list[list[str | bytes]] = []
        self._shared: list[Any] = []

    def value(self, depth: int) -> Any:
        """Decode the value at the current position."""
        self._nodes += 1
        if self._nodes > self._limits.max_nodes:
            raise self._limits.too_many_values()
        opening = self._body[self.at]
        self.at += 1
        major, info = opening >> 5, opening & 0x1F
        if major == 7:
            return self._simple(info)
        if info == _INDEFINITE:
            return self._indefinite(major, depth)
        number = self._number(info)
        match major:
            case 0:
                return number
            case 1:
                return -1 - number
            case 2 | 3:
                return self._string(major, number)
            case 4:
                return self._array(number, depth)
            case 5:
                return self._map(number, depth)
            case _:
                return self._tagged(number, depth)

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        width = _WIDTHS.get(info)
        if width is None:
            raise MalformedCborError
        return int.from_bytes(self._take(width), "big")

    def _take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self._body):
            raise IndexError
        taken = self._body[self.at : end]
        self.at = end
        return taken

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        unpacker = _FLOATS.get(info)
        if unpacker is None:
            raise MalformedCborError
        return unpacker.unpack(self._take(unpacker.size))[0]

    def _string(self, major: int, length: int) -> str | bytes:
        raw = self._take(length)
        string = raw if major == _BYTES else self._decoded(raw)
        if self._namespaces:
            known = self._namespaces[-1]
            shortest = next((least for most, least in _INDEX_LENGTHS if len(known) < most), 11)
            if length >= shortest:
                known.append(string)
        return string

    def _decoded(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self._charge(surrogates_cost(raw))
            return raw.decode("utf-8", "surrogatepass")

    def _charge(self, text: int) -> None:
        """Count text that is converted, however often the same value is referred to."""
        self._text += text
        self._limits.check_text(self._text)

    def _indefinite(self, major: int, depth: int) -> Any:
        match major:
            case 2 | 3:
                return self._chunks(major)
            case 4:
                return self._array(None, depth)
            case 5:
                return self._map(None, depth)
            case _:
                raise MalformedCborError

    def _chunks(self, major: int) -> str | bytes:
        parts = []
        while not self._at_break():
            self._nodes += 1
            if self._nodes > self._limits.max_nodes:
                raise self._limits.too_many_values()
            opening = self._body[self.at]
            self.at += 1
            if opening >> 5 != major:
                raise MalformedCborError
            parts.append(self._take(self._number(opening & 0x1F)))
        raw = b"".join(parts)
        return raw if major == _BYTES else self._decoded(raw)

    def _at_break(self) -> bool:
        if self._body[self.at] != _BREAK:
            return False
        self.at += 1
        return True

    def _array(self, count: int | None, depth: int) -> list[Any]:
        self._check(count, depth)
        items: list[Any] = []
        while not self._at_break() if count is None else len(items) < count:
            items.append(self.value(depth + 1))
        return items

    def _map(self, count: int | None, depth: int) -> dict[Any, Any]:
        self._check(count, depth)
        entries: dict[Any, Any] = {}
        left = count
        number_keys = 0
        while not self._at_break() if left is None else left > 0:
            if left is not None:
                left -= 1
            key = self.value(depth + 1)
            if isinstance(key, str | bytes):
                if len(key) > _SHORT_KEY:  # a reference to it is compared with an equal one
                    self._charge(len(key))
            # Large integers can be chosen to have the same hash; containers have none.
            elif isinstance(key, list | dict) or (type(key) is int and not -_WORD < key < _WORD):
                raise OverLimitError("a key is not a text or a number")
            else:
                number_keys += 1
                self._limits.check_number_keys(number_keys)
            entries[key] = self.value(depth + 1)
        return entries

    def _check(self, count: int | None, depth: int) -> None:
        if depth >= self._limits.max_depth:
            raise OverLimitError(f"nested deeper than {self._limits.max_depth} levels")
        if count is not None and count > len(self._body) - self.at:
            raise MalformedCborError

    def _tagged(self, tag: int, depth: int) -> Any:
        if depth >= self._limits.max_depth:
            raise OverLimitError(f"nested deeper than {self._limits.max_depth} levels")
        match tag:
            case 256:  # a namespace of string references
                self._namespaces.append([])
                try:
                    return self.value(depth + 1)
                finally:
                    self._namespaces.pop()
            case 25:  # a string reference
                return self._referenced(self._namespaces[-1], depth)
            case 28:  # a value that is referred to
                index = len(self._shared)
                self._shared.append(_INCOMPLETE)
                value = self._shared[index] = self.value(depth + 1)
                return value
            case 29:  # a reference to it
                value = self._referenced(self._shared, depth)
                if value is _INCOMPLETE:
                    raise OverLimitError("the value contains itself")
                return value
            case 55_799:  # a mark of CBOR files
                return self.value(depth + 1)
        content = self.value(depth + 1)
        if tag in (2, 3) and isinstance(content, bytes):
            if len(content) > _MAX_INTEGER_BYTES:
                raise OverLimitError(f"an integer of more than {_MAX_INTEGER_BYTES} bytes")
            number = int.from_bytes(content, "big")
            return number if tag == 2 else -1 - number
        what, convert = _TAGS.get(tag, (N_("a value with a CBOR tag"), _unchanged))
        self.not_plain = self.not_plain or what
        if isinstance(content, list) and len(content) == 2:
            self._charge(sum(integer_cost(part) for part in content if type(part) is int))
        try:
            return convert(content)
        except (ValueError, TypeError, OverflowError, ArithmeticError):
            return content

    def _referenced(self, known: list[Any], depth: int) -> Any:
        index = self.value(depth + 1)
        if type(index) is not int or not 0 <= index < len(known):
            raise MalformedCborError
        return known[index]


def _unchanged(content: Any) -> Any:
    return content


def _time(content: Any) -> Any:
    if isinstance(content, str):
        return content
    if isinstance(content, bool) or not math.isfinite(content):
        raise ValueError
    return (_EPOCH + timedelta(seconds=content)).isoformat()  # on all systems from year 1 to 9999


def _day(content: Any) -> Any:
    return content if isinstance(content, str) else (_EPOCH.date() + timedelta(content)).isoformat()


def _decimal(content: Any) -> str:
    exponent, mantissa = content
    if type(exponent) is not int or type(mantissa) is not int:
        raise TypeError
    return str(Decimal(f"{mantissa}E{exponent}"))


def _fraction(content: Any) -> str:
    numerator, denominator = content
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError
    return f"{numerator}/{denominator}"


def _uuid(content: Any) -> str:
    if not isinstance(content, bytes):
        raise TypeError
    return str(UUID(bytes=content))


_TAGS: Final[dict[int, tuple[str, Callable[[Any], Any]]]] = {
    0: (N_("a date"), _time),
    1: (N_("a date"), _time),
    4: (N_("a decimal number"), _decimal),
    30: (N_("a fraction"), _fraction),
    37: (N_("a UUID"), _uuid),
    100: (N_("a date"), _day),
    258: (N_("a set"), _unchanged),
    1004: (N_("a date"), _day),
}
