"""Zero instrumentation: runs of an unmodified TaskIQ system are shown and re-run."""

import json
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from taskiq import AsyncBroker, TaskiqMessage

from pulse_desktop.model.errors import NoConsumersError, NoJetStreamError
from pulse_desktop.model.outcomes import CancelStatus
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_desktop.session.session import Session
from pulse_desktop.session.task_client import NotRepeatableError
from pulse_desktop.state.run import TaskRun
from tests.integration.foreign_app import ForeignWorker, make_broker
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run, wait_for_unreadable_result
from tests.kit.waiting import wait_until

APP = "tests.integration.foreign_app"
StartWorker = Callable[..., ForeignWorker]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    workers: list[ForeignWorker] = []

    def start(kind: str, server: NatsServer) -> ForeignWorker:
        log = tmp_path / f"foreign-{len(workers)}.log"
        workers.append(ForeignWorker(kind, server.url, log))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@asynccontextmanager
async def foreign_broker(kind: str, server: NatsServer) -> AsyncIterator[AsyncBroker]:
    broker = make_broker(kind, server.url)
    await broker.startup()
    try:
        yield broker
    finally:
        await broker.shutdown()


async def enqueue(broker: AsyncBroker, function: str, *args: Any, **kwargs: Any) -> str:
    task = broker.find_task(f"{APP}:{function}")
    assert task is not None, broker.get_all_tasks()
    return (await task.kiq(*args, **kwargs)).task_id


async def wait_for_worker(session: Session, worker: ForeignWorker) -> None:
    # The core broker says that it listens before it does, and what comes too early is lost.
    async def has_consumer() -> bool:
        return worker.running and (await session.queue.status()).has_consumers is True

    await wait_until(has_consumer, 20, "a worker listens")


async def wait_for_no_worker(session: Session) -> None:
    async def has_no_consumer() -> bool:
        return (await session.queue.status()).has_consumers is False

    await wait_until(has_no_consumer, 10, "no worker consumes the queue")


def with_request(session: Session, task_id: str) -> TaskRun | None:
    run = session.state.runs.get(task_id)
    return run if run is not None and run.request is not None else None


def arguments(run: TaskRun) -> tuple[list[Any], dict[str, Any]]:
    assert run.request is not None
    return json.loads(run.request.args), json.loads(run.request.kwargs)


async def test_runs_of_a_foreign_core_broker_are_shown_and_rerun(
    nats_server: NatsServer, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("core", nats_server)
    async with foreign_broker("core", nats_server) as client, open_session(nats_server) as session:
        await wait_for_worker(session, worker)
        gate = tmp_path / "gate"
        good = await enqueue(client, "add", 2, 3, note="so")
        bad = await enqueue(client, "refuse", "no such channel")
        soft = await enqueue(client, "fail_softly")
        slow = await enqueue(client, "wait_for_file", path=str(gate))

        run = await wait_for_run(session, good, RunState.SUCCEEDED)
        assert run.name == f"{APP}:add"
        assert arguments(run) == ([2, 3], {"note": "so"})
        assert run.stored_outcome is not None
        assert run.stored_outcome.format == "pickle"
        result = (await session.results.read(good)).result
        assert result is not None
        assert result.return_value == {"sum": 5, "note": "so", "пара": [2, 3]}
        run = await wait_for_run(session, bad, RunState.FAILED)
        assert run.reason == "ValueError: no such channel"
        run = await wait_for_run(session, soft, RunState.SOFT_FAILED)
        assert run.reason == "the source is empty"

        assert arguments(await wait_for_run(session, slow, RunState.QUEUED))[1] == {
            "path": str(gate)
        }
        session.state.runs.overdue_after_s = 0.2
        await wait_for_run(session, slow, RunState.OVERDUE)
        gate.touch()
        await wait_for_run(session, slow, RunState.SUCCEEDED)

        sent = await session.tasks.rerun([await wait_for_run(session, good)])
        (again,) = sent.task_ids
        assert not sent.durable
        assert again != good
        await wait_for_run(session, again, RunState.SUCCEEDED)
        # The result can arrive before the request is known.
        run = await wait_until(lambda: with_request(session, again))
        assert (run.rerun_of, arguments(run)) == (good, ([2, 3], {"note": "so"}))
        result = (await session.results.read(again)).result
        assert result is not None
        assert result.labels["rerun_of"] == good
        assert session.state.unreadable == 0


@pytest.mark.parametrize(
    "serializer",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in ("msgpack", "cbor")), "pickle"],
)
async def test_tasks_in_another_format_are_shown_rerun_and_removed(
    nats_server: NatsServer, start_worker: StartWorker, serializer: str
) -> None:
    kind = f"pull+{serializer}"
    async with foreign_broker(kind, nats_server) as client:
        first = await enqueue(client, "add", 2, 3, note="naïve ☕")
        async with open_session(nats_server) as session:
            assert await session.wait_caught_up()
            run = await wait_for_run(session, first, RunState.QUEUED)
            assert (run.name, arguments(run)) == (f"{APP}:add", ([2, 3], {"note": "naïve ☕"}))
            assert run.queued_at is not None
            assert session.state.task_formats == {serializer: 1}
            unwanted = await enqueue(client, "add", 0, 0)
            await wait_for_run(session, unwanted, RunState.QUEUED)
            (outcome,) = await session.tasks.cancel([unwanted])
            assert outcome.status is CancelStatus.REMOVED

            worker = start_worker(kind, nats_server)
            await wait_for_worker(session, worker)
            run = await wait_for_run(session, first, RunState.SUCCEEDED)
            assert run.stored_outcome is not None
            assert run.stored_outcome.format == serializer
            (again,) = (await session.tasks.rerun([run])).task_ids
            await wait_for_run(session, again, RunState.SUCCEEDED)
            (new,) = (await session.tasks.enqueue(f"{APP}:add", b"[4,5]")).task_ids
            await wait_for_run(session, new, RunState.SUCCEEDED)
            result = (await session.results.read(new)).result
            assert result is not None
            assert result.return_value["sum"] == 9
            assert session.state.unreadable == 0
            assert session.state.task_formats == {serializer: 4}


async def test_a_task_with_more_than_plain_data_is_shown_and_not_rerun(
    nats_server: NatsServer,
) -> None:
    async with foreign_broker("pull", nats_server), open_session(nats_server) as session:
        assert await session.wait_caught_up()
        task = TaskiqMessage(
            task_id="a1", task_name="shop:pay", labels={}, args=[complex(1, 2), 5], kwargs={}
        )
        payload = pickle.dumps(task.model_dump())
        await session.connection.js.publish("taskiq_tasks", payload)
        run = await wait_for_run(session, "a1", RunState.QUEUED)
        assert arguments(run) == (["<builtins.complex>", 5], {})
        for attempt in (
            session.tasks.rerun([run], force=True),
            session.tasks.enqueue(run.name, rerun_of="a1", force=True),
        ):
            with pytest.raises(NotRepeatableError) as caught:
                await attempt
            assert "an object of a class" in caught.value.detail
            assert "pickle" in caught.value.detail
        assert len(session.state.runs.rows) == 1


async def test_without_a_worker_a_core_task_is_not_sent(
    nats_server: NatsServer, start_worker: StartWorker
) -> None:
    worker = start_worker("core", nats_server)
    async with foreign_broker("core", nats_server) as client, open_session(nats_server) as session:
        await wait_for_worker(session, worker)
        task_id = await enqueue(client, "add", 1, 1)
        run = await wait_for_run(session, task_id, RunState.SUCCEEDED)
        worker.kill()
        await wait_for_no_worker(session)
        with pytest.raises(NoConsumersError) as caught:
            await session.tasks.rerun([run])
        assert not caught.value.durable
        lost = await enqueue(client, "add", 1, 2)  # shown although no worker took it
        await wait_for_run(session, lost, RunState.QUEUED)
        assert len(session.state.runs.rows) == 2


async def test_hostile_pickles_are_shown_and_never_executed(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (touched,))

    bombs = {
        "code": pickle.dumps({"is_err": False, "return_value": Hostile(), "labels": {}}),
        "memory": b"\x80\x04r\xff\xff\xff\x7f.",
        "nested": b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "cut": pickle.dumps({"is_err": False, "return_value": "x" * 100})[:-20],
    }
    async with foreign_broker("core", nats_server) as client, open_session(nats_server) as session:
        backend: Any = client.result_backend
        store = await backend.nats_jetstream.object_store(RESULT_BUCKET)
        for key, body in bombs.items():
            await store.put(key, body)
        for key, bomb in bombs.items():
            run = await wait_for_run(session, key, RunState.RESULT_UNREADABLE)
            row = await wait_for_unreadable_result(session, key)
            assert row.format == "unreadable"
            stored = await session.results.read(run.task_id)
            assert (stored.raw, stored.result) == (bomb, None)
            assert stored.problem
        await store.put("fine", pickle.dumps({"is_err": False, "return_value": 1, "labels": {}}))
        await wait_for_run(session, "fine", RunState.SUCCEEDED)
    assert not touched.exists()


async def test_arguments_are_read_from_the_stream_of_a_foreign_broker(
    nats_server: NatsServer, start_worker: StartWorker
) -> None:
    async with foreign_broker("pull", nats_server) as client:
        first = await enqueue(client, "add", 7, 8)
        worker = start_worker("pull", nats_server)
        waiting = await enqueue(client, "fail_softly")
        async with open_session(nats_server) as session:
            await wait_for_worker(session, worker)
            assert await session.wait_caught_up()
            run = await wait_for_run(session, first, RunState.SUCCEEDED)
            assert arguments(run) == ([7, 8], {})
            assert run.queued_at is not None
            await wait_for_run(session, waiting, RunState.SOFT_FAILED)
            sent = await session.tasks.rerun([run])
            (again,) = sent.task_ids
            assert sent.durable
            run = await wait_for_run(session, again, RunState.SUCCEEDED)
            assert (run.rerun_of, arguments(run)) == (first, ([7, 8], {}))
            assert len(session.state.runs.rows) == 3


async def test_without_jetstream_tasks_are_shown_with_the_reason_for_missing_results(
    start_worker: StartWorker,
) -> None:
    with NatsServer(jetstream=False) as server:
        worker = start_worker("core-without-results", server)
        async with (
            foreign_broker("core-without-results", server) as client,
            open_session(server) as seen,
        ):
            await wait_for_worker(seen, worker)
            task_id = await enqueue(client, "add", 1, 2, note="unanswered")
            run = await wait_for_run(seen, task_id, RunState.QUEUED)
            assert arguments(run) == ([1, 2], {"note": "unanswered"})
            assert seen.task_feed.status.mode == "live"
            assert any(
                text.startswith("history and results: ") and "no streams, buckets" in text
                for text in seen.limitations
            )
            with pytest.raises(NoJetStreamError):
                await seen.results.store.status()
            (again,) = (await seen.tasks.rerun([run])).task_ids
            await wait_for_run(seen, again, RunState.QUEUED)
            monitor_says = seen.tasks.queue_status
            assert monitor_says is not None
            assert (monitor_says.mode, monitor_says.durable) == ("core", False)
