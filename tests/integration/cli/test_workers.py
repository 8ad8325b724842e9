"""Output and exit codes of `cancel`, `workers` and `worker`."""

import contextlib
import io
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from pulse_desktop.cli.exit_codes import FAILED
from pulse_desktop.cli.main import make_parser
from pulse_desktop.cli.output import print_error
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.control import ControlRequest
from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import EVENT_STREAM, TASK_STREAM, TASK_SUBJECT
from tests.kit.cli_process import CommandResult, command_environment
from tests.kit.fake_worker import FakeWorker, fake_worker
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

NAME = "app.tasks:copy"


@pytest.fixture
def env(tmp_path: Path, nats_server: NatsServer) -> dict[str, str]:
    return command_environment(tmp_path / "data", PULSE_SERVER=nats_server.url)


@pytest.fixture
async def other(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Return another client of a server that stores events and tasks."""
    client = await connect(nats_server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    await client.jetstream().add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    yield client
    await client.close()


async def run(*arguments: str, env: dict[str, str]) -> CommandResult:
    """Run a command in this event loop, in which the fake workers run too."""
    parsed = make_parser().parse_args([*arguments, "--server", env["PULSE_SERVER"]])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = await parsed.run(parsed)
        except UserFacingError as error:
            print_error(error)
            code = FAILED
    return CommandResult(code, out.getvalue(), err.getvalue())


async def enqueue(client: Client) -> str:
    task_id = new_task_id()
    await client.jetstream().publish(TASK_SUBJECT, encode_task(task_id, NAME)[0])
    return task_id


def acknowledge(request: ControlRequest) -> tuple[str, bool, str]:
    outcomes = {"ping": "alive", "cancel": "cancelled", "pause": "paused", "drain": "draining"}
    return outcomes.get(request.command, "resumed"), True, ""


async def test_a_task_is_cancelled_by_the_first_characters_of_its_id(
    env: dict[str, str], nats_server: NatsServer, other: Client
) -> None:
    task_id = await enqueue(other)
    async with fake_worker(nats_server.url, acknowledge) as worker:
        result = await run("cancel", task_id[:8], "--reason", "wrong", env=env)
        assert (result.code, result.err) == (0, ""), result
        assert result.out == f"{task_id}  {NAME}  cancelled on worker-1\n"
        result = await run("cancel", task_id, "--json", env=env)
        assert result.object == {
            "task_id": task_id,
            "task_name": NAME,
            "outcome": "cancelled",
            "done": True,
            "worker": worker.worker,
            "detail": "cancelled on worker-1",
        }
        assert worker.commands == [("cancel", task_id)] * 2


async def test_a_task_in_a_thread_is_requested_to_stop_with_the_reason(
    env: dict[str, str], nats_server: NatsServer, other: Client
) -> None:
    def ask(request: ControlRequest) -> tuple[str, bool, str]:
        return "asked_to_stop", True, "it runs in a thread"

    task_id = await enqueue(other)
    async with fake_worker(nats_server.url, ask):
        result = await run("cancel", task_id, env=env)
        assert result.code == 0
        assert result.out == f"{task_id}  {NAME}  stop requested on worker-1\n"
        assert result.err == f"{task_id}: it runs in a thread\n"


async def test_a_queued_task_is_removed_if_no_worker_accepts_commands(
    env: dict[str, str], other: Client
) -> None:
    kept, task_id = await enqueue(other), await enqueue(other)
    result = await run("cancel", task_id, env=env)
    assert result.code == 0, result
    assert "removed from the queue before it started" in result.out
    info = await other.jetstream().stream_info(TASK_STREAM)
    assert info.state.messages == 1
    runs = await run("runs", "--json", env=env)
    assert {r["task_id"]: r["state"] for r in runs.objects} == {
        kept: "queued",
        task_id: "cancelled",
    }
    result = await run("cancel", task_id, "--json", env=env)
    assert (result.code, result.object["outcome"]) == (1, "ended")


async def test_a_task_that_is_not_cancelled_is_a_failure(
    env: dict[str, str], other: Client
) -> None:
    task_id = await enqueue(other)
    result = await run("cancel", task_id, "f" * 32, "--json", env=env)
    assert result.code == 1
    assert [(o["outcome"], o["done"]) for o in result.objects] == [
        ("removed", True),
        ("not_found", False),
    ]


async def test_a_queued_task_is_removed_if_workers_can_only_cancel(
    env: dict[str, str], nats_server: NatsServer, other: Client
) -> None:
    task_id = await enqueue(other)
    async with fake_worker(
        nats_server.url, lambda _: ("not_here", False, ""), removes=False
    ) as worker:
        result = await run("cancel", task_id, "f" * 32, "--json", env=env)
        assert result.code == 1
        assert [(each["outcome"], each["done"]) for each in result.objects] == [
            ("removed", True),
            ("not_found", False),
        ]
        assert "reject it" in result.objects[1]["detail"]
        assert ("cancel", task_id) in worker.commands  # first: it may be fetching it


async def test_workers_are_listed_with_the_details_of_their_heartbeats(
    env: dict[str, str], nats_server: NatsServer, other: Client
) -> None:
    task = {"task_id": "1", "task_name": NAME, "started_at": None, "attempt": 1}
    async with (
        fake_worker(nats_server.url, acknowledge) as one,
        fake_worker(nats_server.url, lambda _: None, "worker-2@here:2") as two,
    ):
        now = time.time()
        await one.send_heartbeat(now, paused=True, busy=1, running=[task], log_level="INFO")
        await two.send_heartbeat(now, control=None)
        await other.flush()
        result = await run("workers", "--json", env=env)
        assert result.code == 0, result
        first, second = result.objects
        assert (first["worker"], first["state"], first["control"], first["answered"]) == (
            one.worker,
            "paused",
            True,
            True,
        )
        assert (first["busy"], first["slots"], first["log_level"]) == (1, 4, "INFO")
        assert first["running"] == [task]
        assert (second["state"], second["control"], second["answered"]) == ("idle", False, None)
        result = await run("workers", env=env)
        lines = result.out.splitlines()
        assert lines[0].split() == [
            "WORKER",
            "STATE",
            "BUSY",
            "LOG",
            "LEVEL",
            "COMMANDS",
            "RUNNING",
        ]
        assert "paused" in lines[1]
        assert "copy" in lines[1]
        assert "not accepted" in lines[2]


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"tasks": ["7158ad2000a6ed97", "8158ad2000a6ed97"]}, "7158ad2000a6ed97, 8158ad2000a6ed97"),
        ({"running": [1, 1, None, [], {}]}, "2 × 1"),
        ({"running": [{"task_id": "7158ad2000a6ed97", "task_name": None}]}, "7158ad2000a6ed97"),
        ({"running": [{"task_name": 5, "task_id": 6}]}, "6"),
        ({"running": {"7158ad2000a6ed97": NAME}}, "-"),
    ],
)
async def test_running_tasks_are_listed_in_any_form_of_a_heartbeat(
    env: dict[str, str],
    nats_server: NatsServer,
    other: Client,
    fields: dict[str, object],
    shown: str,
) -> None:
    async with fake_worker(nats_server.url, acknowledge) as worker:
        await worker.send_heartbeat(time.time(), **fields)
        await other.flush()
        result = await run("workers", env=env)
        assert (result.code, result.err) == (0, ""), result
        assert result.out.splitlines()[1].endswith(f"  {shown}"), result


async def test_a_server_without_workers_is_no_error(env: dict[str, str], other: Client) -> None:
    result = await run("workers", env=env)
    assert (result.code, result.err) == (0, "")
    assert "No worker" in result.out
    assert (await run("workers", "--json", env=env)).out == ""


async def test_commands_are_sent_to_one_worker_or_to_all(
    env: dict[str, str], nats_server: NatsServer, other: Client
) -> None:
    async with (
        fake_worker(nats_server.url, acknowledge) as one,
        fake_worker(nats_server.url, acknowledge, "worker-2@here:2") as two,
    ):
        for worker in (one, two):
            await worker.send_heartbeat(time.time())
        await other.flush()
        result = await run("worker", "pause", "worker-1", "--json", env=env)
        assert result.code == 0, result
        assert (result.object["worker"], result.object["command"]) == (one.worker, "pause")
        assert _commands(one) == [("pause", "")]
        assert _commands(two) == []
        result = await run("worker", "log-level", "all", "warning", env=env)
        assert (result.code, len(result.out.splitlines())) == (0, 2), result
        assert _commands(two) == [("log_level", "WARNING")]
        result = await run("worker", "drain", "worker", env=env)
        assert result.code == 1
        assert "Ambiguous worker worker" in result.err
        result = await run("worker", "drain", "worker-7", env=env)
        assert result.code == 1
        assert "worker-1@here:1" in result.err


def _commands(worker: FakeWorker) -> list[tuple[str, str]]:
    return [command for command in worker.commands if command[0] != "ping"]


async def test_a_command_without_workers_fails(env: dict[str, str], other: Client) -> None:
    result = await run("worker", "pause", "all", "--json", env=env)
    assert (result.code, result.object["outcome"]) == (1, "nobody")
    assert json.loads(result.out)["done"] is False
