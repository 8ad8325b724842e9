"""The event middleware reports the tasks of other projects' brokers, whatever the broker."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import pytest

from pulse_desktop.protocol.task_message import encode_task, new_task_id
from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, open_harness

PROJECT = """
import os
from pulse_workers import EventMiddleware
from taskiq import SimpleRetryMiddleware
from taskiq_nats import NatsBroker

SERVER = os.environ["SERVER"]
broker = NatsBroker(SERVER, queue="taskiq").with_middlewares(
    SimpleRetryMiddleware(default_retry_count=2), EventMiddleware(SERVER, name="shop", slots=4)
)

@broker.task
async def add(one: int, two: int) -> int:
    return one + two

@broker.task
def fail_in_a_thread() -> None:
    raise ConnectionError("no connection to nats://user:secret@host")

@broker.task(retry_on_error=True)
async def fail_twice() -> None:
    raise ValueError("no luck")
"""


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        harness.core_nats = True
        yield harness


@contextmanager
def taskiq_worker(folder: Path, server: str) -> Iterator[Path]:
    """Run TaskIQ's own worker on a project that knows Pulse only by the middleware."""
    (folder / "shop.py").write_text(PROJECT)
    log = folder / "taskiq.log"
    command = ("-m", "taskiq", "worker", "shop:broker", "-w", "1")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PULSE_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**environment, "SERVER": server},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(20)


async def send(harness: WorkerHarness, name: str, *args: int) -> str:
    task_id = new_task_id()
    labels = {"retry_on_error": True} if name == "fail_twice" else {}
    payload, headers = encode_task(
        task_id, f"shop:{name}", args=json.dumps(args).encode(), labels=labels
    )

    async def is_delivered() -> bool:
        try:
            await harness.client.request(TASK_SUBJECT, payload, timeout=0.2, headers=headers)
        except nats.errors.NoRespondersError:
            return False
        except nats.errors.TimeoutError:  # a worker does not reply
            pass
        return True

    await wait_until(is_delivered, 30)  # the first heartbeat is sent before it subscribes
    return task_id


async def test_starts_outcomes_retries_and_heartbeats_are_published(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    with taskiq_worker(tmp_path, nats_server.url):
        beat = await harness.wait_for_event(lambda e: e["type"] == "worker.heartbeat", 30)
        added = await send(harness, "add", 1, 2)
        failed = await send(harness, "fail_in_a_thread")
        retried = await send(harness, "fail_twice")
        await wait_until(lambda: harness.event_types(added) == ["task.started", "task.succeeded"])
        await wait_until(lambda: harness.event_types(failed) == ["task.started", "task.failed"])
        await wait_until(lambda: harness.event_types(retried).count("task.failed") == 2)
    assert beat["data"]["worker"].startswith("shop@")
    assert (beat["data"]["slots"], beat["data"]["busy"]) == (4, 0)
    assert beat["data"]["catalogue"]["shop:add"]["args"]["required"] == ["one", "two"]
    started, succeeded = (event["data"] for event in harness.events_of(added))
    assert (started["worker"], started["attempt"]) == (beat["data"]["worker"], 1)
    assert started["queued_at"] is None
    assert succeeded["run_s"] < 5
    error = harness.events_of(failed)[-1]["data"]["error"]
    assert error["type"] == "ConnectionError"
    assert "fail_in_a_thread" in error["traceback"]
    assert "secret" not in json.dumps(error)
    attempts = [
        event["data"] for event in harness.events_of(retried) if event["type"] == "task.failed"
    ]
    assert [(data["attempt"], data["will_retry"]) for data in attempts] == [(1, True), (2, False)]
    await harness.wait_for_event(lambda e: e["type"] == "worker.stopped")


async def test_tasks_run_while_the_event_server_is_unreachable(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    unreachable = PROJECT.replace(
        "EventMiddleware(SERVER,", "EventMiddleware('nats://127.0.0.1:9',"
    )
    assert unreachable != PROJECT
    code = unreachable + (
        "\nimport asyncio\n"
        "async def main():\n"
        "    await broker.startup()\n"
        "    await add.kiq(1, 2)\n"
        "    await broker.shutdown()\n"
        "asyncio.run(main())\n"
    )
    (tmp_path / "client.py").write_text(code)
    subscription = await harness.client.subscribe(TASK_SUBJECT)
    await harness.client.flush()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "client.py", cwd=tmp_path, env={**os.environ, "SERVER": nats_server.url}
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert b"add" in (await subscription.next_msg(timeout=5)).data
