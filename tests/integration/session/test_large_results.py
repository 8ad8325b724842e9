"""Results that are large or expensive to decode: loaded on request, never delaying the loop."""

import asyncio
import gc
import json
import pickle
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from pulse_desktop.model.errors import NotPermittedError, UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.topics import (
    RESULT_BUCKET,
)
from pulse_desktop.session import result_loader
from pulse_desktop.session.result_pages import CONCURRENCY
from pulse_desktop.state.run import UNREAD, UNREADABLE
from pulse_desktop.text.run_text import state_name
from pulse_desktop.transport.object_pages import ObjectPages
from pulse_desktop.transport.result_store import ResultStore
from tests.kit.background import in_background
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run, wait_for_unreadable_result
from tests.kit.waiting import wait_until


@pytest.fixture
async def other(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another client of the same server."""
    client = await connect(nats_server.url)
    yield client
    await client.close()


SIZES = {"torn": 300_000, "grown": 2_000_000, "replaced": 400_000, "kept": 300_000}


def result(value: Any) -> bytes:
    return json.dumps({"is_err": False, "return_value": value, "labels": {}}).encode()


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_a_result_of_20_mib_is_loaded_only_on_request(
    nats_server: NatsServer, other: Client, tmp_path: Path
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    body = result("x" * (20 << 20))
    async with open_session(nats_server) as session:
        await bucket.put("large", body)
        await bucket.put("small", result("small"))
        await wait_for_run(session, "small", RunState.SUCCEEDED)
        run = await wait_for_run(session, "large", RunState.RESULT_UNREADABLE)
        row = session.state.results.get("large")
        assert row is not None
        assert (row.too_large, row.problem, state_name(run)) == (True, "", "result not read")
        assert run.stored_outcome is not None
        assert run.stored_outcome.size == len(body)
        assert session.connection.client.stats["in_bytes"] < 1 << 20

        target = tmp_path / "large.json"
        assert await session.results.save("large", target) == len(body)
        assert target.read_bytes() == body
        value = await session.results.read("large")
        assert (value.result, value.raw == body) == (None, True)
        assert value.problem == "larger than 16 MiB"
        assert (await wait_for_unreadable_result(session, "large")).problem == value.problem
        with pytest.raises(UserFacingError):
            await session.results.save("large", tmp_path / "no such folder" / "large.json")
        assert names_in(tmp_path) == ["large.json"]


async def test_results_that_are_replaced_while_they_are_listed_are_not_broken(
    nats_server: NatsServer, other: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    for key in ("kept", "deleted", "replaced", "grown", "torn"):
        await bucket.put(key, result("x" * 300_000))
    listed = ObjectPages.next
    changed: list[bool] = []

    async def list_and_change(pages: ObjectPages, size: int) -> list[StoredObject]:
        objects = await listed(pages, size)
        if objects and not changed:
            changed.append(True)
            await bucket.delete("deleted")
            await bucket.put("replaced", result("y" * 400_000))
            await bucket.put("grown", result("z" * 2_000_000))
            info = await bucket.get_info("torn")
            last = await other.jetstream().get_last_msg(
                f"OBJ_{RESULT_BUCKET}", f"$O.{RESULT_BUCKET}.C.{info.nuid}"
            )
            assert last.seq is not None
            await other.jetstream().delete_msg(f"OBJ_{RESULT_BUCKET}", last.seq)
        return objects

    monkeypatch.setattr(ObjectPages, "next", list_and_change)
    async with (
        open_session(nats_server) as session,
        aclosing(session.results.newest_first(10)) as pages,
    ):
        await session.connection.wait_connected()
        updates = [update async for page in pages for update in page.updates]
    found = {update.task_id: update.stored_outcome for update in updates}
    assert list(found) == ["torn", "grown", "replaced", "kept"]
    outcomes = [(each.outcome, each.format, each.size) for each in found.values() if each]
    sizes = {key: len(result("x" * size)) for key, size in SIZES.items()}
    assert outcomes == [
        ("", UNREADABLE, sizes["torn"]),
        ("", UNREAD, sizes["grown"]),
        ("succeeded", "json", sizes["replaced"]),
        ("succeeded", "json", sizes["kept"]),
    ]


async def test_a_replaced_result_that_cannot_be_asked_for_does_not_end_the_list(
    nats_server: NatsServer, other: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    for key in ("kept", "replaced"):
        await bucket.put(key, result("x" * 300_000))
    listed, is_current = ObjectPages.next, ResultStore.is_current

    async def list_and_replace(pages: ObjectPages, size: int) -> list[StoredObject]:
        objects = await listed(pages, size)
        if objects:
            await bucket.put("replaced", result("y" * 400_000))
        return objects

    async def refuse_next(store: ResultStore, stored: StoredObject) -> bool:
        try:
            return await is_current(store, stored)
        finally:
            monkeypatch.setattr(ResultStore, "info", refuse)

    async def refuse(_store: ResultStore, _key: str) -> StoredObject:
        raise NotPermittedError("$JS.API.STREAM.MSG.GET")

    monkeypatch.setattr(ObjectPages, "next", list_and_replace)
    monkeypatch.setattr(ResultStore, "is_current", refuse_next)
    async with (
        open_session(nats_server) as session,
        aclosing(session.results.newest_first(10)) as pages,
    ):
        await session.connection.wait_connected()
        updates = [update async for page in pages for update in page.updates]
    outcomes = {update.task_id: update.stored_outcome for update in updates}
    assert {key: each and (each.outcome, each.format) for key, each in outcomes.items()} == {
        "replaced": ("", UNREADABLE),
        "kept": ("succeeded", "json"),
    }


async def test_the_outcomes_are_known_once_the_results_are_read(
    nats_server: NatsServer, other: Client
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    failed: dict[str, Any] = {"is_err": True, "return_value": None, "labels": {}}
    for number in range(300):
        await bucket.put(f"{number:032x}", json.dumps(failed).encode())
    async with open_session(nats_server) as session:
        await wait_until(lambda: session.has_outcomes)
        assert session.state.runs.counts[RunState.FAILED] == 300


async def test_a_large_result_is_known_once_it_was_opened(
    nats_server: NatsServer, other: Client
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    async with open_session(nats_server) as session:
        await bucket.put("large", result("x" * (2 << 20)))
        await wait_for_run(session, "large", RunState.RESULT_UNREADABLE)
        assert (await session.results.read("large")).result is not None
        await wait_for_run(session, "large", RunState.SUCCEEDED)


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Collect no garbage: it takes long where the tests before have left much."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
async def test_no_result_in_the_bucket_delays_the_event_loop(
    nats_server: NatsServer, other: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take longer than that, and what is tested is the loop.
    monkeypatch.setattr(result_loader, "LOAD_BUDGET_S", 60.0)
    value: list[Any] = []
    for _level in range(18):  # half a million values in a few hundred bytes
        value = [value, value]
    fields = {"is_err": False, "return_value": value, "labels": {}}
    bodies = [pickle.dumps(fields), result(list(range(100_000)))]
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    busy: list[float] = []

    async def measure() -> None:
        last = time.thread_time()  # other processes of a busy machine do not count
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            busy.append(now - last)
            last = now

    async with open_session(nats_server) as session:
        await bucket.put("first", bodies[0])
        await wait_for_run(session, "first", RunState.SUCCEEDED)
        for number in range(4):
            await bucket.put(f"key-{number}", bodies[number % 2])
        async with in_background(measure()):
            for number in range(4):
                await wait_for_run(session, f"key-{number}", RunState.SUCCEEDED, timeout_s=60.0)
            opened = await session.results.read("key-0")
        assert opened.result is not None
        assert opened.result.return_value == value
        assert max(busy) <= 2 / 60


async def test_the_metadata_of_single_results_can_be_loaded(
    nats_server: NatsServer, other: Client
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    for name in "abc":
        await bucket.put(name, result(name))
    async with open_session(nats_server, stored_results=0) as session:
        assert await session.wait_caught_up()
        assert not session.state.results.rows
        assert await session.results.load_metadata(["a", "missing", "c"]) == 2
        assert await session.wait_caught_up()
        assert [run.state for run in session.state.runs.rows] == [RunState.SUCCEEDED] * 2
        assert {run.task_id for run in session.state.runs.rows} == {"a", "c"}


async def test_the_metadata_of_many_results_is_requested_at_once(
    nats_server: NatsServer, other: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    names = [f"run-{number}" for number in range(2 * CONCURRENCY)]
    for name in names[::2]:
        await bucket.put(name, result(name))
    waiting: list[int] = [0]
    read_info = ResultStore.info

    async def counted(store: ResultStore, key: str) -> StoredObject:
        waiting.append(waiting[-1] + 1)
        try:
            return await read_info(store, key)
        finally:
            waiting.append(waiting[-1] - 1)

    async with open_session(nats_server, stored_results=0) as session:
        assert await session.wait_caught_up()
        monkeypatch.setattr(ResultStore, "info", counted)
        assert await session.results.load_metadata(reversed(names)) == CONCURRENCY
        assert max(waiting) == CONCURRENCY
        assert list(session.state.results.keys) == names[-2::-2]
