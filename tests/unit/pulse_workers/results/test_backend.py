"""Results that have no JSON form are stored as failures."""

import json
import os
import pickle
from typing import Literal

import pytest
from pulse_workers.config.settings import Settings
from pulse_workers.results.backend import ObjectStoreResultBackend
from taskiq import TaskiqResult

from pulse_desktop.protocol.task_result import decode_result


class _Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no text either")


@pytest.mark.parametrize("format_", ["json", "pickle"])
@pytest.mark.parametrize("value", [object(), b"\xff", _Odd(), {"a": {1: object()}}])
def test_a_return_value_without_a_json_form_becomes_a_failure_with_its_reason(
    value: object, format_: Literal["json", "pickle"]
) -> None:
    result = TaskiqResult(is_err=False, return_value=value, execution_time=0.1, labels={"a": 1})
    encoded = ObjectStoreResultBackend(Settings(result_format=format_)).encode(result)
    body = json.loads(encoded) if format_ == "json" else pickle.loads(encoded)
    assert body["is_err"]
    assert body["return_value"] is None
    assert body["error"]["exc_type"] == "ResultNotSerializableError"
    assert type(value).__name__ in body["error"]["exc_message"][0]
    assert body["labels"] == {"a": 1}


def test_labels_and_errors_without_a_json_form_become_text() -> None:
    result = TaskiqResult(
        is_err=True,
        return_value=None,
        execution_time=0.1,
        labels={"raw": b"\xff"},
        error=ValueError(object()),
    )
    body = json.loads(ObjectStoreResultBackend(Settings()).encode(result))
    assert body["is_err"]
    assert body["error"]


def test_half_a_surrogate_pair_is_stored_as_python_escapes_it() -> None:
    name = os.fsdecode(b"caf\xe9")
    backend = ObjectStoreResultBackend(Settings())
    value = TaskiqResult(is_err=False, return_value={"names": [name]}, execution_time=0.1)
    assert json.loads(backend.encode(value))["return_value"] == {"names": [name]}
    error = FileNotFoundError(f"no file {name}")
    failed = TaskiqResult(is_err=True, return_value=None, execution_time=0.1, error=error)
    raw = backend.encode(failed)
    assert raw.isascii()
    assert json.loads(raw)["error"]["exc_message"] == [f"no file {name}"]
    stored = decode_result(raw)
    assert stored.error is not None
    assert (stored.error.type, stored.error.message) == ("FileNotFoundError", "no file caf\ufffd")


class _LongText:
    def __str__(self) -> str:
        return "x" * 285 + " nats://u:hunter2hunter2@host " + "y" * 400


def test_a_login_where_a_label_is_cut_is_masked() -> None:
    result = TaskiqResult(
        is_err=False, return_value=None, execution_time=0.1, labels={"raw": _LongText()}
    )
    encoded = ObjectStoreResultBackend(Settings()).encode(result)
    assert b"xxx" in encoded
    assert b"hunter" not in encoded
