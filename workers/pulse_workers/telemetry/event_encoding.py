"""Encoding of events from any data: task arguments are arbitrary Python values."""

import functools
import math
from typing import Any, Final

from pulse_desktop.protocol.event import encode_event

_MAX_DEPTH: Final = 20
_MAX_INTEGER: Final = 1 << 63
_MAX_TEXT: Final = 2_000
_HEADER_ROOM: Final = 1_024
"""Bytes reserved for the headers, which count towards the server's `max_payload`."""
_LARGE_FIELDS: Final = (
    "args",
    "kwargs",
    "labels",
    "traceback",
    "factors",
    "content",
    "result",
    "catalogue",
    "statements",
)


def encode_any_event(
    topic: str,
    type_: str,
    data: dict[str, Any],
    *,
    source: str,
    now: float,
    max_bytes: int,
    key: str = "",
) -> tuple[str, bytes]:
    """Encode an event; values without a JSON form are replaced as in `to_json_safe`.

    A message over `max_bytes` loses its large fields, then also its lists and dictionaries, and
    long texts are cut.

    Args:
        topic: one of the topics.
        type_: event name.
        data: the event's data.
        source: identity of the publisher.
        now: Unix seconds.
        max_bytes: the server's `max_payload`.
        key: see `encode_event`.

    Returns:
        The event's id and payload.
    """
    encode = functools.partial(encode_event, source=source, now=now, key=key)
    try:
        event_id, payload = encode(topic, type_, data)
    except (TypeError, ValueError, OverflowError, RecursionError):
        event_id, payload = encode(topic, type_, to_json_safe(data))
    if len(payload) + _HEADER_ROOM <= max_bytes:
        return event_id, payload
    small = {key: value for key, value in data.items() if key not in _LARGE_FIELDS}
    small["truncated"] = True
    event_id, payload = encode(topic, type_, to_json_safe(small))
    if len(payload) + _HEADER_ROOM <= max_bytes:
        return event_id, payload
    short = {
        key: value[:_MAX_TEXT] if isinstance(value, str) else value
        for key, value in to_json_safe(small).items()
        if isinstance(value, str | int | float | bool | None)
    }
    return encode(topic, type_, short)


def to_json_safe(value: Any, depth: int = 0) -> Any:
    """Return a value that JSON can hold.

    NaN and infinity become null, sets become lists, and integers outside signed 64 bits and other
    objects become text. Lone surrogates become `?`. Deep nesting is cut.
    """
    if depth > _MAX_DEPTH:
        return "…"
    match value:
        case None | bool():
            return value
        case str():
            return value.encode("utf-8", "replace").decode()
        case int():
            return value if -_MAX_INTEGER <= value < _MAX_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_text(key): to_json_safe(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json_safe(item, depth + 1) for item in value]
        case _:
            return _text(value)


def _text(value: object) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - the value's own code decides what is raised
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "replace").decode()[:_MAX_TEXT]
