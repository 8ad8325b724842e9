"""The fast path delivers the messages that nats-py delivers, however they are split over reads."""

import asyncio
import random
from collections.abc import Callable

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol.parser import Parser

from pulse_desktop.nats_client.fast_path import MAX_CACHED_HEADERS, FastPathClient
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
