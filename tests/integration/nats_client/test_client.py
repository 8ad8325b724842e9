"""NATS clients: fast-path delivery equals that of nats-py, and flush."""

import asyncio
import random
import socket
from collections.abc import Callable

import psutil
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import BadSubjectError
from nats.protocol.parser import Parser

from pulse_desktop.nats_client.client import (
    MAX_CACHED_HEADERS,
    FastPathClient,
    InvalidSubjectError,
    NatsClient,
)
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

FAST_PATH_SID, CALLBACK_SID = 7, 8
"""Ids of a subscription on the fast path, and of one with a callback."""

Message = tuple[int, str, bytes]


class RecordingClient(FastPathClient):
    """A client without a connection that records what its parser finds."""

    def __init__(self, receive: Callable[[str, bytes], None] | None = None) -> None:
        super().__init__()
        self.fast_path: list[Message] = []
        self.callback: list[Message] = []
        self.other: list[str] = []
        self.errors: list[Exception] = []
        self.parser = self._ps
        self.parser.direct[FAST_PATH_SID] = receive or self.receive
        self._error_cb = self.on_error

    async def on_error(self, error: Exception) -> None:
        self.errors.append(error)

    def receive(self, subject: str, data: bytes) -> None:
        self.fast_path.append((FAST_PATH_SID, subject, data))

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        if sid == FAST_PATH_SID:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            self.callback.append((sid, subject.decode(), data))

    async def _process_ping(self) -> None:
        self.other.append("ping")


def server_output(chance: random.Random) -> tuple[bytes, list[Message]]:
    """Return bytes that a server may send, and the messages in them."""
    sent, messages = b"", []
    for number in range(60):
        sid = chance.choice((FAST_PATH_SID, FAST_PATH_SID, FAST_PATH_SID, CALLBACK_SID))
        payload = chance.choice((b"", b"\r\n", b"MSG a 7 3\r\n", b"x" * chance.randrange(300)))
        reply = chance.choice(("", "_INBOX.9 "))
        subject = f"websocket.t{number}"
        if chance.random() < 0.4:
            head = b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n"
            line = f"HMSG {subject} {sid} {reply}{len(head)} {len(head) + len(payload)}\r\n"
            sent += line.encode() + head + payload + b"\r\n"
        else:
            sent += f"MSG {subject} {sid} {reply}{len(payload)}\r\n".encode() + payload + b"\r\n"
        messages.append((sid, subject, payload))
        if chance.random() < 0.1:
            sent += chance.choice((b"PING\r\n", b"+OK\r\n"))
    return sent, messages


@pytest.mark.parametrize("seed", range(40))
def test_every_message_is_found_once_however_the_reads_are_split(seed: int) -> None:
    chance = random.Random(seed)
    sent, messages = server_output(chance)
    fast_client, plain_client = RecordingClient(), RecordingClient()
    fast, plain = fast_client.parser, Parser(plain_client)

    async def read() -> None:
        at = 0
        while at < len(sent):
            part = sent[at : at + chance.choice((1, 3, 50, 700, 5000))]
            at += len(part)
            await fast.parse(part)
            await plain.parse(part)

    asyncio.run(read())
    for client in (fast_client, plain_client):
        assert client.fast_path == [message for message in messages if message[0] == FAST_PATH_SID]
        assert client.callback == [message for message in messages if message[0] == CALLBACK_SID]
        assert client.stats["in_msgs"] == len(client.fast_path)
    assert fast_client.other == plain_client.other
    assert not fast.buf


def test_a_failing_receiver_loses_no_other_message() -> None:
    received: list[bytes] = []

    def receive(_subject: str, data: bytes) -> None:
        if data == b"bad":
            raise ValueError(data)
        received.append(data)

    client = RecordingClient(receive)
    sent = b"MSG a 7 1\r\n1\r\nMSG a 7 3\r\nbad\r\nMSG a 7 1\r\n2\r\n"
    asyncio.run(client.parser.parse(sent))
    assert received == [b"1", b"2"]
    assert [str(error) for error in client.errors] == ["b'bad'"]


def test_a_removed_subscription_receives_nothing_more() -> None:
    client = RecordingClient()
    message = b"MSG a 7 1\r\n1\r\n"
    asyncio.run(client.parser.parse(message))
    client._remove_sub(FAST_PATH_SID)  # noqa: SLF001 - as the library calls it
    client.parser.direct[9] = client.receive
    asyncio.run(client.parser.parse(message))
    assert client.fast_path == [(FAST_PATH_SID, "a", b"1")]


async def test_the_header_cache_is_bounded() -> None:
    client = RecordingClient()
    for number in range(2_500):
        await client.parser.parse(b"MSG a.%d 7 _INBOX.%d 1\r\n1\r\n" % (number, number))
        await client.parser.parse(b"MSG a.%d 7 1\r\n1\r\n" % number)
    assert len(client.fast_path) == 5_000
    assert client.parser.cached_headers <= MAX_CACHED_HEADERS


async def test_a_real_server_delivers_directly_until_the_subscription_ends(
    nats_server: NatsServer,
) -> None:
    client, publisher = FastPathClient(), Client()
    await client.connect(nats_server.url)
    await publisher.connect(nats_server.url)
    fast_path: list[tuple[str, bytes]] = []
    callback: list[bytes] = []

    async def on_message(message: Msg) -> None:
        callback.append(message.data)

    async def arrived() -> bool:
        await publisher.publish("a.ready", b"")
        await publisher.publish("b", b"")
        await publisher.flush()
        return bool(fast_path and callback)

    try:
        subscription = await client.subscribe("a.*", cb=on_message)
        await client.subscribe("b", cb=on_message)
        client.deliver_directly(
            subscription, lambda subject, data: fast_path.append((subject, data))
        )
        # A flush just after connecting can be answered before the server knows the subscription.
        await wait_until(arrived)
        await publisher.publish("a.x", b"1", headers={"Nats-Msg-Id": "1"})
        await publisher.publish("b", b"2")
        await publisher.publish("a.y", b"3" * 100_000)
        await wait_until(lambda: ("a.y", b"3" * 100_000) in fast_path and b"2" in callback)
        assert [each for each in fast_path if each[1]] == [("a.x", b"1"), ("a.y", b"3" * 100_000)]
        assert [each for each in callback if each] == [b"2"]
        assert client.stats["in_msgs"] == len(fast_path) + len(callback)
        assert client.stats["in_bytes"] == 100_002
        await subscription.unsubscribe()
        await publisher.publish("a.z", b"4")
        await publisher.publish("b", b"5")
        await wait_until(lambda: b"5" in callback)
        assert fast_path[-1][0] == "a.y"
    finally:
        await client.close()
        await publisher.close()


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


async def test_a_flush_ends_in_time_when_the_server_stops_reading(nats_server: NatsServer) -> None:
    client = NatsClient()
    await client.connect(nats_server.url)
    process = psutil.Process(nats_server.pid)
    process.suspend()
    try:
        while True:  # until the buffers of both sides are full
            publishing = asyncio.ensure_future(client.publish("s", b"x" * (1 << 20)))
            if not (await asyncio.wait({publishing}, timeout=0.5))[0]:
                break
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
            while True:  # until the buffers of both sides are full
                publishing = asyncio.ensure_future(client.publish("s", b"x" * (1 << 20)))
                if not (await asyncio.wait({publishing}, timeout=0.1))[0]:
                    break
            await wait_until(lambda: client.stats["reconnects"] and client.is_connected)
            assert client.connected_url is not None
            assert client.connected_url.port == other.port
            await client.flush()
        finally:
            process.resume()
            await asyncio.wait({publishing})
            await client.close()


@pytest.mark.parametrize("greeting", [b"INFO-SERVICE ready\r\n", b"INFO 5\r\n", b"x" * (1 << 20)])
async def test_a_client_reconnects_after_another_program_used_the_port(
    nats_server: NatsServer, greeting: bytes
) -> None:
    greeted = asyncio.Event()

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.set()
        writer.write(greeting)
        writer.close()

    async def ignore(_error: Exception) -> None: ...

    client = NatsClient()
    await client.connect(
        nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=ignore
    )
    try:
        nats_server.stop()
        async with await asyncio.start_server(greet, "127.0.0.1", nats_server.port):
            await greeted.wait()
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

    client = FastPathClient()
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
