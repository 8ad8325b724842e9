"""Tests of the three-node cluster of compose.cluster.yaml: it survives the loss of one node."""

import asyncio
import dataclasses
import gc
import sys
from pathlib import Path
from typing import Any, cast

import nats
import pytest
from nats.js.errors import APIError

from pulse_desktop.protocol.topics import TASK_STREAM
from tests.kit.cluster import Cluster, Node
from tests.kit.nats_servers import TESTER, NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import ROOT, WorkerHarness, lines

PASSWORDS = {"worker": "w0rking", "operator": "operat1ng", "viewer": "v1ewing"}
TASKS = 60
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


# If a node dies while nats-py is connecting to it, nats-py never closes the socket; the garbage
# collector does.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.slow
async def test_no_task_is_lost_when_a_node_is_killed_under_load(tmp_path: Path) -> None:
    with Cluster(tmp_path, PASSWORDS) as cluster:
        await wait_until(lambda: all(node.healthy for node in cluster.nodes), 30, "a cluster")
        urls = ClusterUrls(cluster.url(TESTER[0]))
        harness = WorkerHarness(cast("NatsServer", urls), tmp_path)
        await harness.open()
        urls.url = cluster.url("worker")
        try:
            for _worker in range(2):
                await harness.wait_until_started(harness.start(**WORKER_SETTINGS))
            leader = await _kill_leader_under_load(cluster, harness, tmp_path)
            await _assert_check_reports_missing_replicas(cluster, leader)
            leader.start(cluster.routes)
            await wait_until(lambda: leader.healthy, 30, "the node is back with all replicas")
            await wait_until(harness.all_acked, 20, "every task is acknowledged")
            assert all(worker.process.poll() is None for worker in harness.workers)
        finally:
            await harness.close()
            await asyncio.sleep(0)
            gc.collect()


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
        ids.append(await _send(harness, str(marker_file)))
    results = [await harness.result(task_id, 40) for task_id in ids]
    assert all(result["return_value"] == "enqueued" for result in results)
    await wait_until(
        lambda: all(lines(file)[-1:] == ["end"] for file in marker_files), 40, "all have run"
    )
    return leader


async def _send(harness: WorkerHarness, marker_file: str) -> str:
    """Send a task, retrying until the cluster acknowledges it.

    The task enqueues another; its worker must retry likewise.
    """
    while True:
        try:
            return await harness.send("enqueue_another", marker_file, 0.05)
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
