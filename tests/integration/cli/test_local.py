"""Every command for real, on one embedded stack with its workers and its sample work."""

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

SCORE = "workers.tasks.scoring:score_message_task"
RUN_KEYS = [
    "task_id",
    "task_name",
    "state",
    "args",
    "kwargs",
    "labels",
    "queued_at",
    "started_at",
    "finished_at",
    "wait_s",
    "run_s",
    "worker",
    "attempt",
    "error",
    "rerun_of",
]
EVENT_KEYS = ["topic", "type", "timestamp", "time_source", "id", "source", "data"]


class Stack:
    """A running `pulse-desktop local` and the environment in which it is found."""

    def __init__(self, local: RunningCommand, env: dict[str, str], address: dict[str, str]) -> None:
        self.local = local
        self.env = env
        self.address = address

    def __call__(self, *arguments: str) -> CommandResult:
        ended = run_in_process(*arguments, env=self.env)
        told = ended.out + ended.err
        assert self.token not in told, "the token is a secret"
        return ended

    @property
    def token(self) -> str:
        return self.address["server"].partition("://")[2].partition("@")[0]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    env = command_environment(tmp_path_factory.mktemp("local"))
    with started_command("local", "--json", env=env) as local:
        ended = CommandResult(0, local.read_line(), "")
        yield Stack(local, env, ended.object)
        assert local.stop(signal.SIGINT).code == 0


@pytest.fixture(scope="module")
def succeeded(stack: Stack) -> dict[str, Any]:
    """A run that the stack's own feeder asked for."""
    with started_command("tail", "tasks", "--since", "1h", "--json", env=stack.env) as tail:
        while '"task.succeeded"' not in (line := tail.read_line()) or SCORE not in line:
            task_id = CommandResult(0, line, "").object["data"]["task_id"]
            if '"task.succeeded"' in line:
                break
    return stack("show", task_id, "--json").object


def test_the_first_line_of_local_can_be_used_as_it_is(stack: Stack, tmp_path: Path) -> None:
    assert list(stack.address) == ["server", "monitor"]
    elsewhere = command_environment(tmp_path, PULSE_SERVER=stack.address["server"])
    told = run_command("status", "--json", env=elsewhere).object
    assert told["connected"] is True
    assert stack.token not in told["server"]


def test_status_tells_topics_queue_workers_and_results(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    ended = stack("status", "--json")
    assert ended.code == 0
    assert ended.err == ""
    told = ended.object
    assert list(told) == ["connected", "server", "topics", "queue", "workers", "results"]
    assert told["topics"]["tasks"]["received"] > 0
    assert told["topics"]["tasks"]["last"]
    assert told["queue"]["mode"] == "jetstream"
    assert told["queue"]["listeners"] == 1
    assert list(told["queue"]) == ["mode", "pending", "ack_pending", "listeners"]
    assert len(told["workers"]) == 1
    assert list(told["results"]) == ["bucket", "count", "bytes", "ttl_s", "progress_notes"]
    assert told["results"]["count"] > 0
    assert "consumers: 1" in stack("status").out


def test_tail_answers_from_history_at_once(stack: Stack, succeeded: dict[str, Any]) -> None:
    ended = stack("tail", "--since", "1h", "-n", "3", "--json")
    assert ended.code == 0
    assert len(ended.objects) == 3
    assert all(list(each) == EVENT_KEYS for each in ended.objects)
    assert len(stack("tail", "tasks", "--since", "1h", "-n", "2").out.splitlines()) == 2


def test_tail_for_no_time_prints_what_is_stored_and_ends(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    ended = stack("tail", "tasks", "--since", "1h", "--duration", "0", "--json")
    assert ended.code == 0
    assert {each["topic"] for each in ended.objects} == {"tasks"}


def test_tail_ends_after_its_time_though_nothing_came(stack: Stack) -> None:
    ended = stack("tail", "no-such-topic", "--duration", "0.2", "--json")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("Unknown topics: no-such-topic. ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_tail_in_order(stack: Stack, number: int) -> None:
    with started_command("tail", "--json", env=stack.env) as tail:
        tail.read_line()
        ended = tail.stop(number)
    assert (ended.code, ended.err) == (0, "")


def test_a_reader_that_has_seen_enough_is_no_error(stack: Stack, succeeded: Any) -> None:
    line = f"{' '.join(COMMAND)} tail --since 1h --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=stack.env, check=False, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == ["0"]


def test_runs_are_folded_from_history(stack: Stack, succeeded: dict[str, Any]) -> None:
    ended = stack("runs", "--state", "succeeded", "--limit", "2", "--json")
    assert ended.code == 0
    assert 1 <= len(ended.objects) <= 2
    for run in ended.objects:
        assert list(run) == RUN_KEYS
        assert run["state"] == "succeeded"
        assert run["run_s"] >= 0
        assert run["wait_s"] >= 0
        assert run["worker"]
    assert "STATE" in stack("runs", "--limit", "1").out
    none = stack("runs", "--state", "overdue")
    assert none.out == "No runs in the last 1 d with state: overdue.\n"


def test_show_tells_all_of_a_run(stack: Stack, succeeded: dict[str, Any]) -> None:
    assert list(succeeded)[: len(RUN_KEYS)] == RUN_KEYS
    assert succeeded["state"] == "succeeded"
    assert succeeded["result"]["is_err"] is False
    assert succeeded["result"]["problem"] is None
    types = [event["type"] for event in succeeded["events"]]
    assert {"task.queued", "task.started", "task.succeeded"} <= set(types)
    human = stack("show", succeeded["task_id"][:12])
    assert succeeded["task_id"] in human.out
    assert "succeeded" in human.out


def test_a_run_that_nobody_knows_is_not_found(stack: Stack) -> None:
    ended = stack("show", "0" * 32, "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "unknown" in ended.err


def test_run_waits_and_prints_the_end_with_its_result(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    args = ["run", succeeded["task_name"], "--wait", "20", "--json"]
    args += ["--args", json.dumps(succeeded["args"]), "--kwargs", json.dumps(succeeded["kwargs"])]
    ended = stack(*args)
    assert ended.code == 0, ended
    told = ended.object
    assert list(told)[: len(RUN_KEYS)] == RUN_KEYS
    assert told["state"] == "succeeded"
    assert told["durable"] is True
    assert told["result"]["is_err"] is False
    assert told["args"] == succeeded["args"]


def test_a_run_that_fails_makes_the_command_fail(stack: Stack) -> None:
    ended = stack("run", SCORE, "--args", '["no such message"]', "--wait", "20")
    assert ended.code == 1
    assert "failed" in ended.out
    assert "no such message" in ended.out


def test_without_waiting_the_new_id_is_told(stack: Stack) -> None:
    ended = stack("run", SCORE, "--args", '["no such message"]', "--json")
    assert ended.code == 0
    assert {"task_id", "task_name", "durable"} <= set(ended.object)


def test_several_runs_are_repeated_and_an_unknown_one_is_told(
    stack: Stack, succeeded: dict[str, Any]
) -> None:
    origin = succeeded["task_id"]
    ended = stack("rerun", origin, "f" * 32, origin[:12], "--wait", "20", "--json")
    assert ended.code == 1
    assert f"No run {'f' * 32}" in ended.err
    first, second = ended.objects
    assert first["task_id"] != second["task_id"]
    for told in (first, second):
        assert told["rerun_of"] == origin
        assert told["state"] == "succeeded"
        assert told["args"] == succeeded["args"]
        assert told["result"]["problem"] is None


def test_results_are_listed_printed_and_saved(
    stack: Stack, succeeded: dict[str, Any], tmp_path: Path
) -> None:
    key = succeeded["task_id"]
    listed = {each["key"]: each for each in stack("results", "list", "--json").objects}
    assert listed[key]["outcome"] == "succeeded"
    assert listed[key]["task_name"] == succeeded["task_name"]
    assert all(each["outcome"] for each in listed.values()), "every one is read"
    got = stack("results", "show", key, "--json").object
    assert got["return_value"] == succeeded["result"]["return_value"]
    saved = stack("results", "save", key, str(tmp_path / "result.json"), "--json").object
    assert saved["bytes"] == (tmp_path / "result.json").stat().st_size > 0


def test_a_result_that_is_not_there_or_a_place_that_is_not_fails(
    stack: Stack, succeeded: dict[str, Any], tmp_path: Path
) -> None:
    missing = stack("results", "show", "nope")
    assert (missing.code, missing.out) == (1, "")
    nowhere = stack("results", "save", succeeded["task_id"], str(tmp_path / "no" / "x"))
    assert (nowhere.code, nowhere.out) == (1, "")


def test_doctor_finds_nothing_bad(stack: Stack, succeeded: dict[str, Any]) -> None:
    ended = stack("doctor", "--json")
    assert ended.code == 0, ended
    found = {each["check"]: each for each in ended.objects}
    assert list(ended.objects[0]) == ["check", "status", "detail", "advice"]
    for check in ("nats-server", "data folder", "JetStream", "task queue", "results", "history"):
        assert found[check]["status"] == "ok", found[check]
    assert "1 worker alive" in found["task queue"]["detail"]


@pytest.mark.parametrize("options", [(), ("--workers", "3", "--json")])
def test_a_second_local_joins_and_leaves_the_first_running(
    options: tuple[str, ...], stack: Stack
) -> None:
    with started_command("local", *options, env=stack.env) as second:
        assert "nats://" in second.read_line()
        ended = second.stop(signal.SIGTERM)
    assert ended.code == 0
    assert "--workers and --no-sample have no effect" in ended.err
    assert stack("status").code == 0
