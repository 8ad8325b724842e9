"""Following a subject: nothing missing, nothing twice, and every gap told."""

import asyncio
import contextlib
import time
from collections import Counter

import nats
import pytest

from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until

STREAM = "PULSE_EVENTS"


class Following:
    """A connection, an queue and a feed at work, and somebody else who publishes."""

    def __init__(self, server: NatsServer, **options) -> None:
        self.server = server
        self.queue = ArrivalQueue(options.pop("capacity", 200_000))
        self.connection = Connection(server.url)
        self.subject = options.pop("subject", "websocket.*")
        options.setdefault("stored_as", self.subject.replace(".*", ".>"))
        self.feed = SubjectFeed(
            self.connection, self.queue, Source.EVENT, self.subject, poll_s=0.1, **options
        )
        self.tasks = []
        self.taken = []

    async def __aenter__(self) -> "Following":
        self.tasks = [
            asyncio.create_task(self.connection.run()),
            asyncio.create_task(self.feed.run()),
        ]
        return self

    async def __aexit__(self, *_) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.connection.close()

    @property
    def status(self):
        return self.feed.status

    def take(self) -> list:
        self.taken += self.queue.take(1_000_000)
        return self.taken

    def payloads(self) -> list[int]:
        return [int(item.payload) for item in self.take()]

    async def in_mode(self, mode: str) -> None:
        await wait_until(lambda: self.status.mode == mode, message=f"mode {mode}")
        if mode == "history":
            await wait_until(lambda: self.status.caught_up)


@contextlib.asynccontextmanager
async def publisher(server: NatsServer):
    client = await nats.connect(server.url, allow_reconnect=False)
    try:
        yield client
    finally:
        await client.close()


async def store(server: NatsServer, numbers, subject: str = "websocket.tasks") -> None:
    async with publisher(server) as client:
        for number in numbers:
            await client.publish(subject, str(number).encode())
        await client.flush()


async def create_stream(server: NatsServer, name: str = STREAM, **options) -> None:
    async with publisher(server) as client:
        await client.jetstream().add_stream(
            name=name, subjects=options.pop("subjects", ["websocket.>"]), **options
        )


async def delete_stream(server: NatsServer, name: str = STREAM) -> None:
    async with publisher(server) as client:
        await client.jetstream().delete_stream(name)


async def test_what_was_stored_comes_first_and_then_what_happens(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    before = time.time()
    await store(nats_server, range(1000))
    async with Following(nats_server) as following:
        assert await following.feed.caught_up(5)
        await store(nats_server, range(1000, 1100))
        await wait_until(lambda: len(following.take()) == 1100)
        assert following.payloads() == list(range(1100))
        assert [item.sequence for item in following.taken] == list(range(1, 1101))
        assert all(before - 1 < item.at < time.time() + 1 for item in following.taken)
        assert following.taken[0].subject == "websocket.tasks"
        status = following.status
        assert (status.mode, status.stream) == ("history", STREAM)
        assert (status.received, status.replayed, status.last_sequence) == (1100, 1000, 1100)
        assert (status.lag, status.gaps, status.problem) == (0, (), "")


async def test_a_long_history_is_read_in_one_go(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(20_000))
    async with Following(nats_server) as following:
        await wait_until(lambda: following.feed._consumer)
        reader = following.feed._consumer
        assert await following.feed.caught_up(5)
        assert following.payloads() == list(range(20_000))
        await store(nats_server, [20_000])
        await wait_until(lambda: len(following.take()) == 20_001)
        assert following.feed._consumer is reader


async def test_the_backlog_and_the_age_bound_what_is_replayed(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(50))
    async with Following(nats_server, backlog=10) as following:
        assert await following.feed.caught_up(5)
        assert following.payloads() == list(range(40, 50))
    middle = time.time()
    await store(nats_server, range(50, 60))
    async with Following(nats_server, since=middle) as following:
        assert await following.feed.caught_up(5)
        assert following.payloads() == list(range(50, 60))
    async with Following(nats_server, since=middle, backlog=3) as following:
        assert await following.feed.caught_up(5)
        assert following.payloads() == list(range(57, 60))
    async with Following(nats_server, backlog=0) as following:
        assert await following.feed.caught_up(5)
        await store(nats_server, [60])
        await wait_until(following.take)
        assert following.payloads() == [60]


async def test_a_reader_without_room_waits_and_drops_nothing(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(5000))
    async with Following(nats_server, capacity=300) as following:
        await wait_until(lambda: following.queue.room == 0)
        await wait_until(lambda: len(following.take()) == 5000)
        assert following.payloads() == list(range(5000))
        assert following.queue.dropped == 0
        assert following.status.gaps == ()


async def test_a_server_killed_under_load_leaves_no_gap_in_history(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    stored = []

    ended = False

    async def publish() -> None:
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

    async with Following(nats_server) as following:
        await following.in_mode("history")
        publishing = asyncio.create_task(publish())
        for _ in range(2):
            reached = len(stored)
            await wait_until(lambda reached=reached: len(stored) > reached + 200)
            nats_server.kill()
            await wait_until(lambda: following.status.mode == "off")
            nats_server.start()
            await following.in_mode("history")
        reached = len(stored)
        await wait_until(lambda: len(stored) > reached + 200)
        ended = True
        await publishing
        async with publisher(nats_server) as client:
            last = (await client.jetstream().stream_info(STREAM)).state.last_seq
        await wait_until(lambda: following.take() and following.taken[-1].sequence == last)
        assert [item.sequence for item in following.taken] == list(range(1, last + 1))
        missing = set(stored) - set(following.payloads())
        assert not missing
        assert all(gap.filled for gap in following.status.gaps)


async def test_without_a_stream_it_listens_and_records_the_gap(nats_server: NatsServer) -> None:
    async with Following(nats_server) as following:
        await following.in_mode("live")
        assert following.status.problem == "no stream stores websocket.*"
        assert following.status.caught_up
        await store(nats_server, range(10))
        await wait_until(lambda: len(following.take()) == 10)
        assert following.taken[0].sequence == 0
        lost = time.time()
        nats_server.kill()
        await wait_until(lambda: following.status.mode == "off")
        assert following.status.problem == "there is no connection"
        nats_server.start()
        await following.in_mode("live")
        await store(nats_server, range(10, 20))
        await wait_until(lambda: len(following.take()) == 20)
        (gap,) = following.status.gaps
        assert (gap.missed, gap.filled) == (None, False)
        assert lost - 1 < gap.start < gap.end < time.time()


@pytest.mark.parametrize("jetstream", [True, False])
async def test_what_this_connection_publishes_is_echoed_once(jetstream) -> None:
    with NatsServer(jetstream=jetstream) as server:
        if jetstream:
            await create_stream(server)
        async with Following(server) as following:
            await following.in_mode("history" if jetstream else "live")
            if not jetstream:
                assert "runs without JetStream" in following.status.problem
            await following.connection.client.publish("websocket.tasks", b"1")
            following.feed.echo("websocket.tasks", b"1")
            await store(server, [2])
            await wait_until(lambda: 2 in following.payloads())
            assert following.payloads() == [1, 2]


async def publishing_while(server: NatsServer, change, following: Following, mode: str) -> int:
    """Publish steadily, make a change meanwhile, and return how many were published."""
    count = 0
    ended = False

    async def publish() -> None:
        nonlocal count
        async with publisher(server) as client:
            while not ended:
                for _ in range(20):
                    await client.publish("websocket.tasks", str(count).encode())
                    count += 1
                await client.flush()
                await asyncio.sleep(0.002)

    publishing = asyncio.create_task(publish())
    await wait_until(lambda: count > 500)
    await change()
    await following.in_mode(mode)
    reached = count
    await wait_until(lambda: count > reached + 1000)
    ended = True
    await publishing
    return count


async def test_a_stream_that_appears_is_taken_over_with_nothing_lost_or_twice(
    nats_server: NatsServer,
) -> None:
    async with Following(nats_server) as following:
        await following.in_mode("live")
        count = await publishing_while(
            nats_server, lambda: create_stream(nats_server), following, "history"
        )
        await wait_until(lambda: len(following.take()) >= count)
        assert [n for n, times in Counter(following.payloads()).items() if times > 1] == []
        assert sorted(following.payloads()) == list(range(count))
        assert following.status.gaps == ()
        assert following.taken[-1].sequence > 0


async def test_a_stream_that_is_deleted_leaves_a_live_feed_and_a_recorded_gap(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with Following(nats_server) as following:
        await following.in_mode("history")
        count = await publishing_while(
            nats_server, lambda: delete_stream(nats_server), following, "live"
        )
        await wait_until(lambda: count - 1 in following.payloads())
        payloads = following.payloads()
        assert len(payloads) == len(set(payloads))
        missing = set(range(count)) - set(payloads)
        assert len(missing) < count / 2
        (gap,) = following.status.gaps
        assert not gap.filled
        assert gap.end - gap.start < 1


async def test_a_stream_that_is_replaced_is_read_from_its_beginning(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with Following(nats_server) as following:
        await store(nats_server, range(10))
        await wait_until(lambda: len(following.take()) == 10)
        async with publisher(nats_server) as client:
            js = client.jetstream()
            await js.delete_stream(STREAM)
            await js.add_stream(name=STREAM, subjects=["websocket.>"])
            for number in range(10, 20):
                await client.publish("websocket.tasks", str(number).encode())
            await client.flush()
        await wait_until(lambda: len(following.take()) >= 20)
        await following.in_mode("history")
        await store(nats_server, [20])
        await wait_until(lambda: 20 in following.payloads())
        assert following.payloads() == list(range(21))


async def test_a_stream_that_comes_back_after_a_deletion_is_taken_over(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with Following(nats_server) as following:
        await store(nats_server, range(5))
        await following.in_mode("history")
        await delete_stream(nats_server)
        await following.in_mode("live")
        await store(nats_server, range(5, 10))
        await wait_until(lambda: len(following.take()) == 10)
        await create_stream(nats_server)
        await following.in_mode("history")
        await store(nats_server, range(10, 15))
        await wait_until(lambda: len(following.take()) >= 15)
        assert following.payloads() == list(range(15))


async def test_a_server_that_comes_back_without_jetstream_is_listened_to_meanwhile(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    async with Following(nats_server) as following:
        await store(nats_server, range(5))
        await wait_until(lambda: len(following.take()) == 5)
        for jetstream, mode in ((False, "live"), (True, "history")):
            nats_server.kill()
            await following.in_mode("off")
            nats_server.jetstream = jetstream
            nats_server.start()
            await following.in_mode(mode)
            have = len(following.take())
            await store(nats_server, range(have, have + 5))
            await wait_until(lambda have=have: len(following.take()) == have + 5)
        assert following.payloads() == list(range(15))


async def test_a_consumer_that_somebody_removes_is_made_again(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with Following(nats_server) as following:
        await following.in_mode("history")
        await store(nats_server, range(10))
        async with publisher(nats_server) as client:
            js = client.jetstream()
            (consumer,) = await js.consumers_info(STREAM)
            await js.delete_consumer(STREAM, consumer.name)
        await store(nats_server, range(10, 20))
        await wait_until(lambda: len(following.take()) == 20)
        assert following.payloads() == list(range(20))
        assert following.status.gaps == ()


async def test_large_messages_are_read_as_well(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with publisher(nats_server) as client:
        for number in range(30):
            await client.publish("websocket.tasks", b"%d " % number + b" " * 900_000)
        await client.flush()
    async with Following(nats_server) as following:
        assert await following.feed.caught_up(10)
        assert following.payloads() == list(range(30))


async def test_messages_that_expired_unread_are_counted_as_missed(nats_server: NatsServer) -> None:
    await create_stream(nats_server, max_msgs=10)
    async with Following(nats_server) as following:
        await store(nats_server, range(5))
        await wait_until(lambda: len(following.take()) == 5)
        nats_server.kill()
        await wait_until(lambda: following.status.mode == "off")
        following.tasks[0].cancel()  # stay away while the server forgets
        await asyncio.gather(following.tasks[0], return_exceptions=True)
        nats_server.start()
        await store(nats_server, range(5, 40))
        following.tasks[0] = asyncio.create_task(following.connection.run())
        await following.in_mode("history")
        await wait_until(lambda: 39 in following.payloads())
        assert following.payloads() == [*range(5), *range(30, 40)]
        assert [(gap.missed, gap.filled) for gap in following.status.gaps] == [
            (25, False),
            (10, True),
        ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"retention": "workqueue"}, "removes messages once they are delivered"),
        ({"subjects": ["websocket.tasks"]}, "stores only a part of websocket.*"),
    ],
)
async def test_a_stream_unfit_for_history_is_left_alone(
    nats_server: NatsServer, options, problem
) -> None:
    await create_stream(nats_server, **options)
    async with Following(nats_server) as following:
        await following.in_mode("live")
        assert problem in following.status.problem
        await store(nats_server, [1])
        await wait_until(lambda: following.payloads() == [1])
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


async def test_without_permission_for_history_it_listens() -> None:
    config = PERMISSIONS % ('"nothing"', '"websocket.*", "_INBOX.>"')
    with NatsServer(user="op", password="p", config=config) as server:
        async with Following(server) as following:
            await following.in_mode("live")
            assert "history cannot be read" in following.status.problem
            server.user = "admin"
            await store(server, [1])
            await wait_until(lambda: following.payloads() == [1])


async def test_without_permission_to_subscribe_it_is_off_and_says_so() -> None:
    config = PERMISSIONS % ('"nothing"', '"_INBOX.>"')
    with NatsServer(user="op", password="p", config=config) as server:
        async with Following(server) as following:
            await wait_until(lambda: "not allowed" in following.status.problem)
            assert following.status.mode == "off"
            assert following.status.problem == "not allowed to subscribe to websocket.*"


async def test_a_task_subject_is_followed_without_taking_work_from_anybody(
    nats_server: NatsServer,
) -> None:
    async with publisher(nats_server) as client:
        worked = []

        async def work(msg) -> None:
            worked.append(msg.data)

        await client.subscribe("taskiq_tasks", queue="taskiq", cb=work)
        await client.flush()
        async with Following(nats_server, subject="taskiq_tasks") as following:
            await following.in_mode("live")
            await store(nats_server, range(20), "taskiq_tasks")
            await wait_until(lambda: len(following.take()) == 20 and len(worked) == 20)


async def test_ending_a_feed_leaves_no_task_and_no_consumer(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with Following(nats_server) as following:
        await following.in_mode("history")
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with publisher(nats_server) as client:
        js = client.jetstream()

        async def no_consumer():
            return (await js.stream_info(STREAM)).state.consumer_count == 0

        await wait_until(no_consumer)
