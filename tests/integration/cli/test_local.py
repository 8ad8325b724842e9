"""Every command on an embedded stack with a worker and the sample chat."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.cli_process import (
    COMMAND,
    CommandResult,
    RunningCommand,
    command_environment,
    run_command,
    run_in_process,
    started_command,
)

SCORE = "score_message_task"
RUN_KEYS = [
    "task_id",
    "task_name",
    "state",
    "args",
    "kwargs",
    "labels",
    "format",
    "queued_at",
    "started_at",
    "finished_at",
    "wait_s",
    "run_s",
    "worker",
    "attempt",
    "error",
    "rerun_of",
    "progress",
    "arguments_from",
]
EVENT_KEYS = ["topic", "type", "timestamp", "time_source", "id", "source", "data"]


class Stack:
    """A running `pulse-desktop local`, and the environment of commands that use it."""

    def __init__(self, local: RunningCommand, env: dict[str, str], address: dict[str, str]) -> None:
        self.local = local
        self.env = env
        self.address = address

    def __call__(self, *arguments: str) -> CommandResult:
        result = run_in_process(*arguments, env=self.env)
        assert self.token not in result.out + result.err, "the token is a secret"
        return result

    @property
    def token(self) -> str:
        return self.address["server"].partition("://")[2].partition("@")[0]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = command_environment(tmp_path_factory.mktemp("local"))
    with started_command("local", "--json", env=env) as local:
        first_line = CommandResult(0, local.read_line(), "")
        yield Stack(local, env, first_line.object)
        assert local.stop(signal.SIGINT).code == 0


@pytest.fixture(scope="module")
def succeeded(stack: Stack) -> dict[str, Any]:
    """Return a run of the sample chat."""
    with started_command("tail", "tasks", "--since", "1h", "--json", env=stack.env) as tail:
        while '"task.succeeded"' not in (line := tail.read_line()) or SCORE not in line:
            task_id = CommandResult(0, line, "").object["data"]["task_id"]
            if '"task.succeeded"' in line:
                break
    return stack("show", task_id, "--json").object


def test_local_prints_an_address_that_other_commands_can_use(stack: Stack, tmp_path: Path) -> None:
    assert list(stack.address) == ["server", "monitor"]
    elsewhere = command_environment(tmp_path, PULSE_SERVER=stack.address["server"])
    output = run_command("status", "--json", env=elsewhere).object
    assert output["connected"] is True
    assert stack.token not in output["server"]


def test_status_shows_topics_queue_workers_and_results(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    result = stack("status", "--json")
    assert result.code == 0
    assert result.err == ""
    output = result.object
    assert list(output) == [
        *("connected", "server", "topics", "queue", "workers", "results", "problems")
    ]
    assert output["topics"]["tasks"]["received"] > 0
    assert output["topics"]["tasks"]["last"]
    assert output["queue"]["mode"] == "jetstream"
    assert output["queue"]["listeners"] == 1
    assert list(output["queue"]) == ["mode", "pending", "ack_pending", "listeners"]
    assert len(output["workers"]) == 1
    assert list(output["results"]) == ["bucket", "count", "bytes", "ttl_s", "progress_notes"]
    assert output["results"]["count"] > 0
    assert "workers listening: 1" in stack("status").out


def test_tail_prints_events_from_history(stack: Stack, succeeded: dict[str, Any]) -> None:
    result = stack("tail", "--since", "1h", "-n", "3", "--json")
    assert result.code == 0
    assert len(result.objects) == 3
    assert all(list(each) == EVENT_KEYS for each in result.objects)
    assert len(stack("tail", "tasks", "--since", "1h", "-n", "2").out.splitlines()) == 2


def test_tail_with_duration_0_prints_stored_events_only(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    result = stack("tail", "tasks", "--since", "1h", "--duration", "0", "--json")
    assert result.code == 0
    assert {each["topic"] for each in result.objects} == {"tasks"}


def test_tail_prints_the_events_that_match_a_query(stack: Stack, succeeded: dict[str, Any]) -> None:
    task_id = succeeded["task_id"]
    options = ("--since", "1h", "--duration", "0", "--json")
    result = stack("tail", "tasks", "type:succeeded", f"run:{task_id}", *options)
    assert result.code == 0
    assert [each["type"] for each in result.objects] == ["task.succeeded"]
    assert result.objects[0]["data"]["task_id"] == task_id
    result = stack("tail", "topic:taskiq", f"task_id={task_id}", *options)
    assert {each["topic"] for each in result.objects} == {"taskiq"}


def test_tail_says_where_a_query_is_wrong(stack: Stack) -> None:
    result = stack("tail", "tasks", "size>big", "--duration", "0")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[-2:] == ["  size>big", "       ^^^"]


def test_tail_says_that_events_have_no_fields_of_runs(stack: Stack) -> None:
    result = stack("tail", "state:failed", "--duration", "0")
    assert "Not fields of events, but searched in their data: state." in result.err


def test_tail_exits_after_its_duration_without_any_event(stack: Stack) -> None:
    result = stack("tail", "no-such-topic", "--duration", "0.2", "--json")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("Unknown topics: no-such-topic. ")


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_stops_tail_with_exit_code_0(stack: Stack, number: int) -> None:
    with started_command("tail", "--json", env=stack.env) as tail:
        tail.read_line()
        result = tail.stop(number)
    assert (result.code, result.err) == (0, "")


def test_a_closed_pipe_is_no_error(stack: Stack, succeeded: Any) -> None:
    line = f"{' '.join(COMMAND)} tail --since 1h --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=stack.env, check=False, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == ["0"]


def test_runs_are_listed_from_history(stack: Stack, succeeded: dict[str, Any]) -> None:
    result = stack("runs", "--state", "succeeded", "--limit", "2", "--json")
    assert result.code == 0
    assert 1 <= len(result.objects) <= 2
    for run in result.objects:
        assert list(run) == RUN_KEYS
        assert run["state"] == "succeeded"
        assert run["run_s"] >= 0
        assert run["wait_s"] >= 0
        assert run["worker"]
    assert "STATE" in stack("runs", "--limit", "1").out
    none = stack("runs", "--state", "overdue")
    assert none.out == "No runs in the last 1 d with state: overdue.\n"


def test_show_prints_the_details_of_a_run(stack: Stack, succeeded: dict[str, Any]) -> None:
    assert list(succeeded)[: len(RUN_KEYS)] == RUN_KEYS
    assert succeeded["state"] == "succeeded"
    assert succeeded["result"]["is_err"] is False
    assert succeeded["result"]["problem"] is None
    types = [event["type"] for event in succeeded["events"]]
    assert {"task.queued", "task.started", "task.succeeded"} <= set(types)
    human = stack("show", succeeded["task_id"][:12])
    assert succeeded["task_id"] in human.out
    assert "succeeded" in human.out


def test_an_unknown_run_is_not_found(stack: Stack) -> None:
    result = stack("show", "0" * 32, "--json")
    assert (result.code, result.out) == (1, "")
    assert "unknown" in result.err


def test_run_with_wait_prints_the_result(stack: Stack, succeeded: dict[str, Any]) -> None:
    args = ["run", succeeded["task_name"], "--wait", "20", "--json"]
    args += ["--args", json.dumps(succeeded["args"]), "--kwargs", json.dumps(succeeded["kwargs"])]
    result = stack(*args)
    assert result.code == 0, result
    output = result.object
    assert list(output)[: len(RUN_KEYS)] == RUN_KEYS
    assert output["state"] == "succeeded"
    assert output["durable"] is True
    assert output["result"]["is_err"] is False
    assert output["args"] == succeeded["args"]


def test_a_failed_run_makes_the_command_fail(stack: Stack) -> None:
    result = stack("run", SCORE, "--args", '["no such message"]', "--wait", "20")
    assert result.code == 1
    assert "failed" in result.out
    assert "no such message" in result.out


def test_run_without_wait_prints_the_task_id(stack: Stack) -> None:
    result = stack("run", SCORE, "--args", '["no such message"]', "--json")
    assert result.code == 0
    assert {"task_id", "task_name", "durable"} <= set(result.object)


def test_several_runs_are_rerun_and_an_unknown_one_is_an_error(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    origin = succeeded["task_id"]
    result = stack("rerun", origin, "f" * 32, origin[:12], "--wait", "20", "--json")
    assert result.code == 1
    assert f"No run {'f' * 32}" in result.err
    first, second = result.objects
    assert first["task_id"] != second["task_id"]
    for run in (first, second):
        assert run["rerun_of"] == origin
        assert run["state"] == "succeeded"
        assert run["args"] == succeeded["args"]
        assert run["result"]["problem"] is None


def test_results_are_listed_shown_and_saved(
    stack: Stack, succeeded: dict[str, Any], tmp_path: Path
) -> None:
    key = succeeded["task_id"]
    listed = {each["key"]: each for each in stack("results", "list", "--json").objects}
    assert listed[key]["outcome"] == "succeeded"
    assert listed[key]["task_name"] == succeeded["task_name"]
    assert all(each["outcome"] for each in listed.values()), "all of them are read"
    got = stack("results", "show", key, "--json").object
    assert got["return_value"] == succeeded["result"]["return_value"]
    saved = stack("results", "save", key, str(tmp_path / "result.json"), "--json").object
    assert saved["bytes"] == (tmp_path / "result.json").stat().st_size > 0


def test_a_missing_result_or_folder_is_an_error(
    stack: Stack, succeeded: dict[str, Any], tmp_path: Path
) -> None:
    missing = stack("results", "show", "nope")
    assert (missing.code, missing.out) == (1, "")
    nowhere = stack("results", "save", succeeded["task_id"], str(tmp_path / "no" / "x"))
    assert (nowhere.code, nowhere.out) == (1, "")


def test_doctor_finds_no_problem(stack: Stack, succeeded: dict[str, Any]) -> None:
    result = stack("doctor", "--json")
    assert result.code == 0, result
    found = {each["check"]: each for each in result.objects}
    assert list(result.objects[0]) == ["check", "status", "detail", "advice"]
    for check in ("nats-server", "data folder", "JetStream", "task queue", "results", "history"):
        assert found[check]["status"] == "ok", found[check]
    assert "1 worker online" in found["task queue"]["detail"]


@pytest.mark.parametrize(
    "options", [pytest.param((), marks=pytest.mark.slow), ("--workers", "3", "--json")]
)
def test_a_second_local_joins_the_stack_of_the_first(
    options: tuple[str, ...], stack: Stack
) -> None:
    with started_command("local", *options, env=stack.env) as second:
        assert "nats://" in second.read_line()
        result = second.stop(signal.SIGTERM)
    assert result.code == 0
    assert "--workers and --no-sample have no effect" in result.err
    assert stack("status").code == 0
