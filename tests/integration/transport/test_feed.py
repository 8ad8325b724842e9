"""A feed of a subject: no message missing, none twice, and every gap recorded."""

import asyncio
import contextlib
import socket
import time

import pytest
from nats.aio.msg import Msg

from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import (
    STREAM,
    RunningFeed,
    consumer_name,
    create_stream,
    publish,
    publisher,
)
from tests.kit.waiting import wait_until


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
