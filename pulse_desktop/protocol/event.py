"""Events on `websocket.{topic}`: one canonical form is sent, many shapes are accepted.

No envelope is common to all the systems that publish here, so decoding never fails: a payload that
is not an event becomes an *unreadable* event that keeps its bytes and the reason.
"""

import hashlib
import os
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from pulse_desktop.protocol.json_text import (
    MAX_DEPTH,
    decode_lenient,
    is_too_deep,
    may_be_too_deep,
    repeated_key,
    without_lone_surrogates,
)
from pulse_desktop.protocol.timestamps import (
    EARLIEST,
    LATEST,
    format_timestamp,
    parse_timestamp,
)

HEARTBEAT: Final = "worker.heartbeat"
"""Type of the events that a worker sends at intervals: it is alive, and what it does."""

MAX_EVENT_BYTES: Final = 1 << 20
"""Larger payloads are kept undecoded, so that one of them cannot delay a frame."""

_ENVELOPE_KEYS: Final = frozenset(
    {"id", "topic", "type", "event", "timestamp", "source", "data", "time"}
)
_NOT_JSON: Final = "not JSON"
_WATCHED_KEYS: Final = (b'"type"', b'"event"', b'"data"', b'"timestamp"')


class Event(msgspec.Struct, gc=False):
    """A normalized event.

    Attributes:
        topic: subject suffix.
        type: event name (`type` or `event` of the payload), empty if unreadable.
        timestamp: Unix seconds, UTC: the sender's, else the time of arrival.
        time_source: which of the two `timestamp` is: "event" or "received".
        received_at: Unix seconds, UTC.
        id: the sender's id, empty if it sent none.
        source: the sender, empty if unknown.
        raw: the undecoded payload; escaped halves of surrogate pairs are replaced by U+FFFD.
        sequence: sequence in the history stream, 0 if no stream stores it.
        problem: why it is unreadable, empty if it is not.
        clock_offset_s: seconds that the sender's clock was ahead of the time of arrival, where the
            sender's time was too far ahead to be kept; else 0.
    """

    topic: str
    type: str
    timestamp: float
    time_source: str
    received_at: float
    id: str
    source: str
    raw: bytes
    sequence: int = 0
    problem: str = ""
    clock_offset_s: float = 0.0

    @property
    def readable(self) -> bool:
        """Whether the payload is an event."""
        return not self.problem

    def data(self) -> dict[str, Any]:
        """Return the decoded `data` of the envelope, or the flat fields. Empty if unreadable."""
        return event_data(self.raw) if not self.problem else {}


class _Envelope(msgspec.Struct, gc=False):
    type: str | None = None
    event: str | None = None
    timestamp: str | float | None = None
    id: str | int | None = None
    source: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    task_name: msgspec.Raw = msgspec.Raw(b"")
    status: msgspec.Raw = msgspec.Raw(b"")


class _Canonical(msgspec.Struct, gc=False):
    id: str
    type: str
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    source: str
    data: msgspec.Raw


_decode_canonical = msgspec.json.Decoder(_Canonical).decode
_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_any = msgspec.json.Decoder().decode

_CANONICAL_PREFIX: Final = b'{"id":"'
_CANONICAL_LENGTH: Final = len(
    '{"id":"","topic":"","type":"","timestamp":"","source":"","data":'
) + len("2026-11-23T10:49:02.114213+00:00")


def decode_event(topic: str, raw: bytes, received_at: float, sequence: int = 0) -> Event:
    """Decode any payload into an event. Never raises.

    Args:
        topic: subject suffix, such as `tasks`.
        raw: the payload.
        received_at: Unix seconds.
        sequence: position in the history stream, or 0.
    """
    return decode_event_raw(topic, raw, received_at, sequence)[0]


def decode_event_raw(
    topic: str, raw: bytes, received_at: float, sequence: int = 0
) -> tuple[Event, msgspec.Raw | None]:
    """Decode any payload as `decode_event` does, leaving its data undecoded.

    Returns:
        The event, and its undecoded `data` for `decoded_fields`; None if the fields are elsewhere.
    """
    size = len(raw)
    if raw[:7] == _CANONICAL_PREFIX and size <= MAX_EVENT_BYTES:
        try:
            known = _decode_canonical(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the slow path finds the reason
        else:
            id_, name, source, data = known.id, known.type, known.source, known.data
            begin = size - len(data) - 1
            # Encoded as `encode_event` does, data last: the length leaves no room for a repeated
            # key, so there is no need to search for one.
            if (
                begin == _CANONICAL_LENGTH + len(topic) + len(id_) + len(name) + len(source)
                and EARLIEST <= (at := known.timestamp.timestamp()) <= LATEST
                and name
                and (
                    (raw.rfind(b"{") == begin and raw.rfind(b"[") < 0 and raw.isascii())  # mostly
                    or _is_valid(raw, begin)
                )
            ):
                event = Event(topic, name, at, "event", received_at, id_, source, raw, sequence)
                return event, data
    return _decode_slow(topic, raw, received_at, sequence)


def decoded_fields(event: Event, data: msgspec.Raw | None) -> dict[str, Any]:
    """Return the decoded fields of an event from `decode_event_raw`."""
    if data is not None:
        try:
            fields = _decode_any(data)
        except (msgspec.DecodeError, RecursionError):
            pass
        else:
            if isinstance(fields, dict):
                return fields
    return event.data()


def _is_valid(raw: bytes, begin: int) -> bool:
    """Return whether data is an object, the text is UTF-8, and nothing nests too deeply."""
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return False
    return raw[begin] == 0x7B and not may_be_too_deep(raw)


def _decode_slow(
    topic: str, raw: bytes, received_at: float, sequence: int
) -> tuple[Event, msgspec.Raw | None]:
    """Decode a payload of any shape, with half surrogate pairs if it has any."""
    found = _decode_shape(topic, raw, received_at, sequence)
    if found[0].problem.startswith(_NOT_JSON):
        replaced = without_lone_surrogates(raw)
        again = _decode_shape(topic, replaced, received_at, sequence) if replaced != raw else found
        return found if again[0].problem else again
    return found


def _decode_shape(
    topic: str, raw: bytes, received_at: float, sequence: int
) -> tuple[Event, msgspec.Raw | None]:
    try:
        problem = _problem_before_decoding(raw)
        if not problem:
            envelope = _decode_envelope(raw)
            problem = _problem_of_keys(raw, envelope.data)
    except msgspec.ValidationError:
        return _decode_unusual(topic, raw, received_at, sequence), None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = f"{_NOT_JSON}: {error}"
    except RecursionError:
        problem = "nested too deeply"
    if problem:
        return _unreadable(topic, raw, received_at, sequence, problem), None
    name = envelope.type or envelope.event
    if not name:
        problem = "no type and no event name"
        return _unreadable(topic, raw, received_at, sequence, problem), None
    timestamp = parse_timestamp(envelope.timestamp) if envelope.timestamp is not None else None
    event = Event(
        topic,
        name,
        received_at if timestamp is None else timestamp,
        "received" if timestamp is None else "event",
        received_at,
        "" if envelope.id is None else str(envelope.id),
        envelope.source or "",
        raw,
        sequence,
    )
    split = len(envelope.task_name) and len(envelope.status)  # older events split their fields
    return event, envelope.data if len(envelope.data) and not split else None


def event_data(raw: bytes) -> dict[str, Any]:
    """Return the fields of an event: its `data` object, or those of a flat envelope."""
    try:
        body = decode_lenient(raw)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict):
        return {}
    data = body.get("data")
    if isinstance(data, dict):
        if "task_name" in body and "status" in body:  # older monitoring events split their fields
            return {**_flat_fields(body), **data}
        return data
    if data is not None:
        return {"data": data, **_flat_fields(body)}
    return _flat_fields(body)


def new_event_id(unix_seconds: float) -> str:
    """Return a UUID version 7 (RFC 9562) as 32 hexadecimal digits, ordered by the given time."""
    milliseconds = int(unix_seconds * 1000) & 0xFFFF_FFFF_FFFF
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return f"{value:032x}"


def stable_event_id(type_: str, key: str) -> str:
    """Return a UUID version 8 (RFC 9562) as 32 hexadecimal digits, always the same for a key."""
    digest = hashlib.blake2b(f"{type_} {key}".encode("utf-8", "replace"), digest_size=16)
    value = int.from_bytes(digest.digest(), "big")
    value &= ~(0xF << 76 | 0b11 << 62)
    return f"{value | 0x8 << 76 | 0b10 << 62:032x}"


def encode_event(
    topic: str, type_: str, data: dict[str, Any], *, source: str, now: float, key: str = ""
) -> tuple[str, bytes]:
    """Encode an event in the canonical form.

    Args:
        topic: one of the topics.
        type_: event name, such as `task.started`.
        data: the event's fields; anything that msgspec can encode as JSON.
        source: the sender, such as `worker-2@host:4121`.
        now: Unix seconds.
        key: what the event tells, if it can happen only once: the id of the event depends on it.

    Returns:
        The event's id, to be sent as `Nats-Msg-Id`, and the payload.

    Raises:
        TypeError: data holds a value that cannot be encoded as JSON.
    """
    event_id = stable_event_id(type_, key) if key else new_event_id(now)
    body = {
        "id": event_id,
        "topic": topic,
        "type": type_,
        "timestamp": format_timestamp(now),
        "source": source,
        "data": data,
    }
    return event_id, msgspec.json.encode(body)


def _problem_before_decoding(raw: bytes) -> str:
    """Return a problem that the fast decoder misses or fails on: size, encoding, nesting."""
    if len(raw) > MAX_EVENT_BYTES:
        return f"larger than {MAX_EVENT_BYTES >> 20} MiB"
    if not raw.isascii():
        raw.decode()
    if may_be_too_deep(raw) and is_too_deep(raw):
        return f"nested deeper than {MAX_DEPTH} levels"
    return ""


def _problem_of_keys(raw: bytes, data: bytes | msgspec.Raw) -> str:
    """Return which key of the envelope is repeated, empty for none."""
    begin = len(raw) - len(data) - 1
    # If data comes last, as it usually does, its contents need not be searched.
    envelope = raw[:begin] if raw[begin:-1] == bytes(data) else raw
    for key in _WATCHED_KEYS:
        if envelope.count(key) > 1:
            return repeated_key(raw)
    return ""


def _decode_unusual(topic: str, raw: bytes, received_at: float, sequence: int) -> Event:
    """Decode JSON whose envelope fields do not have the usual types."""
    problem = _problem_of_keys(raw, b"")
    if problem:
        return _unreadable(topic, raw, received_at, sequence, problem)
    try:
        body = _decode_any(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return _unreadable(topic, raw, received_at, sequence, f"{_NOT_JSON}: {error}")
    if not isinstance(body, dict):
        kind = {list: "an array", str: "a text", type(None): "null"}.get(type(body), "a number")
        return _unreadable(topic, raw, received_at, sequence, f"{kind}, not an object")
    name = next((body[key] for key in ("type", "event") if isinstance(body.get(key), str)), "")
    if not name:
        return _unreadable(topic, raw, received_at, sequence, "no type and no event name")
    timestamp = parse_timestamp(body.get("timestamp"))
    source = body.get("source")
    return Event(
        topic,
        name,
        received_at if timestamp is None else timestamp,
        "received" if timestamp is None else "event",
        received_at,
        "",
        source if isinstance(source, str) else "",
        raw,
        sequence,
    )


def _flat_fields(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in _ENVELOPE_KEYS}


def _unreadable(topic: str, raw: bytes, received_at: float, sequence: int, problem: str) -> Event:
    return Event(topic, "", received_at, "received", received_at, "", "", raw, sequence, problem)
