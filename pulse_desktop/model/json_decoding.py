"""Decode JSON of any sender."""

import json
from typing import Any, Final

import msgspec

_decode: Final = msgspec.json.Decoder().decode


def decode_json(raw: bytes, default: Any = None) -> Any:
    """Return decoded JSON; `default` if it is not JSON or UTF-8, or nests too deeply."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return default


def decode_json_or_text(raw: bytes) -> Any:
    """Return decoded JSON, and what cannot be decoded as text."""
    value = decode_json(raw, raw)
    return raw.decode("utf-8", "backslashreplace") if value is raw else value


def decode_any_json(raw: bytes) -> Any:
    """Decode JSON, and what Python's json module writes beyond it: NaN, infinity, lone surrogates.

    Raises:
        ValueError: it is not JSON, or not UTF-8.
        RecursionError: it nests too deeply.
    """
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(raw.decode())
