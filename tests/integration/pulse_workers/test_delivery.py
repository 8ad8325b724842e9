"""No task is lost, and none runs twice unnoticed, whichever process stops."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, lines, open_harness


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


@pytest.mark.slow
async def test_tasks_ten_times_longer_than_the_ack_wait_run_once(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    await harness.run(ack_wait=1)
    second = harness.start(ack_wait=1)
    ids = [
        await harness.send("work", str(tmp_path / "a"), 10),
        await harness.send("work_in_a_thread", str(tmp_path / "b"), 10),
    ]
    await harness.wait_until_started(second)  # a second worker would receive redelivered tasks
    for task_id in ids:
        assert (await harness.result(task_id, 20))["return_value"] == "done"
        await wait_until(lambda task_id=task_id: "task.succeeded" in harness.event_types(task_id))
        assert harness.event_types(task_id) == ["task.started", "task.succeeded"]
    assert lines(tmp_path / "a") == lines(tmp_path / "b") == ["begin", "end"]
    await wait_until(harness.all_acked)


@pytest.mark.slow
async def test_workers_adapt_to_a_changed_ack_wait(harness: WorkerHarness, tmp_path: Path) -> None:
    workers = [await harness.run(ack_wait=30) for _ in range(2)]
    config = (await harness.js.consumer_info(TASK_STREAM, TASK_CONSUMER)).config
    config.ack_wait = 1
    await harness.js.add_consumer(TASK_STREAM, config)
    await wait_until(lambda: all("ack wait is now 1 s" in worker.log for worker in workers))
    task_id = await harness.send("work", str(tmp_path / "a"), 4)
    assert (await harness.result(task_id))["return_value"] == "done"
    await wait_until(lambda: harness.event_types(task_id) == ["task.started", "task.succeeded"])
    assert lines(tmp_path / "a") == ["begin", "end"]
    await wait_until(harness.all_acked)


@pytest.mark.slow
async def test_a_task_that_blocks_the_event_loop_is_warned_about(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run(ack_wait=1)
    task_id = await harness.send("block_event_loop", str(tmp_path / "a"), 2)
    assert (await harness.result(task_id))["return_value"] == "done"
    await wait_until(lambda: "without an `await`" in worker.log)
    warning = next(line for line in worker.log.splitlines() if "without an `await`" in line)
    assert "WARNING" in warning
    assert task_id in warning


async def test_the_task_of_a_killed_worker_runs_again_as_the_second_attempt(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    first = await harness.run(ack_wait=1)
    seen = tmp_path / "seen"
    task_id = await harness.send("work", str(seen), 1.5)
    await wait_until(lambda: lines(seen) == ["begin"])
    await wait_until(lambda: "task.started" in harness.event_types(task_id))
    second = harness.start(ack_wait=1)
    first.kill()
    await harness.wait_until_started(second)
    await harness.result(task_id)
    await wait_until(lambda: "task.succeeded" in harness.event_types(task_id))
    started = [e["data"] for e in harness.events_of(task_id) if e["type"] == "task.started"]
    assert [data["attempt"] for data in started] == [1, 2]
    assert started[1]["worker"].endswith(f":{second.pid}")
    assert lines(seen) == ["begin", "begin", "end"]


@pytest.mark.slow
async def test_a_task_that_crashes_its_worker_each_time_fails_after_the_last_delivery(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    first = await harness.run(ack_wait=1, max_deliveries=1)
    task_id = await harness.send("exit_process", str(seen))
    await first.wait_for_exit()
    await harness.run(ack_wait=1, max_deliveries=1)
    result = await harness.result(task_id)
    assert result["error"]["exc_type"] == "TooManyDeliveriesError"
    assert lines(seen) == ["begin"]


async def test_a_server_restart_loses_no_task(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    worker = await harness.run(ack_wait=2, worker_slots=4)
    before = await harness.send("work", str(tmp_path / "before"))
    await harness.result(before)
    gate = tmp_path / "gate"
    during = await harness.send("wait_for_a_file", str(tmp_path / "during"), str(gate))
    load = [await harness.send("work", str(tmp_path / str(n)), 0.1) for n in range(56)]
    load += [  # one more than free slots: the last stays in the queue
        await harness.send("wait_for_a_file", str(tmp_path / str(n)), str(gate))
        for n in range(56, 60)
    ]
    await wait_until(lambda: lines(tmp_path / "during") == ["begin"])
    await wait_until(lambda: lines(tmp_path / "3") == ["begin", "end"])
    nats_server.stop()
    assert not lines(tmp_path / "59")
    gate.touch()
    await wait_until(lambda: lines(tmp_path / "during") == ["begin", "end"])
    nats_server.start()
    await wait_until(lambda: harness.client.is_connected and harness.client.stats["reconnects"])
    assert (await harness.result(during))["return_value"] == "done"
    after = await harness.send("work", str(tmp_path / "after"))
    assert (await harness.result(after))["return_value"] == "done"
    for task_id in load:
        assert (await harness.result(task_id, 20))["return_value"] == "done"
    await wait_until(lambda: "task.succeeded" in harness.event_types(during))
    await wait_until(harness.all_acked)
    assert lines(tmp_path / "during") == ["begin", "end"]
    assert all(lines(tmp_path / str(n)) == ["begin", "end"] for n in range(60))
    assert worker.process.poll() is None


async def test_an_idle_worker_exits_soon_after_sigterm(harness: WorkerHarness) -> None:
    worker = await harness.run()
    begin = asyncio.get_running_loop().time()
    worker.terminate()
    assert await worker.wait_for_exit() == 0
    assert asyncio.get_running_loop().time() - begin < 3  # 0.3 s on an idle machine
    stopped = await harness.wait_for_event(lambda event: event["type"] == "worker.stopped")
    assert stopped["data"]["worker"].endswith(f":{worker.pid}")


async def test_sigterm_with_a_backlog_loses_nothing(harness: WorkerHarness, tmp_path: Path) -> None:
    first = await harness.run(worker_slots=2)
    ids = [await harness.send("work", str(tmp_path / str(n)), 0.3) for n in range(12)]
    await wait_until(lambda: sum(bool(lines(tmp_path / str(n))) for n in range(12)) >= 3)
    second = harness.start(worker_slots=4)
    first.terminate()
    assert await first.wait_for_exit() == 0
    await harness.wait_until_started(second)
    for task_id in ids:
        await harness.result(task_id)
    assert all(lines(tmp_path / str(n)) == ["begin", "end"] for n in range(12))
    assert "Traceback" not in first.log + second.log


@pytest.mark.slow
async def test_tasks_that_do_not_finish_in_time_are_requeued(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    first = await harness.run(drain_timeout=0.2, ack_wait=60)
    ids = [
        await harness.send("work", str(tmp_path / "a"), 2),
        await harness.send("work_in_a_thread", str(tmp_path / "b"), 2),
    ]
    await wait_until(lambda: lines(tmp_path / "a") == lines(tmp_path / "b") == ["begin"])
    first.terminate()
    assert await first.wait_for_exit() == 0
    requeued = await harness.wait_for_event(
        lambda e: e["type"] == "task.failed" and e["data"]["task_id"] == ids[0]
    )
    assert requeued["data"]["will_retry"]
    assert requeued["data"]["error"]["type"] == "WorkerStopped"
    await harness.run(ack_wait=60)
    for task_id in ids:
        assert (await harness.result(task_id))["return_value"] == "done"


@pytest.mark.slow
async def test_the_worker_exits_when_its_parent_has_ended(harness: WorkerHarness) -> None:
    worker = harness.start("run", "--parent-pipe", stdin=subprocess.PIPE)
    await harness.wait_until_started(worker)
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    assert await worker.wait_for_exit() == 0


@pytest.mark.slow
async def test_a_deleted_consumer_or_stream_is_created_again(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    async def is_restored() -> bool:
        try:
            await harness.js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        except NotFoundError:
            return False
        return True

    await harness.run(pull_timeout=1)
    await harness.js.delete_consumer(TASK_STREAM, TASK_CONSUMER)
    first = await harness.send("work", str(tmp_path / "x"))
    assert (await harness.result(first, 15))["return_value"] == "done"
    await harness.js.delete_stream(TASK_STREAM)
    await wait_until(is_restored, 15)
    second = await harness.send("work", str(tmp_path / "x"))
    assert (await harness.result(second, 15))["return_value"] == "done"


@pytest.mark.slow
async def test_finished_tasks_do_not_run_again_after_a_kill_of_the_server(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    await harness.run(ack_wait=1)
    seen = tmp_path / "seen"
    ids = [await harness.send("work", str(seen)) for _ in range(100)]
    await wait_until(lambda: all("task.succeeded" in harness.event_types(one) for one in ids))
    nats_server.kill()  # results are on disk, acknowledgements were partly in memory
    nats_server.start()
    await wait_until(lambda: harness.client.is_connected and harness.client.stats["reconnects"])
    after = await harness.send("work", str(tmp_path / "after"))
    await harness.result(after)
    await wait_until(harness.all_acked)
    assert lines(seen).count("begin") == 100
