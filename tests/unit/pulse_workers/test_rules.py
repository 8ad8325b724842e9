"""Retry policies, settings, slices of the feed, and a JSON form for anything."""

import asyncio
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulse_workers.brokers.retries import RetryPolicy, retry_policy
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sample_feeder import (
    FIRST_SLICE,
    SLICE,
    Position,
    next_slice,
)
from pulse_workers.chat.tasks.ingestion import WINDOW
from pulse_workers.cli.main import main
from pulse_workers.config.settings import VARIABLES, Settings, load_settings
from pulse_workers.errors import SettingsError
from pulse_workers.json_safe import to_json_safe
from pulse_workers.results.backend import JsonResultBackend
from taskiq import TaskiqResult


def test_delays_grow_and_end_with_the_last_attempt() -> None:
    policy = retry_policy({"max_attempts": "4", "retry_delay": "1.5", "retry_max_delay": 5})
    error = ValueError()
    assert [policy.delay_after(n, error) for n in (1, 2, 3, 4, 9)] == [1.5, 3.0, 5.0, None, None]


def test_only_the_named_errors_and_their_kinds_are_retried() -> None:
    policy = RetryPolicy(max_attempts=3, on=("OSError",))
    assert policy.delay_after(1, ConnectionRefusedError()) is not None
    assert policy.delay_after(1, ValueError()) is None
    assert RetryPolicy(max_attempts=3).delay_after(1, asyncio.CancelledError()) is None
    assert RetryPolicy(max_attempts=3).delay_after(1, SystemExit()) is None


def test_labels_of_the_message_win_over_those_of_the_task() -> None:
    registered = {"max_attempts": 3, "retry_on": "OSError"}
    assert retry_policy({"max_attempts": 1}, registered).max_attempts == 1
    assert retry_policy({}, registered).on == ("OSError",)


@given(
    st.dictionaries(st.sampled_from(["max_attempts", "retry_delay", "retry_backoff"]), st.text())
)
def test_unreadable_labels_never_raise(labels: dict[str, str]) -> None:
    policy = retry_policy(labels)
    delay = policy.delay_after(1, ValueError())
    assert delay is None or (delay >= 0 and math.isfinite(delay))


def test_settings_come_from_the_environment_and_the_command_line_wins() -> None:
    environ = {
        "PULSE_SERVER": "nats://a:1, nats://b:2",
        "PULSE_ACK_WAIT": "2.5",
        "PULSE_WORKER_TASKS": "one, two",
        "PULSE_WORKER_SLOTS": "3",
    }
    settings = load_settings(environ, slots=5, worker_name=None)
    assert settings.servers == ["nats://a:1", "nats://b:2"]
    assert settings.ack_wait == 2.5
    assert settings.task_modules == ("one", "two")
    assert settings.slots == 5
    assert settings.worker_name == "worker-1"
    assert set(VARIABLES) == set(Settings.model_fields)


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan", "1.5"])
def test_a_setting_that_cannot_be_read_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_WORKER_SLOTS"):
        load_settings({"PULSE_WORKER_SLOTS": value})


def test_a_password_is_never_shown() -> None:
    settings = Settings(server="nats://user:secret@a:1,nats://token@b:2")
    assert settings.shown_server == "nats://user:***@a:1,nats://***@b:2"


def test_wrong_usage_has_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--slots", "none"])
    assert ended.value.code == 2
    assert "whole number above 0" in capsys.readouterr().err


def test_the_feed_covers_every_message_once_per_pass_and_goes_round() -> None:
    export = [ChatMessage(f"1.{n}", f"1.{n}", "", "", "", "", "") for n in range(31)]
    position = Position()
    seen: dict[int, list[str]] = {}
    windows = 0
    while position.pass_number < 3:
        part, position = next_slice(export, position)
        assert 0 < len(part.messages) <= max(SLICE, FIRST_SLICE)
        assert len(part.window) in (0, WINDOW)
        windows += bool(part.window)
        seen.setdefault(part.position.pass_number, []).extend(m.id for m in part.messages)
    everything = [message.id for message in export]
    assert seen[1] == everything
    assert seen[2] == everything
    assert windows


def test_the_feed_copes_with_an_export_that_shrank() -> None:
    export = [ChatMessage("1.1", "1.1", "", "", "", "", "")]
    part, after = next_slice(export, Position(pass_number=1, offset=600, slices=200))
    assert [m.id for m in part.messages] == ["1.1"]
    assert after == Position(pass_number=2, offset=1, slices=201)


class _Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no text either")


def test_anything_has_a_plain_form() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    value = {
        1: 2**70,
        "nan": math.nan,
        "set": {1},
        "bytes": b"\xff",
        "text": "\ud800",
        "odd": _Odd(),
        "deep": deep,
    }
    told = json.loads(json.dumps(to_json_safe(value), allow_nan=False))
    assert told["1"] == str(2**70)
    assert told["nan"] is None
    assert told["text"] == "?"
    assert told["odd"] == "<_Odd>"


@pytest.mark.parametrize("value", [object(), b"\xff", _Odd(), {"a": {1: object()}}])
def test_a_return_value_without_a_json_form_becomes_a_failure_with_a_reason(value: object) -> None:
    result = TaskiqResult(is_err=False, return_value=value, execution_time=0.1, labels={"a": 1})
    body = json.loads(JsonResultBackend(Settings())._body(result))
    assert body["is_err"]
    assert body["return_value"] is None
    assert body["error"]["exc_type"] == "ResultNotSerializableError"
    assert type(value).__name__ in body["error"]["exc_message"][0]
    assert body["labels"] == {"a": 1}


def test_labels_and_errors_without_a_json_form_are_told_as_text() -> None:
    result = TaskiqResult(
        is_err=True,
        return_value=None,
        execution_time=0.1,
        labels={"raw": b"\xff"},
        error=ValueError(object()),
    )
    body = json.loads(JsonResultBackend(Settings())._body(result))
    assert body["is_err"]
    assert body["error"]
