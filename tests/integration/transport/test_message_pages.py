"""What is stored before the newest part of a stream: all of it, newest first, and nothing twice."""

import asyncio
import contextlib
import time
from collections.abc import Iterable

import pytest
from nats.js.api import DiscardPolicy

from pulse_desktop.model.errors import NotConnectedError, NotPermittedError
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.transport import message_pages
from pulse_desktop.transport.message_pages import MessagePages
from pulse_desktop.transport.ordered_consumer import ConsumerResetError
from tests.kit.filled_server import wait_until_stored
from tests.kit.nats_servers import NatsServer
from tests.kit.running_feed import STREAM, RunningFeed, create_stream, publisher, store
from tests.kit.waiting import wait_until

DENIALS = """
authorization {
  users = [
    { user: admin, password: p },
    { user: op, password: p, permissions: { publish: { deny: [%s] } } }
  ]
}
"""


async def pages_of(running: RunningFeed) -> MessagePages:
    assert await running.feed.wait_caught_up(10)
    pages = running.feed.take_older_pages()
    assert pages is not None
    assert running.feed.take_older_pages() is None
    return pages


async def read_all(pages: MessagePages) -> list[InboundMessage]:
    """Return everything that the pages have, newest first."""
    found: list[InboundMessage] = []
    while page := await pages.next():
        assert [each.sequence for each in page] == sorted(each.sequence for each in page)
        found += reversed(page)
    assert pages.unread == 0
    return found


def numbers(messages: Iterable[InboundMessage]) -> list[int]:
    return [int(each.payload) for each in messages]


async def test_the_newest_part_is_read_first_and_the_rest_backwards(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    before = time.time()
    await store(nats_server, range(20_000))
    async with RunningFeed(nats_server, backlog=1_000) as running:
        assert await running.feed.wait_caught_up(10)
        status = running.status
        assert (status.is_current, status.to_replay, status.older) == (True, 1_000, 19_000)
        assert running.payloads() == list(range(19_000, 20_000))
        assert before - 1 < status.oldest_at <= running.messages[0].at
        pages = await pages_of(running)
        await store(nats_server, range(20_000, 20_100))
        older = await read_all(pages)
        assert numbers(older) == list(range(18_999, -1, -1))
        assert all(each.older and each.subject == "websocket.tasks" for each in older)
        assert [each.sequence for each in older] == list(range(19_000, 0, -1))
        await wait_until(lambda: len(running.take()) == 1_100)
        assert running.payloads() == list(range(19_000, 20_100))
        assert not any(each.older for each in running.messages)
        assert (pages.ended_by, running.status.gaps) == ("", ())


async def test_nothing_is_older_than_a_short_or_a_recent_history(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(2_000))
    async with RunningFeed(nats_server, backlog=2_000) as running:
        assert await running.feed.wait_caught_up(5)
        assert running.feed.take_older_pages() is None
    middle = time.time()
    await store(nats_server, range(2_000, 5_000))
    async with RunningFeed(nats_server, backlog=500, since=middle) as running:
        pages = await pages_of(running)
        assert running.payloads() == list(range(4_500, 5_000))
        assert pages.unread == 2_500
        assert numbers(await read_all(pages)) == list(range(4_499, 1_999, -1))


async def test_a_stream_with_other_subjects_has_as_many_messages_in_its_newest_part(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server, ("websocket.>", "other.>"))
    async with publisher(nats_server) as client:
        for number in range(30_000):
            if number < 10_000 or number % 20 == 0:
                await client.publish("websocket.tasks", str(number).encode())
            else:
                await client.publish("other.things", b"x" * 10)
        await wait_until_stored(client, STREAM, 30_000)
    wanted = [number for number in range(30_000) if number < 10_000 or number % 20 == 0]
    async with RunningFeed(nats_server, backlog=500) as running:
        pages = await pages_of(running)
        newest = running.payloads()
        assert 250 <= len(newest) <= 1_500
        assert newest == wanted[-len(newest) :]
        assert pages.unread == len(wanted) - len(newest)
        older = numbers(await read_all(pages))
        assert older == wanted[: -len(newest)][::-1]


async def test_pages_of_large_messages_are_short(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    async with publisher(nats_server) as client:
        for number in range(60):
            await client.publish("websocket.tasks", b"%d " % number + b" " * 900_000)
        await wait_until_stored(client, STREAM, 60)
    async with RunningFeed(nats_server, backlog=1) as running:
        pages = await pages_of(running)
        found: list[int] = []
        while page := await pages.next():
            assert sum(len(each.payload) for each in page) <= message_pages.MAX_PAGE_BYTES
            found += numbers(reversed(page))
        assert found == list(range(58, -1, -1))


@pytest.mark.parametrize("keep", [0, 3_000, 12_500])
async def test_messages_that_are_deleted_meanwhile_are_lost(
    nats_server: NatsServer, keep: int
) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(20_000))
    async with RunningFeed(nats_server, backlog=1_000) as running:
        pages = await pages_of(running)
        found = numbers(reversed(await pages.next()))
        async with publisher(nats_server) as client:
            await client.jetstream().purge_stream(STREAM, keep=keep)
        async with asyncio.timeout(10):
            found += numbers(await read_all(pages))
        assert found == list(range(18_999, 18_999 - len(found), -1))
        assert len(found) >= max(0, keep - 1_000)
        assert pages.lost == 19_000 - len(found) > 0
        assert pages.ended_by == f"messages of the stream {STREAM} were deleted while it was read"
        await store(nats_server, [20_000])
        await wait_until(lambda: 20_000 in running.payloads())


async def test_messages_of_a_stream_that_replaced_another_are_not_older(
    nats_server: NatsServer,
) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(10_000))
    async with RunningFeed(nats_server, backlog=1_000) as running:
        pages = await pages_of(running)
        page = numbers(await pages.next())
        async with publisher(nats_server) as client:
            await client.jetstream().delete_stream(STREAM)
        await create_stream(nats_server)
        await store(nats_server, range(10_000, 30_000))
        assert await pages.next() == []
        reason = f"the stream {STREAM} was deleted and made again while it was read"
        assert (pages.unread, pages.ended_by) == (0, reason)
        assert pages.lost == 9_000 - len(page)
        await wait_until(lambda: len(running.take()) == 21_000)
        assert running.payloads() == list(range(9_000, 30_000))
        assert page == list(range(9_000 - len(page), 9_000))
        assert running.feed.take_older_pages() is None


async def test_a_deleted_stream_ends_the_pages(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(10_000))
    async with RunningFeed(nats_server, backlog=1_000) as running:
        pages = await pages_of(running)
        page = await pages.next()
        async with publisher(nats_server) as client:
            await client.jetstream().delete_stream(STREAM)
        assert await pages.next() == []
        reason = f"the stream {STREAM} was deleted while it was read"
        assert (pages.unread, pages.ended_by) == (0, reason)
        assert pages.lost == 9_000 - len(page) > 0
        assert running.status.loss is None


async def test_messages_that_a_limit_removes_are_not_lost(nats_server: NatsServer) -> None:
    async with publisher(nats_server) as client:
        await client.jetstream().add_stream(
            name=STREAM, subjects=["websocket.>"], max_msgs=10_000, discard=DiscardPolicy.OLD
        )
    await store(nats_server, range(10_000))
    async with RunningFeed(nats_server, backlog=1_000) as running:
        pages = await pages_of(running)
        found = numbers(reversed(await pages.next()))
        await store(nats_server, range(10_000, 15_000))
        found += numbers(await read_all(pages))
        assert found == list(range(8_999, 4_999, -1))
        assert (pages.ended_by, pages.lost) == ("", 0)


async def test_pages_go_on_where_they_were_after_a_restart(nats_server: NatsServer) -> None:
    await create_stream(nats_server)
    await store(nats_server, range(20_000))
    async with RunningFeed(nats_server, backlog=1_000) as running:
        pages = await pages_of(running)
        found = numbers(reversed(await pages.next()))
        for _ in range(2):
            reading = asyncio.ensure_future(pages.next())
            await asyncio.sleep(0)
            nats_server.kill()
            with contextlib.suppress(NotConnectedError):
                found += numbers(reversed(await reading))
            await wait_until(lambda: running.status.mode == "off")
            nats_server.start()
            await running.in_mode("history")
        found += numbers(await read_all(pages))
        assert found == list(range(18_999, -1, -1))
        assert running.payloads() == list(range(19_000, 20_000))


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("$JS.API.CONSUMER.CREATE.>", marks=pytest.mark.slow),
        "$JS.API.CONSUMER.MSG.NEXT.>",
        pytest.param("$JS.API.STREAM.INFO.>", marks=pytest.mark.slow),
    ],
)
async def test_a_page_that_is_refused_is_the_next_one_once_it_is_permitted(subject: str) -> None:
    with NatsServer(user="admin", password="p", config=DENIALS % '"x"') as server:
        await create_stream(server)
        await store(server, range(20_000))
        server.user = "op"
        async with RunningFeed(server, backlog=1_000) as running:
            pages = await pages_of(running)
            found = numbers(reversed(await pages.next()))
            server.config = DENIALS % f'"{subject}"'
            server.reload()

            async def is_refused() -> bool:
                try:
                    found.extend(numbers(reversed(await pages.next())))
                except (NotPermittedError, ConsumerResetError) as error:
                    return subject.removesuffix(".>") in f"{error} {getattr(error, 'detail', '')}"
                return False

            await wait_until(is_refused)
            unread = pages.unread
            assert unread == 19_000 - len(found) > 0
            server.config = DENIALS % '"x"'
            server.reload()
            await running.in_mode("history")
            found += numbers(await read_all(pages))
            assert found == list(range(18_999, -1, -1))


async def test_what_was_received_live_is_not_read_back_as_older() -> None:
    refused = DENIALS % '"$JS.API.CONSUMER.CREATE.>"'
    with NatsServer(user="admin", password="p", config=refused) as server:
        await create_stream(server)
        await store(server, range(5_000))
        server.user = "op"
        async with RunningFeed(server, backlog=100) as running:
            await running.in_mode("live")
            server.user = "admin"
            await store(server, range(5_000, 6_000))
            await wait_until(lambda: len(running.take()) == 1_000)
            server.config = DENIALS % '"x"'
            server.reload()
            await running.in_mode("history")
            pages = running.feed.take_older_pages()
            older = numbers(await read_all(pages)) if pages is not None else []
            await wait_until(lambda: len(running.take()) + len(older) >= 6_000)
            assert sorted(older + running.payloads()) == list(range(6_000))
            assert running.payloads()[:1_000] == list(range(5_000, 6_000))
