"""Clocks that are off: this machine's, and those of workers."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from nats.aio.client import Client

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    RESULT_BUCKET,
    TASK_SUBJECT,
)
from pulse_desktop.session.recording.playback import Playback
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.state.worker import OFFLINE_AFTER_S
from tests.kit.cli_process import CommandResult, command_environment, run_command, run_in_thread
from tests.kit.nats_servers import NatsServer
from tests.kit.result_bucket import result_body
from tests.kit.sessions import open_session
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import open_harness
from tests.kit.wrong_clock import wrong_clock

WORKER = "worker-1@far:1"


async def run(*arguments: str, env: dict[str, str]) -> CommandResult:
    return await asyncio.to_thread(run_command, *arguments, env=env)


async def publish(client: Client, topic: str, type_: str, data: dict[str, object]) -> None:
    now = time.time()
    payload = encode_event(topic, type_, data, source=WORKER, now=now)[1]
    await client.jetstream().publish(f"websocket.{topic}", payload)


@pytest.mark.parametrize("offset_s", [-7200.0, pytest.param(600.0, marks=pytest.mark.slow)])
async def test_a_wrong_clock_of_this_machine_is_named_and_blames_no_worker(
    server: NatsServer, client: Client, tmp_path: Path, offset_s: float
) -> None:
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    await js.add_stream(name="taskiq_jetstream", subjects=[TASK_SUBJECT])
    bucket = await js.create_object_store(RESULT_BUCKET)
    await publish(client, "tasks", "task.started", {"task_id": "running", "task_name": "work"})
    await bucket.put("stored", result_body())
    env = command_environment(
        tmp_path / "data", PULSE_SERVER=server.url, **wrong_clock(tmp_path / "clock", offset_s)
    )
    await publish(
        client, "monitoring", "worker.heartbeat", {"worker": WORKER, "slots": 1, "busy": 0}
    )
    workers, doctor, runs, results, tail = await asyncio.gather(
        run("workers", "--json", env=env),
        run("doctor", "--json", env=env),
        run("runs", "--since", "5m", "--json", env=env),
        run("results", "list", env=env),
        run("tail", "--since", "5m", "--duration", "0", "--json", env=env),
    )
    (worker,) = workers.objects
    assert (worker["worker"], worker["health"]) == (WORKER, "alive")
    assert worker["clock_offset_s"] == pytest.approx(0, abs=2)
    clocks = next(check for check in doctor.objects if check["check"] == "clocks")
    difference = "2 h behind" if offset_s < 0 else "10 min ahead"
    assert clocks["status"] == "note"
    assert clocks["detail"] == f"this machine's clock is {difference} of the server's"
    states = {each["task_id"]: each["state"] for each in runs.objects}
    assert states == {"running": "running", "stored": "succeeded"}
    assert len(tail.objects) == 2
    assert "ago" in results.out or "now" in results.out
    assert not any(unit in results.out for unit in (" min ago", " h ago"))


@pytest.mark.parametrize("offset_s", [pytest.param(7200.0, marks=pytest.mark.slow), -7200.0])
async def test_a_recording_is_dated_by_the_clock_of_the_server(
    server: NatsServer, client: Client, tmp_path: Path, offset_s: float
) -> None:
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    task = {"task_id": "running", "task_name": "work"}
    request = {"args": [], "kwargs": {}, "labels": {"timeout": 600}}
    await publish(client, "tasks", "task.queued", {**task, **request})
    await publish(client, "tasks", "task.started", {**task})
    env = command_environment(
        tmp_path / "data", PULSE_SERVER=server.url, **wrong_clock(tmp_path / "clock", offset_s)
    )
    file = tmp_path / "r.zst"
    done = await run("record", str(file), "--since", "1h", "--duration", "0", env=env)
    assert done.code == 0, done
    described = (await run("replay", str(file), "--check", "--json", env=env)).object
    for name in ("started_at", "last_at"):
        assert parse_timestamp(described[name]) == pytest.approx(time.time(), abs=60), name
    with RecordingReader(file) as reader:
        playback = Playback(reader)
        while playback.fold(1.0):
            pass
    assert [run.state for run in playback.state.runs.rows] == [RunState.RUNNING]


async def test_a_group_is_resolved_by_the_clock_of_the_server(
    server: NatsServer, client: Client, tmp_path: Path
) -> None:
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    failure = {"error": {"type": "OddError", "message": "no", "traceback": ""}}
    task = {"task_id": "bad", "task_name": "work", "run_s": 0.1}
    await publish(client, "tasks", "task.failed", {**task, **failure})
    env = command_environment(
        tmp_path / "data", PULSE_SERVER=server.url, **wrong_clock(tmp_path / "clock", -7200.0)
    )
    right = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    (group,) = (await run_in_thread("groups", "--json", env=right)).objects
    for _attempt in range(2):  # a group that is marked already, too
        assert (await run("groups", "resolve", group["group"], env=env)).code == 0
        (group,) = (await run("groups", "--json", env=env)).objects
        assert group["state"] == "resolved"


@pytest.mark.slow
@pytest.mark.parametrize("offset_s", [-7200.0, 600.0])
async def test_a_run_past_its_timeout_is_overdue_by_any_clock(
    server: NatsServer, client: Client, tmp_path: Path, offset_s: float
) -> None:
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    task = {"task_id": "late", "task_name": "work"}
    request = {"args": [], "kwargs": {}, "labels": {"timeout": 2}}
    await publish(client, "tasks", "task.queued", {**task, **request})
    await publish(client, "tasks", "task.started", {**task})
    right = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    wrong = {**right, **wrong_clock(tmp_path / "clock", offset_s)}

    async def state(env: dict[str, str]) -> str:
        return str((await run("runs", "--json", env=env)).objects[0]["state"])

    async def is_overdue() -> bool:
        return await state(right) == "overdue"

    await wait_until(is_overdue, 60)
    assert await state(wrong) == "overdue"


@pytest.mark.slow
async def test_workers_with_wrong_clocks_are_online_as_long_as_their_heartbeats_arrive(
    server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is neither missing nor overdue, nor alive after its end."""
    offsets = {"behind": -90.0, "far-behind": -7200.0, "ahead": 600.0}
    env = command_environment(tmp_path / "data", PULSE_SERVER=server.url)
    note = tmp_path / "note"
    async with open_harness(server, tmp_path) as harness:
        for name, offset_s in offsets.items():
            for variable, value in wrong_clock(tmp_path / name, offset_s).items():
                monkeypatch.setenv(variable, value)
            harness.start("run", "--name", name, max_tasks="2")
        async with open_session(server) as session:
            workers = session.state.workers

            def online() -> dict[str, float]:
                return {
                    worker.id.partition("@")[0]: worker.clock_offset_s
                    for worker in workers.online(session.now())
                }

            await wait_until(lambda: online().keys() == offsets.keys(), 60)
            assert online() == pytest.approx(offsets, abs=2)
            ids = [
                await harness.send("work", str(note), 2, labels={"timeout": 60}) for _ in range(6)
            ]
            await wait_until(
                lambda: all(
                    (run := session.state.runs.get(each)) is not None and run.attempts
                    for each in ids
                ),
                60,
            )
            session.state.tick(session.now())
            assert session.state.runs.counts[RunState.OVERDUE] == 0
            for each in ids:
                await harness.result(each, 30)
            await wait_until(lambda: session.state.runs.counts[RunState.SUCCEEDED] == len(ids), 30)
            for run_ in session.state.runs.rows:
                assert run_.run_s == pytest.approx(2, abs=1.5)
                assert run_.wait_s is None or 0 <= run_.wait_s < 60
            doctor = await run("doctor", "--json", env=env)
            clocks = next(check for check in doctor.objects if check["check"] == "clocks")
            assert all(name in clocks["detail"] for name in offsets)
            assert "this machine" not in clocks["detail"]
            for process in harness.workers:
                os.kill(process.pid, signal.SIGKILL)
            ended = time.monotonic()
            await wait_until(lambda: not online(), OFFLINE_AFTER_S + 15)
            assert time.monotonic() - ended < OFFLINE_AFTER_S + 5
        # Their last heartbeats are in history, and do not arrive now.
        listed = await run("workers", "--json", env=env)
        assert listed.objects == []
        assert listed.err.startswith("No workers: none is online")
