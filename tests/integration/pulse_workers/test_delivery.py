"""No task is lost, and none runs twice unnoticed, whichever process stops."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import Bench, bench_on, lines


@pytest.fixture
async def bench(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(nats_server, tmp_path) as bench:
        yield bench


async def test_tasks_ten_times_longer_than_the_ack_wait_run_once(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.run(ack_wait=1)
    second = bench.start(ack_wait=1)
    ids = [
        await bench.send("work", str(tmp_path / "a"), 10),
        await bench.send("work_in_a_thread", str(tmp_path / "b"), 10),
    ]
    await bench.started(second)  # a second worker would receive redelivered tasks
    for task_id in ids:
        assert (await bench.result(task_id, 20))["return_value"] == "done"
        await wait_until(lambda task_id=task_id: "task.succeeded" in bench.types_of(task_id))
        assert bench.types_of(task_id) == ["task.started", "task.succeeded"]
    assert lines(tmp_path / "a") == lines(tmp_path / "b") == ["begin", "end"]
    await wait_until(bench.all_acked)


async def test_workers_adapt_to_a_changed_ack_wait(bench: Bench, tmp_path: Path) -> None:
    workers = [await bench.run(ack_wait=30) for _ in range(2)]
    config = (await bench.js.consumer_info(TASK_STREAM, TASK_CONSUMER)).config
    config.ack_wait = 1
    await bench.js.add_consumer(TASK_STREAM, config)
    await wait_until(lambda: all("ack wait is now 1 s" in worker.log for worker in workers))
    task_id = await bench.send("work", str(tmp_path / "a"), 4)
    assert (await bench.result(task_id))["return_value"] == "done"
    await wait_until(lambda: bench.types_of(task_id) == ["task.started", "task.succeeded"])
    assert lines(tmp_path / "a") == ["begin", "end"]
    await wait_until(bench.all_acked)


async def test_a_task_that_blocks_the_event_loop_is_warned_about(
    bench: Bench, tmp_path: Path
) -> None:
    worker = await bench.run(ack_wait=1)
    task_id = await bench.send("block_the_loop", str(tmp_path / "a"), 2)
    assert (await bench.result(task_id))["return_value"] == "done"
    await wait_until(lambda: "without an `await`" in worker.log)
    warning = next(line for line in worker.log.splitlines() if "without an `await`" in line)
    assert "WARNING" in warning
    assert task_id in warning


async def test_the_task_of_a_killed_worker_runs_again_as_the_second_attempt(
    bench: Bench, tmp_path: Path
) -> None:
    first = await bench.run(ack_wait=1)
    seen = tmp_path / "seen"
    task_id = await bench.send("work", str(seen), 1.5)
    await wait_until(lambda: lines(seen) == ["begin"])
    await wait_until(lambda: "task.started" in bench.types_of(task_id))
    second = bench.start(ack_wait=1)
    first.kill()
    await bench.started(second)
    await bench.result(task_id)
    await wait_until(lambda: "task.succeeded" in bench.types_of(task_id))
    started = [e["data"] for e in bench.of(task_id) if e["type"] == "task.started"]
    assert [data["attempt"] for data in started] == [1, 2]
    assert started[1]["worker"].endswith(f":{second.pid}")
    assert lines(seen) == ["begin", "begin", "end"]


async def test_a_task_that_crashes_its_worker_each_time_fails_in_the_end(
    bench: Bench, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    first = await bench.run(ack_wait=1, max_deliveries=1)
    task_id = await bench.send("end_the_process", str(seen))
    await first.ended()
    await bench.run(ack_wait=1, max_deliveries=1)
    result = await bench.result(task_id)
    assert result["error"]["exc_type"] == "TooManyDeliveriesError"
    assert lines(seen) == ["begin"]


async def test_a_server_restart_loses_no_task(
    bench: Bench, nats_server: NatsServer, tmp_path: Path
) -> None:
    worker = await bench.run(ack_wait=2, worker_slots=4)
    before = await bench.send("work", str(tmp_path / "before"))
    await bench.result(before)
    gate = tmp_path / "gate"
    during = await bench.send("wait_for_a_file", str(tmp_path / "during"), str(gate))
    load = [await bench.send("work", str(tmp_path / str(n)), 0.1) for n in range(56)]
    load += [  # one more than free slots: the last stays in the queue
        await bench.send("wait_for_a_file", str(tmp_path / str(n)), str(gate))
        for n in range(56, 60)
    ]
    await wait_until(lambda: lines(tmp_path / "during") == ["begin"])
    await wait_until(lambda: lines(tmp_path / "3") == ["begin", "end"])
    nats_server.stop()
    assert not lines(tmp_path / "59")
    gate.touch()
    await wait_until(lambda: lines(tmp_path / "during") == ["begin", "end"])
    nats_server.start()
    await wait_until(lambda: bench.client.is_connected and bench.client.stats["reconnects"])
    assert (await bench.result(during))["return_value"] == "done"
    after = await bench.send("work", str(tmp_path / "after"))
    assert (await bench.result(after))["return_value"] == "done"
    for task_id in load:
        assert (await bench.result(task_id, 20))["return_value"] == "done"
    await wait_until(lambda: "task.succeeded" in bench.types_of(during))
    await wait_until(bench.all_acked)
    assert lines(tmp_path / "during") == ["begin", "end"]
    assert all(lines(tmp_path / str(n)) == ["begin", "end"] for n in range(60))
    assert worker.process.poll() is None


async def test_an_idle_worker_exits_soon_after_sigterm(bench: Bench) -> None:
    worker = await bench.run()
    begin = asyncio.get_running_loop().time()
    worker.terminate()
    assert await worker.ended() == 0
    assert asyncio.get_running_loop().time() - begin < 3  # 0.3 s on an idle machine
    stopped = await bench.wait_for_event(lambda event: event["type"] == "worker.stopped")
    assert stopped["data"]["worker"].endswith(f":{worker.pid}")


async def test_sigterm_with_a_backlog_loses_nothing(bench: Bench, tmp_path: Path) -> None:
    first = await bench.run(worker_slots=2)
    ids = [await bench.send("work", str(tmp_path / str(n)), 0.3) for n in range(12)]
    await wait_until(lambda: sum(bool(lines(tmp_path / str(n))) for n in range(12)) >= 3)
    second = bench.start(worker_slots=4)
    first.terminate()
    assert await first.ended() == 0
    await bench.started(second)
    for task_id in ids:
        await bench.result(task_id)
    assert all(lines(tmp_path / str(n)) == ["begin", "end"] for n in range(12))
    assert "Traceback" not in first.log + second.log


async def test_tasks_that_do_not_finish_in_time_are_requeued(bench: Bench, tmp_path: Path) -> None:
    first = await bench.run(drain_timeout=0.2, ack_wait=60)
    ids = [
        await bench.send("work", str(tmp_path / "a"), 2),
        await bench.send("work_in_a_thread", str(tmp_path / "b"), 2),
    ]
    await wait_until(lambda: lines(tmp_path / "a") == lines(tmp_path / "b") == ["begin"])
    first.terminate()
    assert await first.ended() == 0
    requeued = await bench.wait_for_event(
        lambda e: e["type"] == "task.failed" and e["data"]["task_id"] == ids[0]
    )
    assert requeued["data"]["will_retry"]
    assert requeued["data"]["error"]["type"] == "WorkerStopped"
    await bench.run(ack_wait=60)
    for task_id in ids:
        assert (await bench.result(task_id))["return_value"] == "done"


async def test_the_worker_exits_when_its_parent_has_ended(bench: Bench) -> None:
    worker = bench.start("run", "--parent-pipe", stdin=subprocess.PIPE)
    await bench.started(worker)
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    assert await worker.ended() == 0


async def test_a_deleted_consumer_is_created_again(bench: Bench, tmp_path: Path) -> None:
    await bench.run(pull_timeout=1)
    await bench.js.delete_consumer(TASK_STREAM, TASK_CONSUMER)
    task_id = await bench.send("work", str(tmp_path / "x"))
    assert (await bench.result(task_id, 15))["return_value"] == "done"


async def test_finished_tasks_do_not_run_again_after_a_kill_of_the_server(
    bench: Bench, nats_server: NatsServer, tmp_path: Path
) -> None:
    await bench.run(ack_wait=1)
    seen = tmp_path / "seen"
    ids = [await bench.send("work", str(seen)) for _ in range(100)]
    await wait_until(lambda: all("task.succeeded" in bench.types_of(one) for one in ids))
    nats_server.kill()  # results are on disk, acknowledgements were partly in memory
    nats_server.start()
    await wait_until(lambda: bench.client.is_connected and bench.client.stats["reconnects"])
    after = await bench.send("work", str(tmp_path / "after"))
    await bench.result(after)
    await wait_until(bench.all_acked)
    assert lines(seen).count("begin") == 100
