"""Messages found by the quick way are those that the library finds, however they are cut up."""

import asyncio
import random

import pytest
from nats.aio.client import Client
from nats.protocol.parser import Parser

from pulse_desktop.nats_client.client import FastPathClient
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

DIRECT, USUAL = 7, 8


class Heard(FastPathClient):
    """A client that is connected to nothing and notes what its parser finds."""

    def __init__(self, receive=None) -> None:
        super().__init__()
        self.parser = self._ps
        self.parser.direct[DIRECT] = receive or self.take
        self.direct, self.usual, self.other, self.problems = [], [], [], []
        self._error_cb = self.note

    async def note(self, error) -> None:
        self.problems.append(error)

    def take(self, subject, data) -> None:
        self.direct.append((DIRECT, subject, data))

    async def _process_msg(self, sid, subject, reply, data, headers) -> None:
        if sid == DIRECT:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            self.usual.append((sid, subject.decode(), data))

    async def _process_ping(self) -> None:
        self.other.append("ping")


def _conversation(chance):
    """Return what a server may send, and which messages are in it."""
    said, messages = b"", []
    for number in range(60):
        sid = chance.choice((DIRECT, DIRECT, DIRECT, USUAL))
        payload = chance.choice((b"", b"\r\n", b"MSG a 7 3\r\n", b"x" * chance.randrange(300)))
        reply = chance.choice(("", "_INBOX.9 "))
        subject = f"websocket.t{number}"
        if chance.random() < 0.4:
            head = b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n"
            line = f"HMSG {subject} {sid} {reply}{len(head)} {len(head) + len(payload)}\r\n"
            said += line.encode() + head + payload + b"\r\n"
        else:
            said += f"MSG {subject} {sid} {reply}{len(payload)}\r\n".encode() + payload + b"\r\n"
        messages.append((sid, subject, payload))
        if chance.random() < 0.1:
            said += chance.choice((b"PING\r\n", b"+OK\r\n"))
    return said, messages


@pytest.mark.parametrize("seed", range(40))
def test_every_message_is_found_once_wherever_the_reading_was_cut(seed) -> None:
    chance = random.Random(seed)
    said, messages = _conversation(chance)
    heard, plain = Heard(), Heard()
    quick, slow = heard.parser, Parser(plain)

    async def read() -> None:
        at = 0
        while at < len(said):
            part = said[at : at + chance.choice((1, 3, 50, 700, 5000))]
            at += len(part)
            await quick.parse(part)
            await slow.parse(part)

    asyncio.run(read())
    for each in (heard, plain):
        assert each.direct == [message for message in messages if message[0] == DIRECT]
        assert each.usual == [message for message in messages if message[0] == USUAL]
        assert each.stats["in_msgs"] == len(each.direct)
    assert heard.other == plain.other
    assert not quick.buf


def test_a_receiver_that_fails_loses_no_other_message_and_ends_no_reading() -> None:
    heard = []

    def receive(subject, data) -> None:
        if data == b"bad":
            raise ValueError(data)
        heard.append(data)

    client = Heard(receive)
    said = b"MSG a 7 1\r\n1\r\nMSG a 7 3\r\nbad\r\nMSG a 7 1\r\n2\r\n"
    asyncio.run(client.parser.parse(said))
    assert heard == [b"1", b"2"]
    assert [str(problem) for problem in client.problems] == ["b'bad'"]


def test_what_no_longer_wants_messages_directly_gets_no_more() -> None:
    heard = Heard()
    message = b"MSG a 7 1\r\n1\r\n"
    asyncio.run(heard.parser.parse(message))
    heard._remove_sub(DIRECT)
    heard.parser.direct[9] = heard.take
    asyncio.run(heard.parser.parse(message))
    assert heard.direct == [(DIRECT, "a", b"1")]


async def test_subjects_without_end_are_not_remembered_for_ever() -> None:
    heard = Heard()
    for number in range(2_500):
        await heard.parser.parse(b"MSG a.%d 7 _INBOX.%d 1\r\n1\r\n" % (number, number))
        await heard.parser.parse(b"MSG a.%d 7 1\r\n1\r\n" % number)
    assert len(heard.direct) == 5_000
    assert len(heard.parser._header_cache) <= 1_000


async def test_a_real_server_delivers_directly_until_the_subscription_ends(
    nats_server: NatsServer,
) -> None:
    client, publisher = FastPathClient(), Client()
    await client.connect(nats_server.url)
    await publisher.connect(nats_server.url)
    direct, usual = [], []

    async def on_message(msg) -> None:
        usual.append(msg.data)

    async def arrived():
        await publisher.publish("a.ready", b"")
        await publisher.publish("b", b"")
        await publisher.flush()
        return direct and usual

    try:
        subscription = await client.subscribe("a.*", cb=on_message)
        await client.subscribe("b", cb=on_message)
        client.deliver_directly(subscription, lambda subject, data: direct.append((subject, data)))
        # A flush just after connecting can be answered before the server knows the subscription.
        await wait_until(arrived)
        await publisher.publish("a.x", b"1", headers={"Nats-Msg-Id": "1"})
        await publisher.publish("b", b"2")
        await publisher.publish("a.y", b"3" * 100_000)
        await wait_until(lambda: ("a.y", b"3" * 100_000) in direct and b"2" in usual)
        assert [each for each in direct if each[1]] == [("a.x", b"1"), ("a.y", b"3" * 100_000)]
        assert [each for each in usual if each] == [b"2"]
        assert client.stats["in_msgs"] == len(direct) + len(usual)
        assert client.stats["in_bytes"] == 100_002
        await subscription.unsubscribe()
        await publisher.publish("a.z", b"4")
        await publisher.publish("b", b"5")
        await wait_until(lambda: b"5" in usual)
        assert direct[-1][0] == "a.y"
    finally:
        await client.close()
        await publisher.close()
