"""Plain data of task messages: as JSON for display, and back in the format of its sender.

Plain data is what JSON, MessagePack, CBOR and pickle all hold: None, booleans, finite numbers,
text, lists, and dictionaries with text as keys. Anything else is shown as JSON too, but cannot be
sent again without a change.
"""

import base64
import math
import pickle
import struct
from datetime import datetime
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.pickle_machine import UnreadObject
from pulse_desktop.protocol.value_limits import to_plain
from pulse_desktop.text.translation import N_

_MAX_WORD: Final = (1 << 64) - 1
_CBOR_WIDTHS: Final = ((0xFF, 24, 1), (0xFFFF, 25, 2), (0xFFFF_FFFF, 26, 4), (_MAX_WORD, 27, 8))
_CBOR_SIMPLE: Final = {None: b"\xf6", True: b"\xf5", False: b"\xf4"}
_PICKLE_PROTOCOL: Final = 4
"""Readable since Python 3.4."""


class NotEncodableError(ValueError):
    """Plain data that a format cannot hold. `str()` gives the reason."""


class JsonForm:
    """Converts measured values to JSON, and notes what was changed by that.

    Attributes:
        not_plain: the first kind of value that is not plain data, empty for none.
    """

    def __init__(self, not_plain: str = "") -> None:
        self.not_plain = not_plain

    def encode(self, value: Any) -> msgspec.Raw:
        """Return a value as JSON."""
        return msgspec.Raw(msgspec.json.encode(self._convert(value)))

    def _convert(self, value: Any) -> Any:
        match value:
            case None | bool() | int():
                return value
            case str():
                return value if value.isascii() else self._text(value)
            case float():
                return value if math.isfinite(value) else self._note(N_("NaN or infinity"), value)
            case dict():
                return {self._key(key): self._convert(item) for key, item in value.items()}
            case list():
                return [self._convert(item) for item in value]
            case tuple() | set() | frozenset():
                self._note(N_("a tuple") if isinstance(value, tuple) else N_("a set"), "")
                return [self._convert(item) for item in value]
            case bytes() | bytearray():
                return self._note(N_("bytes"), base64.b64encode(value).decode())
            case datetime():
                return self._note(N_("a date"), value.isoformat())
            case UnreadObject():
                return self._note(N_("an object of a class"), f"<{value.name}>")
            case _:
                return self._note(N_("an object of a class"), f"<{type(value).__name__}>")

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return self._text(key)
        return self._note(N_("a key that is not text"), self._convert(key))

    def _text(self, text: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            return self._note(N_("an unpaired surrogate"), to_plain(text))
        return text

    def _note(self, what: str, shown: Any) -> str:
        self.not_plain = self.not_plain or what
        return str(shown)


def encode_plain(value: Any, format_: str) -> bytes:
    """Encode plain data in a format, as TaskIQ's serializers do.

    Args:
        value: decoded from JSON, so that a pickle of it refers to no class.
        format_: "json", "msgpack", "cbor" or "pickle".

    Raises:
        NotEncodableError: the format cannot hold a number, or is unknown.
    """
    match format_:
        case "json":
            return msgspec.json.encode(value)
        case "msgpack":
            try:
                return msgspec.msgpack.encode(value)
            except OverflowError:
                raise NotEncodableError("an integer has more than 64 bits") from None
        case "pickle":
            return pickle.dumps(value, _PICKLE_PROTOCOL)
        case "cbor":
            return b"".join(_cbor(value, []))
    raise NotEncodableError(f"{format_!r} is not a known format")


def _cbor(value: Any, parts: list[bytes]) -> list[bytes]:
    match value:
        case None | bool():
            parts.append(_CBOR_SIMPLE[value])
        case int():
            _cbor_integer(value, parts)
        case float():
            parts.append(b"\xfb" + struct.pack(">d", value))
        case str():
            text = value.encode()
            parts += (_cbor_head(3, len(text)), text)
        case list():
            parts.append(_cbor_head(4, len(value)))
            for item in value:
                _cbor(item, parts)
        case dict():
            parts.append(_cbor_head(5, len(value)))
            for key, item in value.items():
                _cbor(key, parts)
                _cbor(item, parts)
        case _:
            raise NotEncodableError(f"{type(value).__name__} is not plain data")
    return parts


def _cbor_integer(value: int, parts: list[bytes]) -> None:
    major, number = (0, value) if value >= 0 else (1, -1 - value)
    if number <= _MAX_WORD:
        parts.append(_cbor_head(major, number))
        return
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    parts += (_cbor_head(6, 2 + major), _cbor_head(2, len(raw)), raw)


def _cbor_head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    info, width = next((info, width) for most, info, width in _CBOR_WIDTHS if number <= most)
    return bytes((major << 5 | info,)) + number.to_bytes(width, "big")
