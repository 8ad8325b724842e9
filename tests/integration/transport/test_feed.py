"""A feed of a subject: no message missing, none twice, and every gap recorded."""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.feed_status import FeedStatus
from tests.kit.arrivals import take_messages
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

STREAM = "PULSE_EVENTS"


class RunningFeed:
    """A connection and a feed that run, and the messages received so far.

    Attributes:
        messages: all that `take` has taken from the queue.
    """

    def __init__(
        self,
        server: NatsServer,
        *,
        subject: str = "websocket.*",
        capacity: int = 200_000,
        since: float | None = None,
        backlog: int = 100_000,
    ) -> None:
        self.queue = ArrivalQueue(capacity)
        self.connection = Connection(server.url)
        self.feed = SubjectFeed(
            self.connection,
            self.queue,
            Source.EVENT,
            subject,
            stored_as=subject.replace(".*", ".>"),
            since=since,
            backlog=backlog,
            poll_s=0.1,
        )
        self.messages: list[InboundMessage] = []
        self._connecting: asyncio.Task[None]
        self._feeding: asyncio.Task[None]

    async def __aenter__(self) -> "RunningFeed":
        self.connect()
        self._feeding = asyncio.create_task(self.feed.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feeding.cancel()
        await self.stop_connecting()
        await asyncio.gather(self._feeding, return_exceptions=True)
        await self.connection.close()

    def connect(self) -> None:
        """Stay connected from now on."""
        self._connecting = asyncio.create_task(self.connection.run())

    async def stop_connecting(self) -> None:
        """Reconnect no more after a loss."""
        self._connecting.cancel()
        await asyncio.gather(self._connecting, return_exceptions=True)

    @property
    def status(self) -> FeedStatus:
        return self.feed.status

    def take(self) -> list[InboundMessage]:
        self.messages += take_messages(self.queue)
        return self.messages

    def payloads(self) -> list[int]:
        return [int(message.payload) for message in self.take()]

    async def in_mode(self, mode: str) -> None:
        await wait_until(lambda: self.status.mode == mode, message=f"mode {mode}")
        if mode == "history":
            await wait_until(lambda: self.status.caught_up)


@contextlib.asynccontextmanager
async def publisher(server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(server.url, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()


async def publish(
    server: NatsServer, numbers: Iterable[int], subject: str = "websocket.tasks"
) -> None:
    async with publisher(server) as client:
        for number in numbers:
            await client.publish(subject, str(number).encode())
        await client.flush()


async def create_stream(
    server: NatsServer, subjects: tuple[str, ...] = ("websocket.>",), **config: Any
) -> None:
    async with publisher(server) as client:
        await client.jetstream().add_stream(name=STREAM, subjects=list(subjects), **config)


async def delete_stream(server: NatsServer) -> None:
    async with publisher(server) as client:
        await client.jetstream().delete_stream(STREAM)


async def test_stored_messages_come_first_and_then_new_ones(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    before = time.time()
    await publish(nats_server, range(1000))
    async with RunningFeed(nats_server) as running:
        assert await running.feed.wait_caught_up(5)
        await publish(nats_server, range(1000, 1100))
        await wait_until(lambda: len(running.take()) == 1100)
        assert running.payloads() == list(range(1100))
        assert [item.sequence for item in running.messages] == list(range(1, 1101))
        assert all(before - 1 < item.at < time.time() + 1 for item in running.messages)
        assert running.messages[0].subject == "websocket.tasks"
        status = running.status
        assert (status.mode, status.stream) == ("history", STREAM)
        assert (status.received, status.replayed, status.last_sequence) == (1100, 1000, 1100)
        assert (status.lag, status.gaps, status.problem) == (0, (), "")


async def test_a_long_history_is_read_by_one_consumer(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await publish(nats_server, range(20_000))
    async with RunningFeed(nats_server) as running:
        assert await running.feed.wait_caught_up(5)
        consumer = await consumer_name(nats_server)
        assert running.payloads() == list(range(20_000))
        await publish(nats_server, [20_000])
        await wait_until(lambda: len(running.take()) == 20_001)
        assert await consumer_name(nats_server) == consumer


async def test_backlog_and_age_limit_the_replay(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await publish(nats_server, range(50))
    async with RunningFeed(nats_server, backlog=10) as running:
        assert await running.feed.wait_caught_up(5)
        assert running.payloads() == list(range(40, 50))
    middle = time.time()
    await publish(nats_server, range(50, 60))
    async with RunningFeed(nats_server, since=middle) as running:
        assert await running.feed.wait_caught_up(5)
        assert running.payloads() == list(range(50, 60))
    async with RunningFeed(nats_server, since=middle, backlog=3) as running:
        assert await running.feed.wait_caught_up(5)
        assert running.payloads() == list(range(57, 60))
    async with RunningFeed(nats_server, backlog=0) as running:
        assert await running.feed.wait_caught_up(5)
        await publish(nats_server, [60])
        await wait_until(running.take)
        assert running.payloads() == [60]


async def test_without_room_the_feed_waits_and_drops_nothing(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await publish(nats_server, range(5000))
    async with RunningFeed(nats_server, capacity=300) as running:
        await wait_until(lambda: running.queue.room == 0)
        await wait_until(lambda: len(running.take()) == 5000)
        assert running.payloads() == list(range(5000))
        assert running.queue.dropped == 0
        assert running.status.gaps == ()


async def test_a_server_killed_under_load_leaves_no_gap_in_history(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    stored: list[int] = []
    ended = False

    async def publish_steadily() -> None:
        number = 0
        while not ended:
            with contextlib.suppress(Exception):
                async with publisher(nats_server) as client:
                    js = client.jetstream(timeout=0.5)
                    while not ended:
                        await js.publish("websocket.tasks", str(number).encode())
                        stored.append(number)
                        number += 1
            number += 1
            await asyncio.sleep(0.01)

    async with RunningFeed(nats_server) as running:
        await running.in_mode("history")
        publishing = asyncio.create_task(publish_steadily())
        for _ in range(2):
            reached = len(stored)
            await wait_until(lambda count=reached + 200: len(stored) > count)
            nats_server.kill()
            await wait_until(lambda: running.status.mode == "off")
            nats_server.start()
            await running.in_mode("history")
        reached = len(stored)
        await wait_until(lambda: len(stored) > reached + 200)
        ended = True
        await publishing
        async with publisher(nats_server) as client:
            last = (await client.jetstream().stream_info(STREAM)).state.last_seq
        await wait_until(lambda: running.take() and running.messages[-1].sequence == last)
        assert [item.sequence for item in running.messages] == list(range(1, last + 1))
        missing = set(stored) - set(running.payloads())
        assert not missing
        assert all(gap.filled for gap in running.status.gaps)


async def test_without_a_stream_it_subscribes_and_records_the_gap(nats_server: NatsServer) -> None:
    async with RunningFeed(nats_server) as running:
        await running.in_mode("live")
        assert running.status.problem == "no stream stores websocket.*"
        assert running.status.caught_up
        await publish(nats_server, range(10))
        await wait_until(lambda: len(running.take()) == 10)
        assert running.messages[0].sequence == 0
        lost = time.time()
        nats_server.kill()
        await wait_until(lambda: running.status.mode == "off")
        assert running.status.problem == "there is no connection"
        nats_server.start()
        await running.in_mode("live")
        await publish(nats_server, range(10, 20))
        await wait_until(lambda: len(running.take()) == 20)
        (gap,) = running.status.gaps
        assert (gap.missed, gap.filled) == (None, False)
        assert lost - 1 < gap.start < gap.end < time.time()


@pytest.mark.parametrize("jetstream", [True, False])
async def test_messages_of_this_connection_are_received_once(jetstream: bool) -> None:
    with NatsServer(jetstream=jetstream) as server:
        if jetstream:
            await create_stream(server)
        async with RunningFeed(server) as running:
            await running.in_mode("history" if jetstream else "live")
            if not jetstream:
                assert "runs without JetStream" in running.status.problem
            await running.connection.client.publish("websocket.tasks", b"1")
            running.feed.echo("websocket.tasks", b"1")
            await publish(server, [2])
            await wait_until(lambda: 2 in running.payloads())
            assert running.payloads() == [1, 2]


async def publish_during(
    server: NatsServer,
    change: Callable[[], Awaitable[None]],
    running: RunningFeed,
    mode: str,
) -> int:
    """Publish steadily, make a change meanwhile, and return how many were published."""
    count = 0
    ended = False

    async def publish_steadily() -> None:
        nonlocal count
        async with publisher(server) as client:
            while not ended:
                for _ in range(20):
                    await client.publish("websocket.tasks", str(count).encode())
                    count += 1
                await client.flush()
                await asyncio.sleep(0.002)

    publishing = asyncio.create_task(publish_steadily())
    await wait_until(lambda: count > 500)
    await change()
    await running.in_mode(mode)
    reached = count
    await wait_until(lambda: count > reached + 1000)
    ended = True
    await publishing
    return count


async def test_the_switch_to_a_new_stream_loses_and_repeats_nothing(
    nats_server: NatsServer,
) -> None:
    async with RunningFeed(nats_server) as running:
        await running.in_mode("live")
        count = await publish_during(
            nats_server, lambda: create_stream(nats_server), running, "history"
        )
        await wait_until(lambda: len(running.take()) >= count)
        assert [n for n, times in Counter(running.payloads()).items() if times > 1] == []
        assert sorted(running.payloads()) == list(range(count))
        assert running.status.gaps == ()
        assert running.messages[-1].sequence > 0


async def test_a_deleted_stream_leaves_a_live_feed_and_a_recorded_gap(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with RunningFeed(nats_server) as running:
        await running.in_mode("history")
        count = await publish_during(
            nats_server, lambda: delete_stream(nats_server), running, "live"
        )
        await wait_until(lambda: count - 1 in running.payloads())
        payloads = running.payloads()
        assert len(payloads) == len(set(payloads))
        missing = set(range(count)) - set(payloads)
        assert len(missing) < count / 2
        (gap,) = running.status.gaps
        assert not gap.filled
        assert gap.end - gap.start < 1


async def test_a_replaced_stream_is_read_from_its_beginning(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with RunningFeed(nats_server) as running:
        await publish(nats_server, range(10))
        await wait_until(lambda: len(running.take()) == 10)
        async with publisher(nats_server) as client:
            js = client.jetstream()
            await js.delete_stream(STREAM)
            await js.add_stream(name=STREAM, subjects=["websocket.>"])
            for number in range(10, 20):
                await client.publish("websocket.tasks", str(number).encode())
            await client.flush()
        await wait_until(lambda: len(running.take()) >= 20)
        await running.in_mode("history")
        await publish(nats_server, [20])
        await wait_until(lambda: 20 in running.payloads())
        assert running.payloads() == list(range(21))


async def test_a_stream_created_again_after_its_deletion_is_read(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with RunningFeed(nats_server) as running:
        await publish(nats_server, range(5))
        await running.in_mode("history")
        await delete_stream(nats_server)
        await running.in_mode("live")
        await publish(nats_server, range(5, 10))
        await wait_until(lambda: len(running.take()) == 10)
        await create_stream(nats_server)
        await running.in_mode("history")
        await publish(nats_server, range(10, 15))
        await wait_until(lambda: len(running.take()) >= 15)
        assert running.payloads() == list(range(15))


async def test_a_server_that_restarts_without_jetstream_is_subscribed_to_meanwhile(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with RunningFeed(nats_server) as running:
        await publish(nats_server, range(5))
        await wait_until(lambda: len(running.take()) == 5)
        for jetstream, mode in ((False, "live"), (True, "history")):
            nats_server.kill()
            await running.in_mode("off")
            nats_server.jetstream = jetstream
            nats_server.start()
            await running.in_mode(mode)
            have = len(running.take())
            await publish(nats_server, range(have, have + 5))
            await wait_until(lambda count=have + 5: len(running.take()) == count)
        assert running.payloads() == list(range(15))


async def test_nothing_published_after_the_feed_is_live_is_missed(
    nats_server: NatsServer,
) -> None:
    host, port = nats_server.url.removeprefix("nats://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b'CONNECT {"verbose":false}\r\n')
        for number in range(20):
            async with RunningFeed(nats_server) as running:
                async with asyncio.timeout(30):
                    while running.status.mode != "live":  # noqa: ASYNC110 - the first moment counts
                        await asyncio.sleep(0)
                # Written at once, so that only the server decides which request it reads first.
                raw.sendall(b"PUB websocket.tasks 2\r\n%02d\r\n" % number)
                await wait_until(running.take)
                assert running.payloads() == [number]


async def test_a_deleted_consumer_is_created_again(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with RunningFeed(nats_server) as running:
        await running.in_mode("history")
        await publish(nats_server, range(10))
        async with publisher(nats_server) as client:
            js = client.jetstream()
            (consumer,) = await js.consumers_info(STREAM)
            await js.delete_consumer(STREAM, consumer.name)
        await publish(nats_server, range(10, 20))
        await wait_until(lambda: len(running.take()) == 20)
        assert running.payloads() == list(range(20))
        assert running.status.gaps == ()


async def test_large_messages_are_read(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with publisher(nats_server) as client:
        for number in range(30):
            await client.publish("websocket.tasks", b"%d " % number + b" " * 900_000)
        await client.flush()
    async with RunningFeed(nats_server) as running:
        assert await running.feed.wait_caught_up(10)
        assert running.payloads() == list(range(30))


async def test_messages_that_expired_unread_are_counted_as_missed(nats_server: NatsServer) -> None:
    await create_stream(nats_server, max_msgs=10)
    async with RunningFeed(nats_server) as running:
        await publish(nats_server, range(5))
        await wait_until(lambda: len(running.take()) == 5)
        nats_server.kill()
        await wait_until(lambda: running.status.mode == "off")
        await running.stop_connecting()  # while messages expire on the server
        nats_server.start()
        await publish(nats_server, range(5, 40))
        running.connect()
        await running.in_mode("history")
        await wait_until(lambda: 39 in running.payloads())
        assert running.payloads() == [*range(5), *range(30, 40)]
        assert [(gap.missed, gap.filled) for gap in running.status.gaps] == [
            (25, False),
            (10, True),
        ]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"retention": "workqueue"}, "removes messages once they are delivered"),
        ({"subjects": ["websocket.tasks"]}, "stores only a part of websocket.*"),
    ],
)
async def test_a_stream_that_is_unsuitable_for_history_is_not_read(
    nats_server: NatsServer, config: dict[str, Any], problem: str
) -> None:
    await create_stream(nats_server, **config)
    async with RunningFeed(nats_server) as running:
        await running.in_mode("live")
        assert problem in running.status.problem
        await publish(nats_server, [1])
        await wait_until(lambda: running.payloads() == [1])
        async with publisher(nats_server) as client:
            info = await client.jetstream().stream_info(STREAM)
            assert (info.state.messages, info.state.consumer_count) == (1, 0)


PERMISSIONS = """
authorization {
  users = [
    { user: admin, password: p },
    { user: op, password: p, permissions: { publish: [%s], subscribe: [%s] } }
  ]
}
"""


async def test_without_permission_for_history_it_subscribes() -> None:
    config = PERMISSIONS % ('"nothing"', '"websocket.*", "_INBOX.>"')
    with NatsServer(user="op", password="p", config=config) as server:
        async with RunningFeed(server) as running:
            await running.in_mode("live")
            assert "history cannot be read" in running.status.problem
            server.user = "admin"
            await publish(server, [1])
            await wait_until(lambda: running.payloads() == [1])


async def test_without_permission_to_subscribe_it_is_off_and_reports_it() -> None:
    config = PERMISSIONS % ('"nothing"', '"_INBOX.>"')
    with NatsServer(user="op", password="p", config=config) as server:
        async with RunningFeed(server) as running:
            await wait_until(lambda: "may not subscribe" in running.status.problem)
            assert running.status.mode == "off"
            problem = "these credentials may not subscribe to websocket.*"
            assert running.status.problem == problem


DENIALS = """
authorization {
  users = [
    { user: admin, password: p },
    { user: op, password: p, permissions: { publish: { deny: [%s] }, subscribe: { deny: [%s] } } }
  ]
}
"""


@pytest.mark.parametrize(
    ("publish_denied", "subscribe_denied", "named"),
    [
        ("$JS.API.CONSUMER.CREATE.>", "", "$JS.API.CONSUMER.CREATE.PULSE_EVENTS.>"),
        pytest.param(
            *("$JS.API.CONSUMER.MSG.NEXT.>", "", "$JS.API.CONSUMER.MSG.NEXT.PULSE_EVENTS.>"),
            marks=pytest.mark.slow,
        ),
        pytest.param(*("$JS.API.STREAM.NAMES", "", "$JS.API.STREAM.NAMES"), marks=pytest.mark.slow),
        pytest.param("", "_INBOX.>", "_INBOX.>", marks=pytest.mark.slow),
    ],
)
async def test_refused_history_is_read_once_it_is_permitted(
    publish_denied: str, subscribe_denied: str, named: str
) -> None:
    denied = DENIALS % (f'"{publish_denied or "x"}"', f'"{subscribe_denied or "x"}"')
    with NatsServer(user="admin", password="p", config=denied) as server:
        await create_stream(server)
        await publish(server, range(5))
        server.user = "op"
        async with RunningFeed(server) as running:
            await running.in_mode("live")
            assert await running.feed.wait_caught_up(1)
            assert running.status.unread
            assert f" {named};" in f"{running.status.problem};"
            server.user = "admin"
            await publish(server, range(5, 10))
            await wait_until(lambda: running.payloads() == list(range(5, 10)))
            server.config = DENIALS % ('"x"', '"x"')
            server.reload()
            await running.in_mode("history")
            await wait_until(lambda: not running.status.unread)
            await wait_until(lambda: sorted(running.payloads()) == list(range(10)))
            await wait_until(lambda: running.connection.permission_problems == [])
            server.config = denied
            server.reload()
            if subscribe_denied:  # the others are noticed with the next consumer or request
                await running.in_mode("live")
            await publish(server, range(10, 12))
            server.config = DENIALS % ('"x"', '"x"')
            server.reload()
            await wait_until(lambda: sorted(running.payloads()) == list(range(12)))


async def test_a_refused_subscription_is_tried_again() -> None:
    with NatsServer(user="op", password="p", config=DENIALS % ('"x"', '"websocket.>"')) as server:
        async with RunningFeed(server) as running:
            await wait_until(lambda: "may not subscribe" in running.status.problem)
            assert await running.feed.wait_caught_up(1)
            server.config = DENIALS % ('"x"', '"x"')
            server.reload()
            await running.in_mode("live")
            assert running.connection.permission_problems == []
            server.user = "admin"
            await publish(server, [1])
            await wait_until(lambda: running.payloads() == [1])


async def test_a_feed_of_the_task_subject_takes_no_tasks_from_workers(
    nats_server: NatsServer,
) -> None:
    async with publisher(nats_server) as client:
        worked: list[bytes] = []

        async def work(message: Msg) -> None:
            worked.append(message.data)

        await client.subscribe("taskiq_tasks", queue="taskiq", cb=work)
        await client.flush()
        async with RunningFeed(nats_server, subject="taskiq_tasks") as running:
            await running.in_mode("live")
            await publish(nats_server, range(20), "taskiq_tasks")
            await wait_until(lambda: len(running.take()) == 20 and len(worked) == 20)


async def test_ending_a_feed_leaves_no_task_and_no_consumer(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with RunningFeed(nats_server) as running:
        await running.in_mode("history")
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with publisher(nats_server) as client:
        js = client.jetstream()

        async def no_consumer() -> bool:
            return (await js.stream_info(STREAM)).state.consumer_count == 0

        await wait_until(no_consumer)


async def consumer_name(server: NatsServer) -> str | None:
    """Return the name of the only consumer of the stream."""
    async with publisher(server) as client:
        (consumer,) = await client.jetstream().consumers_info(STREAM)
    return consumer.name
