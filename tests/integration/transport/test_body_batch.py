"""Many small bodies of a result bucket are read with one request, and verified."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.js.object_store import ObjectStore

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.transport.body_batch import (
    MAX_BODY_BYTES,
    MAX_EMPTY_ANSWERS,
    BodyBatches,
    fits,
)
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_bucket import chunk_subject
from pulse_desktop.transport.result_store import ResultStore
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run

BUCKET = "taskiq_results"


@pytest.fixture
async def worker(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another client, which stores the results."""
    client = await connect(nats_server.url, allow_reconnect=False)
    yield client
    await client.close()


@pytest.fixture
async def bucket(worker: Client) -> ObjectStore:
    return await worker.jetstream().create_object_store(BUCKET)


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Connection]:
    connection = Connection(nats_server.url)
    await connection.open()
    yield connection
    await connection.close()


async def put(bucket: ObjectStore, connection: Connection, **bodies: bytes) -> list[StoredObject]:
    for key, body in bodies.items():
        await bucket.put(key, body)
    store = ResultStore(connection, BUCKET)
    return [await store.info(key) for key in bodies]


async def test_bodies_are_returned_by_their_ids(
    bucket: ObjectStore, connection: Connection
) -> None:
    bodies = {f"key-{number}": b"body %d" % number for number in range(30)}
    stored = await put(bucket, connection, **bodies)
    batches = BodyBatches(connection, BUCKET)
    assert batches.usable
    assert all(map(fits, stored))
    before = connection.client.stats["out_msgs"]
    found = await batches.read(stored)
    assert connection.client.stats["out_msgs"] - before == 1
    assert found == {each.nuid: bodies[each.key] for each in stored}
    assert batches.usable


async def test_equal_bodies_are_found_for_each_object(
    bucket: ObjectStore, connection: Connection
) -> None:
    stored = await put(bucket, connection, first=b"same", second=b"same")
    found = await BodyBatches(connection, BUCKET).read(stored)
    assert found == {each.nuid: b"same" for each in stored}


async def test_a_missing_and_a_damaged_body_are_left_out(
    bucket: ObjectStore, connection: Connection, worker: Client
) -> None:
    stored = await put(bucket, connection, good=b"good", gone=b"gone", damaged=b"damaged")
    good, gone, damaged = stored
    await worker.jetstream().purge_stream(f"OBJ_{BUCKET}", subject=chunk_subject(BUCKET, gone.nuid))
    await worker.jetstream().publish(chunk_subject(BUCKET, damaged.nuid), b"another")
    batches = BodyBatches(connection, BUCKET)
    assert await batches.read(stored) == {good.nuid: b"good"}
    assert batches.usable


async def test_batches_continue_after_an_object_was_overwritten(
    bucket: ObjectStore, connection: Connection, worker: Client
) -> None:
    old, other = await put(bucket, connection, key=b"old", other=b"other")
    await bucket.put("key", b"new")  # removes the chunk of the old object
    batches = BodyBatches(connection, BUCKET)
    for _time in range(MAX_EMPTY_ANSWERS):
        assert await batches.read([old]) == {}
        assert batches.usable
        assert await batches.read([other]) == {other.nuid: b"other"}


async def test_a_bucket_without_direct_access_is_not_asked_forever(
    bucket: ObjectStore, connection: Connection, worker: Client
) -> None:
    stored = await put(bucket, connection, first=b"1", second=b"2")
    js = worker.jetstream()
    config = (await js.stream_info(f"OBJ_{BUCKET}")).config
    config.allow_direct = False
    await js.update_stream(config)
    batches = BodyBatches(connection, BUCKET)
    answers = [await batches.read(stored) for _time in range(MAX_EMPTY_ANSWERS) if batches.usable]
    assert answers == [{}] * MAX_EMPTY_ANSWERS
    assert not batches.usable


async def test_large_and_deleted_objects_do_not_fit(
    bucket: ObjectStore, connection: Connection
) -> None:
    large, small = await put(bucket, connection, large=bytes(MAX_BODY_BYTES + 1), small=b"1")
    assert (fits(large), fits(small)) == (False, True)


async def test_a_session_reads_the_results_of_hundreds_of_runs(
    nats_server: NatsServer, bucket: ObjectStore
) -> None:
    def result(number: int) -> bytes:
        fields = {"is_err": number % 2 == 1, "return_value": number, "labels": {}}
        return json.dumps(fields).encode()

    async with open_session(nats_server) as session:
        await asyncio.gather(*(bucket.put(f"run-{n}", result(n)) for n in range(200)))
        for number in range(200):
            state = RunState.FAILED if number % 2 else RunState.SUCCEEDED
            await wait_for_run(session, f"run-{number}", state)
        assert not session.results.pending
