"""A worker whose permissions to subscribe are revoked works again once they are granted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pulse_workers.brokers.handoff import PEERS_SUBJECT

from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.control_requests import command_any
from tests.kit.nats_servers import NatsServer
from tests.kit.schedulers import open_schedules
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, lines, open_harness

pytestmark = pytest.mark.slow

USERS = """authorization {{ users: [
  {{ user: admin, password: p }},
  {{ user: worker, password: p, permissions: {{ subscribe: {{ deny: "{}" }} }} }}
] }}"""
GRANTED = USERS.format("x")
RECOVERY_S = 20.0
EXIT_TIMEOUT_S = 12.0


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    with NatsServer(user="admin", password="p", config=GRANTED) as server:
        async with open_harness(server, tmp_path) as harness:
            server.user = "worker"
            yield harness


def reload(harness: WorkerHarness, config: str) -> None:
    harness.server.config = config
    harness.server.reload()


@pytest.mark.parametrize("denied", [">", "_INBOX.>", "pulse.control.>", "websocket.>"])
async def test_a_worker_takes_tasks_and_commands_again(
    harness: WorkerHarness, tmp_path: Path, denied: str
) -> None:
    worker = await harness.run(pull_timeout=1)
    refused, again = f"may not subscribe to {denied}", f"may subscribe to {denied} again"
    if denied == ">":
        refused, again = "may not subscribe to _INBOX.>", "may subscribe to _INBOX.> again"
    elif denied != "_INBOX.>":
        refused, again = refused.replace(">", ""), again.replace("> again", "")
    running = await harness.send("work", str(tmp_path / "running"), 3)
    await wait_until(lambda: lines(tmp_path / "running") == ["begin"])
    reload(harness, USERS.format(denied))
    await wait_until(lambda: refused in worker.log)
    await wait_until(lambda: lines(tmp_path / "running") == ["begin", "end"])
    waiting = await harness.send("work", str(tmp_path / "waiting"))
    before = worker.log.count(refused)
    reload(harness, GRANTED)
    await wait_until(lambda: again in worker.log, RECOVERY_S)
    assert worker.log.count(refused) == before
    for task_id in (running, waiting):
        assert (await harness.result(task_id, RECOVERY_S))["is_err"] is False
    assert lines(tmp_path / "running") == ["begin", "end"]
    await wait_until(lambda: worker.log.count(again) == worker.log.count(refused), RECOVERY_S)
    assert (await command_any(harness, "pause")).outcome == "paused"
    worker.terminate()
    assert await worker.wait_for_exit(EXIT_TIMEOUT_S) == 0, worker.log
    assert "not confirmed: " not in worker.log
    assert "Traceback" not in worker.log


@pytest.mark.parametrize("command", ["run", "scheduler", "feed"])
async def test_sigterm_ends_a_process_whose_subscriptions_are_refused(
    harness: WorkerHarness, tmp_path: Path, command: str
) -> None:
    worker = harness.start(command, drain_timeout=1)
    await harness.wait_until_started(worker)
    if command == "run":
        await harness.send("work", str(tmp_path / "running"), 2)
        await wait_until(lambda: lines(tmp_path / "running") == ["begin"])
    reload(harness, USERS.format(">"))
    await wait_until(lambda: "may not subscribe" in worker.log)
    if command == "run":  # its result cannot be confirmed
        await wait_until(lambda: "not stored yet" in worker.log)
    worker.terminate()
    assert await worker.wait_for_exit(EXIT_TIMEOUT_S) == 0, worker.log
    assert "Traceback" not in worker.log


async def test_a_scheduler_sends_runs_again(tmp_path: Path) -> None:
    with NatsServer(user="admin", password="p", config=GRANTED) as server:
        async with open_schedules(server, tmp_path) as schedules:
            server.user = "worker"
            scheduler = schedules.harness.start("scheduler")
            await schedules.harness.wait_until_started(scheduler)
            await schedules.add("first", interval=1)
            await schedules.wait_for_run("first", 1)
            reload(schedules.harness, USERS.format(">"))
            await wait_until(lambda: "may not subscribe" in scheduler.log)
            await schedules.add("second", interval=1)
            reload(schedules.harness, GRANTED)
            await wait_until(lambda: "may subscribe to _INBOX.> again" in scheduler.log, RECOVERY_S)
            sent = len(await schedules.runs("first"))
            await schedules.wait_for_run("first", sent + 2)
            await schedules.wait_for_run("second", 1)


async def test_a_core_worker_joins_its_peers_again(harness: WorkerHarness) -> None:
    worker = await harness.run(broker="core")
    reload(harness, USERS.format(PEERS_SUBJECT))
    await wait_until(lambda: f"may not subscribe to {PEERS_SUBJECT}" in worker.log)
    reload(harness, GRANTED)
    await wait_until(lambda: f"may subscribe to {PEERS_SUBJECT} again" in worker.log, RECOVERY_S)
    assert (await harness.client.request(PEERS_SUBJECT, b"", timeout=5)).data == b"+"


async def test_a_core_worker_that_may_not_take_tasks_any_more_exits(
    harness: WorkerHarness,
) -> None:
    worker = await harness.run(broker="core")
    reload(harness, USERS.format(TASK_SUBJECT))
    assert await worker.wait_for_exit(EXIT_TIMEOUT_S) == 1, worker.log
    assert "does not let this user take tasks" in worker.log.splitlines()[-1]
