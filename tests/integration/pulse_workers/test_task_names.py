"""Renamed tasks during a rolling upgrade: workers and senders of both versions lose nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from pulse_desktop.protocol.task_names import ALIASES, canonical_name
from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.legacy_worker import started_legacy_worker
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import worker_command
from tests.kit.worker_processes import WorkerHarness, open_harness

OLD = "workers.tasks.scoring:score_message_task"
NEW = "score_message_task"
EXTRACT = "workers.tasks.knowledge:extract_knowledge"
INGEST = "workers.tasks.ingestion:ingest_messages"
BUCKET = "taskiq_schedules"


class Upgrade:
    """A server, workers of both versions, and the names of the tasks sent to it."""

    def __init__(self, harness: WorkerHarness, broker: str) -> None:
        self.harness = harness
        self.broker = broker
        self.sent: dict[str, str] = {}

    async def watch(self) -> None:
        await self.harness.client.subscribe(TASK_SUBJECT, cb=self._on_task)
        await self.harness.client.flush()

    async def _on_task(self, message: Msg) -> None:
        task = json.loads(message.data)
        self.sent[task["task_id"]] = task["task_name"]

    async def new_worker(self) -> None:
        await self.harness.run(broker=self.broker)

    def old_worker(self) -> AbstractContextManager[None]:
        log = self.harness.folder / "legacy.log"
        return started_legacy_worker(self.harness.server.url, self.broker, log)

    async def wait_for_old_worker(self) -> None:
        await self.harness.wait_for_event(lambda event: event["source"].startswith("legacy@"), 20)

    async def scheduler(self) -> None:
        scheduler = self.harness.start("scheduler", broker=self.broker)
        await self.harness.wait_until_started(scheduler)

    async def store_schedule(self, name: str) -> None:
        """Store a schedule as any version does: every second."""
        body = {"task_name": name, "labels": {}, "args": ["1.1"], "kwargs": {}, "interval": 1}
        await self.harness.js.publish(f"$KV.{BUCKET}.schedule.s", json.dumps(body).encode())

    async def all_have_results(self) -> list[dict[str, Any]]:
        return [await self.harness.result(task_id, 60) for task_id in list(self.sent)]


@pytest.fixture(params=["jetstream", pytest.param("core", marks=pytest.mark.slow)])
async def upgrade(
    request: pytest.FixtureRequest, nats_server: NatsServer, tmp_path: Path
) -> AsyncIterator[Upgrade]:
    async with open_harness(nats_server, tmp_path) as harness:
        harness.core_nats = request.param == "core"
        upgrade = Upgrade(harness, request.param)
        await upgrade.watch()
        yield upgrade


def is_start_of(task_id: str, event: dict[str, Any]) -> bool:
    """Return whether an event is the start of a task."""
    return (event["type"], event["data"].get("task_id")) == ("task.started", task_id)


async def test_a_new_worker_executes_what_old_senders_send(upgrade: Upgrade) -> None:
    await upgrade.new_worker()
    for name in ALIASES:
        args = {"scoring": "1.1", "embedding": ["1.1"], "knowledge": ["1.1"], "ingestion": ""}
        task_id = await upgrade.harness.send(name, args[name.split(":")[0].rpartition(".")[2]])
        error = (await upgrade.harness.result(task_id, 60))["error"] or {}
        assert error.get("exc_type") in (None, "MessageNotFoundError")
        started = await upgrade.harness.wait_for_event(partial(is_start_of, task_id))
        assert started["data"]["task_name"] == canonical_name(name)
    beat = await upgrade.harness.wait_for_event(lambda event: "catalogue" in event["data"])
    assert set(ALIASES.values()) <= set(beat["data"]["catalogue"])
    assert not set(ALIASES) & set(beat["data"]["catalogue"])


@pytest.mark.parametrize("stored", [OLD, NEW])
@pytest.mark.slow
async def test_a_new_scheduler_reaches_old_workers(upgrade: Upgrade, stored: str) -> None:
    if upgrade.broker == "jetstream":
        worker_command(upgrade.harness.folder)("provision", server=upgrade.harness.server.url)
    with upgrade.old_worker():
        await upgrade.wait_for_old_worker()
        await upgrade.scheduler()
        await upgrade.store_schedule(stored)
        await wait_until(lambda: len(upgrade.sent) >= 4, 20)
        results = await upgrade.all_have_results()
    assert set(upgrade.sent.values()) == {OLD}
    assert all(result["return_value"].startswith("legacy@") for result in results)


@pytest.mark.slow
async def test_the_new_name_is_sent_once_all_workers_are_new(upgrade: Upgrade) -> None:
    await upgrade.scheduler()  # first: a worker announces its tasks when it starts
    await upgrade.new_worker()
    await upgrade.store_schedule(OLD)
    await wait_until(lambda: NEW in upgrade.sent.values(), 20)
    assert set(upgrade.sent.values()) <= {OLD, NEW}
    for result in await upgrade.all_have_results():
        assert result["error"]["exc_type"] == "MessageNotFoundError"
    stored = await upgrade.harness.js.get_last_msg(f"KV_{BUCKET}", f"$KV.{BUCKET}.schedule.s")
    assert json.loads(stored.data or b"")["task_name"] == OLD  # old schedulers can still read it
    run = worker_command(upgrade.harness.folder)
    listed = json.loads(
        (
            await asyncio.to_thread(
                run, "schedule", "list", "--json", server=upgrade.harness.server.url
            )
        ).text
    )
    assert [(entry["task"], entry["problem"]) for entry in listed] == [(NEW, "")]


@pytest.mark.slow
async def test_an_ingest_sends_nothing_that_an_old_worker_drops(upgrade: Upgrade) -> None:
    await upgrade.new_worker()
    with upgrade.old_worker():
        await upgrade.wait_for_old_worker()

        async def ran_on_the_new_worker() -> dict[str, Any] | None:
            task_id = await upgrade.harness.send(INGEST, "")
            value = (await upgrade.harness.result(task_id, 60))["return_value"]
            return value if isinstance(value, dict) else None

        value = await wait_until(ran_on_the_new_worker)
    assert value["finished"]
    assert value["stages"]["scored"]["done"] + value["failed"] == value["read"]
    assert set(upgrade.sent.values()) == {INGEST}  # the ingest processes its windows
