"""Pages of stored objects: newest first, complete, and of bounded size in any bucket."""

import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_pages import ObjectPages, count_results
from pulse_desktop.transport.ordered_consumer import SILENCE_TIMEOUT_S, OrderedConsumer
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, result_body, store_results

SIZE = 20


@pytest.fixture
async def worker(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another client, which stores the results."""
    client = await connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    connection = Connection(nats_server.url)
    await connection.open()
    yield connection
    await connection.close()


async def read_all(pages: ObjectPages) -> list[list[str]]:
    """Return the keys of all pages."""
    found = []
    while page := await pages.next(SIZE):
        found.append([stored.key for stored in page])
    assert await pages.next(SIZE) == []
    assert pages.unread == 0
    return found


async def test_all_objects_are_returned_newest_first(
    worker: Client, connection: Connection
) -> None:
    await store_results(worker, 500)
    pages = ObjectPages(connection, RESULT_BUCKET)
    first = await pages.next(SIZE)
    assert [stored.key for stored in first] == [key_of(n) for n in range(499, 479, -1)]
    assert pages.unread == 480
    rest = await read_all(pages)
    assert [key for page in rest for key in page] == [key_of(n) for n in range(479, -1, -1)]
    assert max(map(len, rest)) <= 2 * SIZE


async def test_objects_lie_anywhere_in_the_stream(worker: Client, connection: Connection) -> None:
    """Replaced progress leaves gaps, a large object has many chunks, a deleted one a marker."""
    await store_results(worker, 100)
    bucket = await worker.jetstream().object_store(RESULT_BUCKET)
    for number in range(300):
        await bucket.put(f"{PROGRESS_PREFIX}task", str(number).encode())
    await bucket.put("large", bytes(8 << 20))
    await bucket.put("small", result_body())
    await bucket.delete(key_of(50))
    await bucket.put(key_of(10), result_body())  # it was replaced: now it is the newest
    found = await read_all(ObjectPages(connection, RESULT_BUCKET))
    oldest = [key_of(number) for number in range(99, -1, -1) if number not in (10, 50)]
    assert [key for page in found for key in page] == [key_of(10), "small", "large", *oldest]
    assert max(map(len, found)) <= 2 * SIZE


async def test_objects_older_than_a_time_are_left_out(
    worker: Client, connection: Connection
) -> None:
    await store_results(worker, 100)
    bucket = await worker.jetstream().object_store(RESULT_BUCKET)
    moment = time.time()
    for key in ("a", "b"):
        await bucket.put(key, result_body())
    pages = ObjectPages(connection, RESULT_BUCKET, since=moment)
    found = await pages.next(SIZE)
    assert [stored.key for stored in found] == ["b", "a"]
    assert await read_all(pages) == []


async def test_a_bucket_without_objects_or_that_does_not_exist_has_no_pages(
    worker: Client, connection: Connection
) -> None:
    missing = ObjectPages(connection, RESULT_BUCKET)
    assert await read_all(missing) == []
    await worker.jetstream().create_object_store(RESULT_BUCKET)
    assert await read_all(ObjectPages(connection, RESULT_BUCKET)) == []


async def test_objects_that_are_stored_meanwhile_change_nothing(
    worker: Client, connection: Connection
) -> None:
    await store_results(worker, 100)
    bucket = await worker.jetstream().object_store(RESULT_BUCKET)
    pages = ObjectPages(connection, RESULT_BUCKET)
    found = [stored.key for stored in await pages.next(SIZE)]
    for number in range(50):
        await bucket.put(f"new-{number}", result_body())
    await bucket.put(key_of(99), result_body())  # already returned
    found += [key for page in await read_all(pages) for key in page]
    assert found == [key_of(n) for n in range(99, -1, -1)]


@pytest.mark.parametrize("arriving", [30, 300])
async def test_pages_keep_their_size_while_many_objects_are_stored(
    worker: Client, connection: Connection, arriving: int
) -> None:
    stored = 400
    await store_results(worker, stored)
    pages = ObjectPages(connection, RESULT_BUCKET)
    found: list[list[str]] = []
    unread = []
    while page := await pages.next(SIZE):
        found.append([each.key for each in page])
        unread.append(pages.unread)
        await store_results(worker, arriving, first=stored)
        stored += arriving
    assert [key for page in found for key in page] == [key_of(n) for n in range(399, -1, -1)]
    assert len(found) == 400 // SIZE
    assert unread == list(range(400 - SIZE, -1, -SIZE))


def purge_at_first_request(worker: Client, monkeypatch: pytest.MonkeyPatch, keep: int) -> None:
    """Purge the bucket once it is known how much it has, before any of it is sent."""
    request = OrderedConsumer._request_more  # noqa: SLF001
    purged = False

    async def purge_and_request(consumer: OrderedConsumer) -> bool:
        nonlocal purged
        if not purged:
            purged = True
            await worker.jetstream().purge_stream(f"OBJ_{RESULT_BUCKET}", keep=keep)
        return await request(consumer)

    monkeypatch.setattr(OrderedConsumer, "_request_more", purge_and_request)


@pytest.mark.parametrize("kept", [0, 5])
async def test_a_bucket_that_is_purged_while_a_page_is_read_ends_the_pages(
    worker: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    await store_results(worker, 100)
    purge_at_first_request(worker, monkeypatch, 2 * kept)
    started = time.monotonic()
    found = await read_all(ObjectPages(connection, RESULT_BUCKET))
    assert [key for page in found for key in page] == [key_of(99 - n) for n in range(kept)]
    assert time.monotonic() - started < SILENCE_TIMEOUT_S / 2


@pytest.mark.parametrize("kept", [0, 5])
async def test_results_that_are_purged_while_they_are_counted_count_no_more(
    worker: Client, connection: Connection, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    await store_results(worker, 100)
    purge_at_first_request(worker, monkeypatch, 2 * kept)
    assert await count_results(connection, RESULT_BUCKET) == kept
