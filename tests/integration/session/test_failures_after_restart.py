"""A session that starts on stored events and results counts no failure for another group."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from nats.aio.client import Client

from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import EVENT_STREAM, EVENT_STREAM_SUBJECT, RESULT_BUCKET
from pulse_desktop.query.fingerprint import GroupedBy
from pulse_desktop.session.local_state.group_mark_keeper import make_mark
from pulse_desktop.session.local_state.mark_table import MarkTable
from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
from pulse_desktop.state.attention import attention_items, muted_groups
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session
from tests.kit.waiting import wait_until

RUNS = 600
NEWEST = 50
TYPES = ("PaymentRefusedError", "TranslateError")
TRACE = """\
Traceback (most recent call last):
  File "/srv/shop/orders.py", line 3, in {function}
    send()
{type}: no
"""


def _task_id(number: int) -> str:
    return f"{number:032x}"


async def _store_result(client: Client, number: int, *, name: str = "") -> None:
    error = {"exc_type": TYPES[number % 2], "exc_message": ["no"], "exc_module": "shop"}
    body = {
        "is_err": True,
        "return_value": None,
        "execution_time": 0.5,
        "labels": {"pulse_task_name": name} if name else {},
        "error": error,
    }
    bucket = await client.jetstream().object_store(RESULT_BUCKET)
    await bucket.put(_task_id(number), json.dumps(body).encode())


async def _publish_failure(client: Client, number: int) -> None:
    type_ = TYPES[number % 2]
    trace = TRACE.format(function=type_.lower(), type=type_)
    error = {"type": type_, "message": "no", "traceback": trace}
    data = {
        "task_id": _task_id(number),
        "task_name": f"shop:{type_.lower()}",
        "worker": "w@h:1",
        "attempt": 1,
        "error": error,
    }
    _id, payload = encode_event("tasks", "task.failed", data, source="w@h:1", now=time.time())
    await client.publish("websocket.tasks", payload)


async def test_groups_are_those_of_the_events_from_the_first_moment_on(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    await client.jetstream().create_object_store(RESULT_BUCKET)
    for number in range(RUNS):
        await _publish_failure(client, number)
        await _store_result(client, number)
    await client.close()
    async with open_session(nats_server, local_state=tmp_path) as session:
        await wait_until(lambda: session.has_recent)
        counts = {each.cause: each for each in session.state.failure_groups.groups()}
        assert {cause: each.count for cause, each in counts.items()} == dict.fromkeys(TYPES, 300)
        await session.group_marks.set_mark(counts[TYPES[1]].id, MarkKind.MUTED)
    async with open_session(
        nats_server, newest=NEWEST, local_state=tmp_path, folding=False
    ) as session:
        unknown = 0
        async with asyncio.timeout(60):
            while not session.has_recent:
                session.drain(0.001)
                groups = list(session.state.failure_groups.groups())
                assert all(each.fingerprint.frames for each in groups), "of a result alone"
                has_results = len(session.state.runs.rows) > 2 * NEWEST
                unknown += has_results and session.has_outcomes
                await asyncio.sleep(0.001)
        assert unknown, "the results were known before the events"
        (item,) = attention_items(session.state, session.now())
        assert (item.cause, item.count) == (TYPES[0], RUNS // 2)
        assert muted_groups(session.state, session.now()) == 1
        assert session.state.failure_groups.size == RUNS


async def _publish_run(client: Client, number: int, task: str, at: float, error: str) -> None:
    data = {"task_id": _task_id(number), "task_name": task, "worker": "w@h:1", "attempt": 1}
    if error:
        trace = TRACE.format(function=task, type=error)
        more = {"error": {"type": error, "message": "no", "traceback": trace}}
    else:
        more = {}
    type_ = "task.failed" if error else "task.succeeded"
    _id, payload = encode_event("tasks", type_, {**data, **more}, source="w@h:1", now=at)
    await client.publish("websocket.tasks", payload)


@pytest.mark.parametrize("newest", [NEWEST, 5_000])
async def test_a_state_is_shown_only_once_it_is_known(
    nats_server: NatsServer, tmp_path: Path, newest: int
) -> None:
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    start, number = time.time() - 8 * 3600.0, 0
    for minute in range(8 * 60):
        for task in range(3):
            # Two recover; one fails to the end.
            error = f"Error{task}" if minute < 10 or (task == 2 and minute % 10 == 0) else ""
            await _publish_run(client, number, f"task_{task}", start + 60.0 * minute, error)
            number += 1
    await client.flush()
    await client.close()
    expected = {"Error0": "recovered", "Error1": "recovered", "Error2": "ongoing"}
    async with open_session(
        nats_server, newest=newest, local_state=tmp_path, folding=False
    ) as session:
        read = unknown = 0
        async with asyncio.timeout(60):
            while not session.has_recent:
                session.drain(0.001)
                groups = list(session.state.failure_groups.groups())
                for group in groups:
                    state = str(group.state)
                    assert state in {"unknown", expected[group.cause]}, group.cause
                    unknown += state == "unknown"
                if session.has_outcomes and session.group_marks.has_read:
                    is_read = session.history_extent.is_complete and not session.waiting
                    states = {each.cause: str(each.state) for each in groups}
                    assert not is_read or states == expected, "in the same frame"
                    read += is_read
                await asyncio.sleep(0.001)
        assert unknown
        assert read


async def test_what_no_event_tells_is_grouped_by_its_result(nats_server: NatsServer) -> None:
    client = await connect(nats_server.url)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    await client.jetstream().create_object_store(RESULT_BUCKET)
    for number in range(4 * NEWEST):
        await _publish_failure(client, number)
    await _store_result(client, RUNS)
    await client.close()
    async with open_session(nats_server, newest=NEWEST) as session:
        await wait_until(lambda: session.has_recent)
        counts = sorted(each.count for each in session.state.failure_groups.groups())
        assert counts == [1, 2 * NEWEST, 2 * NEWEST]


async def test_results_alone_are_grouped_at_once(nats_server: NatsServer) -> None:
    client = await connect(nats_server.url)
    await client.jetstream().create_object_store(RESULT_BUCKET)
    await _store_result(client, 0)
    async with open_session(nats_server, folding=False) as session:
        async with asyncio.timeout(30):
            while not session.has_recent:
                session.drain(0.001)
                await asyncio.sleep(0.001)
        (group,) = session.state.failure_groups.groups()
        assert (group.count, group.fingerprint.grouped_by) == (1, GroupedBy.MESSAGE)
        await _store_result(client, 1)
        async with asyncio.timeout(30):
            while not (run := session.state.runs.get(_task_id(1))) or not run.error:
                session.drain(0.001)
                await asyncio.sleep(0.001)
        assert session.state.failure_groups.size == 2
    await client.close()


async def test_marks_are_read_before_anything_is_judged(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with open_session(nats_server, local_state=tmp_path) as session:
        file = LocalStateFile(state_file_path(tmp_path, session.config.profile))
    MarkTable(file).put("4f00c4e1d736", MarkKind.MUTED, make_mark("anna@host", ""))
    file.close()
    async with open_session(nats_server, local_state=tmp_path, folding=False) as session:
        session.group_marks.has_read = False
        session.supervisor.stop_group("group_marks")
        async with asyncio.timeout(30):
            while not session.has_outcomes:
                session.drain(0.001)
                await asyncio.sleep(0.001)
        session.drain(0.001)
        assert not session.has_recent
        await session.group_marks.load()
        session.drain(0.001)
        assert session.has_recent
