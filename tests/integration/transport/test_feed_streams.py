"""A feed whose stream appears, disappears or is replaced: no message missing, none twice."""

import asyncio
import contextlib
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from nats.aio.subscription import Subscription

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.nats_client.fast_path import FastPathClient
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport import resume_position
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import (
    ConsumerStalledError,
    DeliverPolicy,
    OrderedConsumer,
)
from pulse_desktop.transport.source_stream import stored_since
from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import (
    STREAM,
    RunningFeed,
    create_stream,
    delete_stream,
    publish,
    publisher,
    store,
)
from tests.kit.waiting import wait_until


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


async def test_what_a_new_stream_stored_before_the_subscription_is_read(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe = FastPathClient.subscribe
    subjects: list[str] = []

    async def subscribe_late(client: FastPathClient, subject: str, **options: Any) -> Subscription:
        subjects.append(subject)
        if subjects.count("websocket.*") == 1 and subject == "websocket.*":
            await create_stream(nats_server)
            await publish(nats_server, range(5))
        return await subscribe(client, subject, **options)

    monkeypatch.setattr(FastPathClient, "subscribe", subscribe_late)
    async with RunningFeed(nats_server) as running:
        await running.in_mode("live")
        await publish(nats_server, range(5, 10))
        await running.in_mode("history")
        await wait_until(lambda: len(running.take()) == 10)
        assert sorted(int(each.payload) for each in running.messages) == list(range(10))


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
        assert sorted(running.payloads()) == list(range(21))
        assert running.payloads()[:10] == list(range(10))
        # What is published before the new stream is found may arrive live, and what was stored
        # before that subscription comes after it.
        stored = [int(each.payload) for each in running.messages[10:] if each.sequence]
        live = [int(each.payload) for each in running.messages[10:] if not each.sequence]
        assert stored == sorted(stored)
        assert live == sorted(live)
        assert not any(each.older for each in running.messages)


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


@pytest.mark.parametrize("is_emptied", [True, False])
async def test_an_outage_after_which_the_store_is_empty_is_an_open_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_emptied: bool
) -> None:
    monkeypatch.setattr(resume_position, "CLOCK_MARGIN_S", 0.0)
    store_dir = tmp_path / "store"
    with NatsServer(jetstream=True, store_dir=store_dir) as server:
        await create_stream(server)
        async with RunningFeed(server) as running:
            await publish(server, range(5))
            await wait_until(lambda: len(running.take()) == 5)
            server.kill()
            await running.in_mode("off")
            if is_emptied:
                shutil.rmtree(store_dir)
            server.start()
            if is_emptied:
                await create_stream(server)
            await running.in_mode("history")
            await publish(server, [5])
            await wait_until(lambda: running.payloads() == list(range(6)))
            gaps = running.status.gaps
    assert [gap.filled for gap in gaps] == ([False] if is_emptied else [])


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


@contextlib.asynccontextmanager
async def feed_without_room(server: NatsServer, stored: int) -> AsyncIterator[RunningFeed]:
    """Run a feed that cannot read any of the messages that are stored."""
    async with RunningFeed(server, capacity=1) as running:
        running.queue.put(InboundMessage(Source.EVENT, "websocket.tasks", b"0", time.time()))
        await wait_until(lambda: running.status.lag == stored)
        yield running


@pytest.mark.parametrize("kept", [0, 3])
async def test_messages_purged_before_one_was_read_are_lost(
    nats_server: NatsServer, kept: int
) -> None:
    await create_stream(nats_server, max_age=3_600)
    await store(nats_server, range(10))
    async with feed_without_room(nats_server, 10) as running:
        async with publisher(nats_server) as client:
            await client.jetstream().purge_stream(STREAM, keep=kept)
        await wait_until(lambda: running.status.loss or running.status.last_sequence)
        loss = running.status.loss
        assert loss is not None
        assert loss.count == 10 - kept
        assert loss.reason == f"messages of the stream {STREAM} were deleted while it was read"


@pytest.mark.parametrize("by_subject", [True, False])
async def test_a_feed_continues_when_all_that_it_waits_for_is_deleted(
    nats_server: NatsServer, by_subject: bool
) -> None:
    await create_stream(nats_server, max_age=3_600)
    await store(nats_server, range(10))
    await store(nats_server, range(10, 30), "websocket.agents")
    async with RunningFeed(nats_server, capacity=10) as running:
        await wait_until(lambda: running.status.received == 10)
        async with publisher(nats_server) as client:
            js = client.jetstream()
            running.queue.capacity = 11  # one more arrives, and says that there are others
            await wait_until(lambda: running.status.received == 11)
            if by_subject:
                await js.purge_stream(STREAM, subject="websocket.agents")
            else:
                for sequence in range(12, 31):
                    await js.delete_msg(STREAM, sequence)
        running.take()
        await wait_until(lambda: running.status.caught_up, 10)
        loss = running.status.loss
        assert loss is not None
        assert (loss.count, running.status.lag) == (19, 0)
        assert loss.reason == f"messages of the stream {STREAM} were deleted while it was read"
        await store(nats_server, range(30, 33))
        await wait_until(lambda: running.payloads() == [*range(11), *range(30, 33)], 3)
        assert running.status.gaps == ()


@pytest.mark.parametrize("stored_later", [0, 3])
@pytest.mark.parametrize("deleted", [[], [4, 5, 8], list(range(1, 8)), list(range(1, 11))])
async def test_only_what_is_deleted_is_lost_when_the_server_stops_sending(
    nats_server: NatsServer,
    monkeypatch: pytest.MonkeyPatch,
    deleted: list[int],
    stored_later: int,
) -> None:
    run, open_consumer = OrderedConsumer.run, OrderedConsumer.open
    later = iter([stored_later])
    is_stalled = False

    async def stall_once(consumer: OrderedConsumer) -> None:
        nonlocal is_stalled
        if is_stalled:
            return await run(consumer)
        is_stalled = True
        async with publisher(nats_server) as client:
            for sequence in deleted:
                await client.jetstream().delete_msg(STREAM, sequence)
        raise ConsumerStalledError

    async def store_and_open(consumer: OrderedConsumer, start: DeliverPolicy) -> None:
        if is_stalled:
            await store(nats_server, range(10, 10 + next(later, 0)))
        await open_consumer(consumer, start)

    monkeypatch.setattr(OrderedConsumer, "run", stall_once)
    monkeypatch.setattr(OrderedConsumer, "open", store_and_open)
    await create_stream(nats_server, max_age=3_600)
    await store(nats_server, range(10))
    async with RunningFeed(nats_server) as running:
        await wait_until(lambda: running.status.caught_up)
        kept = [number for number in range(10 + stored_later) if number + 1 not in deleted]
        assert running.payloads() == kept
        loss = running.status.loss
        assert (loss.count if loss is not None else 0) == len(deleted)
        assert running.status.gaps == ()


@pytest.mark.parametrize(
    ("limits", "stored_later", "lost"),
    [
        ({"max_msgs": 10}, 5, 0),
        ({"max_msgs": 100}, 5, 0),
        ({"max_bytes": 1_000}, 40, 0),
        ({"max_age": 2}, 0, 0),
        ({"max_msgs": 10, "discard": "new"}, 0, 2),
    ],
)
async def test_what_limits_remove_before_it_is_read_again_is_no_loss(
    nats_server: NatsServer,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, Any],
    stored_later: int,
    lost: int,
) -> None:
    run, open_consumer = OrderedConsumer.run, OrderedConsumer.open
    is_stalled = is_limited = False

    async def stall_once(consumer: OrderedConsumer) -> None:
        nonlocal is_stalled
        if is_stalled:
            return await run(consumer)
        is_stalled = True
        raise ConsumerStalledError

    async def limit_and_open(consumer: OrderedConsumer, start: DeliverPolicy) -> None:
        nonlocal is_limited
        if is_stalled and not is_limited:
            is_limited = True
            await store(nats_server, range(10, 10 + stored_later))
            async with publisher(nats_server) as client:
                js = client.jetstream()
                for sequence in range(4, 4 + lost):
                    await js.delete_msg(STREAM, sequence)

                async def is_expired() -> bool:
                    return (await js.stream_info(STREAM)).state.messages == 0

                if "max_age" in limits:
                    await wait_until(is_expired)
        await open_consumer(consumer, start)

    monkeypatch.setattr(OrderedConsumer, "run", stall_once)
    monkeypatch.setattr(OrderedConsumer, "open", limit_and_open)
    await create_stream(nats_server, **limits)
    await store(nats_server, range(10))
    async with RunningFeed(nats_server) as running:
        await wait_until(lambda: is_limited and running.status.is_current)
        loss = running.status.loss
        assert (loss.count if loss is not None else 0) == lost


async def test_no_consumer_is_left_open_when_the_loss_of_a_stall_cannot_be_counted(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = OrderedConsumer.run
    is_stalled = False
    unanswered = 0

    async def stall_once(consumer: OrderedConsumer) -> None:
        nonlocal is_stalled
        if is_stalled:
            return await run(consumer)
        is_stalled = True
        async with publisher(nats_server) as client:
            await client.jetstream().delete_msg(STREAM, 5)
        raise ConsumerStalledError

    async def fail_once(connection: Connection, name: str) -> float | None:
        nonlocal unanswered
        unanswered += 1
        if unanswered == 1:
            raise UserFacingError("JetStream did not respond")
        return await stored_since(connection, name)

    monkeypatch.setattr(OrderedConsumer, "run", stall_once)
    monkeypatch.setattr("pulse_desktop.transport.feed.stored_since", fail_once)
    await create_stream(nats_server, max_age=3_600)
    await store(nats_server, range(10))
    async with RunningFeed(nats_server) as running:
        await wait_until(lambda: running.status.caught_up)
        assert unanswered == 2
        async with publisher(nats_server) as client:
            consumers = await client.jetstream().consumers_info(STREAM)
        assert len(consumers) == 1
        loss = running.status.loss
        assert (loss.count if loss is not None else 0) == 1


@pytest.mark.parametrize("stored_later", [0, 3])
async def test_messages_that_expire_before_one_was_read_are_no_loss(
    nats_server: NatsServer, stored_later: int
) -> None:
    await create_stream(nats_server, max_age=1)
    await store(nats_server, range(10))
    async with feed_without_room(nats_server, 10) as running:
        await wait_until(lambda: running.status.caught_up)  # nothing is stored any more
        assert running.status.loss is None
        await store(nats_server, range(stored_later))
        await wait_until(lambda: len(running.take()) == 1 + stored_later)
        assert running.status.loss is None
