"""Results are read the newest first: since when all of them were read."""

import asyncio
import math
from typing import Any

import pytest

from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_desktop.session.result_loader import CONCURRENCY
from pulse_desktop.transport.body_batch import MAX_BODY_BYTES
from pulse_desktop.transport.result_store import ResultStore
from pulse_desktop.transport.result_watch import ResultWatch
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import result_body
from tests.kit.sessions import open_session
from tests.kit.waiting import wait_until


async def test_a_result_is_unread_while_it_waits_and_while_it_is_read(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    in_flight: list[str] = []
    read = ResultStore.read

    async def read_later(store: ResultStore, stored: StoredObject, **more: Any) -> bytes:
        in_flight.append(stored.key)
        await released.wait()
        return await read(store, stored, **more)

    monkeypatch.setattr(ResultStore, "read", read_later)
    client = await connect(nats_server.url)
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    body = result_body({"note": "x" * MAX_BODY_BYTES})  # too large to be read with others
    names = [str(number) for number in range(CONCURRENCY + 1)]
    for name in names:
        await bucket.put(name, body)
    async with open_session(nats_server, folding=False) as session:
        loader, state = session.results, session.state
        await wait_until(lambda: loader.watch_status.caught_up)
        while session.drain(1.0):
            pass
        await wait_until(lambda: len(in_flight) == CONCURRENCY)
        assert in_flight == names[:0:-1]
        assert [stored.key for stored in state.pending_reads] == [names[0]]

        def stored_at(name: str) -> float:
            row = state.results.get(name)
            assert row is not None
            return row.stored.stored_at

        assert loader.read_since == stored_at(names[-1])  # in flight, while an older one waits
        await bucket.put("latest", body)

        def is_folded() -> bool:
            session.drain(1.0)
            return state.results.get("latest") is not None

        await wait_until(is_folded)
        assert loader.read_since == stored_at("latest")  # waits, while older ones are in flight
        released.set()
        await wait_until(lambda: not session.drain(1.0) and not loader.pending)
        assert loader.read_since == -math.inf
    await client.close()


async def test_the_results_of_a_bucket_that_was_replaced_are_forgotten(
    nats_server: NatsServer,
) -> None:
    client = await connect(nats_server.url)
    js = client.jetstream()
    bucket = await js.create_object_store(RESULT_BUCKET)
    for name in ("a", "b", "c"):
        await bucket.put(name, result_body())
    async with open_session(nats_server) as session:
        assert await session.wait_caught_up()
        results = session.state.results
        assert set(results.keys) == {"a", "b", "c"}
        await js.delete_object_store(RESULT_BUCKET)
        await wait_until(lambda: not results.keys and results.count == 0, 30)
        bucket = await js.create_object_store(RESULT_BUCKET)
        await bucket.put("c", result_body(is_err=True))
        await wait_until(lambda: set(results.keys) == {"c"} and results.count == 1, 30)
        assert await session.wait_caught_up()
        row = results.get("c")
        assert row is not None
        assert row.outcome == "failed"
    await client.close()


async def test_the_results_of_a_bucket_that_comes_back_are_read_again(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = ResultWatch._find  # noqa: SLF001 - the server cannot lose a stream and have it again
    is_gone = False

    async def find_unless_gone(watch: ResultWatch) -> Any:
        return None if is_gone else await find(watch)

    monkeypatch.setattr(ResultWatch, "_find", find_unless_gone)
    monkeypatch.setattr("pulse_desktop.transport.result_watch.POLL_INTERVAL_S", 0.1)
    client = await connect(nats_server.url)
    bucket = await client.jetstream().create_object_store(RESULT_BUCKET)
    await bucket.put("a", result_body())
    async with open_session(nats_server) as session:
        assert await session.wait_caught_up()
        is_gone = True
        (consumer,) = await client.jetstream().consumers_info(f"OBJ_{RESULT_BUCKET}")
        await client.jetstream().delete_consumer(f"OBJ_{RESULT_BUCKET}", consumer.name)
        results = session.state.results
        await wait_until(lambda: not results.keys, 60)
        is_gone = False
        await wait_until(lambda: set(results.keys) == {"a"}, 60)
        assert session.results.watch_status.deleted_since is None
    await client.close()
