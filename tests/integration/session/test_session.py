"""The session as a whole against a real server: restarts, unreadable messages and floods.

Nothing is lost without a note, and no message stops the rest.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from pulse_desktop.model.errors import (
    NotConnectedError,
)
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    RESULT_BUCKET,
    TASK_SUBJECT,
    TASK_TOPIC,
    TOPICS,
)
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import result_body
from tests.kit.sessions import open_session, wait_for_run, wait_for_unreadable_result
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, lines, open_harness


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


@pytest.fixture
async def other(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Another client of the same server."""
    client = await connect(nats_server.url)
    yield client
    await client.close()


def event(number: int, topic: str = "agents") -> bytes:
    return encode_event(topic, "agent.finished", {"number": number}, source="t", now=1e9)[1]


# Restarts


async def test_history_is_complete_without_duplicates_after_a_server_is_killed(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    await harness.run(ack_wait=2)
    async with open_session(nats_server) as session:
        ids = [await harness.send("work", str(tmp_path / "before")) for _ in range(20)]
        for task_id in ids:
            await wait_for_run(session, task_id, RunState.SUCCEEDED)
        long = await harness.send("work", str(tmp_path / "long"), 1.0)
        await wait_for_run(session, long, RunState.RUNNING)
        nats_server.kill()
        await wait_until(lambda: session.connection.status.state == "reconnecting")
        with pytest.raises(NotConnectedError):
            await session.tasks.rerun([await wait_for_run(session, ids[0])])
        nats_server.start()
        await wait_until(lambda: harness.client.is_connected and harness.client.stats["reconnects"])
        ids += [await harness.send("work", str(tmp_path / "after")) for _ in range(20)]
        for task_id in [*ids, long]:
            await wait_for_run(session, task_id, RunState.SUCCEEDED)
        await wait_until(lambda: has_caught_up(harness, session))
        assert session.gaps[0] == 0
        await assert_matches_streams(harness, session, {*ids, long})
    async with open_session(nats_server) as later:
        assert await later.wait_caught_up()
        await assert_matches_streams(harness, later, {*ids, long})
        states = {run.state for run in later.state.runs.rows}
        assert states == {RunState.SUCCEEDED}


async def has_caught_up(harness: WorkerHarness, session: Any) -> bool:
    info = await harness.js.stream_info(EVENT_STREAM)
    return session.event_feed.status.last_sequence == info.state.last_seq and not session.arrivals


async def assert_matches_streams(harness: WorkerHarness, session: Any, task_ids: set[str]) -> None:
    log = list(session.state.log)
    sequences = [each.sequence for each in log if each.topic != TASK_TOPIC]
    assert sequences == list(range(1, len(sequences) + 1))
    tasks = [each.id for each in log if each.topic == TASK_TOPIC]
    assert sorted(tasks) == sorted(task_ids)
    assert {run.task_id for run in session.state.runs.rows} == task_ids
    assert session.dropped == 0


async def test_a_session_follows_a_server_without_duplicates(
    tmp_path: Path,
) -> None:
    with NatsServer(store_dir=tmp_path, token="first-s3cret") as before:
        client = await connect(before.url)
        js = client.jetstream()
        await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
        async with open_session(before) as session:
            for number in range(50):
                await js.publish("websocket.agents", event(number))
            await wait_until(lambda: len(session.state.log) == 50)
            await client.close()
            before.stop()
            with NatsServer(store_dir=tmp_path, token="second-s3cret") as after:
                client = await connect(after.url)
                await client.jetstream().publish("websocket.agents", event(50))
                await session.move_to(after.url, after.monitor_url)
                await wait_until(lambda: len(session.state.log) > 50)
                await client.jetstream().publish("websocket.agents", event(51))
                await wait_until(lambda: len(session.state.log) > 51)
                assert [each.sequence for each in session.state.log] == list(range(1, 53))
                assert str(after.port) in session.connection.status.server
                assert "s3cret" not in session.connection.status.server
                await client.close()


async def test_the_figures_of_the_queue_stay_those_of_before_a_loss() -> None:
    with NatsServer(jetstream=False) as server:
        async with open_session(server) as session:
            before = await wait_until(lambda: session.tasks.queue_status)
            server.kill()
            await wait_until(lambda: session.connection.status.state == "reconnecting")
            queue = session.tasks.queue_status
            assert queue == replace(before, connected=False, problem="not connected")
            server.start()
            await wait_until(lambda: session.tasks.queue_status != queue)


async def test_without_a_stream_the_time_offline_remains_a_gap() -> None:
    with NatsServer(jetstream=False) as server:
        async with open_session(server) as session:
            await wait_until(lambda: session.task_feed.status.mode == "live")
            await wait_until(lambda: session.event_feed.status.mode == "live")
            server.kill()
            await wait_until(lambda: session.connection.status.state == "reconnecting")
            server.start()
            feeds = (session.event_feed, session.task_feed)
            await wait_until(lambda: all(feed.status.gaps for feed in feeds))
            assert session.gaps == (1, 0), "one outage is one gap, though both feeds have it"
            gap = session.event_feed.status.gaps[0]
            assert gap.missed is None
            assert gap.start < gap.end
            client = await connect(server.url)
            await client.publish("websocket.agents", event(1))
            await wait_until(lambda: session.state.topics.by_name["agents"].received == 1)
            await client.close()


@pytest.mark.slow
async def test_the_task_of_a_killed_worker_has_a_second_attempt(
    harness: WorkerHarness, nats_server: NatsServer, tmp_path: Path
) -> None:
    first = await harness.run(ack_wait=1)
    async with open_session(nats_server) as session:
        task_id = await harness.send("work", str(tmp_path / "seen"), 1.2)
        run = await wait_for_run(session, task_id, RunState.RUNNING)
        assert run.attempt == 1
        second = harness.start(ack_wait=1)
        await wait_until(lambda: lines(tmp_path / "seen") == ["begin"])
        first.kill()
        run = await wait_for_run(session, task_id, RunState.SUCCEEDED)
        assert [attempt.number for attempt in run.attempts] == [1, 2]
        assert run.attempts[0].result is None
        assert run.worker.endswith(f":{second.pid}")
        assert len(session.state.runs.rows) == 1


# Unreadable messages


async def test_unreadable_messages_are_counted_and_stop_nothing(
    nats_server: NatsServer, other: Client
) -> None:
    js = other.jetstream()
    bucket = await js.create_object_store(RESULT_BUCKET)
    garbage = [
        b"",
        os.urandom(500),
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b"[1, 2, 3]",
        b"17",
        b"NaN",
        b'"words"',
        b'{"type": 7, "data": {}}',
        os.urandom(1 << 19),
    ]
    subjects = [f"websocket.{topic}" for topic in TOPICS]
    subjects += ["websocket.noise_filtering", "websocket.of_nobody", TASK_SUBJECT]
    wrong_data: tuple[Any, ...] = (
        None, [], 3, "x", {"task_id": [1], "worker": {}, "slots": "many"}, {},
    )  # fmt: skip
    wrongly_shaped = [
        json.dumps({"type": type_, "data": data}).encode()
        for type_ in ("task.started", "worker.heartbeat", "metrics:update", "message.new")
        for data in wrong_data
    ]
    async with open_session(nats_server) as session:
        await wait_until(lambda: session.task_feed.status.caught_up)
        await wait_until(lambda: session.event_feed.status.caught_up)
        for subject in subjects:
            for body in garbage:
                await other.publish(subject, body)
        for subject in subjects[:-1]:
            for body in wrongly_shaped:
                await other.publish(subject, body)
        await js.publish(f"$O.{RESULT_BUCKET}.M.no-meta", os.urandom(64))
        await js.publish(f"$O.{RESULT_BUCKET}.M.e30", b"{}")
        for number, body in enumerate(garbage):
            await bucket.put(f"garbage-{number}", body)
        await bucket.put("huge", os.urandom(3 << 20))
        await bucket.put("fine", result_body())
        payload, headers = encode_task("f" * 32, "m:f", args=b"[1]")
        await other.publish(TASK_SUBJECT, payload, headers=headers)
        await other.publish("websocket.agents", event(1))

        await wait_for_run(session, "fine", RunState.SUCCEEDED)
        run = await wait_for_run(session, "f" * 32, RunState.QUEUED)
        assert run.name == "m:f"
        unreadable = len(subjects) * len(garbage)
        sent = unreadable + (len(subjects) - 1) * len(wrongly_shaped) + 2
        await wait_until(lambda: len(session.state.log) == sent, 15)
        assert session.state.unreadable == unreadable
        assert sum(bool(each.problem) for each in session.state.log) == unreadable
        for number in range(len(garbage)):
            row = await wait_for_unreadable_result(session, f"garbage-{number}")
            assert row.format == "unreadable"
        assert session.results.watch_status.invalid_metadata == 2
        assert session.dropped == 0


async def test_messages_beyond_the_capacity_are_dropped_and_counted(
    nats_server: NatsServer, other: Client
) -> None:
    async with open_session(nats_server, folding=False) as session:
        session.arrivals.capacity = 100
        await wait_until(lambda: session.event_feed.status.caught_up)
        for number in range(300):
            await other.publish("websocket.agents", event(number))
        await wait_until(lambda: session.arrivals.received + session.arrivals.dropped == 300)
        assert session.dropped == 200
        assert not session.drain(10.0)
        await other.publish("websocket.agents", event(300))
        await wait_until(lambda: len(session.arrivals) == 1)
        session.drain(10.0)
        assert session.state.topics.by_name["agents"].received == 101


# The end of a run


async def test_the_final_event_after_the_result_is_waited_for(
    other: Client, nats_server: NatsServer
) -> None:
    async def publish(topic: str, kind: str, data: dict[str, Any]) -> None:
        event = {"type": kind, "data": {"worker": "w@h:1", **data}}
        await other.publish(f"websocket.{topic}", json.dumps(event).encode())

    bucket = await other.jetstream().create_object_store(RESULT_BUCKET)
    stored = {"is_err": False, "return_value": 1, "labels": {}, "execution_time": 0.0}
    async with open_session(nats_server) as session:
        assert await session.wait_caught_up()
        # No worker publishes events here, so there is nothing to wait for; a duration that is zero
        # was not measured.
        await bucket.put("a" * 32, json.dumps(stored).encode())
        alone = await session.waiter.wait_for_result("a" * 32, 10)
        assert alone is not None
        assert (alone.state, alone.run_s, alone.worker) == (RunState.SUCCEEDED, None, "")

        await publish("monitoring", "worker.heartbeat", {"slots": 1, "busy": 0})
        await session.waiter.wait_for(lambda: bool(session.state.workers.rows))
        waiting = asyncio.ensure_future(session.waiter.wait_for_result("b" * 32, 10))
        await bucket.put("b" * 32, json.dumps(stored).encode())
        await wait_for_run(session, "b" * 32, RunState.SUCCEEDED)
        run = {"task_id": "b" * 32, "attempt": 1}
        await publish("tasks", "task.started", run)
        await publish("tasks", "task.succeeded", {**run, "run_s": 0.00426})
        ended = await waiting
        assert ended is not None
        assert (ended.run_s, ended.worker) == (0.00426, "w@h:1")
        assert ended.started_at is not None
