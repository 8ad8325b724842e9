"""The task queue: counted as the server counts, and fed only when that makes sense."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time

import nats
import pytest

from pulse_desktop.model.errors import (
    NoConsumersError,
    NotConnectedError,
    NotPermittedError,
    TooLargeError,
    UserFacingError,
)
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.server_monitor import ServerMonitor, guess_monitor_url
from pulse_desktop.transport.task_queue import TaskQueue
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

SUBJECT = "taskiq_tasks"
STREAM = "taskiq_jetstream"
DURABLE = "taskiq_durable"


@contextlib.asynccontextmanager
async def queue_on(server: NatsServer, *, monitor: bool = True, subject: str = SUBJECT):
    connection = Connection(server.url)
    await connection.open()
    # Our own observer, as the window has it: it must never count as a worker.
    await connection.client.subscribe(subject)
    queue = TaskQueue(connection, subject, server.monitor_url if monitor else None)
    try:
        yield queue
    finally:
        await queue.close()
        await connection.close()


@pytest.fixture
async def other(nats_server: NatsServer):
    client = await nats.connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def stream(other) -> None:
    await other.jetstream().add_stream(name=STREAM, subjects=[SUBJECT])


async def listen(client, group: str = "taskiq") -> list[bytes]:
    taken: list[bytes] = []

    async def take(msg) -> None:
        taken.append(msg.data)

    await client.subscribe(SUBJECT, queue=group, cb=take)
    await client.flush()
    return taken


@pytest.mark.parametrize("monitor", [True, False])
async def test_without_a_stream_and_a_worker_a_task_is_refused(
    nats_server: NatsServer, monitor
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
async def test_without_a_stream_a_worker_that_listens_gets_the_task(
    nats_server: NatsServer, other, monitor
) -> None:
    taken = await listen(other)
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


async def test_a_stranger_without_a_group_may_be_a_worker(nats_server: NatsServer, other) -> None:
    await other.subscribe(SUBJECT)
    await other.flush()
    async with queue_on(nats_server) as queue:
        assert (await queue.status()).has_consumers is None
        await queue.enqueue("id", b"{}")


async def test_a_stream_keeps_a_task_once_and_only_anyway_without_a_worker(
    nats_server: NatsServer, stream
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
        assert time.time() - 5 < status.oldest_at < time.time() + 5


async def test_the_queue_is_counted_as_its_consumer_counts(
    nats_server: NatsServer, other, stream
) -> None:
    js = other.jetstream()
    pull = await js.pull_subscribe(SUBJECT, durable=DURABLE)
    async with queue_on(nats_server) as queue:
        status = await queue.status()
        assert (status.consumer, status.open_pulls, status.has_consumers) == (DURABLE, 0, False)
        asking = asyncio.create_task(pull.fetch(1, timeout=5))
        await wait_until(lambda: asyncio.ensure_future(_waits(queue)))
        await queue.enqueue("one", b"1")
        (message,) = await asking
        await queue.enqueue("two", b"2")  # the worker is busy: it has just taken one
        status = await queue.status()
        assert (status.pending, status.ack_pending, status.has_consumers) == (1, 1, True)
        assert abs(status.last_delivered_at - time.time()) < 5
        assert status.consumers is None
        first_at = status.oldest_at
        await message.ack()

        async def acknowledged():
            return (await queue.status()).ack_pending == 0

        await wait_until(acknowledged)
        status = await queue.status()
        assert status.pending == 1
        assert status.oldest_at > first_at
        (message,) = await pull.fetch(1)
        await message.nak()
        (message,) = await pull.fetch(1)
        assert (await queue.status()).redelivered == 1


async def _waits(queue: TaskQueue) -> bool:
    return (await queue.status()).consumers == 1


async def test_streams_and_consumers_of_other_names_are_found(
    nats_server: NatsServer, other
) -> None:
    js = other.jetstream()
    await js.add_stream(name="JOBS", subjects=["jobs.>"])
    await js.pull_subscribe("jobs.mail", durable="mailers")
    await js.pull_subscribe("jobs.print", durable="printers")
    async with queue_on(nats_server, subject="jobs.print") as queue:
        status = await queue.status()
        assert (status.stream, status.consumer) == ("JOBS", "printers")


async def test_a_task_that_is_too_large_is_refused_with_both_sizes(
    nats_server: NatsServer, other
) -> None:
    await listen(other)
    async with queue_on(nats_server) as queue:
        with pytest.raises(TooLargeError) as caught:
            await queue.enqueue("id", b"x" * (1 << 20))
        assert caught.value.limit == 1 << 20 < caught.value.size
        size = (1 << 20) - 100
        assert (await queue.enqueue("id", b"x" * size)).bytes == size


async def test_without_a_connection_nothing_is_sent(nats_server: NatsServer, stream) -> None:
    async with queue_on(nats_server) as queue:
        nats_server.kill()
        await wait_until(lambda: not queue._connection.connected)
        with pytest.raises(NotConnectedError):
            await queue.enqueue("id", b"{}", force=True)
        status = await queue.status()
        assert (status.mode, status.has_consumers) == ("unknown", None)
        assert "no connection" in status.problem


async def test_a_full_stream_says_so(nats_server: NatsServer, other) -> None:
    await other.jetstream().add_stream(name=STREAM, subjects=[SUBJECT], max_msgs=1, discard="new")
    async with queue_on(nats_server) as queue:
        await queue.enqueue("one", b"{}", force=True)
        with pytest.raises(UserFacingError, match="maximum messages exceeded") as told:
            await queue.enqueue("two", b"{}", force=True)
    assert told.value.title == "The queue is full"
    assert "Start workers" in told.value.advice


LIMITED = """
authorization { users = [
  { user: admin, password: p }
  { user: op, password: p, permissions: { publish: [%s], subscribe: [">"] } }
] }
"""


async def test_without_permission_to_publish_it_is_told_at_once() -> None:
    with NatsServer(user="op", password="p", config=LIMITED % '"$JS.API.>"') as server:
        started = time.monotonic()
        async with queue_on(server, monitor=False) as queue:
            with pytest.raises(NotPermittedError, match="publish to taskiq_tasks"):
                await queue.enqueue("id", b"{}")
        assert time.monotonic() - started < 5


async def test_a_stream_that_may_not_be_looked_at_still_confirms() -> None:
    with NatsServer(user="op", password="p", config=LIMITED % f'"{SUBJECT}"') as server:
        client = await nats.connect(server.url.replace("op:", "admin:"))
        await client.jetstream().add_stream(name=STREAM, subjects=[SUBJECT])
        async with queue_on(server, monitor=False) as queue:
            status = await queue.status()
            assert status.mode == "unknown"
            assert "may not publish to $js.api.stream.names" in status.problem
            sent = await queue.enqueue("id", b"{}")
            assert (sent.durable, sent.stream, sent.sequence) == (True, STREAM, 1)
            await client.jetstream().update_stream(
                name=STREAM, subjects=[SUBJECT], max_msgs=1, discard="new"
            )
            with pytest.raises(UserFacingError, match="The queue is full"):
                await queue.enqueue("another", b"{}")
        await client.close()


async def test_without_jetstream_the_queue_is_a_core_one() -> None:
    with NatsServer(jetstream=False) as server:
        async with queue_on(server) as queue:
            status = await queue.status()
            assert (status.mode, status.problem) == ("core", "")


async def test_the_monitoring_port_is_read(nats_server: NatsServer, stream, other) -> None:
    monitor = ServerMonitor(nats_server.monitor_url)
    before = await monitor.snapshot()
    await other.jetstream().publish(SUBJECT, b"x" * 1000)
    after = await monitor.snapshot()
    assert after.version.startswith("2.")
    assert after.name
    assert after.connections == 1
    assert 0 <= before.uptime_s <= after.uptime_s < 60
    assert after.memory_bytes > 1 << 20
    assert after.in_msgs > before.in_msgs
    assert after.in_bytes >= before.in_bytes + 1000
    assert after.jetstream_bytes >= 1000
    assert after.jetstream_limit_bytes > after.jetstream_bytes
    assert not after.clustered
    await monitor.close()


async def test_a_monitoring_port_that_is_not_there_is_no_error(unused_tcp_port) -> None:
    now = 0.0
    for url in (f"http://127.0.0.1:{unused_tcp_port}", "", None, "nonsense"):
        monitor = ServerMonitor(url, clock=lambda: now)
        assert await monitor.snapshot() is None
        assert await monitor.count_consumers(SUBJECT) is None
        await monitor.close()


async def test_a_monitoring_port_is_asked_again_after_a_while(nats_server: NatsServer) -> None:
    now = 0.0
    url = nats_server.monitor_url
    nats_server.kill()
    monitor = ServerMonitor(url, clock=lambda: now)
    assert await monitor.snapshot() is None
    nats_server.start()
    assert await monitor.snapshot() is None
    now = 60.0
    assert await monitor.snapshot() is not None
    await monitor.close()


async def test_something_else_on_the_monitoring_port_is_no_error() -> None:
    async def answer(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps([1, 2]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monitor = ServerMonitor(f"http://127.0.0.1:{port}")
        assert await monitor.snapshot() is None
        await monitor.close()


async def test_a_guessed_port_that_belongs_to_another_server_tells_nothing(
    nats_server: NatsServer,
) -> None:
    now = 0.0
    ours = ""
    with NatsServer() as another:
        monitor = ServerMonitor(another.monitor_url, server_id=lambda: ours, clock=lambda: now)
        assert await monitor.snapshot() is None, "not connected yet"
        connection = Connection(nats_server.url)
        await connection.open()
        ours = connection.server_id
        assert await monitor.snapshot() is None
        assert await monitor.count_consumers(SUBJECT) is None
        monitor.move_to(nats_server.monitor_url, lambda: connection.server_id)
        assert await monitor.snapshot() is not None
        assert await monitor.count_consumers(SUBJECT) == 0
        await connection.close()
        assert await monitor.snapshot() is None
        await monitor.close()


def test_what_http_needs_is_never_loaded_on_the_loop(nats_server: NatsServer) -> None:
    code = f"""
import asyncio, sys, threading
from pulse_desktop.transport.server_monitor import ServerMonitor

class Watch:
    here = []
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            self.here.append(name)

async def main():
    monitor = ServerMonitor({nats_server.monitor_url!r})
    sys.meta_path.insert(0, Watch())
    assert await monitor.snapshot() is not None
    await monitor.close()

asyncio.run(main())
loaded = {{name.partition(".")[0] for name in Watch.here}}
print(sorted(loaded & {{"anyio", "certifi", "h11", "httpcore"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_monitoring_port_is_guessed_without_secrets() -> None:
    assert guess_monitor_url("nats://t0ken@host:4222") == "http://host:8222"
    assert guess_monitor_url("tls://[::1]:4333,nats://b") == "http://[::1]:8222"
    assert guess_monitor_url("") == ""
