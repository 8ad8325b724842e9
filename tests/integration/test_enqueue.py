"""What the run form asks for, done by a real worker behind a real server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pulse_desktop.desktop_operations import DesktopOperations
from pulse_desktop.monitor import Monitor
from pulse_desktop.state.run import RunState
from pulse_desktop.ui.operations import RefusedError
from tests.monitor_running import monitor_of, run_in
from tests.servers import NatsServer
from tests.waiting import wait_until
from tests.workers_running import TASKS, Bench, bench_on, lines

WORK = f"{TASKS}:work"


@pytest.fixture
async def bench(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_on(nats_server, tmp_path) as bench:
        yield bench


def operations_of(monitor: Monitor) -> DesktopOperations:
    operations = DesktopOperations()
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

        args = json.dumps([str(other)]).encode()
        edited = await operations.enqueue(
            WORK, args, b"{}", {"priority": 5, "urgent": False}, rerun_of=first_id
        )
        second = await run_in(monitor, edited.task_ids[0], RunState.SUCCEEDED)
        assert lines(other) == ["begin", "end"]
        assert second.rerun_of == first_id
        assert second.request is not None
        told = json.loads(second.request.labels)
        assert (told["priority"], told["urgent"]) == ("5", "False")
        types = json.loads(second.request.labels_types)
        assert (types["priority"], types["urgent"]) == (2, 5)


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
        with pytest.raises(RefusedError) as caught:
            await operations.enqueue(WORK, args, b"{}", {})
        assert caught.value.anyway
        assert caught.value.advice
        enqueued = await operations.enqueue(WORK, args, b"{}", {}, anyway=True)
        await run_in(monitor, enqueued.task_ids[0], RunState.QUEUED)
        await bench.run()
        await run_in(monitor, enqueued.task_ids[0], RunState.SUCCEEDED)
    assert lines(note) == ["begin", "end"]


async def test_without_a_connection_it_is_refused_and_nothing_is_sent() -> None:
    with pytest.raises(RefusedError) as caught:
        await DesktopOperations().enqueue(WORK, b"[]", b"{}", {})
    assert "nothing was sent" in caught.value.advice
