"""Task messages and results as each of TaskIQ's serializers writes them."""

import contextlib
import datetime
import decimal
import json
import pickle
import time
import uuid
from pathlib import Path
from typing import Any

import cbor2
import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskiq import TaskiqMessage
from taskiq.abc.serializer import TaskiqSerializer
from taskiq.serializers import (
    CBORSerializer,
    JSONSerializer,
    MSGPackSerializer,
    ORJSONSerializer,
    PickleSerializer,
)

from pulse_desktop.protocol.cbor import MalformedCborError, decode_cbor
from pulse_desktop.protocol.plain_data import NotEncodableError
from pulse_desktop.protocol.task_message import (
    MalformedTaskError,
    decode_task,
    encode_task,
    has_task_id,
    has_types,
    rerun_labels,
)
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.protocol.value_limits import OverLimitError, ValueLimits

SERIALIZERS: dict[str, tuple[str, TaskiqSerializer]] = {
    "json": ("json", JSONSerializer()),
    "orjson": ("json", ORJSONSerializer()),
    "msgpack": ("msgpack", MSGPackSerializer()),
    "cbor": ("cbor", CBORSerializer()),
    "cbor with shared values": ("cbor", CBORSerializer(value_sharing=True)),
    "canonical cbor": ("cbor", CBORSerializer(canonical=True, string_referencing=False)),
    "pickle": ("pickle", PickleSerializer()),
}
ARGS: list[Any] = [1, -7, 2.5, None, True, "naïve ☕", ["naïve ☕", {"deep": []}], 2**40]
KWARGS = {"note": "naïve ☕", "amount": -1.0}


def message(**changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "task_id": "a" * 32,
        "task_name": "shop:charge",
        "labels": {"tenant": "acme", "n": "5"},
        "labels_types": {"tenant": 3, "n": 2},
        "args": ARGS,
        "kwargs": KWARGS,
    }
    return fields | changed


@pytest.mark.parametrize(("kind", "serializer"), SERIALIZERS.values(), ids=SERIALIZERS)
def test_a_task_is_read_and_sent_again_in_the_format_of_its_sender(
    kind: str, serializer: TaskiqSerializer
) -> None:
    sent = TaskiqMessage(**message()).model_dump(mode="json")
    task = decode_task(serializer.dumpb(sent))
    assert (task.task_id, task.task_name) == ("a" * 32, "shop:charge")
    assert (task.format, task.not_plain) == (kind, "")
    assert json.loads(bytes(task.args)) == ARGS
    assert json.loads(bytes(task.kwargs)) == KWARGS
    labels = rerun_labels(bytes(task.labels), bytes(task.labels_types), origin="a", who="me")
    again, _headers = encode_task(
        "b" * 32,
        task.task_name,
        args=bytes(task.args),
        kwargs=bytes(task.kwargs),
        labels=labels,
        typed=has_types(bytes(task.labels_types)),
        format_=task.format,
    )
    read = TaskiqMessage.model_validate(serializer.loadb(again))
    assert (read.args, read.kwargs) == (ARGS, KWARGS)
    assert [type(each) for each in read.args] == [type(each) for each in ARGS]
    read.parse_labels()
    assert read.labels == {"tenant": "acme", "n": 5, "rerun_of": "a", "requested_by": "me"}


@pytest.mark.parametrize(("_kind", "serializer"), SERIALIZERS.values(), ids=SERIALIZERS)
def test_a_task_is_found_by_its_id_and_not_by_its_arguments(
    _kind: str, serializer: TaskiqSerializer
) -> None:
    payload = serializer.dumpb(message(task_id="tâche 1", args=["b" * 32]))
    assert has_task_id(payload, "tâche 1")
    assert not has_task_id(payload, "b" * 32)
    assert not has_task_id(payload, "c" * 32)
    assert not has_task_id(b"tasks", "tasks")


class Custom:
    """An object that only its own program can unpickle."""

    def __init__(self) -> None:
        self.inner = {"a": 1}


NOT_PLAIN: dict[str, tuple[bytes, str, Any]] = {
    "a tuple in a pickle": (pickle.dumps(message(args=[(1, 2)])), "a tuple", [[1, 2]]),
    "a set in a pickle": (pickle.dumps(message(args=[{1}])), "a set", [[1]]),
    "bytes in a pickle": (pickle.dumps(message(args=[b"\0\1"])), "bytes", ["AAE="]),
    "an integer as a key": (
        pickle.dumps(message(args=[{1: "x"}])),
        "a key that is not text",
        [{"1": "x"}],
    ),
    "a date in a pickle": (
        pickle.dumps(message(args=[datetime.date(2026, 1, 2)])),
        "an object of a class",
        ["<datetime.date>"],
    ),
    "an object in a pickle": (
        pickle.dumps(message(args=[Custom(), 5])),
        "an object of a class",
        None,
    ),
    "an exception in a pickle": (
        pickle.dumps(message(kwargs={"error": ValueError("x")}, args=[])),
        "an object of a class",
        [],
    ),
    "an old pickle with a date": (
        pickle.dumps(message(args=[datetime.date(2026, 1, 2)]), 2),
        "an object of a class",
        None,
    ),
    "a date in MessagePack": (
        msgpack.packb(
            message(args=[datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)]), datetime=True
        ),
        "a date",
        ["2026-01-02T00:00:00+00:00"],
    ),
    "bytes in MessagePack": (msgpack.packb(message(args=[b"\0\1"])), "bytes", ["AAE="]),
    "an extension in MessagePack": (
        msgpack.packb(message(args=[msgpack.ExtType(5, b"\0\1")])),
        "bytes",
        ["AAE="],
    ),
    "a date in CBOR": (
        cbor2.dumps(message(args=[datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)])),
        "a date",
        None,
    ),
    "a decimal number in CBOR": (
        cbor2.dumps(message(args=[decimal.Decimal("1.50")])),
        "a decimal number",
        ["1.50"],
    ),
    "a UUID in CBOR": (cbor2.dumps(message(args=[uuid.UUID(int=1)])), "a UUID", None),
    "a set in CBOR": (cbor2.dumps(message(args=[{1}])), "a set", [[1]]),
    "another tag in CBOR": (
        cbor2.dumps(message(args=[cbor2.CBORTag(4000, "x")])),
        "a value with a CBOR tag",
        ["x"],
    ),
    "NaN in JSON": (json.dumps(message(args=[float("nan")])).encode(), "NaN or infinity", ["nan"]),
    "infinity in CBOR": (cbor2.dumps(message(args=[float("-inf")])), "NaN or infinity", ["-inf"]),
    "a surrogate in JSON": (
        json.dumps(message(args=["cut \ud83d"])).encode(),
        "an unpaired surrogate",
        ["cut \ufffd"],
    ),
}


@pytest.mark.parametrize(("payload", "what", "shown"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_arguments_beyond_plain_data_are_shown_with_the_reason_against_a_rerun(
    payload: bytes, what: str, shown: Any
) -> None:
    task = decode_task(payload)
    assert (task.task_name, task.not_plain) == ("shop:charge", what)
    args = json.loads(bytes(task.args))
    assert shown is None or args == shown


def test_a_hostile_pickled_task_is_shown_and_never_executed(tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (touched,))

    task = decode_task(pickle.dumps(message(args=[Hostile()])))
    assert task.not_plain == "an object of a class"
    assert json.loads(bytes(task.args)) == [f"<{Path.__module__}.Path.touch>"]
    assert not touched.exists()


def billion_laughs() -> bytes:
    value: Any = "lol"
    for _ in range(40):
        value = [value] * 2
    return pickle.dumps(message(args=[value]))


HOSTILE: dict[str, bytes] = {
    "shared lists in a pickle": billion_laughs(),
    "deep CBOR": b"\xa1\x67task_id" + b"\x81" * 100_000,
    "deep tags": b"\xa1\x67task_id" + b"\xd8\x1c" * 100_000,
    "4 GB of CBOR": b"\xa1\x67task_id\x9a\xff\xff\xff\xff",
    "a CBOR text of 4 GB": b"\xa1\x67task_id\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
    "CBOR that contains itself": b"\xd8\x1c\xa1\x67task_id\xd8\x1d\x00",
    "a reference to nothing": b"\xd9\x01\x00\xa1\xd8\x19\x05\x00",
    "a reference without a namespace": b"\xa1\xd8\x19\x00\x00",
    "many numbers in CBOR": b"\xa1\x67task_id\x9a\x00\x07\xa1\x20" + b"\x00" * 500_000,
    "many maps in MessagePack": b"\x81\xa7task_id\xdd\x00\x07\xa1\x20" + b"\x80" * 500_000,
    "many numbers in a pickle": pickle.dumps(message(args=list(range(400_000)))),
    "many numbers in JSON": json.dumps(message(args=[float("nan"), *range(400_000)])).encode(),
    "a call of what is no function": b"\x80\x04}K\x05R.",
    "no name": msgpack.packb({"task_id": "a"}),
    "arguments of another type": msgpack.packb(message(args={})),
    "a surrogate in the id": json.dumps(message(task_id="\ud83d")).encode(),
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_task_is_refused_with_little_work(payload: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedTaskError) as caught:
        decode_task(payload)
    assert str(caught.value)
    assert time.process_time() - began < 0.5  # about 0.05 s on an idle machine


def test_results_in_cbor_are_read() -> None:
    stored = {
        "is_err": False,
        "log": None,
        "return_value": {"charged": 5, "at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)},
        "execution_time": 0.25,
        "labels": {"tenant": "acme"},
        "error": None,
    }
    result = decode_result(CBORSerializer(datetime_as_timestamp=False).dumpb(stored))
    assert (result.format, result.outcome, result.execution_time) == ("cbor", "succeeded", 0.25)
    assert result.return_value == {"charged": 5, "at": "2026-01-02T00:00:00Z"}
    assert result.labels == {"tenant": "acme"}


def test_a_format_refuses_a_number_that_it_cannot_hold() -> None:
    args = b"[1180591620717411303424]"
    with pytest.raises(NotEncodableError, match="64 bits"):
        encode_task("a", "f", args=args, format_="msgpack")
    for kind in ("cbor", "pickle"):
        payload, _headers = encode_task("a", "f", args=args, format_=kind)
        assert bytes(decode_task(payload).args) == args
    with pytest.raises(NotEncodableError, match="known"):
        encode_task("a", "f", format_="yaml")


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text("abcé"), inner), max_leaves=30
)


@given(values, st.booleans(), st.booleans())
def test_cbor_is_decoded_as_by_its_library(value: Any, strings: bool, sharing: bool) -> None:
    body = cbor2.dumps(value, string_referencing=strings, value_sharing=sharing)
    assert decode_cbor(body, ValueLimits(max_depth=500)) == (value, "")


@given(st.binary(max_size=200))
def test_any_bytes_are_cbor_or_refused_as_documented(body: bytes) -> None:
    with contextlib.suppress(MalformedCborError, OverLimitError):
        decode_cbor(body, ValueLimits())
    for prefix in (b"\xa1", b"\x81", b"\x80\x04", b"\xd9\x01\x00"):
        with contextlib.suppress(MalformedTaskError):
            decode_task(prefix + body)
