"""Roles on a server: each has the permissions for its work, and no others.

The server runs with packaging/nats/accounts.conf and one more user, who has every permission and
prepares what the tests need. The server logs every permission violation with the user's role.
"""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_CONSUMER, TASK_STREAM
from tests.kit.cli_process import command_environment
from tests.kit.fork_server import start_program
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import TESTER, NatsServer, with_tester
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import ROOT, TASKS, Worker, WorkerHarness, lines, open_harness

ACCOUNTS = ROOT / "packaging" / "nats" / "accounts.conf"
GUIDE = ROOT / "docs" / "operator-guide.md"
PASSWORDS = {"worker": "w0rking", "operator": "operat1ng", "viewer": "v1ewing"}


class Roles:
    """A server with roles, and clients with these roles."""

    def __init__(self, server: NatsServer, harness: WorkerHarness, folder: Path) -> None:
        self.server = server
        self.harness = harness
        self.folder = folder

    def url(self, role: str) -> str:
        return f"nats://{role}:{PASSWORDS[role]}@{self.server.address}"

    def violations(self, role: str) -> list[str]:
        """Return the permission violations of a role from the server's log."""
        return [
            line
            for line in self.server.log().splitlines()
            if "Violation" in line and f'/user:{role}"' in line
        ]

    def start(self, command: str, **more: Any) -> Worker:
        """Start a worker or a scheduler in its role."""
        worker = Worker(
            command,
            server=f"nats://{self.server.address}",
            log=self.folder / f"{command}.log",
            user="worker",
            password=PASSWORDS["worker"],
            inbox_prefix="_INBOX_worker",
            **more,
        )
        self.harness.workers.append(worker)
        return worker

    def worker_environment(self) -> dict[str, str]:
        return {
            **command_environment(self.folder),
            "PULSE_CONFIG": "/dev/null",
            "PULSE_SERVER": f"nats://{self.server.address}",
            "PULSE_USER": "worker",
            "PULSE_PASSWORD": PASSWORDS["worker"],
            "PULSE_INBOX_PREFIX": "_INBOX_worker",
            "PULSE_WORKER_TASKS": TASKS,
            "PULSE_HEARTBEAT_INTERVAL": "0.5",
        }

    async def desktop(self, role: str, *arguments: str) -> tuple[int, str]:
        """Run `pulse-desktop` as a role; return its exit code and output."""
        where = ("--server", self.url(role))
        return await _run("pulse_desktop", *arguments, *where, env=command_environment(self.folder))

    async def all_succeed(self, role: str, *commands: tuple[str, ...]) -> None:
        """Run several commands at the same time; each must succeed."""
        results = await asyncio.gather(*(self.desktop(role, *command) for command in commands))
        for command, (code, output) in zip(commands, results, strict=True):
            assert code == 0, (command, output)

    async def workers(self, role: str, *arguments: str) -> tuple[int, str]:
        """Run `pulse-worker` as a role."""
        env = {**self.worker_environment(), "PULSE_USER": role, "PULSE_PASSWORD": PASSWORDS[role]}
        if role != "worker":
            env["PULSE_INBOX_PREFIX"] = ""
        return await _run("pulse_workers", *arguments, env=env)

    async def stored(self) -> dict[str, tuple[int, int]]:
        """Return message count and last sequence of every stream."""
        found = await self.harness.js.streams_info()
        return {i.config.name or "": (i.state.messages, i.state.last_seq) for i in found}


async def _run(module: str, *arguments: str, env: dict[str, str]) -> tuple[int, str]:
    process = start_program(
        module,
        *arguments,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        out, _ = await asyncio.to_thread(process.communicate)
    return process.returncode, out


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NatsServer]:
    for role, password in PASSWORDS.items():
        monkeypatch.setenv(f"PULSE_{role.upper()}_PASSWORD", password)
    with _server_with(ACCOUNTS.read_text()) as server:
        yield server


def _server_with(config: str) -> NatsServer:
    user, password = TESTER
    return NatsServer(config=with_tester(config), user=user, password=password)


@pytest.fixture
def broker() -> str:
    return "jetstream"


@pytest.fixture
async def roles(server: NatsServer, tmp_path: Path, broker: str) -> AsyncIterator[Roles]:
    harness = WorkerHarness(server, tmp_path)
    harness.core_nats = broker == "core"
    await harness.open()
    roles = Roles(server, harness, tmp_path)
    try:
        await harness.wait_until_started(roles.start("run", broker=broker))
        yield roles
    finally:
        await harness.close()


async def test_a_permission_violation_is_attributed_to_its_role(roles: Roles) -> None:
    client, errors = await _connect(roles, "viewer")
    try:
        await client.publish("anything.else", b"")
        await _is_denied(errors, 'publish to "anything.else"')
    finally:
        await client.close()
    await wait_until(  # the server logs it a moment later
        lambda: any('"anything.else"' in line for line in roles.violations("viewer")), 5, "logged"
    )
    assert roles.violations("operator") == []


async def test_a_worker_does_all_its_work_without_a_violation(roles: Roles) -> None:
    harness = roles.harness
    note = roles.folder / "note"
    retried = await harness.send("fail_twice", str(note))
    counted = await harness.send("report_progress")
    read = await harness.send("ingest_messages", "", 0, 12)
    assert (await harness.result(retried))["return_value"] == "at last"
    assert (await harness.result(counted))["return_value"] == "counted"
    assert not (await harness.result(read))["is_err"]
    await harness.wait_for_event(lambda e: e["type"] == "message.scored")
    await harness.wait_for_event(lambda e: e["type"] == "metrics:update")
    large = await harness.send("return_text", 300_000)
    assert len((await harness.result(large))["return_value"]) == 300_000
    asked = await harness.send("read_progress", counted)
    assert (await harness.result(asked))["return_value"]["message"] == "counting"
    await wait_until(harness.all_acked, 20, "everything is done")
    code, output = await roles.workers("worker", "check")
    assert code == 0, output
    assert "problem" not in output
    assert "this user has every permission that a worker needs" in output
    refused = roles.violations("worker")
    code, output = await roles.workers("worker", "health")
    assert code == 0, output
    assert "heartbeat received after" in output
    assert roles.violations("worker") == refused
    worker = harness.workers[0]
    worker.terminate()
    assert await worker.wait_for_exit() == 0
    assert "refuse" not in worker.log.lower()
    assert "violation" not in worker.log.lower()
    assert all("pulse.control.workers" in line for line in refused)  # the ping of `check`


@pytest.mark.slow
async def test_a_scheduler_in_the_worker_role_sends_schedules_of_an_operator(roles: Roles) -> None:
    note = roles.folder / "note"
    code, output = await roles.workers(
        "operator",
        *("schedule", "add", f"{TASKS}:work", "--every", "1s", "--id", "tick"),
        *("--args", json.dumps([str(note)])),
    )
    assert code == 0, output
    scheduler = roles.start("scheduler")
    await wait_until(lambda: len(lines(note)) >= 4, 20, f"twice:\n{scheduler.log}")
    for arguments in (("schedule", "list"), ("schedule", "remove", "tick")):
        code, output = await roles.workers("operator", *arguments)
        assert code == 0, output
        assert "tick" in output
    scheduler.terminate()
    assert await scheduler.wait_for_exit() == 0
    assert roles.violations("worker") == []
    assert roles.violations("operator") == []


@pytest.mark.slow
async def test_an_operator_watches_enqueues_reruns_cancels_and_controls(roles: Roles) -> None:
    harness = roles.harness
    note = roles.folder / "note"
    arguments = json.dumps([str(note), 60])
    code, output = await roles.desktop(
        "operator", "run", f"{TASKS}:work", "--args", f'["{note}"]', "--wait", "20", "--json"
    )
    assert code == 0, output
    done = json.loads(output.splitlines()[-1])["task_id"]
    code, output = await roles.desktop("operator", "run", f"{TASKS}:work", "--args", arguments)
    assert code == 0, output
    event = await harness.wait_for_event(
        lambda e: e["type"] == "task.started" and e["data"]["task_id"] != done
    )
    running = event["data"]["task_id"]
    await roles.all_succeed("operator", ("cancel", running), ("rerun", done, "--wait", "20"))
    await roles.all_succeed(
        "operator", ("show", done), ("status",), ("workers",), ("results", "get", done)
    )
    await roles.all_succeed("operator", ("worker", "pause", "all"))
    await roles.all_succeed("operator", ("worker", "resume", "all"))
    assert (await harness.result(running))["error"]["exc_type"].endswith("CancelledError")
    worker = harness.workers[0]
    worker.terminate()
    assert await worker.wait_for_exit() == 0
    enqueue = ("run", f"{TASKS}:work", "--args", f'["{note}"]', "--force", "--json")
    code, output = await roles.desktop("operator", *enqueue)
    assert code == 0, output
    waiting = json.loads(output.splitlines()[-1])["task_id"]
    await roles.all_succeed("operator", ("cancel", waiting))
    await wait_until(harness.all_acked, 5, "the task is removed")
    await harness.wait_for_event(
        lambda e: e["type"] == "task.cancelled" and e["data"]["task_id"] == waiting
    )
    client, _ = await _connect(roles, "operator")
    await (await client.jetstream().object_store(RESULT_BUCKET)).delete(done)
    await client.close()
    await harness.js.delete_consumer(TASK_STREAM, TASK_CONSUMER)
    code, output = await roles.desktop("operator", *enqueue)
    assert code == 0, output
    # Without the usual consumer the desktop lists consumers, which no role is permitted.
    looked = f"$JS.API.CONSUMER.LIST.{TASK_STREAM}"
    assert [line for line in roles.violations("operator") if looked not in line] == []


@pytest.mark.slow
async def test_a_viewer_watches_everything_and_changes_nothing(roles: Roles) -> None:
    harness = roles.harness
    note = roles.folder / "note"
    done = await harness.send("work", str(note))
    await harness.result(done)
    running = await harness.send("work", str(note), 600)
    await harness.wait_for_event(
        lambda e: e["type"] == "task.started" and e["data"]["task_id"] == running
    )
    await roles.all_succeed(
        "viewer",
        ("runs",),
        ("status",),
        ("results", "get", done),
        ("tail", "tasks", "--since", "10m", "-n", "2"),
        ("workers",),
        ("results", "list"),
        ("doctor",),
    )
    large = await harness.send("return_text", 300_000)
    await harness.result(large)
    await roles.all_succeed("viewer", ("results", "save", large, str(roles.folder / "large")))
    code, output = await roles.workers("viewer", "schedule", "list")
    assert code == 0, output
    code, output = await roles.workers(
        "operator",
        *("schedule", "add", f"{TASKS}:work", "--at", "2099-01-01T00:00Z", "--id", "far"),
        *("--args", json.dumps([str(note)])),
    )
    assert code == 0, output
    code, output = await roles.workers("viewer", "schedule", "list")
    assert code == 0, output
    assert "far" in output
    others = [line for line in roles.violations("viewer") if "pulse.control.workers" not in line]
    assert others == []  # the ping of `workers` is not permitted: it waits for heartbeats instead
    tasks = len(lines(note))
    before = await roles.stored()
    results = await asyncio.gather(
        roles.desktop("viewer", "run", f"{TASKS}:work", "--args", f'["{note}"]', "--force"),
        roles.desktop("viewer", "rerun", done, "--force"),
        roles.desktop("viewer", "cancel", running),
        roles.desktop("viewer", "worker", "pause", "all"),
    )
    assert all(code != 0 for code, _ in results), results
    code, output = await roles.workers(
        "viewer", "schedule", "add", f"{TASKS}:work", "--every", "1s", "--id", "mine"
    )
    assert code != 0, output
    await _only_worker_messages(roles, before)
    assert len(lines(note)) == tasks
    info = await harness.js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    assert info.num_ack_pending == 1  # still in progress


async def _only_worker_messages(roles: Roles, before: dict[str, tuple[int, int]]) -> None:
    """Assert that only messages of workers were stored."""
    after = await roles.stored()
    own = {"PULSE_EVENTS", "KV_pulse_state"}
    assert {k: v for k, v in after.items() if k not in own} == {
        k: v for k, v in before.items() if k not in own
    }


FORBIDDEN_TO_A_VIEWER = [
    ("taskiq_tasks", b"{}"),
    ("websocket.tasks", b"{}"),
    ("pulse.control.workers", b"{}"),
    ("pulse.control.queue", b"{}"),
    ("$O.taskiq_results.M.x", b"{}"),
    ("$KV.taskiq_schedules.schedule.x", b"{}"),
    ("$KV.pulse_state.x", b"{}"),
    ("$JS.ACK.taskiq_jetstream.taskiq_durable.1.1.1.1.1", b"+ACK"),
    ("$JS.API.STREAM.CREATE.x", b'{"name": "x", "subjects": ["x"]}'),
    ("$JS.API.STREAM.UPDATE.PULSE_EVENTS", b"{}"),
    ("$JS.API.STREAM.DELETE.PULSE_EVENTS", b""),
    ("$JS.API.STREAM.PURGE.taskiq_jetstream", b""),
    ("$JS.API.STREAM.PURGE.KV_taskiq_schedules", b""),
    ("$JS.API.STREAM.MSG.DELETE.taskiq_jetstream", b'{"seq": 1}'),
    ("$JS.API.STREAM.SNAPSHOT.taskiq_jetstream", b'{"deliver_subject": "_INBOX.x"}'),
    ("$JS.API.CONSUMER.MSG.NEXT.taskiq_jetstream.taskiq_durable", b"1"),
    ("$JS.API.CONSUMER.DELETE.taskiq_jetstream.taskiq_durable", b""),
    ("$JS.API.CONSUMER.PAUSE.taskiq_jetstream.taskiq_durable", b"{}"),
    ("$JS.API.CONSUMER.DURABLE.CREATE.taskiq_jetstream.taskiq_durable", b"{}"),
    ("$JS.API.CONSUMER.CREATE.taskiq_jetstream.taskiq_durable.taskiq_tasks", b"{}"),
    ("$JS.API.CONSUMER.CREATE.taskiq_jetstream.taskiq_durable", b"{}"),
    ("$JS.API.CONSUMER.CREATE.taskiq_jetstream", b"{}"),
    ("$JS.API.CONSUMER.CREATE.KV_pulse_scores", b"{}"),
    ("$JS.API.CONSUMER.DELETE.KV_taskiq_schedules.x", b""),
    ("$JS.API.CONSUMER.DELETE.KV_pulse_state.x", b""),
    ("$JS.API.CONSUMER.MSG.NEXT.KV_pulse_scores.x", b"1"),
    ("$JS.API.CONSUMER.LIST.KV_taskiq_schedules", b""),
    ("$JS.API.CONSUMER.NAMES.PULSE_EVENTS", b""),
    ("$JS.API.ACCOUNT.PURGE.PULSE", b""),
]


def altered_consumer(*also: str) -> bytes:
    """Return a request that would limit the workers' consumer to one delivery per task."""
    config = {
        "name": TASK_CONSUMER,
        "ack_policy": "explicit",
        "max_deliver": 1,
        "filter_subject": "taskiq_tasks",
        **dict.fromkeys(also, TASK_CONSUMER),
    }
    return json.dumps({"stream_name": TASK_STREAM, "config": config}).encode()


@pytest.mark.slow
async def test_a_viewer_is_denied_every_request_that_bypasses_the_programs(roles: Roles) -> None:
    client, errors = await _connect(roles, "viewer")
    try:
        for subject, payload in FORBIDDEN_TO_A_VIEWER:
            await client.publish(subject, payload)
            await _is_denied(errors, f'publish to "{subject.lower()}"')
        for subject in ("pulse.control.>", "$KV.>", ">", "_INBOX_worker.>", "$JS.ACK.>"):
            await client.subscribe(subject)
            await _is_denied(errors, f'subscription to "{subject.lower()}"')
        await _cannot_alter_the_consumer(client, errors)
    finally:
        await client.close()
    info = await roles.harness.js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    assert info.config.max_deliver == -1


async def _cannot_alter_the_consumer(client: Client, errors: list[str]) -> None:
    """Try every request that creates a consumer, durable or not."""
    creation = f"$JS.API.CONSUMER.CREATE.{TASK_STREAM}"
    for also in ((), ("durable_name",)):
        for subject in (creation, f"{creation}.{TASK_CONSUMER}.taskiq_tasks"):
            errors.clear()
            await client.publish(subject, altered_consumer(*also))
            await _is_denied(errors, f'publish to "{subject.lower()}"')
        answer = await client.request(f"{creation}.other.taskiq_tasks", altered_consumer(*also))
        made = json.loads(answer.data)
        assert "error" in made or made["name"] == "other", made


@pytest.mark.slow
async def test_an_operator_can_neither_take_tasks_nor_change_streams(roles: Roles) -> None:
    client, errors = await _connect(roles, "operator")
    allowed = (
        "taskiq_tasks",
        "websocket.tasks",
        "pulse.control",
        "$O.",
        "$KV.taskiq",
        "MSG.DELETE",
    )
    try:
        for subject, payload in FORBIDDEN_TO_A_VIEWER:
            if any(part in subject for part in allowed):
                continue
            await client.publish(subject, payload)
            await _is_denied(errors, f'publish to "{subject.lower()}"')
        await _cannot_alter_the_consumer(client, errors)
    finally:
        await client.close()
    info = await roles.harness.js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    assert info.config.max_deliver == -1


@pytest.mark.parametrize("broker", ["core"])
@pytest.mark.parametrize("role", [pytest.param("viewer", marks=pytest.mark.slow), "operator"])
async def test_watching_roles_receive_tasks_of_a_core_broker_and_take_none(
    roles: Roles, role: str
) -> None:
    received: list[str] = []

    async def record(message: Msg) -> None:
        received.append(json.loads(message.data)["task_id"])

    async def accept(message: Msg) -> None:
        raise AssertionError(f"taken: {message.data!r}")

    client, errors = await _connect(roles, role)
    try:
        await client.subscribe("taskiq_tasks", cb=record)
        for group in ("taskiq", "another", "a.b"):
            await client.subscribe("taskiq_tasks", queue=group, cb=accept)
            await _is_denied(errors, f'to "taskiq_tasks" using queue "{group}"')
        note = roles.folder / "note"
        sent = [await roles.harness.send("work", str(note)) for _ in range(20)]
        await wait_until(lambda: lines(note).count("end") == len(sent), 10, "all of them ran")
        await wait_until(lambda: len(received) == len(sent), 5, "all of them were received")
        assert sorted(received) == sorted(sent)
    finally:
        await client.close()


async def test_a_worker_can_neither_command_other_workers_nor_delete_streams(roles: Roles) -> None:
    client, errors = await _connect(roles, "worker", inbox_prefix="_INBOX_worker")
    try:
        for subject in (
            "pulse.control.workers",
            "$JS.API.STREAM.DELETE.taskiq_jetstream",
            "$JS.API.STREAM.UPDATE.taskiq_jetstream",
            "$JS.API.STREAM.PURGE.KV_pulse_knowledge",
            "$JS.API.STREAM.CREATE.other",
            "$JS.API.CONSUMER.DELETE.taskiq_jetstream.taskiq_durable",
            "anything.else",
        ):
            await client.publish(subject, b"{}")
            await _is_denied(errors, f'publish to "{subject.lower()}"')
    finally:
        await client.close()


@pytest.mark.slow
async def test_the_permissions_in_the_guide_suffice_and_take_no_tasks(
    tmp_path: Path,
) -> None:
    config = re.search(r"```\n(authorization \{.*?)```", GUIDE.read_text(), re.DOTALL)
    assert config is not None
    with _server_with(config[1].replace("secret", PASSWORDS["operator"])) as server:
        async with open_harness(server, tmp_path) as harness:
            roles = Roles(server, harness, tmp_path)
            await harness.run()
            note = str(tmp_path / "note")
            done = await harness.send("work", note)
            await harness.result(done)
            await roles.all_succeed(
                "operator",
                ("rerun", done, "--wait", "20"),
                ("show", done),
                ("runs",),
                ("status",),
                ("results", "get", done),
                ("doctor",),
            )
            assert [line for line in server.log().splitlines() if "Violation" in line] == []
            client, errors = await _connect(roles, "operator")
            try:
                await client.subscribe("taskiq_tasks", queue="taskiq")
                await _is_denied(errors, 'to "taskiq_tasks" using queue "taskiq"')
                await _cannot_alter_the_consumer(client, errors)
            finally:
                await client.close()


async def _is_denied(errors: list[str], text: str) -> None:
    await wait_until(lambda: any(text in one for one in errors), 5, f"errors: {text}")


async def _connect(roles: Roles, role: str, **more: Any) -> tuple[Client, list[str]]:
    errors: list[str] = []

    async def on_error(error: Exception) -> None:
        errors.append(str(error).lower())

    client = await connect(roles.url(role), error_cb=on_error, **more)
    return client, errors


@pytest.mark.slow
async def test_check_lists_the_permissions_that_a_worker_lacks(roles: Roles) -> None:
    code, output = await roles.workers("viewer", "check")
    assert code == 1, output
    assert re.search(r"problem +permission: this user may not publish to taskiq_tasks", output)
    assert "subscribe to pulse.control.workers" in output
    assert "packaging/nats/accounts.conf" in output
    assert PASSWORDS["viewer"] not in output
