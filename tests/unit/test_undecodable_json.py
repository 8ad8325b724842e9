"""JSON that cannot be decoded, through each reader of a run's arguments."""

import math

import pytest

from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.json_decoding import decode_any_json, decode_json, decode_json_or_text
from pulse_desktop.query.matcher import compile_query
from pulse_desktop.query.parser import parse
from pulse_desktop.state.message_path import message_ids_of
from pulse_desktop.state.run import Request, TaskRun
from pulse_desktop.state.run_comparison import Section, compare_runs
from pulse_desktop.state.serialize import run_to_dict
from pulse_desktop.state.shared_values import RunValues
from pulse_desktop.text.run_text import arguments_text, decoded_call

_DEPTH = 200_000
UNDECODABLE = {
    "invalid UTF-8": b'{"message_id": "\xff"}',
    "nested too deeply": b'{"message_id":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}",
    "cut": b'{"message_id": ',
    "empty": b"",
}


@pytest.fixture(params=UNDECODABLE.values(), ids=list(UNDECODABLE))
def raw(request: pytest.FixtureRequest) -> bytes:
    assert isinstance(request.param, bytes)
    return request.param


@pytest.fixture
def run(raw: bytes) -> TaskRun:
    return TaskRun("a" * 32, "m:f", Request(2, 0, "m:f", raw, raw, raw))


def test_the_default_or_the_text_is_returned(raw: bytes) -> None:
    assert decode_json(raw) is None
    assert decode_json(raw, "default") == "default"
    assert decode_json_or_text(raw) == raw.decode("utf-8", "backslashreplace")


def test_it_is_an_error_where_the_reason_is_wanted(raw: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode_any_json(raw)


def test_what_python_writes_beyond_json_is_decoded() -> None:
    assert decode_any_json(b'["\\ud800", Infinity, 1e400]') == ["\ud800", math.inf, math.inf]
    assert math.isnan(decode_any_json(b"NaN"))
    assert decode_any_json(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le"])
def test_json_in_another_encoding_than_utf_8_is_not_decoded(encoding: str) -> None:
    with pytest.raises(ValueError, match=r"decode|JSON|Expecting"):
        decode_any_json('{"password": "hunter2"}'.encode(encoding))


def test_json_null_is_a_value() -> None:
    assert decode_json(b"null", "default") is None
    assert decode_json_or_text(b"null") is None


def test_a_run_is_serialized_with_the_text(run: TaskRun, raw: bytes) -> None:
    assert run_to_dict(run)["kwargs"] == raw.decode("utf-8", "backslashreplace")


def test_a_run_is_worded_with_the_text(run: TaskRun, raw: bytes) -> None:
    text = raw.decode("utf-8", "backslashreplace")
    assert all(value == text for value in (decoded_call(run) or {}).values())
    arguments_text(run)  # raises nothing


def test_a_run_is_compared_without_what_cannot_be_decoded(run: TaskRun) -> None:
    other = TaskRun("b" * 32, "m:f", Request(2, 0, "m:f", b"[1]", b"{}", b"{}"))
    rows = compare_runs(run, other).rows
    assert [row.path for row in rows if row.section is Section.ARGUMENTS] == ["[0]"]


def test_no_message_no_value_and_no_match_is_found(run: TaskRun) -> None:
    assert message_ids_of(run) == []
    assert RunValues().of(run) == {}
    assert not compile_query(parse('args.message_id:"x"'), run_fields(), 0.0).accepts(run)


def test_arguments_that_cannot_be_decoded_do_not_hide_the_others() -> None:
    run = TaskRun("a" * 32, "m:f", Request(2, 0, "m:f", b"\xff", b'{"message_id": "m1"}', b"\xff"))
    assert message_ids_of(run) == ["m1"]
    assert RunValues().of(run)["args.message_id"] == "m1"
    assert compile_query(parse("args.message_id:m1"), run_fields(), 0.0).accepts(run)
