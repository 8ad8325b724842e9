"""The task queue: its status as the server reports it, and the publishing of tasks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.model.errors import (
    NoConsumersError,
    NotConnectedError,
    NotPermittedError,
    TooLargeError,
    UserFacingError,
)
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.task_queue import TaskQueue
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

SUBJECT = "taskiq_tasks"
STREAM = "taskiq_jetstream"
DURABLE = "taskiq_durable"


@contextlib.asynccontextmanager
async def queue_on(
    server: NatsServer, *, monitor: bool = True, subject: str = SUBJECT
) -> AsyncIterator[TaskQueue]:
    connection = Connection(server.url)
    await connection.open()
    # The observer of the window itself, which must never count as a worker.
    await connection.client.subscribe(subject)
    names = TaskiqNames(subject=subject)
    queue = TaskQueue(connection, names, server.monitor_url if monitor else None)
    try:
        yield queue
    finally:
        await queue.close()
        await connection.close()


@pytest.fixture
async def worker(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def stream(worker: Client) -> None:
    await worker.jetstream().add_stream(name=STREAM, subjects=[SUBJECT])


async def subscribe(client: Client, group: str = "taskiq") -> list[bytes]:
    taken: list[bytes] = []

    async def take(message: Msg) -> None:
        taken.append(message.data)

    await client.subscribe(SUBJECT, queue=group, cb=take)
    await client.flush()
    return taken


@pytest.mark.parametrize("monitor", [True, False])
async def test_without_a_stream_and_a_worker_a_task_is_rejected(
    nats_server: NatsServer, monitor: bool
) -> None:
    async with queue_on(nats_server, monitor=monitor) as queue:
        status = await queue.status()
        assert (status.mode, status.durable) == ("core", False)
        assert status.has_consumers is (False if monitor else None)
        assert status.consumers == (0 if monitor else None)
        with pytest.raises(NoConsumersError) as caught:
            await queue.enqueue("id", b"{}")
        assert not caught.value.durable
        sent = await queue.enqueue("id", b"{}", force=True)
        assert not sent.durable


@pytest.mark.parametrize("monitor", [True, False])
async def test_without_a_stream_a_subscribed_worker_receives_the_task(
    nats_server: NatsServer, worker: Client, monitor: bool
) -> None:
    taken = await subscribe(worker)
    async with queue_on(nats_server, monitor=monitor) as queue:
        sent = await queue.enqueue("id", b"task", {"queue": "label"})
        await wait_until(lambda: taken == [b"task"])
        assert (sent.durable, sent.bytes) == (False, 4)
        if monitor:
            status = await queue.status()
            assert (status.consumers, status.has_consumers) == (1, True)


async def test_another_window_does_not_count_as_a_worker(nats_server: NatsServer) -> None:
    second = Connection(nats_server.url)
    await second.open()
    await second.client.subscribe(SUBJECT)
    async with queue_on(nats_server) as queue:
        with pytest.raises(NoConsumersError):
            await queue.enqueue("id", b"{}")
    await second.close()


async def test_an_unknown_client_without_a_queue_group_may_be_a_worker(
    nats_server: NatsServer, worker: Client
) -> None:
    await worker.subscribe(SUBJECT)
    await worker.flush()
    async with queue_on(nats_server) as queue:
        assert (await queue.status()).has_consumers is None
        await queue.enqueue("id", b"{}")


async def test_a_stream_stores_a_task_once_and_without_a_worker_only_when_forced(
    nats_server: NatsServer, stream: None
) -> None:
    async with queue_on(nats_server) as queue:
        status = await queue.status()
        assert (status.mode, status.durable, status.stream) == ("jetstream", True, STREAM)
        assert (status.pending, status.has_consumers, status.consumer) == (0, False, "")
        with pytest.raises(NoConsumersError) as caught:
            await queue.enqueue("one", b"{}")
        assert caught.value.durable
        first = await queue.enqueue("one", b"{}", force=True)
        again = await queue.enqueue("one", b"{}", force=True)
        live = await queue.enqueue("two", b"{}", has_live_workers=True)
        assert (first.durable, first.stream, first.sequence, first.duplicate) == (
            True, STREAM, 1, False,
        )  # fmt: skip
        assert (again.sequence, again.duplicate) == (1, True)
        assert live.sequence == 2
        status = await queue.status()
        assert status.pending == 2
        assert status.oldest_at is not None
        assert time.time() - 5 < status.oldest_at < time.time() + 5


async def test_the_status_has_the_counts_of_the_consumer(
    nats_server: NatsServer, worker: Client, stream: None
) -> None:
    js = worker.jetstream()
    pull = await js.pull_subscribe(SUBJECT, durable=DURABLE)
    async with queue_on(nats_server) as queue:
        status = await queue.status()
        assert (status.consumer, status.open_pulls, status.has_consumers) == (DURABLE, 0, False)
        fetching = asyncio.create_task(pull.fetch(1, timeout=5))

        async def is_pulling() -> bool:
            return (await queue.status()).consumers == 1

        await wait_until(is_pulling)
        await queue.enqueue("one", b"1")
        (message,) = await fetching
        await queue.enqueue("two", b"2")  # the worker is busy: it has just taken one
        status = await queue.status()
        assert (status.pending, status.ack_pending, status.has_consumers) == (1, 1, True)
        assert status.last_delivered_at is not None
        assert abs(status.last_delivered_at - time.time()) < 5
        assert status.consumers is None
        first_at = status.oldest_at
        assert first_at is not None
        await message.ack()

        async def acknowledged() -> bool:
            return (await queue.status()).ack_pending == 0

        await wait_until(acknowledged)
        status = await queue.status()
        assert status.pending == 1
        assert status.oldest_at is not None
        assert status.oldest_at > first_at
        (message,) = await pull.fetch(1)
        await message.nak()
        (message,) = await pull.fetch(1)
        assert (await queue.status()).redelivered == 1


async def test_streams_and_consumers_of_other_names_are_found(
    nats_server: NatsServer, worker: Client
) -> None:
    js = worker.jetstream()
    await js.add_stream(name="JOBS", subjects=["jobs.>"])
    await js.pull_subscribe("jobs.mail", durable="mailers")
    await js.pull_subscribe("jobs.print", durable="printers")
    async with queue_on(nats_server, subject="jobs.print") as queue:
        status = await queue.status()
        assert (status.stream, status.consumer) == ("JOBS", "printers")


async def test_a_task_that_is_too_large_is_rejected_with_both_sizes(
    nats_server: NatsServer, worker: Client
) -> None:
    await subscribe(worker)
    async with queue_on(nats_server) as queue:
        with pytest.raises(TooLargeError) as caught:
            await queue.enqueue("id", b"x" * (1 << 20))
        assert caught.value.limit == 1 << 20 < caught.value.size
        size = (1 << 20) - 100
        assert (await queue.enqueue("id", b"x" * size)).bytes == size


async def test_without_a_connection_nothing_is_sent(nats_server: NatsServer, stream: None) -> None:
    async with queue_on(nats_server) as queue:
        nats_server.kill()

        async def is_unknown() -> bool:
            return (await queue.status()).mode == "unknown"

        await wait_until(is_unknown)
        with pytest.raises(NotConnectedError):
            await queue.enqueue("id", b"{}", force=True)
        status = await queue.status()
        assert (status.mode, status.has_consumers) == ("unknown", None)
        assert "no connection" in status.problem


async def test_a_full_stream_is_reported(nats_server: NatsServer, worker: Client) -> None:
    await worker.jetstream().add_stream(name=STREAM, subjects=[SUBJECT], max_msgs=1, discard="new")
    async with queue_on(nats_server) as queue:
        await queue.enqueue("one", b"{}", force=True)
        with pytest.raises(UserFacingError, match="maximum messages exceeded") as caught:
            await queue.enqueue("two", b"{}", force=True)
    assert caught.value.title == "The queue is full"
    assert "Start workers" in caught.value.advice


LIMITED = """
authorization { users = [
  { user: admin, password: p }
  { user: op, password: p, permissions: { publish: [%s], subscribe: [">"] } }
] }
"""


async def test_a_missing_permission_to_publish_is_reported_at_once() -> None:
    with NatsServer(user="op", password="p", config=LIMITED % '"$JS.API.>"') as server:
        started = time.monotonic()
        async with queue_on(server, monitor=False) as queue:
            with pytest.raises(NotPermittedError, match="publish to taskiq_tasks"):
                await queue.enqueue("id", b"{}")
        assert time.monotonic() - started < 5


async def test_a_stream_without_permission_to_read_it_still_confirms() -> None:
    with NatsServer(user="op", password="p", config=LIMITED % f'"{SUBJECT}"') as server:
        client = await connect(server.url.replace("op:", "admin:"))
        await client.jetstream().add_stream(name=STREAM, subjects=[SUBJECT])
        async with queue_on(server, monitor=False) as queue:
            status = await queue.status()
            assert status.mode == "unknown"
            assert "may not publish to $JS.API.STREAM.NAMES" in status.problem
            sent = await queue.enqueue("id", b"{}")
            assert (sent.durable, sent.stream, sent.sequence) == (True, STREAM, 1)
            await client.jetstream().update_stream(
                name=STREAM, subjects=[SUBJECT], max_msgs=1, discard="new"
            )
            with pytest.raises(UserFacingError, match="The queue is full"):
                await queue.enqueue("another", b"{}")
        await client.close()


async def test_without_jetstream_the_queue_has_core_mode() -> None:
    with NatsServer(jetstream=False) as server:
        async with queue_on(server) as queue:
            status = await queue.status()
            assert (status.mode, status.problem) == ("core", "")
