"""Over core NATS, where the server keeps nothing, an orderly worker still loses no task."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from taskiq_nats import NatsBroker

from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT
from tests.kit.control_requests import heartbeats, tell, tell_one
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, Bench, bench_on, lines

module_wide = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One server and one worker for the tests that end neither."""
    with NatsServer() as server:
        async with bench_on(server, tmp_path_factory.mktemp("workers")) as bench:
            bench.core = True
            await bench.run(broker="core")
            yield bench


@pytest.fixture
async def bench(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(nats_server, tmp_path) as bench:
        bench.core = True
        yield bench


async def gated(bench: Bench, tmp_path: Path, name: str = "first") -> Path:
    """Fill one slot until the returned file is there."""
    gate = tmp_path / f"gate-{name}"
    await bench.send("wait_for_a_file", str(tmp_path / name), str(gate))
    await wait_until(lambda: lines(tmp_path / name) == ["begin"])
    return gate


def holds(bench: Bench, count: int) -> bool:
    return bool(heartbeats(bench)) and heartbeats(bench)[-1]["waiting"] == count


def all_done(tmp_path: Path, count: int) -> bool:
    return all(lines(tmp_path / str(n)) == ["begin", "end"] for n in range(count))


async def test_sigterm_hands_the_backlog_to_another_worker(bench: Bench, tmp_path: Path) -> None:
    first = await bench.run(broker="core", worker_slots=1)
    gate = await gated(bench, tmp_path)
    ids = [await bench.send("work", str(tmp_path / str(n))) for n in range(20)]
    await wait_until(lambda: holds(bench, 20))
    await bench.run(broker="core", worker_slots=2)
    first.terminate()
    for task_id in ids:
        assert (await bench.result(task_id))["return_value"] == "done"
    assert first.process.poll() is None  # it has a task to finish
    gate.touch()
    assert await first.ended() == 0
    assert lines(tmp_path / "first") == ["begin", "end"]
    assert all_done(tmp_path, 20)
    assert "20 pending tasks handed off" in first.log


async def test_sigterm_without_another_worker_finishes_the_backlog_here(
    bench: Bench, tmp_path: Path
) -> None:
    worker = await bench.run(broker="core", worker_slots=1, drain_timeout=0.2)
    # Somebody who only watches is no worker, and must not be taken for one.
    seen: list[bytes] = []

    async def watch(message: Msg) -> None:
        seen.append(message.data)

    await bench.client.subscribe(TASK_SUBJECT, cb=watch)
    gate = await gated(bench, tmp_path)
    parent = await bench.send("enqueue_another", str(tmp_path / "child"), 0.1)
    ids = [await bench.send("work", str(tmp_path / str(n)), 0.02) for n in range(20)]
    await wait_until(lambda: holds(bench, 21))
    worker.terminate()
    await wait_until(lambda: "finishing all of them here" in worker.log)
    gate.touch()
    assert await worker.ended() == 0
    for task_id in (parent, *ids):
        assert not (await bench.result(task_id))["is_err"]
    assert all_done(tmp_path, 20)
    assert lines(tmp_path / "child") == ["begin", "end"]
    assert len(seen) == 22


async def test_a_second_signal_leaves_a_result_for_every_task(bench: Bench, tmp_path: Path) -> None:
    worker = await bench.run(broker="core", worker_slots=2)
    running = await bench.send("work", str(tmp_path / "running"), 30)
    threaded = await bench.send("work_until_asked_to_stop", str(tmp_path / "threaded"))
    await wait_until(lambda: lines(tmp_path / "running") and lines(tmp_path / "threaded"))
    ids = [await bench.send("work", str(tmp_path / str(n))) for n in range(5)]
    await wait_until(lambda: holds(bench, 5))
    worker.terminate()
    await wait_until(lambda: "finishing 5 here" in worker.log)
    worker.terminate()
    assert await worker.ended() == 0
    for task_id in (running, threaded, *ids):
        result = await bench.result(task_id)
        assert result["error"]["exc_type"] == "CancelledError"
        assert "no other worker takes tasks" in result["error"]["exc_message"][0]
        await wait_until(lambda task_id=task_id: "task.cancelled" in bench.types_of(task_id))


@module_wide
async def test_every_task_with_an_id_is_answered_and_retried_with_its_delay(
    lasting: Bench, tmp_path: Path
) -> None:
    unknown = await lasting.send("nobody.knows:this")
    no_json = await lasting.send("return_what_has_no_json_form")
    retried = await lasting.send("fail_twice", str(tmp_path / "times"))
    await lasting.client.publish(TASK_SUBJECT, b"\xff garbage")
    assert (await lasting.result(unknown))["error"]["exc_type"] == "UnknownTaskNameError"
    assert (await lasting.result(no_json))["error"]["exc_type"] == "ResultNotSerializableError"
    assert (await lasting.result(retried))["return_value"] == "at last"
    await wait_until(lambda: "task.succeeded" in lasting.types_of(retried))
    first, second, third = (float(line) for line in lines(tmp_path / "times"))
    assert min(second - first, third - second) >= 0.45
    failures = [e["data"] for e in lasting.of(retried) if e["type"] == "task.failed"]
    assert [(f["attempt"], f["will_retry"], f["retry_in_s"]) for f in failures] == [
        (1, True, 0.5),
        (2, True, 0.5),
    ]
    bucket = await lasting.js.stream_info("OBJ_taskiq_results")
    assert bucket.config.max_age == 7 * 86_400
    assert TASK_STREAM not in {info.config.name for info in await lasting.js.streams_info()}


@module_wide
async def test_what_waits_in_a_worker_can_be_cancelled(lasting: Bench, tmp_path: Path) -> None:
    await tell(lasting, "pause")
    unwanted = await lasting.send("work", str(tmp_path / "unwanted"))
    wanted = await lasting.send("work", str(tmp_path / "wanted"))
    await wait_until(lambda: holds(lasting, 2))
    answer = await tell(lasting, "cancel", task_id=unwanted)
    assert (answer.outcome, answer.detail) == ("cancelled", "it was not started")
    assert (await lasting.result(unwanted))["error"]["exc_type"] == "CancelledError"
    await tell(lasting, "resume")
    assert (await lasting.result(wanted))["return_value"] == "done"
    assert not lines(tmp_path / "unwanted")


@module_wide
async def test_a_retry_that_is_waited_for_can_be_cancelled(lasting: Bench, tmp_path: Path) -> None:
    task_id = await lasting.send("fail_and_wait_long", str(tmp_path / "seen"))
    await wait_until(lambda: "task.failed" in lasting.types_of(task_id))
    await wait_until(lambda: holds(lasting, 1))
    assert (await tell(lasting, "cancel", task_id=task_id)).outcome == "cancelled"
    assert (await lasting.result(task_id))["error"]["exc_type"] == "CancelledError"
    assert lines(tmp_path / "seen") == ["begin"]


@module_wide
async def test_a_paused_worker_holds_its_tasks_while_nobody_else_takes_them(
    lasting: Bench, tmp_path: Path
) -> None:
    first = lasting.workers[0]
    answer = await tell(lasting, "pause")
    assert answer.outcome == "paused"
    assert "wait in this one" in answer.detail
    await asyncio.gather(*(tell(lasting, ("resume", "pause")[n % 2]) for n in range(10)))
    assert (await tell(lasting, "pause")).outcome == "paused"
    held = [await lasting.send("work", str(tmp_path / str(n))) for n in range(3)]
    await wait_until(lambda: holds(lasting, 3))
    assert (await tell(lasting, "resume")).outcome == "resumed"
    for task_id in held:
        assert (await lasting.result(task_id))["return_value"] == "done"

    await lasting.run(broker="core")
    answer = await tell_one(lasting, first, "pause")
    assert (answer.outcome, answer.detail) == ("paused", "")
    for n in range(3, 9):
        await lasting.result(await lasting.send("work", str(tmp_path / str(n))))
    assert all_done(tmp_path, 9)


async def test_a_server_restart_under_load_neither_loses_nor_hangs_anything(
    bench: Bench, nats_server: NatsServer, tmp_path: Path
) -> None:
    worker = await bench.run(broker="core", worker_slots=1)
    gate = await gated(bench, tmp_path)
    ids = [await bench.send("work", str(tmp_path / str(n))) for n in range(20)]
    await wait_until(lambda: holds(bench, 20))
    nats_server.stop()
    gate.touch()
    await wait_until(lambda: lines(tmp_path / "first") == ["begin", "end"])
    nats_server.start()
    await wait_until(lambda: bench.client.is_connected and bench.client.stats["reconnects"])
    for task_id in ids:
        assert (await bench.result(task_id, 20))["return_value"] == "done"
    after = await bench.send("work", str(tmp_path / "after"))
    assert (await bench.result(after))["return_value"] == "done"
    assert all_done(tmp_path, 20)
    assert worker.process.poll() is None


@module_wide
async def test_it_joins_workers_that_use_the_plain_broker(lasting: Bench, tmp_path: Path) -> None:
    theirs = NatsBroker([lasting.server.url], queue="taskiq")

    @theirs.task(task_name=f"{TASKS}:work")
    async def work(path: str, seconds: float = 0.0) -> str:
        raise NotImplementedError

    await theirs.startup()
    try:
        sent = await work.kicker().with_labels(team="data").kiq(str(tmp_path / "x"))
        result = await lasting.result(sent.task_id)
    finally:
        await theirs.shutdown()
    assert result["return_value"] == "done"
    assert result["labels"]["team"] == "data"


async def test_without_jetstream_the_worker_names_what_is_missing(tmp_path: Path) -> None:
    with NatsServer(jetstream=False) as server:
        async with bench_on(server, tmp_path) as bench:
            worker = bench.start(broker="core")
            assert await worker.ended() == 1
            assert "without it results cannot be stored" in worker.log
            assert "Traceback" not in worker.log


async def test_a_stream_over_the_task_subject_is_warned_about(bench: Bench, tmp_path: Path) -> None:
    await bench.js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    worker = await bench.run(broker="core")
    assert f"stream {TASK_STREAM} keeps {TASK_SUBJECT} too" in worker.log
    assert json.dumps(heartbeats(bench)[0]["broker"]) == '"core"'
