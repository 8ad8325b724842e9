"""Bodies that anyone may send: refused as documented, with an amount of work that is limited."""

import contextlib
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import cbor2
import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulse_desktop.protocol import stored_body
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.protocol.task_result import (
    UnreadableResultError,
    decode_progress,
    decode_result,
)

ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "json": lambda value: json.dumps(value, default=str).encode(),
    "msgpack": lambda value: bytes(msgpack.packb(value, default=str)),
    "cbor": lambda value: cbor2.dumps(value, string_referencing=True, value_sharing=True),
    "pickle": lambda value: pickle.dumps(value, 4),
    "old pickle": lambda value: pickle.dumps(value, 0),
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=20)
    | st.dates().map(str)
    | st.decimals().map(str)
)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
tagged = st.builds(
    cbor2.CBORTag,
    st.sampled_from([0, 1, 2, 3, 4, 5, 30, 35, 37, 100, 258, 260, 1004, 4000]),
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.binary(max_size=20)
    | st.text(max_size=20)
    | st.lists(scalars),
)


def _task(value: Any) -> dict[str, Any]:
    fields = {"task_id": "a", "task_name": "f", "labels": {}, "labels_types": {}}
    return fields | {"args": [value], "kwargs": {"x": value}}


def _result(value: Any) -> dict[str, Any]:
    error = {"exc_type": "E", "exc_message": [value], "exc_cause": value}
    labels = {"team": value}
    return {"is_err": True, "return_value": value, "error": error, "labels": labels, "state": "X"}


@st.composite
def mutated(draw: st.DrawFn, encode: Callable[[Any], bytes]) -> bytes:
    """A valid body in which a few bytes are replaced, removed, inserted or repeated."""
    make = draw(st.sampled_from([_task, _result]))
    body = bytearray(encode(make(draw(plain))))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.integers(0, 4))
        body[start:end] = draw(st.binary(max_size=9) | st.just(bytes(body[:end])))
    return bytes(body)


def _read_all(body: bytes) -> None:
    with contextlib.suppress(MalformedTaskError):
        decode_task(body)
    for read in (decode_result, decode_progress):
        with contextlib.suppress(UnreadableResultError):
            read(body)


@pytest.fixture
def no_failing_decoder(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    """Fail the test when a decoder fails in a way that it does not document."""
    monkeypatch.setattr(stored_body, "_reported", set())
    caplog.set_level(logging.ERROR)
    return caplog


@pytest.mark.parametrize("format_", ENCODERS)
def test_a_changed_body_is_decoded_or_refused_as_documented(
    format_: str, no_failing_decoder: pytest.LogCaptureFixture
) -> None:
    @settings(max_examples=100)
    @given(mutated(ENCODERS[format_]))
    def check(body: bytes) -> None:
        _read_all(body)

    check()
    assert not no_failing_decoder.messages


def test_any_bytes_and_tags_are_decoded_or_refused_as_documented(
    no_failing_decoder: pytest.LogCaptureFixture,
) -> None:
    @given(st.binary(max_size=200), st.lists(tagged, max_size=4))
    def check(noise: bytes, values: list[Any]) -> None:
        for prefix in (b"", b"\x81", b"\xa1", b"\xd9\x01\x00", b"\x80\x04", b"(dp"):
            _read_all(prefix + noise)
        _read_all(cbor2.dumps(_task(values)))
        _read_all(cbor2.dumps(_result(values)))

    check()
    assert not no_failing_decoder.messages


@pytest.mark.parametrize("seconds", [10**17, -(10**17), 1e17, -1e300, 2**3000, -62135596801])
@pytest.mark.parametrize("tag", [1, 100, 1004])
def test_a_date_beyond_the_calendar_is_shown_as_its_number(tag: int, seconds: float) -> None:
    task = decode_task(cbor2.dumps(_task(cbor2.CBORTag(tag, seconds))))
    assert json.loads(bytes(task.args)) == [seconds]
    assert task.not_plain == "a date"


def test_dates_before_1970_are_shown() -> None:
    task = decode_task(cbor2.dumps(_task([cbor2.CBORTag(1, -0.5), cbor2.CBORTag(100, -1)])))
    assert json.loads(bytes(task.args)) == [["1969-12-31T23:59:59.500000+00:00", "1969-12-31"]]


@pytest.mark.parametrize("content", ["x" * 16, list(range(16)), [1], {}])
def test_a_uuid_of_another_type_is_shown_by_its_content(content: Any) -> None:
    task = decode_task(cbor2.dumps(_task(cbor2.CBORTag(37, content))))
    assert json.loads(bytes(task.args)) == [content]


def test_an_unexpected_error_of_a_decoder_is_logged_once_without_the_text_of_the_message(
    no_failing_decoder: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(body: bytes, _limits: object) -> None:
        raise OSError(body)

    monkeypatch.setattr(stored_body, "decode_cbor", fail)
    for _ in range(2):
        with pytest.raises(MalformedTaskError, match="OSError"):
            decode_task(cbor2.dumps(_task("secret")))
        with pytest.raises(UnreadableResultError, match="OSError"):
            decode_result(cbor2.dumps(_result("secret")))
    (text,) = no_failing_decoder.messages
    assert "cbor" in text
    assert "secret" not in text
