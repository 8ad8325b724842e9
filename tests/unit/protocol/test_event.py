"""Events of every known shape are decoded; unreadable ones keep their bytes and a reason."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulse_desktop.protocol.event import (
    MAX_EVENT_BYTES,
    Event,
    decode_event,
    decode_event_raw,
    decoded_fields,
    encode_event,
    event_data,
)
from pulse_desktop.protocol.json_text import MAX_DEPTH
from pulse_desktop.protocol.timestamps import format_timestamp

NOW = 1_795_430_942.114213
SENT = "2026-11-23T10:49:02.114213+00:00"


def decode(body: Any, topic: str = "tasks") -> Event:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_event(topic, raw, NOW + 5, 7)


def test_an_encoded_event_decodes_to_the_same_event() -> None:
    event_id, raw = encode_event(
        "tasks", "task.started", {"task_id": "a", "attempt": 1}, source="worker-2@h:1", now=NOW
    )
    event = decode_event("tasks", raw, NOW + 5, 7)
    assert (event.topic, event.type, event.id) == ("tasks", "task.started", event_id)
    assert (event.timestamp, event.time_source) == (NOW, "event")
    assert (event.received_at, event.sequence) == (NOW + 5, 7)
    assert event.source == "worker-2@h:1"
    assert event.data() == {"task_id": "a", "attempt": 1}
    assert event.raw == raw
    assert event.readable


def test_an_encoded_event_has_the_documented_fields() -> None:
    event_id, raw = encode_event("metrics", "metrics:update", {"n": None}, source="w", now=NOW)
    assert json.loads(raw) == {
        "id": event_id,
        "topic": "metrics",
        "type": "metrics:update",
        "timestamp": SENT,
        "source": "w",
        "data": {"n": None},
    }


SHAPES = {
    "type and data": (
        {"type": "message.new", "data": {"id": 1, "content": "hi"}},
        ("message.new", {"id": 1, "content": "hi"}, None),
    ),
    "event and data": (
        {"event": "message_scored", "data": {"message_id": "x"}},
        ("message_scored", {"message_id": "x"}, None),
    ),
    "event and flat fields": (
        {"event": "validation_update", "provider_id": "p", "validation_status": "connected"},
        ("validation_update", {"provider_id": "p", "validation_status": "connected"}, None),
    ),
    "older monitoring": (
        {
            "type": "task_completed",
            "task_name": "score",
            "status": "success",
            "timestamp": SENT,
            "data": {"task_id": "t", "duration_ms": 12, "params": {}},
        },
        (
            "task_completed",
            {
                "task_name": "score",
                "status": "success",
                "task_id": "t",
                "duration_ms": 12,
                "params": {},
            },
            NOW,
        ),
    ),
    "type, data and time": (
        {"type": "metrics:update", "data": {"noiseRatio": 0.2}, "timestamp": SENT},
        ("metrics:update", {"noiseRatio": 0.2}, NOW),
    ),
    "topic, event and data": (
        {"topic": "projects", "event": "created", "data": {"id": "p"}},
        ("created", {"id": "p"}, None),
    ),
    "time without a zone": (
        {"type": "a", "data": {}, "timestamp": "2026-11-23T10:49:02.114213"},
        ("a", {}, NOW),
    ),
    "time in milliseconds": (
        {"type": "a", "timestamp": 1_795_430_942_114},
        ("a", {}, 1_795_430_942.114),
    ),
    "time that is none": ({"type": "a", "data": {}, "timestamp": "soon"}, ("a", {}, None)),
    "time of another type": ({"type": "a", "timestamp": {"at": 1}}, ("a", {}, None)),
    "id that is a number": ({"type": "a", "id": 5, "data": {"b": 1}}, ("a", {"b": 1}, None)),
    "source that is no text": ({"type": "a", "source": 5, "data": {"b": 1}}, ("a", {"b": 1}, None)),
    "type that is no text": ({"type": 5, "event": "e", "data": {"b": 1}}, ("e", {"b": 1}, None)),
    "empty type beside an event": ({"type": "", "event": "e"}, ("e", {}, None)),
    "data that is a list": ({"type": "a", "data": [1], "x": 2}, ("a", {"data": [1], "x": 2}, None)),
    "data that is null": ({"type": "a", "data": None, "x": 2}, ("a", {"x": 2}, None)),
    "type inside data too": ({"type": "a", "data": {"type": "b"}}, ("a", {"type": "b"}, None)),
    "other scripts": ({"type": "a", "data": {"текст": "❌"}}, ("a", {"текст": "❌"}, None)),
    "wide but flat": ({"type": "a", "data": {"r": [[]] * 500}}, ("a", {"r": [[]] * 500}, None)),
    "brackets in a text": (
        {"type": "a", "data": {"t": '[{\\"' * 99}},
        ("a", {"t": '[{\\"' * 99}, None),
    ),
}


@pytest.mark.parametrize(("body", "expected"), SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_known_shape_is_decoded(
    body: Any, expected: tuple[str, dict[str, Any], float | None], ascii_only: bool
) -> None:
    name, data, at = expected
    event = decode(json.dumps(body, ensure_ascii=ascii_only).encode())
    assert event.problem == ""
    assert event.type == name
    assert event.data() == data
    assert event.time_source == ("received" if at is None else "event")
    assert event.timestamp == pytest.approx(NOW + 5 if at is None else at, abs=1e-6)


def nested(levels: int) -> bytes:
    return b'{"type":"a","data":' + b"[" * levels + b"]" * levels + b"}"


UNREADABLE = {
    "nothing": (b"", "not JSON"),
    "not JSON": (b"hello", "not JSON"),
    "cut short": (b'{"type":"a"', "not JSON"),
    "two values": (b'{"type":"a"}{}', "not JSON"),
    "an array": (b'[{"type":"a"}]', "an array, not an object"),
    "a number": (b"42", "a number, not an object"),
    "a text": (b'"type"', "a text, not an object"),
    "null": (b"null", "null, not an object"),
    "no name": (b'{"data":{}}', "no type and no event name"),
    "an empty name": (b'{"type":""}', "no type and no event name"),
    "8 MB": (b'{"type":"a","data":"' + b"x" * (8 << 20) + b'"}', "larger than 1 MiB"),
    "invalid UTF-8": (b'{"type":"a","data":{"x":"\xff"}}', "not JSON: 'utf-8'"),
    "invalid UTF-8 in the name": (b'{"type":"\xed\xa0\x80"}', "not JSON: 'utf-8'"),
    "half a surrogate, cut short": (b'{"type":"\\ud800"', "not JSON"),
    "deep nesting": (nested(MAX_DEPTH), "nested deeper than 64 levels"),
    "deepest nesting": (nested(400_000), "nested deeper than 64 levels"),
    "deep and cut short": (b"[" * 1_000_000, "nested deeper than 64 levels"),
    "NaN": (b'{"type":"a","data":{"x":NaN}}', "not JSON"),
    "Infinity": (b'{"type":"a","timestamp":Infinity}', "not JSON"),
    "a number too large": (b'{"type":"a","timestamp":1e999}', "not JSON"),
    "a name given twice": (b'{"type":"a","type":"b"}', "key 'type' given twice"),
    "data given twice": (b'{"type":"a","data":{},"data":{}}', "key 'data' given twice"),
    "zero bytes": (b"\x00" * 100, "not JSON"),
    "a pickle": (b"\x80\x04}.", "not JSON"),
}


@pytest.mark.parametrize(("raw", "problem"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_event_keeps_its_bytes_and_says_why(raw: bytes, problem: str) -> None:
    began = time.process_time()
    event = decode_event("tasks", raw, NOW, 3)
    assert time.process_time() - began < 5
    assert problem in event.problem
    assert not event.readable
    assert event.raw is raw
    assert (event.type, event.timestamp, event.time_source) == ("", NOW, "received")
    assert (event.topic, event.sequence) == ("tasks", 3)
    assert event.data() == {}


@pytest.mark.parametrize("is_canonical", [True, False])
def test_half_a_surrogate_pair_is_replaced(*, is_canonical: bool) -> None:
    data = {"task_id": "a", "text": "TEXT"}
    _id, raw = encode_event("tasks", "task.failed", data, source="w", now=NOW)
    if not is_canonical:
        raw = json.dumps({"event": "task.failed", **data}).encode()
    texts = [r"caf\udce9", r"\uD83D", r"\ud83d\ude00\ude00", r"\\ud800", r"\n\udce9\""]
    for text, shown in zip(
        texts, ["caf\ufffd", "\ufffd", "\U0001f600\ufffd", "\\ud800", '\n\ufffd"'], strict=True
    ):
        sent = raw.replace(b"TEXT", text.encode())
        event, fields = decode_event_raw("tasks", sent, NOW)
        assert event.problem == ""
        assert event.type == "task.failed"
        assert decoded_fields(event, fields)["text"] == event.data()["text"] == shown
        assert len(event.raw) == len(sent)


def test_the_deepest_allowed_nesting_is_decoded() -> None:
    assert decode(nested(MAX_DEPTH - 1)).problem == ""


def test_the_largest_allowed_event_is_decoded_quickly() -> None:
    rows = [{"n": n, "text": "word " * 20} for n in range(7_500)]
    raw = json.dumps({"type": "a", "data": {"rows": rows}}).encode()
    assert MAX_EVENT_BYTES * 0.8 < len(raw) <= MAX_EVENT_BYTES
    began = time.process_time()
    event = decode(raw)
    assert time.process_time() - began < 2  # about 0.015 on a quiet machine
    assert event.problem == ""


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=15,
)
json_objects = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        key: json_values | st.text(max_size=8)
        for key in ("type", "event", "data", "timestamp", "id", "source", "topic", "status")
    },
)


@given(st.binary())
@example(b"\xff\xfe")
@example(b'{"type":"a","type"')
def test_decoding_never_raises_for_any_bytes(raw: bytes) -> None:
    event = decode_event("x", raw, NOW)
    assert event.raw == raw
    assert isinstance(event.data(), dict)


@given(json_values | envelopes, st.booleans())
def test_decoding_never_raises_for_any_json(value: Any, ascii_only: bool) -> None:
    event = decode(json.dumps(value, ensure_ascii=ascii_only).encode())
    assert event.readable != bool(event.problem)
    assert event.readable == bool(event.type)
    assert isinstance(event.data(), dict)


@given(envelopes, st.integers(0, 200), st.binary(max_size=3))
def test_decoding_never_raises_for_damaged_json(value: Any, at: int, noise: bytes) -> None:
    raw = json.dumps(value).encode()
    event = decode(raw[:at] + noise + raw[at:])
    assert isinstance(event.data(), dict)


@given(json_objects, st.text(min_size=1), st.floats(946_684_800, 4_102_444_799))
def test_any_data_survives_encoding_and_decoding(
    data: dict[str, Any], source: str, now: float
) -> None:
    try:
        _, raw = encode_event("t", "name", data, source=source, now=now)
    except UnicodeEncodeError:
        return
    event = decode_event("t", raw, 0.0)
    assert event.type == "name"
    assert event.source == source
    assert event.data() == msgspec.json.decode(msgspec.json.encode(data))
    assert format_timestamp(event.timestamp) == format_timestamp(now)


@given(st.binary())
def test_the_data_of_any_bytes_is_a_dictionary(raw: bytes) -> None:
    assert isinstance(event_data(raw), dict)
