"""Tells text from other bytes, and finds the bytes that a text in base64 stands for."""

import base64
import binascii
import re
from typing import Final

from pulse_desktop.protocol.stored_body import sniff_format

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{10,}+(?:\s+[A-Za-z0-9+/_-]+)*+\s*={0,2}\s*")
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
    """Return whether bytes that are no text may hold a list or an object with names."""
    return bool(raw) and (raw[0] in _CONTAINERS or sniff_format(raw) == "pickle")


def decode_base64(text: str) -> bytes | None:
    """Return what a text in base64 stands for, with or without padding; None if it is none."""
    if _BASE64.fullmatch(text) is None:
        return None
    digits = "".join(text.split()).rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4))
    except binascii.Error:
        return None


def encode_base64(raw: bytes, *, like: str) -> str:
    """Return bytes in base64, in the alphabet of another text and padded as it is."""
    encode = base64.urlsafe_b64encode if _URL_SAFE.search(like) else base64.b64encode
    encoded = encode(raw).decode()
    is_padded = "=" in like or not len("".join(like.split())) % 4
    return encoded if is_padded else encoded.rstrip("=")


_STANDARD: Final = str.maketrans("-_", "+/")
