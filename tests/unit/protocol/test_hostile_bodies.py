"""Bodies that anyone may send: refused as documented, with an amount of work that is limited."""

import contextlib
import json
import logging
import pickle
import struct
import time
from collections.abc import Callable
from typing import Any

import cbor2
import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_desktop.protocol import pickle_machine, stored_body
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.protocol.task_result import (
    UnreadableResultError,
    decode_progress,
    decode_result,
)
from pulse_desktop.session.result_decoder import SMALL_LIMITS

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


BIGNUM = b"\xc2\x59\x04\x00" + b"\xff" * 1024
SURROGATE = b"\xed\xa0\x80"
SHARED, SHARED_0 = b"\xd8\x1c", b"\xd8\x1d\x00"
LONG_FLOAT = b"1." + b"1234567890" * 76 + b"e-300"


def _cbor(items: bytes) -> bytes:
    """A message in CBOR: a task and a result at once."""
    fields = cbor2.dumps({"task_id": "a", "task_name": "f", "is_err": False, "return_value": 1})
    return b"\xbf" + fields[1:] + cbor2.dumps("args") + b"\x9f" + items + b"\xff\xff"


def _cbor_bytes(major: int, raw: bytes) -> bytes:
    return bytes([major << 5 | 26]) + struct.pack(">I", len(raw)) + raw


def _pickle(items: bytes) -> bytes:
    fields = pickle.dumps({"task_id": "a", "task_name": "f", "is_err": False, "return_value": 1}, 2)
    return fields[:-1] + b"X\x04\x00\x00\x00args(" + items + b"ls."


def _pickle_text(raw: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(raw)) + raw


def _json(*items: bytes) -> bytes:
    fields = b'{"task_id":"a","task_name":"f","is_err":false,"return_value":1,"args":['
    return fields + b",".join(items) + b"]}"


def _too_much_work(size: int, count: int) -> dict[str, bytes]:
    """Bodies that ask for far more work than they have bytes.

    Args:
        size: about the most bytes of one body.
        count: fewer values than are allowed.
    """
    half = size // 3
    key, accented = b"k" * half, "\u00e9".encode() * (half // 2)
    tuple_of_bignums = b"\x8b\0\4\0\0" + b"\x7f" * 1024 + b"q\x01(" + b"h\x01" * 29 + b"tq\x02"
    return {
        "decimals of one integer in CBOR": _cbor(
            SHARED + BIGNUM + (b"\xc4\x82\x00" + SHARED_0) * (count // 5)
        ),
        "fractions of one integer in CBOR": _cbor(
            SHARED + BIGNUM + (b"\xd8\x1e\x82" + SHARED_0 * 2) * (count // 6)
        ),
        "empty chunks of bytes in CBOR": _cbor(b"\x5f" + b"\x40" * (size - 200) + b"\xff"),
        "empty chunks of text in CBOR": _cbor(b"\x7f" + b"\x60" * (size - 200) + b"\xff"),
        "one text that is not ASCII in CBOR": _cbor(
            SHARED + _cbor_bytes(3, accented) + SHARED_0 * (count // 2)
        ),
        "equal keys in CBOR": _cbor(
            SHARED
            + _cbor_bytes(3, key)
            + (b"\xbf" + _cbor_bytes(3, key) + b"\x00")
            + (SHARED_0 + b"\x00") * (count // 3)
            + b"\xff"
        ),
        "surrogates in CBOR": _cbor(_cbor_bytes(3, SURROGATE * (size // 3 - 60))),
        "surrogates in a pickle": _pickle(_pickle_text(SURROGATE * (size // 3 - 60))),
        "surrogates in JSON": _json(b'"' + b"\\ud83d" * (size // 6 - 30) + b'"'),
        "one text that is not ASCII in a pickle": _pickle(
            _pickle_text(accented) + b"q\x01" + b"h\x01" * count
        ),
        "equal keys in a pickle": _pickle(
            _pickle_text(key) + b"q\x01}(" + _pickle_text(key) + b"N" + b"h\x01N" * count + b"u"
        ),
        "equal members of a set in a pickle": _pickle(
            _pickle_text(key) + b"q\x01\x8f(" + _pickle_text(key) + b"h\x01" * count + b"\x90"
        ),
        "tuples of large integers as keys": _pickle(
            tuple_of_bignums
            + b"}("
            + b"".join(b"h\x02M" + struct.pack("<H", i) + b"\x86N" for i in range(count // 3))
            + b"u"
        ),
        "decimal integers in a pickle": _pickle((b"I" + b"9" * 2_400 + b"\n") * (size // 2_500)),
        "long numbers in a pickle": _pickle(b"F" + LONG_FLOAT + b"\n"),
        "integers in JSON": _json(*[b"9" * 3_990] * (size // 4_000)),
        "integers in JSON before NaN": _json(*[b"9" * 3_990] * (size // 4_000), b"NaN"),
        "numbers in JSON before NaN": _json(*[LONG_FLOAT] * (size // 800), b"NaN"),
        "strings in JSON": _json(b"NaN", b"[" * 26_000, b'""' * (size // 2)),
    }


@pytest.mark.parametrize("name", _too_much_work(16_000, 800))
def test_a_body_that_asks_for_too_much_work_is_refused_early(name: str) -> None:
    payload = _too_much_work(4 << 20, 24_000)[name]
    if "in JSON" in name and "before" not in name:
        payload = payload.replace(b"]}", b",NaN]}")  # strict JSON is not decoded
    before = time.thread_time()
    with pytest.raises(MalformedTaskError):
        decode_task(payload)
    assert time.thread_time() - before < 0.5  # less than 0.1 s on an idle machine
    before = time.thread_time()
    with pytest.raises(UnreadableResultError):
        decode_result(_too_much_work(16_000, 800)[name], SMALL_LIMITS)
    assert time.thread_time() - before < 0.05


def _number_keys(count: int) -> dict[Any, Any]:
    return {f"{number}": number for number in range(count)} | dict.fromkeys(range(count))


@pytest.mark.parametrize("format_", ["msgpack", "cbor", "pickle"])
def test_a_dictionary_of_a_task_has_a_limited_number_of_keys_that_are_not_text(
    format_: str,
) -> None:
    encode = ENCODERS[format_]
    task = decode_task(encode(_task([_number_keys(1_900), _number_keys(500)]) | {"kwargs": {}}))
    assert task.not_plain == "a key that is not text"
    with pytest.raises(MalformedTaskError, match="2,000 keys"):
        decode_task(encode(_task(_number_keys(2_100)) | {"kwargs": {}}))
    result = decode_result(encode(_result(_number_keys(2_100))))
    assert len(result.return_value) == 4_200


def test_the_name_of_a_class_is_made_printable_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def printable(value: object) -> str:
        made.append(value)
        return "name"

    monkeypatch.setattr(pickle_machine, "printable", printable)
    name = _pickle_text(b"\n" * 200)
    task = decode_task(_pickle(name + b"q\x01" + name + b"q\x0200" + b"h\x01h\x02\x93" * 20_000))
    assert len(json.loads(bytes(task.args))) == 20_000
    assert len(made) == 1


KOREAN = "\ud55c\uad6d\uc5b4" * 50_000
HARMLESS: dict[str, Any] = {
    "a long text of digits": "1234567890" * 100_000,
    "Korean text": KOREAN,
    "Korean text with an unpaired surrogate": KOREAN + "\ud83d",
    "a long text of brackets": "[,{" * 100_000,
    "many texts with an unpaired surrogate": ["cut \ud83d"] * 2_000,
    "large integers": [2**4095 - 1] * 20,
    "keys of 100 characters": [{f"{n:0100}": n} for n in range(5_000)],
    "a repeated text": ["tenant-\u00e9" * 4] * 10_000,
}


@pytest.mark.parametrize(
    ("format_", "name"),
    [
        (format_, name)
        for format_ in ("json", "cbor", "pickle")
        for name in HARMLESS
        if format_ != "cbor" or "surrogate" not in name  # its library does not write them
    ],
)
def test_unusual_data_is_within_the_limits(format_: str, name: str) -> None:
    value = HARMLESS[name]
    payload = ENCODERS[format_](_task(value) | {"kwargs": {"nan": float("nan")}})
    shown = json.dumps(value).replace("\\ud83d", "\\ufffd")
    assert json.loads(bytes(decode_task(payload).args)) == [json.loads(shown)]
    assert json.dumps(decode_result(ENCODERS[format_](_result(value))).return_value) == shown
