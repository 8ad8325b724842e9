"""Results of every serializer decode alike, are classified, and never run code."""

import asyncio
import contextlib
import json
import math
import pickle
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskiq import TaskiqResult
from taskiq.depends.progress_tracker import TaskProgress as TaskiqProgress
from taskiq.depends.progress_tracker import TaskState
from taskiq.serializers import JSONSerializer, PickleSerializer

from pulse_desktop.protocol.safe_pickle import PickleLimits
from pulse_desktop.protocol.task_result import (
    ResultError,
    TaskResult,
    UnreadableResultError,
    decode_progress,
    decode_result,
)


class Serializer(Protocol):
    """The writing half of TaskIQ's serializers."""

    def dumpb(self, value: Any) -> bytes:
        """Return a value as bytes."""
        ...


class MsgpackSerializer:
    """Writes like TaskIQ's own, which needs an additional package."""

    def dumpb(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)


class OldPickleSerializer:
    """Writes a pickle of an older protocol."""

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol

    def dumpb(self, value: Any) -> bytes:
        return pickle.dumps(value, self.protocol)


SERIALIZERS: dict[str, Serializer] = {
    "json": JSONSerializer(),
    "json with other scripts": JSONSerializer(ensure_ascii=False),
    "pickle": PickleSerializer(),
    "msgpack": MsgpackSerializer(),
    **{f"pickle {protocol}": OldPickleSerializer(protocol) for protocol in range(6)},
}


@pytest.fixture(params=SERIALIZERS)
def serializer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def stored(
    serializer: str,
    return_value: Any = None,
    error: BaseException | None = None,
    labels: dict[str, Any] | None = None,
    seconds: float = 0.12,
) -> bytes:
    """Return the body that taskiq's result backend would store."""
    result = TaskiqResult(
        is_err=error is not None,
        return_value=return_value,
        execution_time=seconds,
        labels=labels or {},
        error=error,
    )
    return SERIALIZERS[serializer].dumpb(result.model_dump(mode="json"))


def returned(value: Any, **fields: Any) -> TaskResult:
    """Return the decoded result of a task that returned `value`."""
    body = {"is_err": False, "return_value": value, **fields}
    return decode_result(json.dumps(body).encode())


def raised(make: Callable[[], None]) -> BaseException:
    """Call `make` and return the exception that it raises."""
    try:
        make()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


EMPTY: dict[str, int] = {}


def fail_with_a_cause() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        raise ValueError("cannot score", 3) from error


def fail_while_handling() -> None:
    try:
        _ = EMPTY["key"]
    except KeyError:
        raise RuntimeError("while handling") from RuntimeError("the cause")


def fail_with_implicit_context() -> None:
    try:
        _ = EMPTY["key"]
    except KeyError:
        raise RuntimeError("second")  # noqa: B904


def fail_with_suppressed_context() -> None:
    try:
        _ = EMPTY["key"]
    except KeyError:
        raise RuntimeError("second") from None


def test_a_success_is_decoded_from_every_serializer(serializer: str) -> None:
    value = {"rows": [1, 2.5, None, True, "текст ❌"], "nested": {"a": [[]]}}
    result = decode_result(stored(serializer, value, labels={"task_name": "m:f", "n": 1}))
    assert result.return_value == value
    assert result.labels == {"task_name": "m:f", "n": 1}
    assert result.execution_time == 0.12
    assert (result.is_err, result.error) == (False, None)
    assert (result.outcome, result.soft_reason) == ("succeeded", "")
    assert result.format == serializer.split(maxsplit=1)[0]


def test_a_failure_is_decoded_with_its_cause(serializer: str) -> None:
    result = decode_result(stored(serializer, error=raised(fail_with_a_cause)))
    assert (result.is_err, result.outcome, result.soft_reason) == (True, "failed", "")
    cause = ResultError("ZeroDivisionError", "builtins", "division by zero")
    assert result.error == ResultError("ValueError", "builtins", "cannot score, 3", cause)


def test_the_context_of_an_exception_is_its_cause_unless_suppressed() -> None:
    def cause_of(fail: Callable[[], None]) -> ResultError | None:
        error = decode_result(stored("json", error=raised(fail))).error
        assert error is not None
        return error.cause

    assert cause_of(fail_with_implicit_context) == ResultError("KeyError", "builtins", "key")
    assert cause_of(fail_while_handling) == ResultError("RuntimeError", "builtins", "the cause")
    assert cause_of(fail_with_suppressed_context) is None


def test_a_cancelled_error_gives_the_cancelled_outcome(serializer: str) -> None:
    result = decode_result(stored(serializer, error=asyncio.CancelledError("asked to stop")))
    assert (result.is_err, result.outcome, result.soft_reason) == (
        *(True, "cancelled"),
        "asked to stop",
    )
    silent = decode_result(stored(serializer, error=asyncio.CancelledError()))
    assert (silent.outcome, silent.soft_reason) == ("cancelled", "the task was cancelled")


@pytest.mark.parametrize(
    ("value", "outcome", "reason"),
    [
        ("Error: no such file\nmore", "soft_failed", "Error: no such file"),
        ("❌ provider refused", "soft_failed", "❌ provider refused"),
        ("Ingestion failed for 3 files", "soft_failed", "Ingestion failed for 3 files"),
        ({"status": "error"}, "soft_failed", "the task reports the status error"),
        ({"status": "error", "message": "no key"}, "soft_failed", "no key"),
        ({"status": "error", "error": "no key"}, "soft_failed", "no key"),
        ({"failed": 3}, "soft_failed", "3 failed"),
        ({"scored": 7, "failed": 3, "total": 10}, "soft_failed", "3 of 10 failed"),
        ({"failed": 1, "error": "timeout"}, "soft_failed", "1 failed: timeout"),
        ({"failed": 0.5}, "soft_failed", "0.5 failed"),
        ({"cancelled": True}, "cancelled", "the task reports that it was cancelled"),
        ({"cancelled": True, "failed": 1, "reason": "shift over"}, "cancelled", "shift over"),
        ("an Error: inside", "succeeded", ""),
        ("error: in small letters", "succeeded", ""),
        ("", "succeeded", ""),
        (None, "succeeded", ""),
        (False, "succeeded", ""),
        ([{"status": "error"}], "succeeded", ""),
        ({"status": "success", "failed": 0, "cancelled": False}, "succeeded", ""),
        ({"status": ["error"], "failed": "3", "cancelled": 1}, "succeeded", ""),
        ({"failed": True}, "succeeded", ""),
        ({"failed": None}, "succeeded", ""),
        ({"failed": float("nan")}, "succeeded", ""),
        ({"failed": -1}, "succeeded", ""),
    ],
)
def test_a_return_value_that_reports_a_failure_is_a_soft_failure(
    value: Any, outcome: str, reason: str
) -> None:
    result = returned(value)
    assert (result.is_err, result.outcome, result.soft_reason) == (False, outcome, reason)


def test_a_reason_is_one_short_line() -> None:
    result = returned("Error: " + "x" * 100_000 + "\nmore")
    assert len(result.soft_reason) == 300
    assert returned({"failed": 10**4000 - 1}).soft_reason.endswith("…")


def test_a_raised_error_outranks_the_return_value() -> None:
    result = returned({"cancelled": True}, is_err=True)
    assert (result.outcome, result.error) == ("failed", None)


def test_nan_and_lone_surrogates_are_decoded() -> None:
    result = returned([float("nan"), float("inf"), -float("inf"), "\ud83d", "\ud83d\ude00"])
    nan, *rest = result.return_value
    assert math.isnan(nan)
    assert rest == [math.inf, -math.inf, "\ufffd", "😀"]
    body = pickle.dumps({"is_err": False, "return_value": {"\udcff": ("\ud83d", {"\ud83d"})}})
    assert decode_result(body).return_value == {"\ufffd": ("\ufffd", {"\ufffd"})}
    msgspec.json.encode(decode_result(body).return_value)


def test_messagepack_timestamps_and_extensions_become_plain_values() -> None:
    fields = {
        "is_err": False,
        "return_value": [
            msgspec.msgpack.decode(b"\xd6\xff\x00\x00\x00\x00"),
            msgspec.msgpack.Ext(5, b"abc"),
        ],
    }
    result = decode_result(msgspec.msgpack.encode(fields))
    assert result.return_value == ["1970-01-01T00:00:00+00:00", b"abc"]


@pytest.mark.parametrize(
    ("fields", "seconds", "labels", "error"),
    [
        ({}, None, {}, None),
        ({"execution_time": None, "labels": None, "error": None}, None, {}, None),
        ({"execution_time": "1", "labels": [1]}, None, {}, None),
        ({"execution_time": True}, None, {}, None),
        ({"execution_time": float("nan")}, None, {}, None),
        ({"execution_time": -1}, None, {}, None),
        ({"execution_time": 10**400}, None, {}, None),
        ({"execution_time": 3}, 3.0, {}, None),
        ({"error": "boom"}, None, {}, ResultError("", "", "boom")),
        ({"error": {}}, None, {}, ResultError("", "", "")),
        (
            {"error": {"exc_type": 5, "exc_message": "m", "exc_module": None, "exc_cause": "c"}},
            *(None, {}, ResultError("5", "", "m", ResultError("", "", "c"))),
        ),
        (
            {"error": {"exc_type": "E", "exc_message": [None, {"a": 1}]}},
            *(None, {}),
            ResultError("E", "", "None, {'a': 1}"),
        ),
    ],
)
def test_missing_and_odd_fields_do_not_hide_the_rest(
    fields: dict[str, Any], seconds: float | None, labels: dict[str, Any], error: ResultError | None
) -> None:
    result = returned("ok", **fields)
    assert result.return_value == "ok"
    assert (result.execution_time, result.labels, result.error) == (seconds, labels, error)


def test_a_stored_error_is_never_instantiated() -> None:
    error = {"exc_type": "SystemExit", "exc_module": "builtins", "exc_message": [3]}
    result = returned(None, is_err=True, error=error)
    assert result.error == ResultError("SystemExit", "builtins", "3")
    assert result.outcome == "failed"


def test_a_long_chain_of_causes_is_truncated() -> None:
    error: dict[str, Any] | None = None
    for n in range(90):
        error = {"exc_type": f"E{n}", "exc_message": [], "exc_cause": error}
    link = returned(None, is_err=True, error=error).error
    names = []
    while link is not None:
        names.append(link.type)
        link = link.cause
    assert names == [f"E{n}" for n in range(89, 69, -1)]


def head(value: bytes) -> bytes:
    return b'{"is_err":false,"return_value":' + value + b"}"


def in_msgpack(value: bytes) -> bytes:
    return b"\x82\xa6is_err\xc2\xacreturn_value" + value


UNREADABLE = {
    "nothing": (b"", "unknown", "the body is empty"),
    "blanks": (b"  \n", "unknown", "the body is empty"),
    "a plain text": (b"hello", "json", "not JSON"),
    "a number": (b"42", "json", "not a result: a single value"),
    "null": (b"null", "json", "not a result: nothing"),
    "a list": (b'[{"is_err":false}]', "json", "not a result: a list"),
    "another object": (
        b'{"status":"ok"}',
        "json",
        "not a result: no is_err and return_value in it",
    ),
    "no return value": (b'{"is_err":false}', "json", "not a result: no is_err"),
    "an is_err that is no truth": (b'{"is_err":0,"return_value":1}', "json", "not a result"),
    "JSON cut short": (head(b"1")[:-1], "json", "not JSON"),
    "JSON that is not UTF-8": (head(b'"\xff"'), "json", "not JSON"),
    "JSON nested too deeply": (head(b"[" * 100 + b"]" * 100), "json", "deeper than 100"),
    "JSON nested far too deeply": (head(b"[" * 10**5 + b"]" * 10**5), "json", "deeper than 100"),
    "a million lists in JSON": (head(b"[" + b"[]," * 10**6 + b"1]"), "json", "1,000,000 values"),
    "a number of 5000 digits": (head(b"9" * 5000), "json", "4,000 digits"),
    "17 MiB": (head(b'"' + b"x" * (17 << 20) + b'"'), "json", "larger than 16 MiB"),
    "a pickle of something else": (pickle.dumps([1]), "pickle", "not a result: a list"),
    "a pickle of an object": (pickle.dumps(print), "pickle", "builtins.print (STACK_GLOBAL)"),
    "an old pickle of an object": (pickle.dumps({"a": print}, 0), "pickle", "print (GLOBAL)"),
    "a pickle cut short": (pickle.dumps({"is_err": False})[:-1], "pickle", "cut short"),
    "an empty map in MessagePack": (b"\x80", "msgpack", "not a result"),
    "MessagePack cut short": (in_msgpack(b"\x91"), "unknown", "neither JSON nor"),
    "more after MessagePack": (in_msgpack(b"\xc0\xc0"), "unknown", "neither JSON nor"),
    "4 GB of MessagePack": (in_msgpack(b"\xdd\xff\xff\xff\xff"), "unknown", "neither JSON nor"),
    "a text of 4 GB": (in_msgpack(b"\xdb\xff\xff\xff\xffab"), "unknown", "neither JSON nor"),
    "deep MessagePack": (in_msgpack(b"\x91" * 10**6 + b"\xc0"), "msgpack", "deeper than 100"),
    "two million maps": (
        in_msgpack(b"\xdd\x00\x1e\x84\x80" + b"\x80" * 2_000_000),
        "msgpack",
        "1,000,000 values",
    ),
    "a list as a key": (in_msgpack(b"\x81\x91\x01\xc0"), "msgpack", "a key is not a text"),
    "a key of another kind": (in_msgpack(b"\x81\xd4\x05\x01\xc0"), "msgpack", "a key is not"),
    "a reserved byte": (b"\xc1\xc1\xc1", "unknown", "neither JSON nor"),
    "a text that is not UTF-8": (in_msgpack(b"\xa1\xff"), "unknown", "neither JSON nor"),
    "CBOR cut short": (b"\xd9\x01\x00\xa2\x66is_err\xf4", "cbor", "cut short"),
    "more after CBOR": (b"\xa1\x66is_err\xf4\x00", "cbor", "malformed"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "unknown", "neither JSON nor"),
}


@pytest.mark.parametrize(("body", "kind", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_malformed_result_is_refused_quickly_with_a_reason(
    body: bytes, kind: str, reason: str
) -> None:
    began = time.process_time()
    with pytest.raises(UnreadableResultError) as caught:
        decode_result(body)
    assert time.process_time() - began < 10
    assert caught.value.format == kind
    assert reason in str(caught.value)


def test_commas_inside_strings_do_not_count_as_values() -> None:
    text = ',[{\\"' * 700_000
    assert decode_result(head(b'"' + text.encode() + b'"')).return_value == text.replace("\\", "")


def test_the_limits_apply_to_every_format(serializer: str) -> None:
    body = stored(serializer, ["value"] * 100)
    limits = PickleLimits(max_nodes=100)
    with pytest.raises(UnreadableResultError, match="more than 100 values"):
        decode_result(body, limits)
    assert decode_result(body, PickleLimits(max_nodes=200)).return_value == ["value"] * 100


@pytest.mark.parametrize("state", [TaskState.STARTED, "half way"])
def test_progress_is_decoded_from_every_serializer(serializer: str, state: str) -> None:
    progress = TaskiqProgress(state=state, meta={"done": 3, "total": 10})
    body = SERIALIZERS[serializer].dumpb(progress.model_dump(mode="json"))
    read = decode_progress(body)
    assert read.state == (state.value if isinstance(state, TaskState) else state)
    assert read.meta == {"done": 3, "total": 10}
    assert read.format == serializer.split(maxsplit=1)[0]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"state":5}', b"\x80\x04N.", head(b"1")])
def test_malformed_progress_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(UnreadableResultError, match=r"progress|empty"):
        decode_progress(body)


@given(st.binary(max_size=300), st.sampled_from([b"", b"{", b"\x80\x04", b"\x82", b"}q\x00"]))
def test_decoding_any_bytes_gives_a_result_or_the_documented_error(
    body: bytes, beginning: bytes
) -> None:
    for decode in (decode_result, decode_progress):
        with contextlib.suppress(UnreadableResultError):
            decode(beginning + body)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)
parts = st.fixed_dictionaries(
    {"is_err": st.booleans(), "return_value": plain_values},
    optional={
        "error": plain_values
        | st.fixed_dictionaries(
            {"exc_type": plain_values, "exc_message": plain_values},
            optional={"exc_module": plain_values, "exc_cause": plain_values},
        ),
        "labels": plain_values,
        "execution_time": plain_values,
    },
)


@given(parts, st.sampled_from(["json", "pickle", "pickle 0"]))
def test_any_field_values_give_a_result_that_can_be_encoded(
    fields: dict[str, Any], serializer_name: str
) -> None:
    result = decode_result(SERIALIZERS[serializer_name].dumpb(fields))
    assert result.is_err == fields["is_err"]
    msgspec.json.encode(result)


@given(parts, st.integers(0, 500), st.binary(max_size=2), st.sampled_from(["json", "pickle"]))
def test_damaged_results_are_decoded_or_refused(
    fields: dict[str, Any], at: int, noise: bytes, serializer_name: str
) -> None:
    body = SERIALIZERS[serializer_name].dumpb(fields)
    with contextlib.suppress(UnreadableResultError):
        decode_result(body[:at] + noise + body[at + 1 :])
