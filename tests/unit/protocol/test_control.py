"""Control messages are read as data, and garbage is no command."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol.control import (
    MAX_CONTROL_BYTES,
    ControlReply,
    ControlRequest,
    control_subject,
    control_token,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

text = st.text(max_size=100)
maybe = st.none() | text


@given(text, text, text, maybe, maybe, maybe, st.none() | st.integers(0, 2**63 - 1))
def test_a_command_arrives_as_it_was_sent(
    id_, command, who, task_id, level, reason, sequence
) -> None:
    request = ControlRequest(id_, command, who, task_id, level, reason, sequence)
    assert decode_request(encode_request(request)) == request


@given(text, text, st.booleans(), text, text)
def test_an_answer_arrives_as_it_was_sent(id_, worker, ok, outcome, detail) -> None:
    answer = ControlReply(id_, worker, ok, outcome, detail)
    assert decode_reply(encode_reply(answer)) == answer


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_the_reading_raise(payload) -> None:
    decode_request(payload)
    decode_reply(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"id": 5, "command": "ping"}',
        b'{"id": "a", "command": ["ping"]}',
        b'{"id": "a", "command": "cancel", "task_id": {"x": 1}}',
        b'{"id": "a", "command": "remove", "sequence": 1e400}',
        b'{"id": "a", "command": "ping", "who": "\xff"}',
        b'{"id": "a", "command": "ping", "more": "\xff"}',
        b'{"id": "a", "command": "' + b"p" * 300 + b'"}',
        b'{"id": "a", "command": "ping", "more": "' + b"x" * MAX_CONTROL_BYTES + b'"}',
    ],
)
def test_what_is_no_command_is_none(payload) -> None:
    assert decode_request(payload) is None


def test_a_command_in_a_deep_nest_is_read_or_not_but_never_raises() -> None:
    # How deep it may be is the interpreter's to say.
    nest = b"[" * 100_000 + b"]" * 100_000
    assert decode_request(b'{"id": "a", "command": "ping", "more": ' + nest + b"}") is None
    decode_request(b'{"id": "a", "command": "ping", "more": ' + nest[95_000:-95_000] + b"}")


def test_fields_of_a_later_version_do_no_harm() -> None:
    body = {"id": "a", "command": "ping", "who": "u@h", "later": [1, {"x": 2}]}
    assert decode_request(msgspec.json.encode(body)) == ControlRequest("a", "ping", "u@h")


def test_a_command_needs_only_an_id_and_a_name() -> None:
    assert decode_request(b'{"id": "a", "command": "ping"}') == ControlRequest("a", "ping")


def test_a_workers_identity_becomes_one_token_of_a_subject() -> None:
    subject = control_subject("worker-1@host.lan:4121")
    assert subject == "pulse.control.worker.worker-1_host_lan_4121"
    assert control_token("é *>@:1") == "______1"


@given(st.text(max_size=50))
def test_every_identity_has_a_token(worker) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", control_token(worker))
