"""What commands write: JSON that never fails, and text that cannot steer a terminal.

Values come from foreign systems. A result may be a pickle with bytes, sets, NaN and keys that are
no text; a message may hold escape sequences.
"""

import contextlib
import math
import os
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TextIO

import msgspec

from pulse_desktop.model.errors import UserFacingError

_ENCODER: Final = msgspec.json.Encoder()
_WIDEST_INTEGER: Final = 64
_JOINERS: Final = "\u200c\u200d"  # inside emoji and some scripts
_WRITTEN_BITS: Final = 4_000  # an integer of more bits takes longer to write than anyone would wait


def prepare_streams(*, as_json: bool) -> None:
    """Make stdout and stderr take every character, whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # replaced by a test, or closed
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
            if as_json:
                stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]


def detach_stdout() -> None:
    """Let what is still to be written go nowhere: Python would complain about it at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def write_json(value: Any) -> None:
    """Write one object as one line to stdout, at once."""
    _write(sys.stdout, to_json(value) + "\n")


def write_text(text: str) -> None:
    """Write a line, or several, to stdout, at once."""
    _write(sys.stdout, _harmless(text) + "\n")


def write_note(text: str) -> None:
    """Write a line for the person at the terminal to stderr."""
    _write(sys.stderr, _harmless(text) + "\n")


def print_error(error: UserFacingError) -> None:
    """Write to stderr what went wrong and what to do."""
    said = f"{error.title}: {error.detail}" if error.detail else error.title
    write_note("\n".join(part for part in (said, error.advice) if part))


def write_table(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]) -> None:
    """Write rows of text under headings, in columns."""
    lines = (headings, *rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        write_text("  ".join(cells).rstrip())


def to_json(value: Any, *, indent: int = 0) -> str:
    """Write any value as JSON.

    What JSON cannot say becomes the nearest it can: bytes base64 text, sets and tuples arrays, NaN
    and infinities null, keys text, integers beyond 64 bits text.
    """
    try:
        encoded = _ENCODER.encode(value)
    except (
        TypeError,
        ValueError,
        OverflowError,
        UnicodeError,
        RecursionError,
        msgspec.MsgspecError,
    ):
        encoded = _ENCODER.encode(_plain(value, 200))
    if indent:
        encoded = msgspec.json.format(encoded, indent=indent)
    return encoded.decode()


def _plain(value: Any, deeper: int) -> Any:
    """Return the nearest value that JSON has."""
    match value:
        case None | bool():
            return value
        case bytes() | bytearray() | memoryview() | datetime() | date() | time() | timedelta():
            return value
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case int():
            return value if value.bit_length() < _WIDEST_INTEGER else _integer_text(value)
        case float():
            return value if math.isfinite(value) else None
        case dict() if deeper:
            return {_key(key): _plain(item, deeper - 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if deeper:
            return [_plain(item, deeper - 1) for item in value]
        case _:
            return f"({type(value).__name__})"


def _key(key: Any) -> str:
    match key:
        case str():
            return key.encode("utf-8", "backslashreplace").decode()
        case int() if not isinstance(key, bool):
            return _integer_text(key)
        case bytes() | bytearray():
            return bytes(key).decode("utf-8", "backslashreplace")
        case float() if not math.isfinite(key):
            return str(key)
        case _:
            return to_json(key)


def _integer_text(value: int) -> str:
    return str(value) if value.bit_length() <= _WRITTEN_BITS else hex(value)


def _harmless(text: str) -> str:
    """Make control characters visible: those of a foreign text must not reach the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _visible(c) for c in text)


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    if character in _JOINERS:
        return character
    return character.encode("unicode_escape").decode()


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        detach_stdout()
        raise UserFacingError(
            "Cannot write the output", f"{error.strerror}.", "Is the disk full?"
        ) from None
