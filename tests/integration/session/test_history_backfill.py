"""A session is current as soon as the newest part of history is read, and reads back the rest."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from nats.aio.client import Client

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    TASK_STREAM,
    TASK_SUBJECT,
    TASK_TOPIC,
)
from pulse_desktop.session import history_backfill
from pulse_desktop.session.history_backfill import MAX_WAITING
from pulse_desktop.session.session import Session
from pulse_desktop.transport import message_pages
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session
from tests.kit.waiting import wait_until

RUNS = 1_000
NEWEST = 200


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    """Yield a client of a server with the tasks and events of many runs."""
    client = await connect(server.url)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    await client.jetstream().add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    for number in range(RUNS):
        await enqueue(client, number)
        await publish(client, number, "task.started")
        await publish(client, number, "task.succeeded", run_s=0.5)
        if number % 100 == 0:
            await client.flush()
    await client.flush()
    await wait_until(lambda: has_stored(client, EVENT_STREAM, 2 * RUNS))
    await wait_until(lambda: has_stored(client, TASK_STREAM, RUNS))
    yield client
    await client.close()


async def has_stored(client: Client, stream: str, count: int) -> bool:
    return (await client.jetstream().stream_info(stream)).state.last_seq >= count


async def enqueue(client: Client, number: int) -> None:
    payload, headers = encode_task(f"{number:032x}", "app:work", args=b"[%d]" % number)
    await client.publish(TASK_SUBJECT, payload, headers=headers)


async def publish(client: Client, number: int, type_: str, **more: object) -> None:
    data = {"task_id": f"{number:032x}", "worker": "w@h:1", "attempt": 1, **more}
    _id, payload = encode_event("tasks", type_, data, source="w@h:1", now=time.time())
    await client.publish("websocket.tasks", payload)


def sequences(session: Session, *, tasks: bool) -> list[int]:
    log = session.state.log
    return [each.sequence for each in log if (each.topic == TASK_TOPIC) is tasks]


async def test_all_is_read_in_the_order_in_which_it_happened(
    server: NatsServer, client: Client
) -> None:
    async with open_session(server, newest=NEWEST) as session:
        await wait_until(lambda: session.history_extent.total and session.has_outcomes)
        await wait_until(lambda: session.history_extent.is_complete and not session.waiting)
        await wait_until(lambda: not session.history_extent.is_reading)
        assert sequences(session, tasks=False) == list(range(1, 2 * RUNS + 1))
        assert sequences(session, tasks=True) == list(range(1, RUNS + 1))
        times = [each.received_at for each in session.state.log]
        # The newest parts of the two streams are read at the same time.
        assert times[: -2 * NEWEST] == sorted(times[: -2 * NEWEST])
        runs = session.state.runs.rows
        assert len(runs) == RUNS
        assert all(run.state is RunState.SUCCEEDED and run.request for run in runs)
        extent = session.history_extent
        assert (extent.read, extent.total, extent.problem) == (3 * RUNS, 3 * RUNS, "")
        assert extent.oldest == pytest.approx(times[0])


async def test_it_is_current_before_the_rest_is_read(server: NatsServer, client: Client) -> None:
    async with open_session(server, newest=NEWEST, reads_back=False) as session:
        assert await session.wait_caught_up()
        await wait_until(lambda: session.has_outcomes)
        assert (session.history, session.data_time) == (None, None)
        extent = session.history_extent
        assert (extent.read, extent.total) == (2 * NEWEST, 3 * RUNS)
        assert (extent.is_complete, extent.is_reading) == (False, False)
        assert extent.oldest is not None
        newest = {run.task_id for run in session.state.runs.rows}
        assert f"{RUNS - 1:032x}" in newest
        assert len(newest) <= NEWEST
        assert await session.backfill.widen(300)
        assert session.history_extent.read >= 2 * NEWEST + 300
        assert session.history_extent.oldest is not None
        assert session.history_extent.oldest < extent.oldest
        while await session.backfill.widen(500):
            pass
        assert session.history_extent.is_complete
        assert len(session.state.runs.rows) == RUNS


async def test_states_are_known_once_events_reach_back_as_far_as_tasks(
    server: NatsServer, client: Client
) -> None:
    async with open_session(server, newest=NEWEST, folding=False) as session:
        unknown = 0
        async with asyncio.timeout(60):
            while not session.history_extent.is_complete or not session.has_recent:
                session.drain(0.001)
                queued = session.state.runs.counts[RunState.QUEUED]
                assert not queued or not session.has_states, "each of them has ended"
                assert session.has_states or not session.has_recent
                unknown += bool(queued) and session.has_outcomes
                await asyncio.sleep(0.001)
        assert unknown
        assert session.state.runs.counts[RunState.SUCCEEDED] == RUNS


async def test_live_events_do_not_wait_for_the_rest(server: NatsServer, client: Client) -> None:
    async with open_session(server, newest=NEWEST, folding=False) as session:
        while not session.has_outcomes:
            session.drain(0.001)
            await asyncio.sleep(0.001)
        await wait_until(lambda: session.waiting >= MAX_WAITING)
        await publish(client, RUNS, "task.started")
        await wait_until(lambda: session.waiting > MAX_WAITING)
        assert session.waiting == MAX_WAITING + 1
        assert session.history_extent.is_reading
        while session.drain(0.001):
            pass
        assert session.state.log[session.state.log.stop - 1].sequence == 2 * RUNS + 1
        assert len(session.state.log) < 3 * RUNS


async def test_it_goes_on_after_a_restart_without_gaps_and_duplicates(
    server: NatsServer, client: Client
) -> None:
    async with open_session(server, newest=NEWEST, folding=False) as session:
        while not session.has_outcomes:
            session.drain(0.001)
            await asyncio.sleep(0.001)
        await wait_until(lambda: session.waiting >= MAX_WAITING)
        server.kill()
        await wait_until(lambda: not session.connection.connected)
        session.drain(1.0)
        read = session.history_extent.read
        server.start()
        await wait_until(lambda: client.is_connected and client.stats["reconnects"])
        await publish(client, RUNS, "task.started")
        session.start_pump()
        await wait_until(lambda: session.history_extent.is_complete and not session.waiting)
        await wait_until(lambda: len(sequences(session, tasks=False)) == 2 * RUNS + 1)
        assert read < 3 * RUNS
        assert sequences(session, tasks=False) == list(range(1, 2 * RUNS + 2))
        assert sequences(session, tasks=True) == list(range(1, RUNS + 1))
        assert session.gaps[0] == 0


async def test_a_full_state_ends_it_and_says_what_was_not_read(
    server: NatsServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_session(server, newest=NEWEST, reads_back=False) as session:
        assert await session.wait_caught_up()
        monkeypatch.setattr(session.state.log, "capacity", 1_000)
        more = True
        while more:
            more = await session.backfill.widen(300)
        assert not session.state.log.takes_older
        extent = session.history_extent
        assert len(session.state.log) == 1_000
        assert extent.unread > 0
        assert extent.read + extent.unread == extent.total
        assert sequences(session, tasks=False)[-1] == 2 * RUNS


@pytest.mark.parametrize("how", ["delete", "purge", "replace"])
async def test_what_is_deleted_meanwhile_stays_unread_with_the_reason(
    server: NatsServer, client: Client, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(message_pages, "FIRST_PAGE_SIZE", 100)
    monkeypatch.setattr(message_pages, "_MAX_GROWTH", 1)
    monkeypatch.setattr(history_backfill, "_RETRY_INTERVAL_S", 0.01)
    async with open_session(server, newest=NEWEST, folding=False) as session:
        while not session.has_outcomes:
            session.drain(0.001)
            await asyncio.sleep(0.001)
        await wait_until(lambda: session.waiting > MAX_WAITING // 2)
        js = client.jetstream()
        if how == "purge":
            await js.purge_stream(EVENT_STREAM)
        else:
            await js.delete_stream(EVENT_STREAM)
        if how == "replace":
            await js.add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
        session.start_pump()
        await wait_until(lambda: session.history_extent.problem)
        await wait_until(lambda: len(sequences(session, tasks=True)) == RUNS)
        await wait_until(lambda: not session.history_extent.is_reading)
        extent = session.history_extent
        events = len(sequences(session, tasks=False))
        assert (extent.unread, extent.total) == (2 * RUNS - events, 3 * RUNS)
        assert 0 < events < 2 * RUNS
        assert EVENT_STREAM in extent.problem
        assert "deleted" in extent.problem
        first = min(each.received_at for each in session.state.log if each.topic != TASK_TOPIC)
        assert extent.oldest == session.backfill.complete_since == pytest.approx(first)
        assert not await session.backfill.widen(100)
        assert session.history_extent == extent


async def test_what_is_not_selected_counts_as_read(server: NatsServer, client: Client) -> None:
    async with open_session(server, newest=NEWEST, reads_back=False) as session:
        assert await session.wait_caught_up()
        wanted = f"{7:032x}"
        session.backfill.search_only([wanted])
        while await session.backfill.widen(1_000):
            pass
        assert session.history_extent.is_complete
        run = session.state.runs.get(wanted)
        assert run is not None
        assert run.state is RunState.SUCCEEDED
        assert session.state.runs.get(f"{8:032x}") is None
