"""Three servers as packaging/compose/compose.cluster.yaml starts them: one of them may go."""

import asyncio
import gc
import sys
from pathlib import Path

import nats
import pytest
from nats.js.errors import APIError

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM
from tests.kit.cluster import Cluster
from tests.kit.nats_servers import TESTER
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import ROOT, Bench, lines

PASSWORDS = {"worker": "w0rking", "operator": "operat1ng", "viewer": "v1ewing"}
TASKS = 60


class _Entrance:
    """What `Bench` needs of a server: the address of all three."""

    def __init__(self, url: str) -> None:
        self.url = url


# nats-py leaves connections to a node that dies while they are made to the collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_a_node_is_killed_under_load_and_no_task_is_lost(tmp_path: Path) -> None:
    with Cluster(tmp_path, PASSWORDS) as cluster:
        await wait_until(lambda: all(node.healthy for node in cluster.nodes), 30, "a cluster")
        bench = Bench(_Entrance(cluster.url(TESTER[0])), tmp_path)  # type: ignore[arg-type]
        await bench.open()
        try:
            await _one_node_goes(cluster, bench, tmp_path)
        finally:
            await bench.close()
            await asyncio.sleep(0)
            gc.collect()


async def _one_node_goes(cluster: Cluster, bench: Bench, folder: Path) -> None:
    bench.server.url = cluster.url("worker")  # type: ignore[misc]
    more = {"replicas": 3, "inbox_prefix": "_INBOX_worker", "ack_wait": 3, "worker_slots": 4}
    for _ in range(2):
        await bench.started(bench.start(**more))
    info = await bench.js.stream_info(TASK_STREAM)
    assert info.config.num_replicas == 3
    leader = next(n for n in cluster.nodes if n.name == info.cluster.leader)
    notes = [folder / f"note-{number}" for number in range(TASKS)]
    ids: list[str] = []
    for number, note in enumerate(notes):
        if number == TASKS // 3:
            leader.kill()
        ids.append(await _sent(bench, str(note)))
    results = [await bench.result(task_id, 40) for task_id in ids]
    assert all(result["return_value"] == "enqueued" for result in results)
    await wait_until(lambda: all(lines(note)[-1:] == ["end"] for note in notes), 40, "all is done")

    async def content() -> str:
        code, told = await _check(cluster)
        return told if code == 0 else ""

    said = await wait_until(content, 30, "all streams have leaders again")
    assert "Workers use the other servers meanwhile" in said
    assert f"replicas are offline or behind: {leader.name}" in said, said

    leader.start(cluster.routes)
    await wait_until(lambda: leader.healthy, 30, "the node is back, its copies are complete")

    async def answered() -> bool:
        found = await bench.js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        return not (found.num_pending or found.num_ack_pending)

    await wait_until(answered, 20, "everything is answered for")
    assert all(worker.process.poll() is None for worker in bench.workers)


async def _sent(bench: Bench, note: str) -> str:
    """Send a task as a careful client does: again, until the cluster confirms it.

    The task enqueues another, for which its worker has to be as careful.
    """
    while True:
        try:
            return await bench.send("enqueue_another", note, 0.05)
        except (nats.errors.Error, APIError, OSError):
            await asyncio.sleep(0.1)


async def _check(cluster: Cluster) -> tuple[int, str]:
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
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()
