"""Results that have no JSON form are stored as failures."""

import json
import pickle
from typing import Literal

import pytest
from pulse_workers.config.settings import Settings
from pulse_workers.results.backend import ObjectStoreResultBackend
from taskiq import TaskiqResult


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
