"""What the run form asks for, done by a real worker behind a real server."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT
from pulse_desktop.session.operations import SessionOperations
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import RunState, TaskRun
from pulse_desktop.ui.shell.operations import OperationError
from tests.kit.nats_servers import NatsServer
from tests.kit.session_fixture import monitor_of, run_in
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, Bench, bench_on, lines

WORK = f"{TASKS}:work"


@pytest.fixture
async def bench(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(nats_server, tmp_path) as bench:
        yield bench


def operations_of(monitor: Session) -> SessionOperations:
    operations = SessionOperations()
    operations.monitor = monitor
    return operations


async def test_a_task_enqueued_by_hand_runs_and_its_edited_re_run_is_known_as_one(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.run()
    note, other = tmp_path / "note", tmp_path / "other"
    async with monitor_of(bench.server) as monitor:
        await wait_until(lambda: monitor.connection.connected)
        operations = operations_of(monitor)
        args = json.dumps([str(note)]).encode()
        labels = {"priority": 5, "urgent": True}
        enqueued = await operations.enqueue(WORK, args, b'{"seconds":0.0}', labels)
        assert enqueued.durable
        (first_id,) = enqueued.task_ids
        first = await run_in(monitor, first_id, RunState.SUCCEEDED)
        assert lines(note) == ["begin", "end"]
        assert first.name == WORK
        assert not first.rerun_of
        await wait_until(lambda: monitor.state.workers.rows)
        await wait_until(operations.queue)
        figures = operations.queue()
        assert figures is not None
        assert figures.listeners == 1

        args = json.dumps([str(other)]).encode()
        edited = await operations.enqueue(
            WORK, args, b'{"seconds":0.10}', {"priority": 5, "urgent": False}, rerun_of=first_id
        )
        second = await run_in(monitor, edited.task_ids[0], RunState.SUCCEEDED)
        assert lines(other) == ["begin", "end"]
        assert second.rerun_of == first_id
        assert second.request is not None
        told = json.loads(second.request.labels)
        assert (told["priority"], told["urgent"]) == ("5", "False")
        types = json.loads(second.request.labels_types)
        assert (types["priority"], types["urgent"]) == (2, 5)
        await tells_as_workers_do(monitor, second)
        (audit,) = [each.data() for each in monitor.state.log if each.type == "audit"]
        assert (audit["action"], audit["target"]) == ("rerun", first_id)
        assert (audit["who"], audit["detail"]) == (monitor.who, second.task_id)


async def tells_as_workers_do(monitor: Session, run: TaskRun) -> None:
    """What the desktop tells of its own task has the form of docs/wire.md, byte for byte."""
    queued = [
        each for each in monitor.state.log.mentioning(run.task_id) if each.type == "task.queued"
    ]
    (told,) = [each.data() for each in queued if each.source == f"desktop:{monitor.who}"]
    assert run.request is not None
    assert told["labels_types"] == json.loads(run.request.labels_types)
    assert told["labels"] == json.loads(run.request.labels)
    assert datetime.fromisoformat(told["queued_at"]).utcoffset() == timedelta(0)
    assert b'"kwargs":{"seconds":0.10}' in queued[0].raw


async def test_nobody_listening_is_refused_and_the_stream_keeps_it_when_asked_to(
    bench: Bench, tmp_path: Path
) -> None:
    provisioning = bench.start("provision")
    assert await provisioning.ended() == 0
    note = tmp_path / "note"
    args = json.dumps([str(note)]).encode()
    async with monitor_of(bench.server) as monitor:
        await wait_until(lambda: monitor.connection.connected)
        operations = operations_of(monitor)
        with pytest.raises(OperationError) as caught:
            await operations.enqueue(WORK, args, b"{}", {})
        assert caught.value.can_force
        assert caught.value.advice
        enqueued = await operations.enqueue(WORK, args, b"{}", {}, force=True)
        await run_in(monitor, enqueued.task_ids[0], RunState.QUEUED)
        await bench.run()
        await run_in(monitor, enqueued.task_ids[0], RunState.SUCCEEDED)
    assert lines(note) == ["begin", "end"]


async def test_without_a_connection_it_is_refused_and_nothing_is_sent() -> None:
    with pytest.raises(OperationError) as caught:
        await SessionOperations().enqueue(WORK, b"[]", b"{}", {})
    assert "nothing was sent" in caught.value.advice


async def test_what_was_enqueued_is_known_before_its_stream_tells_of_it(bench: Bench) -> None:
    await bench.js.add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    async with monitor_of(bench.server, folding=False) as monitor:
        await wait_until(lambda: monitor.connection.connected)
        task_id, sent = await monitor.enqueue("app:copy", args=b"[1]", force=True)
        assert sent.durable
        run = monitor.state.runs.get(task_id)
        assert run is not None
        assert run.request is not None
        assert (run.name, run.request.args, run.state) == ("app:copy", b"[1]", RunState.QUEUED)
        assert run.queued_at is not None
