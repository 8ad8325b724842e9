"""The middleware shows and cancels the tasks of other projects' brokers, whatever the broker.

The project is generated from the example of docs/workers.md, run by TaskIQ's own worker, and
observed by a session of the desktop.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pulse_workers import PulseMiddleware
from taskiq_nats import NatsBroker

from pulse_desktop.model.errors import NoConsumersError
from pulse_desktop.model.outcomes import CancelOutcome, CancelStatus, CommandStatus
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.control import PAUSE
from pulse_desktop.session.session import Session
from pulse_desktop.state.event_search import EventSearch
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_log import LOG_EVENT, LogLine, log_lines
from pulse_desktop.state.worker import Worker
from tests.kit.cli_process import command_environment, run_in_thread
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.taskiq_project import FINISH, MODULE, STARTED, generate, taskiq_worker
from tests.kit.waiting import wait_until

START_TIMEOUT_S = 75
"""A loaded machine takes long to start the two processes of a worker."""


@dataclass(frozen=True)
class Shop:
    """The project's worker, as the desktop sees it."""

    session: Session
    worker: Worker
    folder: Path

    async def enqueue(self, task: str, args: str = "[]") -> str:
        """Enqueue a task; the first one as soon as the broker, which starts last, takes tasks."""

        async def receipt() -> EnqueueReceipt | None:
            try:
                return await self.session.tasks.enqueue(f"{MODULE}:{task}", args.encode())
            except NoConsumersError:
                return None

        sent: EnqueueReceipt = await wait_until(receipt, message="the broker takes tasks")
        return sent.task_ids[0]

    async def wait(self, task_id: str, *states: RunState) -> TaskRun:
        return await wait_for_run(self.session, task_id, *states)

    async def wait_for_log(self, task_id: str) -> list[LogLine]:
        def lines() -> list[LogLine]:
            search = EventSearch(self.session.state.log, task_id)
            search.finish()
            return log_lines(search.events(LOG_EVENT), task_id)

        found: list[LogLine] = await wait_until(lines, message="log lines")
        return found

    async def cancel(self, task_id: str) -> CancelOutcome:
        (outcome,) = await self.session.tasks.cancel([task_id], "wrong parcel")
        return outcome


@asynccontextmanager
async def open_shop(server: NatsServer, folder: Path, *arguments: str) -> AsyncIterator[Shop]:
    """Run the generated project until its worker accepts commands and has announced its tasks."""
    async with open_session(server) as session:
        with taskiq_worker(folder, *arguments):

            def ready() -> Worker | None:
                workers = session.state.workers
                found = next((each for each in workers.rows if each.control), None)
                return found if workers.task_schemas.get(f"{MODULE}:add") else None

            worker = await wait_until(ready, START_TIMEOUT_S, f"a heartbeat; see {folder}")
            yield Shop(session, worker, folder)

        def stopped() -> bool:
            found = session.state.workers.get(worker.id)
            return found is not None and found.stopped

        await wait_until(stopped, message="the worker reports its end")


@pytest.mark.timeout(300)
async def test_the_documented_example_shows_everything(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    generate(tmp_path, nats_server.url)
    async with open_shop(nats_server, tmp_path) as shop:
        await check_events(shop)
        await check_cancellation(shop, nats_server)
        await check_threads(shop)


async def test_the_login_of_the_broker_is_used_also_without_jetstream() -> None:
    with NatsServer(user="shop", password="s3cret", jetstream=False) as server:
        broker = NatsBroker(f"nats://{server.address}", user="shop", password="s3cret")
        broker.add_middlewares(PulseMiddleware())
        client = await connect(server.url)
        events = await client.subscribe("websocket.tasks")
        await client.flush()
        await broker.startup()

        async def add() -> int:
            return 3

        await broker.register_task(add, "add").kiq()
        event = json.loads((await events.next_msg(timeout=10)).data)
        assert (event["type"], event["data"]["task_name"]) == ("task.queued", "add")
        assert event["source"].startswith("taskiq@")  # no name of a pulse-worker
        await broker.shutdown()
        await client.close()


BROKERS = {
    "pull": {"broker": "PullBasedJetStreamBroker", "queue": ""},
    "push": {"broker": "PushBasedJetStreamBroker", "queue": ""},
    "simple retries": {"retries": "SimpleRetryMiddleware()"},
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", BROKERS.values(), ids=BROKERS)
async def test_every_broker_shows_everything(
    options: dict[str, str], nats_server: NatsServer, tmp_path: Path
) -> None:
    generate(tmp_path, nats_server.url, **options)
    async with open_shop(nats_server, tmp_path) as shop:
        await check_events(shop)
        await check_cancellation(shop, nats_server)
        await check_threads(shop)


@pytest.mark.slow
async def test_a_task_that_waits_in_a_stream_is_removed_from_it(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    generate(tmp_path, nats_server.url, **BROKERS["pull"])
    async with open_shop(nats_server, tmp_path, "--max-async-tasks", "1") as shop:
        running = await shop.enqueue("pack", "[3]")
        await shop.wait(running, RunState.RUNNING)
        waiting = [await shop.enqueue("add", "[1, 2]") for _ in range(3)]
        for task_id in reversed(waiting):
            outcome = await shop.cancel(task_id)
            # TaskIQ may hold the next one, which it is refused when it starts.
            assert outcome.status in (CancelStatus.REMOVED, CancelStatus.NOT_FOUND)
        assert (await shop.cancel(running)).status is CancelStatus.CANCELLED
        for task_id in waiting:
            run = await shop.wait(task_id, RunState.CANCELLED)
            assert run.started_at is None


async def check_events(shop: Shop) -> None:
    schema = shop.session.state.workers.task_schemas.get(f"{MODULE}:add")
    assert schema is not None
    added = await shop.wait(await shop.enqueue("add", "[1, 2]"), RunState.SUCCEEDED)
    assert (added.worker, added.attempt) == (shop.worker.id, 1)
    assert added.started_at is not None
    retried = await shop.wait(await shop.enqueue("send_again", "[1]"), RunState.SUCCEEDED)
    first, second = retried.attempts
    assert first.result is not None
    assert first.result.will_retry
    assert first.result.error is not None
    assert "send_again" in first.result.error.traceback
    assert "secret" not in str(first.result.error)
    assert (second.number, retried.max_attempts) == (2, 3)
    failed = await shop.wait(await shop.enqueue("fail_in_a_thread"), RunState.FAILED)
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("ValueError", "negative")
    lines = failed.error.traceback.splitlines()
    assert "fail_in_a_thread" in lines[1]  # the task's own frames alone


async def check_cancellation(shop: Shop, server: NatsServer) -> None:
    task_id = await shop.enqueue("pack", "[3]")
    run = await wait_until(
        lambda: (run := shop.session.state.runs.get(task_id)) and run.progress and run,
        message="progress",
    )
    assert (run.progress.done, run.progress.total, run.progress.message) == (1, 3, "parcels")
    (line,) = await shop.wait_for_log(task_id)
    assert (line.level, line.logger) == ("INFO", "shop")
    assert line.text == "packing with password=***"
    outcome = await shop.cancel(task_id)
    assert (outcome.status, outcome.worker) == (CancelStatus.CANCELLED, shop.worker.id)
    run = await shop.wait(task_id, RunState.CANCELLED)
    stored = await shop.session.results.read(task_id)
    assert stored.result is not None
    assert stored.result.error is not None
    assert stored.result.error.type == "CancelledError"
    assert "wrong parcel" in stored.result.error.message
    retrying = await shop.enqueue("wait_with_retries")
    await shop.wait(retrying, RunState.RUNNING)
    environment = command_environment(shop.folder / "data", PULSE_SERVER=server.url)
    command = await run_in_thread("cancel", retrying, "--json", env=environment)
    assert (command.code, command.object["outcome"]) == (0, "cancelled")
    run = await shop.wait(retrying, RunState.CANCELLED)
    assert len(run.attempts) == 1
    (refused,) = await shop.session.workers.command(PAUSE, shop.worker.id)
    assert refused.status is CommandStatus.REFUSED
    assert "needs pulse-worker" in refused.detail
    # The worker goes on.
    await shop.wait(await shop.enqueue("add", "[3, 4]"), RunState.SUCCEEDED)


async def check_threads(shop: Shop) -> None:
    started, finish = shop.folder / STARTED, shop.folder / FINISH
    deaf = await shop.enqueue("wait_in_thread", "[false]")
    await wait_until(started.exists, message="the thread runs")
    (line,) = await shop.wait_for_log(deaf)
    assert (line.level, line.text) == ("WARNING", "in a thread")
    outcome = await shop.cancel(deaf)
    assert outcome.status is CancelStatus.CANCEL_REQUESTED
    assert "cannot be interrupted" in outcome.detail
    finish.touch()
    await shop.wait(deaf, RunState.SUCCEEDED)
    finish.unlink()
    started.unlink()
    heedful = await shop.enqueue("wait_in_thread", "[true]")
    await wait_until(started.exists, message="the thread runs")
    await shop.cancel(heedful)
    await shop.wait(heedful, RunState.CANCELLED)
