"""The NATS client: flush, reconnecting and refused subjects."""

import asyncio
import gc
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import psutil
import pytest
from nats.aio.msg import Msg
from nats.errors import BadSubjectError

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.client import InvalidSubjectError, NatsClient
from pulse_desktop.nats_client.connect import close_quietly
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.nats_client.tls_transport import TLSTransport
from tests.kit.coincidences import act_at_answer
from tests.kit.loopback_server import LoopbackServer
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def test_a_cancelled_or_timed_out_flush_keeps_the_connection_open(
    nats_server: NatsServer,
) -> None:
    client = NatsClient()
    problems: list[str] = []

    async def on_error(error: Exception) -> None:
        problems.append(repr(error))

    async def on_disconnect() -> None:
        problems.append("disconnected")

    await client.connect(nats_server.url, error_cb=on_error, disconnected_cb=on_disconnect)
    try:
        process = psutil.Process(nats_server.pid)
        process.suspend()
        try:
            await wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
            cancelled = asyncio.ensure_future(client.flush())
            with pytest.raises(TimeoutError):
                await client.flush(1)
            cancelled.cancel()
            await asyncio.wait({cancelled})
            assert cancelled.cancelled()
        finally:
            process.resume()
        await client.flush()
        assert problems == []
    finally:
        await client.close()


async def _fill_buffers(client: NatsClient, timeout: float) -> asyncio.Future[None]:  # noqa: ASYNC109
    """Publish until the buffers of both sides are full; return the call that waits.

    The buffers of two sockets hold a few megabytes each, and asyncio's 64 kB.
    """
    for _ in range(64):
        publishing = asyncio.ensure_future(client.publish("s", b"x" * (1 << 20)))
        if not (await asyncio.wait({publishing}, timeout=timeout))[0]:
            return publishing
    raise AssertionError("64 MB are buffered for a server that does not read")


async def test_a_flush_ends_in_time_when_the_server_stops_reading(nats_server: NatsServer) -> None:
    client = NatsClient()
    await client.connect(nats_server.url)
    process = psutil.Process(nats_server.pid)
    process.suspend()
    try:
        publishing = await _fill_buffers(client, 0.5)
        async with asyncio.timeout(20):
            with pytest.raises(TimeoutError):
                await client.flush(1)
        waiting = asyncio.ensure_future(client.flush(60))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
    finally:
        process.resume()
        await asyncio.wait({publishing})
        await client.close()


@pytest.mark.parametrize("timeout_s", [0.1, pytest.param(10.0, marks=pytest.mark.slow)])
async def test_closing_at_a_server_that_does_not_read_leaves_nothing_open(
    nats_server: NatsServer, timeout_s: float
) -> None:
    client = NatsClient()
    await client.connect(nats_server.url)
    process = psutil.Process(nats_server.pid)
    process.suspend()
    try:
        publishing = await _fill_buffers(client, 0.1)
        await close_quietly(client, timeout_s)
        connections = psutil.Process().net_connections("tcp")
        assert nats_server.port not in [each.raddr.port for each in connections if each.raddr]
        await cancel_and_wait(publishing)
    finally:
        process.resume()


async def _cancel_close_at_its_error(server: NatsServer) -> None:
    """Cancel a wait for the end of a connection just when that ends with an error."""
    transport = TLSTransport()
    await transport.connect(urlparse(server.url), 1 << 16, 5)
    writer: asyncio.StreamWriter = vars(transport)["_io_writer"]
    psutil.Process(server.pid).suspend()
    transport.write(b"x" * (64 << 20))  # type: ignore[no-untyped-call]
    transport.close()  # type: ignore[no-untyped-call]
    closing = asyncio.ensure_future(transport.wait_closed())
    closed: asyncio.Future[None] = vars(writer)["_protocol"]._get_close_waiter(writer)  # noqa: SLF001
    closed.add_done_callback(lambda _closed: closing.cancel())
    server.kill()
    await asyncio.wait({closing}, timeout=30)
    assert closing.cancelled()
    assert isinstance(closed.exception(), OSError)


async def test_an_error_that_coincides_with_a_cancelled_close_is_not_reported(
    nats_server: NatsServer,
) -> None:
    reported: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: reported.append(context))
    await _cancel_close_at_its_error(nats_server)
    gc.collect()
    assert reported == []


async def test_a_flush_confirms_the_subscriptions_made_before_it(nats_server: NatsServer) -> None:
    client, received = NatsClient(), set[int]()

    async def on_message(message: Msg) -> None:
        received.add(int(message.data))

    await client.connect(nats_server.url)
    host, port = nats_server.url.removeprefix("nats://").split(":")
    try:
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b'CONNECT {"verbose":false}\r\n')
            for number in range(50):
                await client.subscribe(f"s.{number}", cb=on_message)
                await client.flush()
                raw.sendall(b"PUB s.%d 2\r\n%02d\r\n" % (number, number))
            await wait_until(lambda: len(received) == 50)
    finally:
        await client.close()


HOSTILE = [
    b"HPUB s.h 8 10\r\nNATS/1.0{}\r\n",
    b"HPUB s.h 14 16\r\nNATS/1.0 100 \xff{}\r\n",
    b"HPUB s.h 31 33\r\nNATS/1.0\r\nStatus: 100\r\n\xff: \xff\r\n\r\n{}\r\n",
    b"PUB s.\xff 2\r\n{}\r\n",
    b"PUB s.a\x0bb 2\r\n{}\r\n",
    b"PUB s.a\rb 2\r\n{}\r\n",
    b"PUB s.a\x0bb reply\xff 2\r\n{}\r\n",
]


@pytest.mark.parametrize("is_direct", [False, True])
async def test_no_header_and_no_subject_of_another_client_ends_reading(
    nats_server: NatsServer, is_direct: bool
) -> None:
    client, received, lost = FastPathClient(), list[bytes](), list[str]()

    async def on_message(message: Msg) -> None:
        received.append(message.data)

    async def on_disconnected() -> None:
        lost.append("disconnected")

    await client.connect(nats_server.url, disconnected_cb=on_disconnected)
    host, port = nats_server.url.removeprefix("nats://").split(":")
    try:
        subscription = await client.subscribe("s.>", cb=on_message)
        if is_direct:
            client.deliver_directly(subscription, lambda _subject, data: received.append(data))
        await client.flush()
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
            for message in HOSTILE:
                raw.sendall(message)
            raw.sendall(b"PUB s.end 3\r\nend\r\n")
            await wait_until(lambda: b"end" in received)
        assert received == [b"{}"] * len(HOSTILE) + [b"end"]
        assert not lost
        assert client.stats["reconnects"] == 0
    finally:
        await client.close()


async def test_a_client_leaves_a_frozen_server_although_data_waits_for_it(
    nats_server: NatsServer,
) -> None:
    client = NatsClient()
    with NatsServer() as other:
        await client.connect(
            [nats_server.url, other.url],
            dont_randomize=True,
            ping_interval=0.2,
            max_outstanding_pings=1,
            reconnect_time_wait=0.1,
        )
        process = psutil.Process(nats_server.pid)
        process.suspend()
        try:
            publishing = await _fill_buffers(client, 0.1)
            await wait_until(lambda: client.stats["reconnects"] and client.is_connected)
            assert client.connected_url is not None
            assert client.connected_url.port == other.port
            await client.flush()
        finally:
            process.resume()
            await asyncio.wait({publishing})
            await client.close()


class _GreetingServer(LoopbackServer):
    """Sends the same bytes to each client and closes the connection."""

    def __init__(self, port: int, greeting: bytes) -> None:
        super().__init__(port)
        self._greeting = greeting
        self.greeted = asyncio.Event()

    async def _serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.greeted.set()
        writer.write(self._greeting)


@pytest.mark.parametrize("greeting", [b"INFO-SERVICE ready\r\n", b"INFO 5\r\n", b"x" * (1 << 20)])
async def test_a_client_reconnects_after_another_program_used_the_port(
    nats_server: NatsServer, greeting: bytes
) -> None:
    async def ignore(_error: Exception) -> None: ...

    client = NatsClient()
    await client.connect(
        nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=ignore
    )
    try:
        nats_server.stop()
        async with _GreetingServer(nats_server.port, greeting) as other:
            await other.greeted.wait()
        nats_server.start()
        await wait_until(lambda: client.stats["reconnects"] and client.is_connected)
    finally:
        await client.close()


@pytest.mark.parametrize("name", ["n" * 5_000, "a b", "a\r\nPUB x 0\r\n", "a\0b", "\ud800"])
async def test_an_invalid_subject_is_refused_and_the_connection_stays(
    nats_server: NatsServer, name: str
) -> None:
    losses: list[str] = []

    async def on_loss() -> None:
        losses.append("lost")

    client = NatsClient()
    await client.connect(nats_server.url, disconnected_cb=on_loss)
    try:
        with pytest.raises(InvalidSubjectError):
            await client.publish(f"$O.b.C.{name}")
        with pytest.raises(InvalidSubjectError):
            await client.publish("a", reply=name)
        with pytest.raises(BadSubjectError):
            await client.request(name, timeout=1)
        with pytest.raises(InvalidSubjectError):
            await client.subscribe(name)
        with pytest.raises(InvalidSubjectError):
            await client.subscribe("a", name)
        await client.flush()
        assert not losses
    finally:
        await client.close()


async def _respond(message: Msg) -> None:
    await message.respond(b"")


@pytest.mark.parametrize("call", ["request", "flush"])
async def test_a_cancellation_that_coincides_with_an_answer_is_not_lost(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    client = NatsClient()
    await client.connect(nats_server.url)
    await client.subscribe("echo", cb=_respond)
    await client.flush()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "request": lambda: client.request("echo", b""),
        "flush": client.flush,
    }
    cancelled = act_at_answer(monkeypatch, 0, lambda task: task.cancel())
    try:
        calling = asyncio.ensure_future(calls[call]())
        await cancelled.wait()
        await asyncio.wait({calling}, timeout=10)
        assert calling.cancelled()
        await client.flush()
    finally:
        await client.close()


@pytest.mark.parametrize("answer", range(2), ids=["INFO", "PONG"])
async def test_a_cancelled_attempt_to_reconnect_leaves_nothing_behind(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    client, reconnecting = NatsClient(), []

    def cancel(task: asyncio.Task[Any]) -> None:
        reconnecting.append(task)
        task.cancel()

    before = asyncio.all_tasks()
    await client.connect(nats_server.url, reconnect_time_wait=0)
    try:
        cancelled = act_at_answer(monkeypatch, answer, cancel)
        await client.force_reconnect()
        await cancelled.wait()
        done, _ = await asyncio.wait(reconnecting, timeout=10)
        assert done
        assert not client.is_connected
        await wait_until(lambda: asyncio.all_tasks() == before)
    finally:
        await client.close()
    assert client.is_closed


async def test_a_write_to_a_server_that_does_not_read_can_be_cancelled(
    nats_server: NatsServer,
) -> None:
    client = NatsClient()
    await client.connect(nats_server.url)
    process = psutil.Process(nats_server.pid)
    process.suspend()
    try:
        publishing = await _fill_buffers(client, 0.1)
        publishing.cancel()
        await asyncio.wait({publishing}, timeout=10)
        assert publishing.cancelled()
        await close_quietly(client, 0.1)
    finally:
        process.resume()
