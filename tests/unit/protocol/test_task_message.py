"""Task messages keep their bytes, and TaskIQ itself reads the ones we write."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskiq import TaskiqMessage
from taskiq.formatters.json_formatter import JSONFormatter
from taskiq.labels import parse_label

from pulse_desktop.protocol.task_message import (
    MalformedTaskError,
    decode_labels,
    decode_task,
    display_labels,
    encode_task,
    has_types,
    labels_for_edit,
    rerun_labels,
)

LABELS = {"priority": 5, "ratio": 0.5, "urgent": True, "queue": "default", "calm": False}


def parsed_by_taskiq(payload: bytes) -> TaskiqMessage:
    message = JSONFormatter().loads(payload)
    types = message.labels_types or {}
    message.labels = {k: parse_label(v, types.get(k)) for k, v in message.labels.items()}
    return message


def written_by_taskiq(**fields: Any) -> bytes:
    message = TaskiqMessage(task_id="a" * 32, task_name="m:f", **fields)
    return JSONFormatter().dumps(message).message


def test_a_message_written_by_taskiq_keeps_its_arguments_byte_for_byte() -> None:
    payload = written_by_taskiq(
        args=[1, {"a": [None, 2.50]}],
        kwargs={"текст": "❌"},
        labels={"x": "1"},
        labels_types={"x": 2},
    )
    task = decode_task(payload)
    assert (task.task_id, task.task_name) == ("a" * 32, "m:f")
    assert json.loads(bytes(task.args)) == [1, {"a": [None, 2.5]}]
    assert json.loads(bytes(task.kwargs)) == {"текст": "❌"}
    assert decode_labels(bytes(task.labels)) == {"x": "1"}
    assert bytes(task.args) in payload


def test_a_message_without_optional_fields_is_decoded() -> None:
    task = decode_task(b'{"task_id":"a","task_name":"f"}')
    assert bytes(task.args) == b"[]"
    assert bytes(task.kwargs) == b"{}"
    assert decode_labels(bytes(task.labels)) == {}
    assert decode_labels(bytes(task.labels_types)) == {}


def test_taskiq_reads_our_messages_with_typed_labels() -> None:
    payload, headers = encode_task(
        "b" * 32, "m:f", args=b'[1,"two"]', kwargs=b'{"three":3}', labels=LABELS
    )
    message = parsed_by_taskiq(payload)
    assert (message.task_id, message.task_name) == ("b" * 32, "m:f")
    assert (message.args, message.kwargs) == ([1, "two"], {"three": 3})
    assert message.labels == LABELS
    assert headers["priority"] == "5"


@pytest.mark.parametrize(
    "payload",
    [
        *[b"", b"hello", b"[]", b"null", b"{}", b'{"task_id":"a"}', b'{"task_name":"f"}'],
        b'{"task_id":5,"task_name":"f"}',
        b'{"task_id":"a","task_name":"f","args":{}}',
        b'{"task_id":"a","task_name":"f","args":null}',
        b'{"task_id":"a","task_name":"f","kwargs":[]}',
        b'{"task_id":"a","task_name":"f","args":[nan]}',
        b'{"task_id":"a","task_name":"f","args":["\xff"]}',
        b'{"task_id":"a","task_name":"f","args":' + b"[" * 100_000,
        b"\x80\x04}.",
    ],
)
def test_a_malformed_task_is_refused_with_a_reason(payload: bytes) -> None:
    with pytest.raises(MalformedTaskError) as caught:
        decode_task(payload)
    assert str(caught.value)


@given(st.binary())
def test_decoding_any_bytes_gives_a_task_or_the_documented_error(payload: bytes) -> None:
    with contextlib.suppress(MalformedTaskError):
        decode_task(payload)
    assert isinstance(decode_labels(payload), dict)


@pytest.mark.parametrize("labels", [b"null", b"[]", b"5", b'"\xff"', b"{", b"[" * 100_000])
def test_unreadable_labels_decode_to_an_empty_dict(labels: bytes) -> None:
    assert decode_labels(labels) == {}


def test_a_rerun_keeps_labels_and_their_types_and_names_its_origin() -> None:
    original, _ = encode_task("a", "m:f", labels={**LABELS, "_retries": 2, "X-Taskiq-requeue": 1})
    task = decode_task(original)
    labels = rerun_labels(
        bytes(task.labels), bytes(task.labels_types), origin="a", who="oksana@desk"
    )
    payload, headers = encode_task("b", "m:f", labels=labels)
    message = parsed_by_taskiq(payload)
    assert message.labels == {**LABELS, "rerun_of": "a", "requested_by": "oksana@desk"}
    assert headers["rerun_of"] == "a"


def test_a_rerun_of_a_rerun_names_only_its_direct_origin() -> None:
    labels = b'{"rerun_of":"first","requested_by":"x","_retries":"1","kept":"yes"}'
    repeated = rerun_labels(labels, b"null", origin="second", who="me")
    payload, _ = encode_task("b", "m:f", labels=repeated, typed=False)
    assert parsed_by_taskiq(payload).labels == {
        "kept": "yes",
        "rerun_of": "second",
        "requested_by": "me",
    }


RAW_LABELS = (
    b'{"a":{"x":1},"none":null,"float":1.0,"big":1e400,"list":[1,"2"],"text":"5","yes":true}'
)


@pytest.mark.parametrize("types", [b"null", b'{"text":2}', b'{"text":2,"other":"odd","yes":null}'])
def test_a_rerun_sends_labels_and_types_byte_for_byte(types: bytes) -> None:
    labels = rerun_labels(RAW_LABELS, types, origin="a", who="me")
    payload, headers = encode_task("b", "m:f", labels=labels, typed=has_types(types))
    task = decode_task(payload)
    added = b',"rerun_of":"a","requested_by":"me"}'
    assert bytes(task.labels) == RAW_LABELS[:-1] + added
    if types == b"null":
        assert bytes(task.labels_types) == b"null"
    else:
        sent = msgspec.json.decode(task.labels_types)
        captured = msgspec.json.decode(types)
        own = {"rerun_of": 3, "requested_by": 3}
        assert sent == {k: v for k, v in captured.items() if k != "other"} | own
    assert headers["text"] == "5"


def test_an_edited_rerun_keeps_untouched_labels_byte_for_byte() -> None:
    raw = RAW_LABELS.replace(b"1e400", b"1e4")
    shown = display_labels(raw, b"null")
    labels = labels_for_edit({**shown, "text": "6"}, raw, b"null", origin="a")
    payload, _ = encode_task("b", "m:f", labels=labels, typed=False)
    expected = raw.replace(b'"text":"5"', b'"text":"6"')[:-1] + b',"rerun_of":"a"}'
    assert bytes(decode_task(payload).labels) == expected


def test_bytes_labels_of_taskiq_are_kept_unchanged() -> None:
    labels = rerun_labels(b'{"blob":"AAE="}', b'{"blob":6}', origin="a", who="me")
    payload, _ = encode_task("b", "m:f", labels=labels)
    assert parsed_by_taskiq(payload).labels["blob"] == b"\x00\x01"


def test_only_labels_valid_as_headers_become_headers() -> None:
    labels = {
        "plain": "x",
        "with space": "x",
        "кирилиця": "x",
        "": "x",
        "Nats-Msg-Id": "x",
        "nats-ttl": "x",
        "two": "a\r\nb",
        "colon:": "x",
    }
    payload, headers = encode_task("a", "m:f", labels=labels)
    assert headers == {"plain": "x"}
    assert parsed_by_taskiq(payload).labels == labels


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.dictionaries(
        texts,
        st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    )
)
def test_labels_survive_the_round_trip_through_taskiq(labels: dict[str, Any]) -> None:
    payload, headers = encode_task("a", "m:f", labels=labels)
    assert parsed_by_taskiq(payload).labels == labels
    task = decode_task(payload)
    again, _ = encode_task(
        "a",
        "m:f",
        labels=rerun_labels(bytes(task.labels), bytes(task.labels_types), origin="o", who="w"),
    )
    kept = {k: v for k, v in labels.items() if k not in {"_retries", "X-Taskiq-requeue"}}
    assert parsed_by_taskiq(again).labels == {**kept, "rerun_of": "o", "requested_by": "w"}
    assert set(headers) <= set(labels)


@given(st.lists(st.none() | st.integers(-(2**63), 2**63) | texts))
def test_arguments_survive_byte_for_byte(args: list[Any]) -> None:
    raw = msgspec.json.encode(args)
    payload, _ = encode_task("a", "m:f", args=raw)
    assert bytes(decode_task(payload).args) == raw


def test_display_labels_leave_out_labels_of_one_run() -> None:
    labels = (
        b'{"n":"5","x":"0.5","on":"True","word":"7","odd":"many","rerun_of":"a","task_name":"f"}'
    )
    types = b'{"n":2,"x":4,"on":5,"word":3,"odd":2}'
    assert display_labels(labels, types) == {
        "n": 5,
        "x": 0.5,
        "on": True,
        "word": "7",
        "odd": "many",
    }
    assert display_labels(b'{"x":"inf"}', b'{"x":4}') == {"x": "inf"}
    assert display_labels(b'{"raw":[1]}', b"null") == {"raw": [1]}


def test_an_edited_rerun_keeps_untouched_labels_in_their_exact_form() -> None:
    labels, types = b'{"n":"05","key":"/+8=","on":"1"}', b'{"n":2,"key":6,"on":2}'
    wanted = display_labels(labels, types) | {"on": True, "new": "x"}
    payload, _ = encode_task(
        "b" * 32, "f", labels=labels_for_edit(wanted, labels, types, origin="a")
    )
    task = decode_task(payload)
    assert decode_labels(bytes(task.labels)) == {
        "n": "05",
        "key": "/+8=",
        "on": "True",
        "new": "x",
        "rerun_of": "a",
    }
    types_by_label = {"n": 2, "key": 6, "on": 5, "new": 3, "rerun_of": 3}
    assert decode_labels(bytes(task.labels_types)) == types_by_label
