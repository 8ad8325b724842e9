"""Over core NATS, where the server stores nothing, a clean shutdown still loses no task."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from taskiq_nats import NatsBroker

from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT
from tests.kit.control_requests import command_any, command_worker, heartbeats
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, lines, open_harness

module_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    """One server and one worker for the tests that stop neither."""
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            harness.core_nats = True
            await harness.run(broker="core")
            yield harness


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        harness.core_nats = True
        yield harness


async def occupy_slot(harness: WorkerHarness, tmp_path: Path, name: str = "first") -> Path:
    """Occupy a slot until the returned file exists."""
    gate = tmp_path / f"gate-{name}"
    await harness.send("wait_for_a_file", str(tmp_path / name), str(gate))
    await wait_until(lambda: lines(tmp_path / name) == ["begin"])
    return gate


def has_pending(harness: WorkerHarness, count: int) -> bool:
    return bool(heartbeats(harness)) and heartbeats(harness)[-1]["waiting"] == count


def all_done(tmp_path: Path, count: int) -> bool:
    return all(lines(tmp_path / str(n)) == ["begin", "end"] for n in range(count))


async def test_sigterm_hands_the_backlog_to_another_worker(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    first = await harness.run(broker="core", worker_slots=1)
    gate = await occupy_slot(harness, tmp_path)
    ids = [await harness.send("work", str(tmp_path / str(n))) for n in range(20)]
    await wait_until(lambda: has_pending(harness, 20))
    await harness.run(broker="core", worker_slots=2)
    first.terminate()
    for task_id in ids:
        assert (await harness.result(task_id))["return_value"] == "done"
    assert first.process.poll() is None  # it finishes its running task
    gate.touch()
    assert await first.wait_for_exit() == 0
    assert lines(tmp_path / "first") == ["begin", "end"]
    assert all_done(tmp_path, 20)
    assert "20 pending tasks handed off" in first.log


async def test_sigterm_without_another_worker_finishes_the_backlog(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run(broker="core", worker_slots=1, drain_timeout=0.2)
    # A subscriber that only watches must not count as a worker.
    seen: list[bytes] = []

    async def watch(message: Msg) -> None:
        seen.append(message.data)

    await harness.client.subscribe(TASK_SUBJECT, cb=watch)
    gate = await occupy_slot(harness, tmp_path)
    parent = await harness.send("enqueue_another", str(tmp_path / "child"), 0.1)
    ids = [await harness.send("work", str(tmp_path / str(n)), 0.02) for n in range(20)]
    await wait_until(lambda: has_pending(harness, 21))
    worker.terminate()
    await wait_until(lambda: "finishing all of them here" in worker.log)
    gate.touch()
    assert await worker.wait_for_exit() == 0
    for task_id in (parent, *ids):
        assert not (await harness.result(task_id))["is_err"]
    assert all_done(tmp_path, 20)
    assert lines(tmp_path / "child") == ["begin", "end"]
    assert len(seen) == 22


@pytest.mark.slow
async def test_a_second_signal_cancels_every_task_with_a_result(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run(broker="core", worker_slots=2)
    running = await harness.send("work", str(tmp_path / "running"), 30)
    threaded = await harness.send("work_until_stop_requested", str(tmp_path / "threaded"))
    await wait_until(lambda: lines(tmp_path / "running") and lines(tmp_path / "threaded"))
    ids = [await harness.send("work", str(tmp_path / str(n))) for n in range(5)]
    await wait_until(lambda: has_pending(harness, 5))
    worker.terminate()
    await wait_until(lambda: "finishing 5 here" in worker.log)
    worker.terminate()
    assert await worker.wait_for_exit() == 0
    for task_id in (running, threaded, *ids):
        result = await harness.result(task_id)
        assert result["error"]["exc_type"] == "CancelledError"
        assert "no other worker takes the task" in result["error"]["exc_message"][0]
        await wait_until(lambda task_id=task_id: "task.cancelled" in harness.event_types(task_id))


@module_loop
async def test_every_task_with_an_id_gets_a_result_and_retries_keep_their_delay(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    unknown = await shared.send("unknown:task")
    no_json = await shared.send("return_unserializable")
    retried = await shared.send("fail_twice", str(tmp_path / "times"))
    await shared.client.publish(TASK_SUBJECT, b"\xff garbage")
    assert (await shared.result(unknown))["error"]["exc_type"] == "UnknownTaskNameError"
    assert (await shared.result(no_json))["error"]["exc_type"] == "ResultNotSerializableError"
    assert (await shared.result(retried))["return_value"] == "at last"
    await wait_until(lambda: "task.succeeded" in shared.event_types(retried))
    first, second, third = (float(line) for line in lines(tmp_path / "times"))
    assert min(second - first, third - second) >= 0.45
    failures = [e["data"] for e in shared.events_of(retried) if e["type"] == "task.failed"]
    assert [(f["attempt"], f["will_retry"], f["retry_in_s"]) for f in failures] == [
        (1, True, 0.5),
        (2, True, 0.5),
    ]
    bucket = await shared.js.stream_info("OBJ_taskiq_results")
    assert bucket.config.max_age == 7 * 86_400
    assert TASK_STREAM not in {info.config.name for info in await shared.js.streams_info()}


@module_loop
async def test_a_pending_task_can_be_cancelled(shared: WorkerHarness, tmp_path: Path) -> None:
    await command_any(shared, "pause")
    unwanted = await shared.send("work", str(tmp_path / "unwanted"))
    wanted = await shared.send("work", str(tmp_path / "wanted"))
    await wait_until(lambda: has_pending(shared, 2))
    answer = await command_any(shared, "cancel", task_id=unwanted)
    assert (answer.outcome, answer.detail) == ("cancelled", "it was not started")
    assert (await shared.result(unwanted))["error"]["exc_type"] == "CancelledError"
    await command_any(shared, "resume")
    assert (await shared.result(wanted))["return_value"] == "done"
    assert not lines(tmp_path / "unwanted")


@module_loop
async def test_a_delayed_retry_can_be_cancelled(shared: WorkerHarness, tmp_path: Path) -> None:
    task_id = await shared.send("fail_with_long_delay", str(tmp_path / "seen"))
    await wait_until(lambda: "task.failed" in shared.event_types(task_id))
    await wait_until(lambda: has_pending(shared, 1))
    assert (await command_any(shared, "cancel", task_id=task_id)).outcome == "cancelled"
    assert (await shared.result(task_id))["error"]["exc_type"] == "CancelledError"
    assert lines(tmp_path / "seen") == ["begin"]


@module_loop
async def test_a_paused_worker_keeps_its_tasks_while_no_other_worker_takes_them(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    first = shared.workers[0]
    answer = await command_any(shared, "pause")
    assert answer.outcome == "paused"
    assert "wait in this one" in answer.detail
    await asyncio.gather(*(command_any(shared, ("resume", "pause")[n % 2]) for n in range(10)))
    assert (await command_any(shared, "pause")).outcome == "paused"
    held = [await shared.send("work", str(tmp_path / str(n))) for n in range(3)]
    await wait_until(lambda: has_pending(shared, 3))
    assert (await command_any(shared, "resume")).outcome == "resumed"
    for task_id in held:
        assert (await shared.result(task_id))["return_value"] == "done"

    await shared.run(broker="core")
    answer = await command_worker(shared, first, "pause")
    assert (answer.outcome, answer.detail) == ("paused", "")
    for n in range(3, 9):
        await shared.result(await shared.send("work", str(tmp_path / str(n))))
    assert all_done(tmp_path, 9)


@pytest.mark.slow
async def test_a_server_restart_under_load_loses_no_task(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    worker = await harness.run(broker="core", worker_slots=1)
    gate = await occupy_slot(harness, tmp_path)
    ids = [await harness.send("work", str(tmp_path / str(n))) for n in range(20)]
    await wait_until(lambda: has_pending(harness, 20))
    nats_server.stop()
    gate.touch()
    await wait_until(lambda: lines(tmp_path / "first") == ["begin", "end"])
    nats_server.start()
    await wait_until(lambda: harness.client.is_connected and harness.client.stats["reconnects"])
    for task_id in ids:
        assert (await harness.result(task_id, 20))["return_value"] == "done"
    after = await harness.send("work", str(tmp_path / "after"))
    assert (await harness.result(after))["return_value"] == "done"
    assert all_done(tmp_path, 20)
    assert worker.process.poll() is None


@module_loop
async def test_it_shares_tasks_with_a_plain_nats_broker(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    theirs = NatsBroker([shared.server.url], queue="taskiq")

    @theirs.task(task_name=f"{TASKS}:work")
    async def work(path: str, seconds: float = 0.0) -> str:
        raise NotImplementedError

    await theirs.startup()
    try:
        sent = await work.kicker().with_labels(team="data").kiq(str(tmp_path / "x"))
        result = await shared.result(sent.task_id)
    finally:
        await theirs.shutdown()
    assert result["return_value"] == "done"
    assert result["labels"]["team"] == "data"


async def test_without_jetstream_the_worker_names_what_is_missing(tmp_path: Path) -> None:
    with NatsServer(jetstream=False) as server:
        async with open_harness(server, tmp_path) as harness:
            worker = harness.start(broker="core")
            assert await worker.wait_for_exit() == 1
            assert "without it results cannot be stored" in worker.log
            assert "Traceback" not in worker.log


@pytest.mark.slow
async def test_a_stream_on_the_task_subject_is_warned_about(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    await harness.js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    worker = await harness.run(broker="core")
    assert f"stream {TASK_STREAM} keeps {TASK_SUBJECT} too" in worker.log
    assert json.dumps(heartbeats(harness)[0]["broker"]) == '"core"'
