"""What stands behind options: spans of time, counts, sizes, JSON. Each says what it wanted."""

import argparse
import re
from collections.abc import Callable
from typing import Final

import msgspec

from pulse_desktop.model.errors import CannotConnectError
from pulse_desktop.nats_client.server_address import parse_server
from pulse_desktop.protocol.json_text import repeated_key

MIN_SIZE: Final = (1024, 640)
"""Of the window, in pixels."""

MAX_SIZE: Final = (7680, 4320)

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S: Final = 3650 * 86400.0


def duration(text: str) -> float:
    """Read `30`, `30s`, `10m`, `1h` or `7d` as seconds."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d+)?)\s*([smhd]?)", text.strip(), re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time span; write 30s, 10m, 1h or 7d")
    return min(float(match[1]) * _UNITS[match[2] or "s"], _LONGEST_S)


def positive_int(text: str) -> int:
    """Read a whole number from 1."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def size(text: str) -> tuple[int, int]:
    """Read `1440x900` as width and height in pixels."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 1440x900")
    wanted = int(match[1]), int(match[2])
    if not all(a <= b <= c for a, b, c in zip(MIN_SIZE, wanted, MAX_SIZE, strict=True)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not between {by(MIN_SIZE)} and {by(MAX_SIZE)}"
        )
    return wanted


def by(size: tuple[int, int]) -> str:
    """Write a size in pixels."""
    return f"{size[0]}x{size[1]}"


def server(text: str) -> str:
    """Accept what can be an address; whether something listens there is another question."""
    try:
        parse_server(text)
    except CannotConnectError as error:
        told = f"{error.title.lower()}: {error.detail} {error.advice}"
        raise argparse.ArgumentTypeError(told) from None
    return text


def task_name(text: str) -> str:
    """Accept any name but none."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; write it as registered: module:function")
    return text


def json_of(kind: type) -> Callable[[str], bytes]:
    """Return a reader of JSON text that is an array (list) or an object (dict)."""
    wanted, example = (
        ("an array", "'[1, \"two\"]'") if kind is list else ("an object", "'{\"a\": 1}'")
    )

    def read(text: str) -> bytes:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise argparse.ArgumentTypeError(
                f"not JSON: {error}; write {wanted} such as {example}"
            ) from None
        if not isinstance(value, kind):
            raise argparse.ArgumentTypeError(
                f"{text[:80]!r} is not {wanted}; write it like {example}"
            )
        if problem := repeated_key(text.encode()):
            raise argparse.ArgumentTypeError(problem)
        return text.encode()

    return read
