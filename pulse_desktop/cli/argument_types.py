"""Types of command-line arguments: durations, counts, sizes, addresses, JSON."""

import argparse
import re
from typing import Final

from pulse_desktop.model.history_plan import MAX_AGE_S, MAX_BYTES, MIN_AGE_S, MIN_BYTES
from pulse_desktop.protocol.taskiq_names import BUCKET, STREAM_OR_CONSUMER, SUBJECT
from pulse_desktop.text.translation import _

MIN_SIZE: Final = (1024, 640)
"""Smallest window, in pixels."""

MAX_SIZE: Final = (7680, 4320)

MAX_NAME: Final = 250
"""Characters of a bucket or consumer; a server accepts 255, with the prefix of the bucket."""

MAX_SUBJECT: Final = 1_000

MIN_RECORDING_BYTES: Final = 16 << 10
"""Less than a third of a smaller recording could be used: its end needs room as well."""

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MAX_DURATION_S: Final = 3650 * 86400.0


def duration(text: str) -> float:
    """Convert `30`, `30s`, `10m`, `1h` or `7d` to seconds; no wait is longer than the longest."""
    return min(_seconds(text), _MAX_DURATION_S)


def since(text: str) -> float:
    """Convert a duration, or a time such as `22:00` or `yesterday`, to the seconds since then."""
    import time

    from pulse_desktop.model.typed_time import parse_moment

    now = time.time()
    try:
        return duration(text)
    except argparse.ArgumentTypeError:
        at = parse_moment(text, now)
    if at is None or at >= now:
        raise argparse.ArgumentTypeError(
            _(
                "{text!r} is not a past time; use 10m, 1h, 7d, 22:00, yesterday or 2026-11-29"
            ).format(text=text)
        )
    return min(now - at, _MAX_DURATION_S)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d+)?)\s*([smhd]?)", text.strip(), re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a duration; use 30s, 10m, 1h or 7d").format(text=text)
        )
    return float(match[1]) * _UNITS[match[2] or "s"]


def positive_int(text: str) -> int:
    """Convert a whole number of at least 1."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) < 1:
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a whole number above 0").format(text=text)
        )
    return int(text)


def byte_size(text: str) -> int:
    """Convert `256M`, `1G` or a number of bytes; the units are powers of 1024."""
    match = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)(?:i?B)?", text.strip(), re.ASCII | re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a size; use 512M, 2G or a number of bytes").format(text=text)
        )
    factor: int = 1024 ** " KMGT".index(match[2].upper() or " ")
    return int(match[1]) * factor


def recording_size(text: str) -> int:
    """Convert a size that a recording may have."""
    count = byte_size(text)
    if count < MIN_RECORDING_BYTES:
        raise argparse.ArgumentTypeError(_("{text!r} is less than 16K").format(text=text))
    return count


def field_name(text: str) -> str:
    """Check the name of a field or an argument."""
    if not text.strip():
        raise argparse.ArgumentTypeError(_("the name is empty"))
    return text


def history_age(text: str) -> float:
    """Convert a duration for which history may be kept."""
    seconds = _seconds(text)
    if not MIN_AGE_S <= seconds <= MAX_AGE_S:
        raise argparse.ArgumentTypeError(
            _("{text!r} is not between 1m and 3650d").format(text=text)
        )
    return seconds


def history_size(text: str) -> int:
    """Convert a size that history may have."""
    count = byte_size(text)
    if not MIN_BYTES <= count <= MAX_BYTES:
        raise argparse.ArgumentTypeError(_("{text!r} is not between 1M and 1T").format(text=text))
    return count


def size(text: str) -> tuple[int, int]:
    """Convert `1440x900` to width and height in pixels."""
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a size; use 1440x900").format(text=text)
        )
    width_height = int(match[1]), int(match[2])
    if not all(a <= b <= c for a, b, c in zip(MIN_SIZE, width_height, MAX_SIZE, strict=True)):
        raise argparse.ArgumentTypeError(
            _("{text!r} is not between {smallest} and {largest}").format(
                text=text, smallest=format_size(MIN_SIZE), largest=format_size(MAX_SIZE)
            )
        )
    return width_height


def format_size(size: tuple[int, int]) -> str:
    """Format a size in pixels."""
    return f"{size[0]}x{size[1]}"


def profile_name(text: str) -> str:
    """Accept the name of a profile; an unset variable of a script is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError(_("it is empty"))
    return text


def subject_name(text: str) -> str:
    """Accept a subject without wildcards."""
    _check_length(text, MAX_SUBJECT)
    if not SUBJECT.fullmatch(text):
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a subject without spaces, * and >").format(text=text)
        )
    return text


def bucket_name(text: str) -> str:
    """Accept the name of a bucket."""
    _check_length(text, MAX_NAME)
    if not BUCKET.fullmatch(text):
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a name of letters, digits, - and _").format(text=text)
        )
    return text


def stream_or_consumer_name(text: str) -> str:
    """Accept the name of a stream or consumer."""
    _check_length(text, MAX_NAME)
    if not STREAM_OR_CONSUMER.fullmatch(text):
        raise argparse.ArgumentTypeError(
            _("{text!r} is not a name without spaces, dots, slashes, * and >").format(text=text)
        )
    return text


def _check_length(text: str, limit: int) -> None:
    """Refuse text that a server would not accept in a subject, without repeating it."""
    if len(text.encode(errors="replace")) > limit:
        raise argparse.ArgumentTypeError(
            _("it is longer than {limit} characters").format(limit=limit)
        )


def server(text: str) -> str:
    """Accept a valid server address. Whether a server is there is not checked."""
    from pulse_desktop.model.errors import CannotConnectError
    from pulse_desktop.nats_client.server_address import parse_server

    try:
        parse_server(text)
    except CannotConnectError as error:
        raise argparse.ArgumentTypeError(
            f"{error.title.lower()}: {error.detail} {error.advice}"
        ) from None
    return text


def task_name(text: str) -> str:
    """Accept any name that is not blank."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            _("the name is empty; use the registered name, such as module:function")
        )
    return text


def json_array(text: str) -> bytes:
    """Accept the JSON text of an array."""
    return _json(text, list, _("{text!r} is not an array; use {example}"), "'[1, \"two\"]'")


def json_object(text: str) -> bytes:
    """Accept the JSON text of an object."""
    return _json(text, dict, _("{text!r} is not an object; use {example}"), "'{\"a\": 1}'")


def _json(text: str, kind: type, wrong_kind: str, example: str) -> bytes:
    import msgspec

    from pulse_desktop.protocol.json_text import repeated_key

    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(
            _("not valid JSON: {error}; use {example}").format(error=error, example=example)
        ) from None
    if not isinstance(value, kind):
        raise argparse.ArgumentTypeError(wrong_kind.format(text=text[:80], example=example))
    if problem := repeated_key(text.encode()):
        raise argparse.ArgumentTypeError(problem)
    return text.encode()


def run_state(text: str) -> str:
    """Convert a state as in JSON or as shown, such as `soft failure`, to its value in JSON.

    Case does not matter, and a space, a hyphen and an underscore are the same. Unknown text is
    returned as it is, for the parser to reject it with the choices.
    """
    from pulse_desktop.model.run_state import RunState
    from pulse_desktop.text.run_text import RESULT_NOT_READ, STATE_LABELS, UNREADABLE_RESULT

    values = {_normalized(str(state)): str(state) for state in STATE_LABELS}
    values |= {_normalized(label): str(state) for state, (label, *_rest) in STATE_LABELS.items()}
    for label in (RESULT_NOT_READ, UNREADABLE_RESULT):  # both are outcome unknown
        values[_normalized(label)] = str(RunState.RESULT_UNREADABLE)
    return values.get(_normalized(text), text)


def _normalized(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word.strip().casefold())
