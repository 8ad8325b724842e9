"""Listing runs from history and from results, latest first, without reading all results."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from nats.aio.client import Client

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    RESULT_BUCKET,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_desktop.session import run_listing
from pulse_desktop.session.run_listing import RunListing
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import TaskRun
from pulse_desktop.transport.object_pages import ObjectPages
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import key_of, result_body, store_results
from tests.kit.sessions import open_session
from tests.kit.waiting import wait_until


@pytest.fixture
async def worker(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    yield client
    await client.close()


async def publish(worker: Client, type_: str, task_id: str) -> None:
    data = {"task_id": task_id, "task_name": "work", "worker": "w", "attempt": 1}
    _id, payload = encode_event("tasks", type_, data, source="w", now=time.time())
    await worker.jetstream().publish("websocket.tasks", payload)


async def list_all(session: Session, first_page: int = 10) -> list[list[TaskRun]]:
    assert await session.wait_history()
    listing = RunListing(session.state.runs, session.results, session.backfill, 0.0)
    async with aclosing(listing.latest_first(first_page)) as found:
        pages = [runs async for runs in found]
    assert (listing.unread, listing.problem) == (0, "")
    return pages


async def test_runs_of_history_and_of_results_are_in_one_order(
    nats_server: NatsServer, worker: Client
) -> None:
    await publish(worker, "task.started", "long")  # its result is stored much later
    await store_results(worker, 1200)
    bucket = await worker.jetstream().object_store(RESULT_BUCKET)
    await publish(worker, "task.started", "without a result")
    await bucket.put("between", result_body())
    await publish(worker, "task.started", "failed")
    await bucket.put("long", result_body())
    await bucket.put("failed", result_body(is_err=True))
    async with open_session(nats_server, stored_results=0) as session:
        pages = await list_all(session)
    runs = [run for page in pages for run in page]
    stored = [key_of(number) for number in range(1199, -1, -1)]
    assert [run.task_id for run in runs] == [
        "failed",
        "between",
        "without a result",
        *stored,
        "long",
    ]
    assert [run.state for run in runs[:3]] == [
        RunState.FAILED,
        RunState.SUCCEEDED,
        RunState.RUNNING,
    ]
    assert {run.state for run in runs[3:]} == {RunState.SUCCEEDED}
    assert len(pages) > 2


async def test_a_run_that_becomes_known_before_its_result_is_read_is_listed_once(
    nats_server: NatsServer, worker: Client
) -> None:
    async with open_session(nats_server, stored_results=0) as session:
        assert await session.wait_history()
        listing = RunListing(session.state.runs, session.results, session.backfill, 0.0)
        await publish(worker, "task.started", key_of(0))
        await wait_until(lambda: session.state.runs.get(key_of(0)))
        await store_results(worker, 1)
        async with aclosing(listing.latest_first(10)) as found:
            listed = [run.task_id for runs in [runs async for runs in found] for run in runs]
    assert listed == [key_of(0)]


async def test_the_first_runs_are_listed_before_most_results_are_read(
    nats_server: NatsServer, worker: Client
) -> None:
    await store_results(worker, 1000)
    async with open_session(nats_server, stored_results=0) as session:
        assert await session.wait_history()
        listing = RunListing(session.state.runs, session.results, session.backfill, 0.0)
        async with aclosing(listing.latest_first(10)) as found:
            first = await anext(found)
        assert [run.task_id for run in first] == [key_of(n) for n in range(999, 989, -1)]
        assert listing.unread == 990
        assert len(session.state.results.rows) == len(session.state.runs.rows) == 0


async def test_a_page_of_results_that_were_all_deleted_meanwhile_is_passed_over(
    nats_server: NatsServer, worker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_page = ObjectPages.next
    deleted = [key_of(2)]

    async def delete_and_read(pages: ObjectPages, size: int) -> list[StoredObject]:
        found = await read_page(pages, size)
        while deleted:
            await (await worker.jetstream().object_store(RESULT_BUCKET)).delete(deleted.pop())
        return found

    monkeypatch.setattr(ObjectPages, "next", delete_and_read)
    await store_results(worker, 3)
    async with open_session(nats_server, stored_results=0) as session:
        pages = await list_all(session, first_page=1)
    assert [run.task_id for runs in pages for run in runs] == [key_of(1), key_of(0)]


async def test_the_newest_run_is_listed_first_though_only_its_result_is_known(
    nats_server: NatsServer, worker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_listing, "STORING_MARGIN_S", 0.0)
    for number in range(100):
        await publish(worker, "task.started", f"event {number}")
    bucket = await worker.jetstream().create_object_store(RESULT_BUCKET)
    await bucket.put("newest", result_body().replace(b"0.5", b"0.0"))
    async with open_session(nats_server, newest=20, reads_back=False, stored_results=0) as session:
        assert await session.wait_history()
        listing = RunListing(session.state.runs, session.results, session.backfill, 0.0)
        listed: list[str] = []
        async with aclosing(listing.latest_first(10)) as found:
            async for runs in found:
                listed += [run.task_id for run in runs]
    assert listed == ["newest", *(f"event {number}" for number in range(99, -1, -1))]


async def test_a_run_whose_task_is_read_after_its_result_was_listed_is_listed_once(
    nats_server: NatsServer, worker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_listing, "STORING_MARGIN_S", 0.0)
    await worker.jetstream().add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    payload, headers = encode_task("waited", "work")
    await worker.jetstream().publish(TASK_SUBJECT, payload, headers=headers)
    for number in range(100):
        await publish(worker, "task.started", f"event {number}")
        payload, headers = encode_task(f"event {number}", "work")
        await worker.jetstream().publish(TASK_SUBJECT, payload, headers=headers)
    bucket = await worker.jetstream().create_object_store(RESULT_BUCKET)
    await bucket.put("waited", result_body().replace(b"0.5", b"0.0"))
    async with open_session(nats_server, newest=20, reads_back=False, stored_results=0) as session:
        listed = [run.task_id for runs in await list_all(session) for run in runs]
    assert len(listed) == len(set(listed)) == 101


async def test_runs_of_history_are_listed_when_results_cannot_be_read(
    nats_server: NatsServer, worker: Client
) -> None:
    await publish(worker, "task.started", "known")
    await store_results(worker, 1000)
    async with open_session(nats_server, stored_results=0) as session:
        assert await session.wait_history()
        listing = RunListing(session.state.runs, session.results, session.backfill, 0.0)
        async with aclosing(listing.latest_first(10)) as found:
            await anext(found)
            await session.connection.close()
            async with asyncio.timeout(20):
                rest = [run.task_id for runs in [runs async for runs in found] for run in runs]
    assert rest == ["known"]
    assert listing.problem
    assert listing.unread


async def test_a_run_whose_events_were_stored_before_its_task_has_not_been_queued_since(
    nats_server: NatsServer, worker: Client
) -> None:
    await worker.jetstream().add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    await publish(worker, "task.started", "early")
    await publish(worker, "task.succeeded", "early")
    await publish(worker, "task.started", "other 0")
    payload, headers = encode_task("early", "work")
    await worker.jetstream().publish(TASK_SUBJECT, payload, headers=headers)
    for number in range(1, 20):
        await publish(worker, "task.started", f"other {number}")
    async with open_session(nats_server, newest=20, reads_back=False) as session:
        runs = {run.task_id: run for page in await list_all(session) for run in page}
    assert runs["early"].state is RunState.SUCCEEDED
    assert len(runs) == 21
