"""Tests of the three-node cluster of compose.cluster.yaml: it survives the loss of one node."""

import asyncio
import contextlib
import dataclasses
import gc
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import nats
import pytest
from nats.js.errors import APIError

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.topics import EVENT_STREAM, TASK_CONSUMER, TASK_STREAM, subject_of
from tests.kit.cluster import Cluster, Node
from tests.kit.nats_servers import TESTER, NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import ROOT, WorkerHarness, lines

PASSWORDS = {"worker": "w0rking", "operator": "operat1ng", "viewer": "v1ewing"}
TASKS = 60
KILLS = 10
SCHEDULES = "KV_taskiq_schedules"
WORKER_SETTINGS: dict[str, Any] = {
    "replicas": 3,
    "inbox_prefix": "_INBOX_worker",
    "ack_wait": 3,
    "worker_slots": 4,
}


@dataclasses.dataclass
class ClusterUrls:
    """Stand-in for `NatsServer` with the URLs of all nodes; `WorkerHarness` reads only `url`."""

    url: str


@asynccontextmanager
async def _cluster_with_workers(folder: Path) -> AsyncIterator[tuple[Cluster, WorkerHarness]]:
    """Yield a cluster and a harness with two workers on it."""
    with Cluster(folder, PASSWORDS) as cluster:
        await wait_until(lambda: all(node.healthy for node in cluster.nodes), 30, "a cluster")
        urls = ClusterUrls(cluster.url(TESTER[0]))
        harness = WorkerHarness(cast("NatsServer", urls), folder)
        await harness.open()
        urls.url = cluster.url("worker")
        try:
            for _worker in range(2):
                await harness.wait_until_started(harness.start(**WORKER_SETTINGS))
            yield cluster, harness
            assert all(worker.process.poll() is None for worker in harness.workers)
        finally:
            await harness.close()
            await asyncio.sleep(0)
            gc.collect()


# If a node dies while nats-py is connecting to it, nats-py never closes the socket; the garbage
# collector does.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.slow
async def test_no_task_is_lost_when_a_node_is_killed_under_load(tmp_path: Path) -> None:
    async with _cluster_with_workers(tmp_path) as (cluster, harness):
        leader = await _kill_leader_under_load(cluster, harness, tmp_path)
        await _assert_check_reports_missing_replicas(cluster, leader)
        leader.start(cluster.routes)
        await wait_until(lambda: leader.healthy, 30, "the node is back with all replicas")
        await wait_until(harness.all_acked, 20, "every task is acknowledged")


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_event_is_lost_when_the_event_stream_leader_is_killed(tmp_path: Path) -> None:
    async with _cluster_with_workers(tmp_path) as (cluster, harness):
        ids: list[str] = []
        senders = [asyncio.create_task(_send_until_cancelled(harness, ids)) for _ in range(3)]
        for kill in range(1, KILLS + 1):
            leader = await wait_until(lambda: _leader(cluster, harness, EVENT_STREAM), 30)
            sent = len(ids)
            leader.kill()
            await wait_until(lambda sent=sent: len(ids) > sent + 20, 60, f"tasks after kill {kill}")
            leader.start(cluster.routes)
            await wait_until(lambda node=leader: node.healthy, 60, "the node is back")
        await cancel_and_wait(*senders)

        async def missing() -> Counter[str] | None:
            try:
                found = await _stored_task_events(harness)
            except (nats.errors.Error, APIError, OSError):
                return None  # a leader is being elected
            types = ("task.started", "task.succeeded")
            return Counter(type_ for type_ in types for each in ids if (type_, each) not in found)

        async def is_complete() -> bool:
            return await missing() == Counter()

        with contextlib.suppress(AssertionError):  # the next line says what is missing
            await wait_until(is_complete, 60)
        assert await missing() == Counter(), f"of {len(ids)} tasks"


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.slow
async def test_tasks_run_while_a_bucket_has_lost_its_only_replica(tmp_path: Path) -> None:
    async with _cluster_with_workers(tmp_path) as (cluster, harness):
        await harness.js.delete_stream(SCHEDULES)
        await harness.js.add_stream(
            name=SCHEDULES, subjects=["$KV.taskiq_schedules.>"], num_replicas=1
        )
        node = await wait_until(lambda: _leader(cluster, harness, SCHEDULES), 30)
        node.kill()
        await wait_until(lambda: _leader(cluster, harness, TASK_STREAM), 30)
        for _change in range(3):
            stepdown = f"$JS.API.CONSUMER.LEADER.STEPDOWN.{TASK_STREAM}.{TASK_CONSUMER}"
            with contextlib.suppress(nats.errors.Error):
                await harness.client.request(stepdown, timeout=5)
            task_id = await _send(harness, "return_text", 5)
            assert not (await harness.result(task_id, 30))["is_err"]


async def _send_until_cancelled(harness: WorkerHarness, ids: list[str]) -> None:
    while True:
        ids.append(await _send(harness, "return_text", 5))
        await asyncio.sleep(0.01)


async def _leader(cluster: Cluster, harness: WorkerHarness, stream: str) -> Node | None:
    try:
        info = await harness.js.stream_info(stream)
    except (nats.errors.Error, APIError, OSError):
        return None
    name = info.cluster.leader if info.cluster is not None else ""
    return next((node for node in cluster.nodes if node.name == name), None)


async def _stored_task_events(harness: WorkerHarness) -> set[tuple[str, str]]:
    """Return type and task id of every stored event about a task; each is stored once."""
    stored = await harness.js.subscribe(
        subject_of("tasks"), stream=EVENT_STREAM, ordered_consumer=True
    )
    events: list[dict[str, Any]] = []
    left = 1
    while left:
        message = await stored.next_msg(10)
        left = message.metadata.num_pending
        events.append(json.loads(message.data))
    await stored.unsubscribe()
    assert len({event["id"] for event in events}) == len(events)
    return {(event["type"], event["data"]["task_id"]) for event in events}


async def _kill_leader_under_load(cluster: Cluster, harness: WorkerHarness, folder: Path) -> Node:
    """Kill the leader of the task stream while tasks are sent; return it once all have run."""
    info = await harness.js.stream_info(TASK_STREAM)
    assert info.config.num_replicas == 3
    assert info.cluster is not None
    name = info.cluster.leader
    leader = next(node for node in cluster.nodes if node.name == name)
    marker_files = [folder / f"marker-{number}" for number in range(TASKS)]
    ids: list[str] = []
    for number, marker_file in enumerate(marker_files):
        if number == TASKS // 3:
            leader.kill()
        ids.append(await _send(harness, "enqueue_another", str(marker_file), 0.05))
    results = [await harness.result(task_id, 40) for task_id in ids]
    assert all(result["return_value"] == "enqueued" for result in results)
    await wait_until(
        lambda: all(lines(file)[-1:] == ["end"] for file in marker_files), 40, "all have run"
    )
    return leader


async def _send(harness: WorkerHarness, name: str, *args: Any) -> str:
    """Send a task, retrying until the cluster acknowledges it.

    If the task enqueues another, its worker must retry likewise.
    """
    while True:
        try:
            return await harness.send(name, *args)
        except (nats.errors.Error, APIError, OSError):
            await asyncio.sleep(0.1)


async def _assert_check_reports_missing_replicas(cluster: Cluster, killed: Node) -> None:
    async def passing_check() -> str:
        code, output = await _run_check_command(cluster)
        return output if code == 0 else ""

    output = await wait_until(passing_check, 30, "all streams have leaders again")
    assert "Workers use the other servers meanwhile" in output
    assert f"replicas are offline or behind: {killed.name}" in output, output


async def _run_check_command(cluster: Cluster) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pulse_workers", "check", "--server", cluster.url("worker")),
        env={
            "PULSE_CONFIG": "/dev/null",
            "PULSE_REPLICAS": "3",
            "PULSE_ACK_WAIT": "3",
            "PULSE_INBOX_PREFIX": "_INBOX_worker",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    out, _err = await process.communicate()
    return process.returncode or 0, out.decode()
