"""Tells text from other bytes, and finds the bytes that a text in base64 stands for."""

import base64
import binascii
import functools
import re
from typing import Final

from pulse_desktop.protocol.stored_body import UnreadableBodyError, decode_body, sniff_format

_MIN_LENGTH: Final = 10
_MAX_CACHED: Final = 64
_ID: Final = re.compile(r"[0-9A-Fa-f-]*+")
"""Hexadecimal digits: nearly always an id, and never JSON in base64."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]++(?:\s+[A-Za-z0-9+/_-]+)*+\s*={0,2}\s*")
_URL_SAFE: Final = re.compile(r"[_-]")
_CONTROL: Final = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_PICKLE_IN_TEXT: Final = re.compile(r"^[dlt(]*p\d+$", re.MULTILINE)
"""A line of a pickle of protocol 0, which is text: it remembers an object."""
_CONTAINERS: Final = frozenset({*range(0x80, 0xC0), 0xD8, 0xD9, *range(0xDC, 0xE0)})
"""First bytes of a pickle, and of lists and objects in MessagePack and CBOR."""


def decode_text(raw: bytes) -> str | None:
    """Return the text that bytes are, None if they are anything else."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text) or sniff_format(raw) == "pickle":
        return None
    return None if text.endswith(".") and _PICKLE_IN_TEXT.search(text) else text


def is_structured(raw: bytes) -> bool:
    """Return whether bytes that are no text hold a list or an object, or a pickle of any kind."""
    if not raw or not (raw[0] in _CONTAINERS or sniff_format(raw) == "pickle"):
        return False
    try:
        body = decode_body(raw)
    except UnreadableBodyError as error:
        return error.format == "pickle"
    return body.format == "pickle" or isinstance(body.value, dict | list | tuple)


def decode_base64(text: str) -> bytes | None:
    """Return the text or structure that a text in base64 stands for, padded or not.

    It is None for a text that is no base64, and for one of other bytes, such as an image.
    """
    if len(text) < _MIN_LENGTH or ":" in text or "." in text or _ID.fullmatch(text):
        return None
    return _decode(text) if len(text) > _MAX_CACHED else _decode_short(text)


def _decode(text: str) -> bytes | None:
    if _BASE64.fullmatch(text) is None:
        return None
    digits = "".join(text.split()).rstrip("=").translate(_STANDARD)
    try:
        raw = base64.b64decode(digits + "=" * (-len(digits) % 4))
    except binascii.Error:
        return None
    return raw if is_structured(raw) or decode_text(raw) is not None else None


_decode_short: Final = functools.lru_cache(4096)(_decode)
"""Names of tasks and workers may look like base64, and are in each message."""


def encode_base64(raw: bytes, *, like: str) -> str:
    """Return bytes in base64, in the alphabet of another text and padded as it is."""
    encode = base64.urlsafe_b64encode if _URL_SAFE.search(like) else base64.b64encode
    encoded = encode(raw).decode()
    is_padded = "=" in like or not len("".join(like.split())) % 4
    return encoded if is_padded else encoded.rstrip("=")


_STANDARD: Final = str.maketrans("-_", "+/")
