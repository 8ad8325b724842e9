"""Enqueuing and re-running tasks on a real server with a real worker."""

import json
import os
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT, subject_of
from pulse_desktop.session.session import Session
from pulse_desktop.session.task_client import NotCapturedError
from pulse_desktop.state.event_search import EventSearch
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize import run_to_dict
from tests.kit.cli_process import run_in_thread
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, lines, open_harness

WORK = f"{TASKS}:work"


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def test_an_enqueued_task_runs_and_its_edited_rerun_refers_to_it(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    await harness.run()
    note, other = tmp_path / "note", tmp_path / "other"
    async with open_session(harness.server) as session:
        await wait_until(lambda: session.connection.connected)
        args = json.dumps([str(note)]).encode()
        labels = {"priority": 5, "urgent": True}
        enqueued = await session.tasks.enqueue(WORK, args, b'{"seconds":0.0}', labels)
        assert enqueued.durable
        (first_id,) = enqueued.task_ids
        first = await wait_for_run(session, first_id, RunState.SUCCEEDED)
        assert lines(note) == ["begin", "end"]
        assert first.name == WORK
        assert not first.rerun_of
        await wait_until(lambda: session.state.workers.rows)
        await wait_until(lambda: session.tasks.queue_status)
        figures = session.tasks.queue_status
        assert figures is not None
        assert figures.consumers == 1

        args = json.dumps([str(other)]).encode()
        edited = await session.tasks.enqueue(
            WORK, args, b'{"seconds":0.10}', {"priority": 5, "urgent": False}, rerun_of=first_id
        )
        second = await wait_for_run(session, edited.task_ids[0], RunState.SUCCEEDED)
        assert lines(other) == ["begin", "end"]
        assert second.rerun_of == first_id
        assert second.request is not None
        labels_sent = json.loads(second.request.labels)
        assert (labels_sent["priority"], labels_sent["urgent"]) == ("5", "False")
        types = json.loads(second.request.labels_types)
        assert (types["priority"], types["urgent"]) == (2, 5)
        await assert_queued_event_matches_wire_format(session, second)
        (audit,) = [each.data() for each in session.state.log if each.type == "audit"]
        assert (audit["action"], audit["target"]) == ("rerun", first_id)
        assert (audit["who"], audit["detail"]) == (session.actor, second.task_id)


async def test_a_run_known_from_an_event_alone_is_rerun_only_when_confirmed(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    await harness.run()
    note, task_id = tmp_path / "note", "e" * 32
    fields = {"args": [str(note)], "kwargs": {}, "labels": {}, "task_id": task_id}
    _event_id, payload = encode_event(
        "tasks", "task.queued", {**fields, "task_name": WORK}, source="anybody", now=time.time()
    )
    async with open_session(harness.server) as session:
        await wait_until(lambda: session.event_feed.status.caught_up)
        await session.connection.client.publish(subject_of("tasks"), payload)
        run = await wait_for_run(session, task_id)
        assert run_to_dict(run)["arguments_from"] == "event"
        with pytest.raises(NotCapturedError):
            await session.tasks.rerun([run], force=True)
        environment = {**os.environ, "PULSE_SERVER": harness.server.url}
        refused = await run_in_thread("rerun", task_id, env=environment)
        assert refused.code == 1
        assert "not captured from the queue" in refused.err
        assert "--from-events" in refused.err
        shown = await run_in_thread("show", task_id, env=environment)
        assert "from an event, not captured from the queue" in shown.out
        assert not note.exists()
        known = await session.tasks.enqueue(WORK, json.dumps([str(tmp_path / "known")]).encode())
        captured = await wait_for_run(session, known.task_ids[0], RunState.SUCCEEDED)
        with pytest.raises(NotCapturedError):
            await session.tasks.rerun([captured, run])
        assert lines(tmp_path / "known") == ["begin", "end"], "nothing is sent of such a list"
        (again,) = (await session.tasks.rerun([run], from_events=True)).task_ids
        done = await wait_for_run(session, again, RunState.SUCCEEDED)
        assert run_to_dict(done)["arguments_from"] == "queue"
    assert lines(note) == ["begin", "end"]


async def assert_queued_event_matches_wire_format(session: Session, run: TaskRun) -> None:
    """The event about a task that the desktop enqueued has the form of docs/wire.md."""
    search = EventSearch(session.state.log, run.task_id)
    search.finish()
    queued = search.events("task.queued")
    (event,) = [each.data() for each in queued if each.source == f"desktop:{session.actor}"]
    assert run.request is not None
    assert event["labels_types"] == json.loads(run.request.labels_types)
    assert event["labels"] == json.loads(run.request.labels)
    assert datetime.fromisoformat(event["queued_at"]).utcoffset() == timedelta(0)
    assert b'"kwargs":{"seconds":0.10}' in queued[0].raw


async def test_without_workers_a_task_is_enqueued_only_with_force(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    provisioning = harness.start("provision")
    assert await provisioning.wait_for_exit() == 0
    note = tmp_path / "note"
    args = json.dumps([str(note)]).encode()
    async with open_session(harness.server) as session:
        await wait_until(lambda: session.connection.connected)
        with pytest.raises(UserFacingError) as caught:
            await session.tasks.enqueue(WORK, args, b"{}", {})
        assert caught.value.can_force
        assert caught.value.advice
        enqueued = await session.tasks.enqueue(WORK, args, b"{}", {}, force=True)
        await wait_for_run(session, enqueued.task_ids[0], RunState.QUEUED)
        await harness.run()
        await wait_for_run(session, enqueued.task_ids[0], RunState.SUCCEEDED)
    assert lines(note) == ["begin", "end"]


async def test_an_enqueued_run_is_known_before_the_stream_delivers_it(
    harness: WorkerHarness,
) -> None:
    await harness.js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    async with open_session(harness.server, folding=False) as session:
        await wait_until(lambda: session.connection.connected)
        sent = await session.tasks.enqueue("app:copy", b"[1]", force=True)
        (task_id,) = sent.task_ids
        assert sent.durable
        run = session.state.runs.get(task_id)
        assert run is not None
        assert run.request is not None
        assert (run.name, run.request.args, run.state) == ("app:copy", b"[1]", RunState.QUEUED)
        assert run.queued_at is not None


@pytest.mark.slow
async def test_a_rerun_sends_labels_without_types_as_they_were(harness: WorkerHarness) -> None:
    await harness.run()
    labels = b'{"a":{"x":1},"none":null,"number":5}'
    task = b'{"task_id":"raw","task_name":"%s","args":[],"kwargs":{},"labels":%s}'
    await harness.js.publish(TASK_SUBJECT, task % (f"{TASKS}:no_such_task".encode(), labels))
    async with open_session(harness.server) as session:
        run = await wait_until(
            lambda: (found := session.state.runs.get("raw")) and found.request and found
        )
        receipt = await session.tasks.rerun([run], force=True)
        message = await harness.js.get_last_msg(TASK_STREAM, TASK_SUBJECT)
        sent = json.loads(message.data or b"{}")
        assert sent["task_id"] == receipt.task_ids[0]
        assert sent["labels_types"] is None
        assert {key: sent["labels"][key] for key in json.loads(labels)} == json.loads(labels)
