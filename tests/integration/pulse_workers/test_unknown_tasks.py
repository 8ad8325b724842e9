"""A worker that is offered tasks it does not have says so, and fails none of other programs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg
from pulse_workers.brokers.core_delivery import MAX_HOPS

from pulse_desktop.protocol.topics import TASK_SUBJECT
from tests.kit.nats_servers import NatsServer
from tests.kit.taskiq_project import generate, taskiq_worker
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, Worker, WorkerHarness, lines, open_harness


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def heartbeat_with(harness: WorkerHarness, worker: Worker, field: str) -> dict[str, Any]:
    """Return a heartbeat of a worker that has a field."""
    event = await harness.wait_for_event(
        lambda e: e["source"].endswith(f":{worker.pid}") and field in e["data"], 20
    )
    data: dict[str, Any] = event["data"]
    return data


async def test_tasks_of_another_program_reach_its_workers(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    harness.core_nats = True
    ours = await harness.run(broker="core")
    generate(tmp_path, harness.server.url)
    with taskiq_worker(tmp_path):

        async def theirs_listens() -> bool:
            task_id = await harness.send("shop:add", 1, 1)
            return not (await harness.result(task_id))["is_err"]

        await wait_until(theirs_listens, 30)
        ids = [await harness.send("shop:add", n, 1) for n in range(40)]
        results = [await harness.result(task_id) for task_id in ids]
        assert [result["return_value"] for result in results] == list(range(1, 41))
        beat = await heartbeat_with(harness, ours, "unknown_tasks")
        assert beat["unknown_tasks"]["shop:add"] >= 1
        beat = await heartbeat_with(harness, ours, "missing_tasks")
        assert "shop:add" in beat["missing_tasks"], "before it is offered one"
        assert "takes tasks from the same queue and has tasks that" in ours.log
    offered = "offered a task that this worker does not have: 'shop:add'"
    (warning,) = [line for line in ours.log.splitlines() if offered in line]
    assert "WARNING" in warning
    assert "published again for another worker of the queue group" in warning


@pytest.mark.slow
async def test_a_task_that_no_worker_has_fails_with_a_result(harness: WorkerHarness) -> None:
    harness.core_nats = True
    sent: list[bytes] = []

    async def on_task(message: Msg) -> None:
        sent.append(message.data)

    await harness.client.subscribe(TASK_SUBJECT, cb=on_task)
    await harness.run(broker="core")
    task_id = await harness.send("shop:unknown")
    assert (await harness.result(task_id))["error"]["exc_type"] == "UnknownTaskNameError"
    await wait_until(lambda: len(sent) == MAX_HOPS + 1)


@pytest.mark.parametrize("broker", [pytest.param("jetstream", marks=pytest.mark.slow), "core"])
async def test_workers_of_one_queue_with_different_tasks_say_so_at_the_start(
    harness: WorkerHarness, tmp_path: Path, broker: str
) -> None:
    harness.core_nats = broker == "core"
    more = await harness.run(broker=broker, worker_slots=1)
    fewer = await harness.run(broker=broker, worker_tasks="")
    beat = await heartbeat_with(harness, fewer, "missing_tasks")
    assert all(name.startswith(f"{TASKS}:") for name in beat["missing_tasks"])
    assert len(beat["missing_tasks"]) == 20
    await wait_until(lambda: "has tasks that this worker does not have" in fewer.log)
    assert f"worker-1@{beat['host']}:{more.pid} takes tasks from the same queue" in fewer.log
    assert "PULSE_WORKER_TASKS" in fewer.log
    assert "does not have" not in more.log


@pytest.mark.parametrize("is_forced", [False, True])
@pytest.mark.slow
async def test_a_worker_that_stops_keeps_the_tasks_that_its_peer_lacks(
    harness: WorkerHarness, tmp_path: Path, is_forced: bool
) -> None:
    harness.core_nats = True
    worker = await harness.run(broker="core", worker_slots=1, drain_timeout=0.2)
    await harness.run(broker="core", worker_tasks="")
    gate, first = tmp_path / "gate", tmp_path / "first"
    ids = [await harness.send("wait_for_a_file", str(first), str(gate))]
    await wait_until(lambda: lines(first) == ["begin"])
    ids += [await harness.send("work", str(tmp_path / str(n))) for n in range(5)]
    await wait_until(lambda: any(event["data"].get("waiting") == 5 for event in harness.events))
    worker.terminate()
    await wait_until(lambda: "finishing all of them here" in worker.log)
    if is_forced:
        worker.terminate()
    else:
        gate.touch()
    assert await worker.wait_for_exit() == 0
    for task_id in ids:
        error = (await harness.result(task_id))["error"]
        if is_forced:
            assert "no other worker takes the task" in error["exc_message"][0]
        else:
            assert error is None
    assert lines(first) == (["begin"] if is_forced else ["begin", "end"])
