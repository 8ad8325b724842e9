"""Control requests and replies survive the wire; malformed ones decode to None."""

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
    id_: str,
    command: str,
    who: str,
    task_id: str | None,
    level: str | None,
    reason: str | None,
    sequence: int | None,
) -> None:
    request = ControlRequest(id_, command, who, task_id, level, reason, sequence)
    assert decode_request(encode_request(request)) == request


@given(text, text, st.booleans(), text, text)
def test_a_reply_arrives_as_it_was_sent(
    id_: str, worker: str, ok: bool, outcome: str, detail: str
) -> None:
    reply = ControlReply(id_, worker, ok, outcome, detail)
    assert decode_reply(encode_reply(reply)) == reply


@given(st.binary(max_size=300))
def test_decoding_never_raises_for_any_bytes(payload: bytes) -> None:
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
def test_a_malformed_command_decodes_to_none(payload: bytes) -> None:
    assert decode_request(payload) is None


def test_deeply_nested_fields_never_raise() -> None:
    # The interpreter decides how deep JSON may be nested.
    nest = b"[" * 100_000 + b"]" * 100_000
    assert decode_request(b'{"id": "a", "command": "ping", "more": ' + nest + b"}") is None
    decode_request(b'{"id": "a", "command": "ping", "more": ' + nest[95_000:-95_000] + b"}")


def test_unknown_fields_are_ignored() -> None:
    body = {"id": "a", "command": "ping", "who": "u@h", "later": [1, {"x": 2}]}
    assert decode_request(msgspec.json.encode(body)) == ControlRequest("a", "ping", "u@h")


def test_a_command_needs_only_an_id_and_a_name() -> None:
    assert decode_request(b'{"id": "a", "command": "ping"}') == ControlRequest("a", "ping")


def test_a_worker_identity_becomes_one_subject_token() -> None:
    subject = control_subject("worker-1@host.lan:4121")
    assert subject == "pulse.control.worker.worker-1_host_lan_4121"
    assert control_token("é *>@:1") == "______1"


@given(st.text(max_size=50))
def test_every_identity_gives_a_valid_subject_token(worker: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", control_token(worker))


def test_the_subject_of_a_long_identity_is_short_and_its_own() -> None:
    first, second = (control_subject("z" * 5_000 + f"@host:{pid}") for pid in (1, 2))
    assert first != second
    assert len(first) < 600
    assert control_subject("\ud800" * 5_000) != first
