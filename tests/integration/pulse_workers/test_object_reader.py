"""Results are read without leaving anything on the server, and never wait for ever."""

from collections.abc import AsyncIterator

import pytest
from nats.js.errors import DigestMismatchError, NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore
from pulse_workers.results.object_reader import SmallObjectStore
from pulse_workers.results.object_writer import CHUNK_SIZE

from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer

BUCKET, STREAM = "results", "OBJ_results"


@pytest.fixture
async def stores(nats_server: NatsServer) -> AsyncIterator[tuple[ObjectStore, SmallObjectStore]]:
    """Yield nats-py's store and ours, of the same bucket."""
    client = await connect(nats_server.url)
    js = client.jetstream()
    yield await js.create_object_store(BUCKET), SmallObjectStore(js, BUCKET)
    await client.close()


Stores = tuple[ObjectStore, SmallObjectStore]


@pytest.mark.parametrize("size", [0, 5, CHUNK_SIZE, CHUNK_SIZE + 1, 5 * CHUNK_SIZE])
async def test_objects_of_every_size_are_read(stores: Stores, size: int) -> None:
    theirs, ours = stores
    await theirs.put("a", b"x" * size)
    assert (await ours.get("a")).data == b"x" * size


async def test_reading_results_leaves_no_consumer_behind(
    stores: Stores, nats_server: NatsServer
) -> None:
    theirs, ours = stores
    await theirs.put("a", b"body")
    for _ in range(20):
        assert (await ours.get("a")).data == b"body"
    client = await connect(nats_server.url)
    assert (await client.jetstream().stream_info(STREAM)).state.consumer_count == 0
    await client.close()


async def test_a_missing_or_damaged_object_is_an_error(
    stores: Stores, nats_server: NatsServer
) -> None:
    theirs, ours = stores
    with pytest.raises(ObjectNotFoundError):
        await ours.get("a")
    nuid = (await theirs.put("a", b"body")).nuid
    client = await connect(nats_server.url)
    js = client.jetstream()
    await js.publish(f"$O.{BUCKET}.C.{nuid}", b"other")
    with pytest.raises(DigestMismatchError):
        await ours.get("a")
    await js.purge_stream(STREAM, subject=f"$O.{BUCKET}.C.>")
    with pytest.raises(NotFoundError):
        await ours.get("a")
    await client.close()
