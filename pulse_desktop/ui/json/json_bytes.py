"""Bytes from the wire, decoded as JSON or written out, up to a size that can be shown."""

import json
from typing import Any, Final

import msgspec

DECODED_BYTES: Final = 8 << 20
RAW_CHARACTERS: Final = 200_000
HEX_BYTES: Final = 32_768


def decode_json(raw: bytes) -> Any:
    """Decode JSON, NaN and infinities included.

    Raises:
        ValueError: the bytes are not JSON, too large or too deep; `str()` says which.
    """
    if len(raw) > DECODED_BYTES:
        raise ValueError(f"it is larger than {DECODED_BYTES >> 20} MiB")
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return json.loads(raw)  # takes what the fast decoder does not: NaN, half surrogates
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def raw_text(raw: bytes) -> tuple[str, str]:
    """Return bytes read as UTF-8, and a note when that is not all of them."""
    text = raw[: RAW_CHARACTERS * 4].decode(errors="replace")
    cut = len(text) > RAW_CHARACTERS or len(raw) > RAW_CHARACTERS * 4
    note = f"The first {RAW_CHARACTERS:,} characters of {len(raw):,} bytes." if cut else ""
    return text[:RAW_CHARACTERS].replace("\0", "␀"), note


def hex_text(raw: bytes) -> tuple[str, str]:
    """Return bytes in hexadecimal, and a note when that is not all of them.

    A line has the offset, sixteen bytes, and what of them is printable in ASCII.
    """
    lines = []
    for start in range(0, min(len(raw), HEX_BYTES), 16):
        row = raw[start : min(start + 16, HEX_BYTES)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append(f"{start:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {text}")
    note = f"The first {HEX_BYTES:,} of {len(raw):,} bytes." if len(raw) > HEX_BYTES else ""
    return "\n".join(lines), note
