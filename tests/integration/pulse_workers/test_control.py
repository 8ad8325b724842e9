"""Commands to workers: cancel, pause, resume, drain, log level, and their audit events."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pulse_desktop.protocol.control import (
    CONTROL_ALL,
    CONTROL_QUEUE,
    control_subject,
    decode_reply,
)
from pulse_desktop.protocol.topics import TASK_STREAM
from tests.kit.control_requests import (
    ACTOR,
    audit_event,
    command_all,
    command_any,
    command_queue,
    command_worker,
    has_no_subscriber,
    heartbeats,
    identity,
)
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import WorkerHarness, lines, open_harness

module_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    """One server and one worker for the tests that stop neither."""
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            await harness.run(worker_slots=8)
            yield harness


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


async def end_event(
    harness: WorkerHarness, task_id: str, kind: str = "task.cancelled"
) -> dict[str, Any]:
    event = await harness.wait_for_event(
        lambda e: e["type"] == kind and e["data"].get("task_id") == task_id,
    )
    data: dict[str, Any] = event["data"]
    return data


@module_loop
async def test_a_running_async_task_is_cancelled_at_once(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    task_id = await shared.send("work", str(seen), 30, labels={"max_attempts": 3})
    await wait_until(lambda: lines(seen) == ["begin"])
    answer = await command_any(shared, "cancel", task_id=task_id, reason="wrong chat")
    assert (answer.ok, answer.outcome) == (True, "cancelled")
    result = await shared.result(task_id)
    assert result["is_err"]
    assert result["error"]["exc_type"] == "CancelledError"
    assert result["error"]["exc_message"] == [f"cancelled by {ACTOR}: wrong chat"]
    data = await end_event(shared, task_id)
    assert (data["who"], data["reason"]) == (ACTOR, "wrong chat")
    assert shared.event_types(task_id) == ["task.started", "task.cancelled"]
    audit = await shared.wait_for_event(
        lambda e: e["type"] == "audit" and e["data"]["target"] == task_id
    )
    assert audit["data"]["who"] == ACTOR
    assert audit["data"]["action"] == "cancel"
    await wait_until(shared.all_acked)
    assert lines(seen) == ["begin"]


@module_loop
async def test_a_task_with_frequent_requests_is_cancelled_each_time(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    for number in range(10):
        seen = tmp_path / str(number)
        task_id = await shared.send("query_server", str(seen), 3.0)
        await wait_until(lambda seen=seen: lines(seen) == ["begin"])
        answer = await command_any(shared, "cancel", task_id=task_id)
        assert (answer.outcome, answer.detail) == ("cancelled", ""), number
        assert (await shared.result(task_id))["error"]["exc_type"] == "CancelledError"
        assert lines(seen) == ["begin"]


@module_loop
async def test_a_task_in_a_thread_that_checks_for_a_stop_is_cancelled(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    task_id = await shared.send("work_until_stop_requested", str(seen))
    await wait_until(lambda: lines(seen) == ["begin"])
    answer = await command_any(shared, "cancel", task_id=task_id)
    assert answer.outcome == "cancelled"
    assert (await shared.result(task_id))["error"]["exc_type"] == "CancelledError"
    await end_event(shared, task_id)
    await wait_until(shared.all_acked)
    assert lines(seen) == ["begin", "stopped"]


@module_loop
async def test_a_task_in_a_thread_that_never_checks_runs_to_its_end(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    seen, gate = tmp_path / "seen", tmp_path / "gate"
    task_id = await shared.send("wait_for_a_file", str(seen), str(gate))
    await wait_until(lambda: lines(seen) == ["begin"])
    answer = await command_any(shared, "cancel", task_id=task_id)
    assert answer.ok
    assert answer.outcome == "asked_to_stop"
    assert "thread" in answer.detail
    gate.touch()
    assert (await shared.result(task_id))["return_value"] == "done"
    await end_event(shared, task_id, "task.succeeded")
    assert lines(seen) == ["begin", "end"]


@module_loop
async def test_a_cancelled_task_is_never_retried(shared: WorkerHarness, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    task_id = await shared.send("fail_when_cancelled", str(seen))
    await wait_until(lambda: lines(seen) == ["begin"])
    await command_any(shared, "cancel", task_id=task_id)
    assert (await shared.result(task_id))["error"]["exc_type"] == "CancelledError"
    await end_event(shared, task_id)
    await wait_until(shared.all_acked)
    assert lines(seen) == ["begin"]


@module_loop
async def test_a_task_delivered_after_its_cancellation_is_rejected(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    worker = shared.workers[0]
    assert (await command_worker(shared, worker, "pause")).outcome == "paused"
    seen = tmp_path / "seen"
    task_id = await shared.send("work", str(seen))
    answer = await command_any(shared, "cancel", task_id=task_id, reason="too late")
    assert (answer.ok, answer.outcome) == (False, "not_here")
    await command_worker(shared, worker, "resume")
    result = await shared.result(task_id)
    assert result["error"]["exc_message"] == [f"cancelled by {ACTOR}: too late"]
    await end_event(shared, task_id)
    assert shared.event_types(task_id) == ["task.cancelled"]
    assert not lines(seen)


@module_loop
async def test_a_task_waiting_for_its_next_attempt_is_removed(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    task_id = await shared.send("fail_with_long_delay", str(seen))
    await end_event(shared, task_id, "task.failed")
    assert (await command_any(shared, "cancel", task_id=task_id)).outcome == "not_here"
    answer = await command_queue(shared, "remove", task_id=task_id)
    assert (answer.ok, answer.outcome) == (True, "removed")
    assert (await shared.result(task_id))["error"]["exc_type"] == "CancelledError"
    await end_event(shared, task_id)
    again = await command_queue(shared, "remove", task_id=task_id)
    assert (again.outcome, again.detail) == (
        "removed",
        "it was already rejected or removed as cancelled",
    )
    assert lines(seen) == ["begin"]


@module_loop
async def test_queued_tasks_are_removed_from_the_stream(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    worker = shared.workers[0]
    await command_worker(shared, worker, "pause")
    ids = [await shared.send("work", str(tmp_path / str(n))) for n in range(5)]
    stored = (await shared.js.stream_info(TASK_STREAM)).state
    found = await command_queue(shared, "remove", task_id=ids[1], reason="not needed")
    hinted = await command_queue(
        shared, "remove", task_id=ids[3], sequence=stored.last_seq - 1, reason="not needed"
    )
    misled = await command_queue(shared, "remove", task_id=ids[4], sequence=stored.last_seq - 2)
    unknown = await command_queue(shared, "remove", task_id="0" * 32)
    assert [a.outcome for a in (found, hinted, misled)] == ["removed"] * 3
    assert (unknown.ok, unknown.outcome) == (False, "not_queued")
    assert (await shared.js.stream_info(TASK_STREAM)).state.messages == stored.messages - 3
    for task_id in (ids[1], ids[3], ids[4]):
        result = await shared.result(task_id)
        assert result["error"]["exc_type"] == "CancelledError"
        assert result["labels"]["task_name"].endswith(":work")
    data = await end_event(shared, ids[1])
    assert (data["who"], data["reason"]) == (ACTOR, "not needed")
    await command_worker(shared, worker, "resume")
    for task_id in (ids[0], ids[2]):
        assert (await shared.result(task_id))["return_value"] == "done"
    await wait_until(shared.all_acked)
    assert [bool(lines(tmp_path / str(n))) for n in range(5)] == [True, False, True, False, False]
    late = await command_queue(shared, "remove", task_id=ids[0])
    assert (late.ok, late.outcome) == (False, "not_queued")


@module_loop
async def test_a_paused_worker_starts_no_task_and_finishes_running_ones(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    worker = shared.workers[0]
    gate = tmp_path / "gate"
    before = await shared.send("wait_for_a_file", str(tmp_path / "before"), str(gate))
    await wait_until(lambda: lines(tmp_path / "before") == ["begin"])
    shared.events.clear()
    answer = await command_any(shared, "pause")
    assert (answer.ok, answer.outcome) == (True, "paused")
    assert (await audit_event(shared, "pause"))["target"] == identity(shared, worker)
    await wait_until(lambda: any(beat["paused"] for beat in heartbeats(shared)))
    after = await shared.send("work", str(tmp_path / "after"))
    gate.touch()
    assert (await shared.result(before))["return_value"] == "done"
    beats = len(heartbeats(shared))
    await wait_until(lambda: len(heartbeats(shared)) > beats + 1)
    assert not lines(tmp_path / "after")
    assert heartbeats(shared)[-1]["paused"]
    assert (await command_any(shared, "ping")).detail == "paused"
    assert (await command_any(shared, "resume")).outcome == "resumed"
    assert (await shared.result(after))["return_value"] == "done"
    await wait_until(lambda: shared.event_types(after) == ["task.started", "task.succeeded"])
    await wait_until(lambda: not heartbeats(shared)[-1]["paused"])


@module_loop
async def test_the_last_of_contradicting_commands_wins(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    await asyncio.gather(*(command_any(shared, ("pause", "resume")[n % 2]) for n in range(20)))
    assert (await command_any(shared, "resume")).outcome == "resumed"
    ids = [await shared.send("work", str(tmp_path / str(n))) for n in range(5)]
    for task_id in ids:
        assert (await shared.result(task_id))["return_value"] == "done"


@module_loop
async def test_the_log_level_changes_at_run_time(shared: WorkerHarness) -> None:
    answer = await command_any(shared, "log_level", level="debug")
    assert (answer.outcome, answer.detail) == ("log_level_set", "DEBUG")
    await wait_until(lambda: heartbeats(shared)[-1]["log_level"] == "DEBUG")
    wrong = await command_any(shared, "log_level", level="LOUD")
    assert (wrong.ok, wrong.outcome) == (False, "refused")
    await command_any(shared, "log_level", level="INFO")
    await wait_until(lambda: heartbeats(shared)[-1]["log_level"] == "INFO")
    assert (await audit_event(shared, "log_level"))["detail"].endswith("DEBUG")


@module_loop
async def test_invalid_messages_on_the_control_subjects_do_no_harm(
    shared: WorkerHarness, tmp_path: Path
) -> None:
    own = control_subject(identity(shared, shared.workers[0]))
    logged = len(shared.workers[0].log)
    for subject in (CONTROL_ALL, CONTROL_QUEUE, own):
        for payload in (b"", b"\xff\xfe", b"[]", b"[" * 20_000, b'{"id": 1}', b"{}" * 40_000):
            reply = await shared.client.request(subject, payload, timeout=10)
            answer = decode_reply(reply.data)
            assert answer is not None
            assert (answer.ok, answer.outcome, answer.id) == (False, "refused", "")
        await shared.client.publish(subject, b"no reply wanted")
    for command, fields, outcome in (
        ("format_disk", {}, "unknown_command"),
        ("cancel", {}, "refused"),
        ("remove", {"task_id": "x"}, "refused"),
    ):
        assert (await command_any(shared, command, **fields)).outcome == outcome
    assert (await command_queue(shared, "pause")).outcome == "refused"
    assert (await command_queue(shared, "remove")).outcome == "refused"
    assert (await command_any(shared, "ping")).outcome == "alive"
    task_id = await shared.send("work", str(tmp_path / "fine"))
    assert (await shared.result(task_id))["return_value"] == "done"
    assert "Traceback" not in shared.workers[0].log[logged:]


async def test_a_drained_worker_finishes_running_tasks_and_exits_with_0(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run(worker_slots=1)
    gate = tmp_path / "gate"
    running = await harness.send("wait_for_a_file", str(tmp_path / "running"), str(gate))
    await wait_until(lambda: lines(tmp_path / "running") == ["begin"])
    queued = await harness.send("work", str(tmp_path / "queued"))
    answer = await command_worker(harness, worker, "drain", reason="new version")
    assert (answer.ok, answer.outcome) == (True, "draining")
    assert (await command_worker(harness, worker, "drain")).outcome == "draining"
    assert (await command_worker(harness, worker, "pause")).outcome == "refused"
    assert "new version" in (await audit_event(harness, "drain"))["detail"]
    await wait_until(lambda: heartbeats(harness)[-1]["draining"])
    gate.touch()
    assert await worker.wait_for_exit() == 0
    assert (await harness.result(running))["return_value"] == "done"
    assert not lines(tmp_path / "queued")
    await harness.run()
    assert (await harness.result(queued))["return_value"] == "done"


async def test_every_worker_replies_and_only_the_one_with_the_task_cancels_it(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    first, second = harness.start(), harness.start()
    await harness.wait_until_started(first)
    await harness.wait_until_started(second)
    seen = tmp_path / "seen"
    task_id = await harness.send("work", str(seen), 30)
    await wait_until(lambda: lines(seen) == ["begin"])
    answers = await command_all(harness, 2, "cancel", task_id=task_id)
    assert {answer.worker for answer in answers} == {
        identity(harness, first),
        identity(harness, second),
    }
    assert sorted(answer.outcome for answer in answers) == ["cancelled", "not_here"]
    await end_event(harness, task_id)
    await harness.wait_for_event(lambda e: e["type"] == "audit")
    audits = [e for e in harness.events if e["type"] == "audit"]
    assert [audit["data"]["target"] for audit in audits] == [task_id]


@pytest.mark.slow
async def test_a_worker_without_control_does_not_subscribe(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run(control="off")
    beat = await harness.wait_for_event(lambda e: e["type"] == "worker.heartbeat")
    assert beat["data"]["control"] is None
    for subject in (CONTROL_ALL, CONTROL_QUEUE, control_subject(identity(harness, worker))):
        assert await has_no_subscriber(harness, subject)
    task_id = await harness.send("work", str(tmp_path / "fine"))
    assert (await harness.result(task_id))["return_value"] == "done"


@pytest.mark.slow
async def test_commands_are_received_after_a_server_restart(
    harness: WorkerHarness, nats_server: NatsServer
) -> None:
    worker = await harness.run()
    subject = control_subject(identity(harness, worker))
    nats_server.stop()
    nats_server.start()
    await wait_until(lambda: harness.client.is_connected and harness.client.stats["reconnects"])

    async def answered() -> bool:
        return not await has_no_subscriber(harness, subject)

    await wait_until(answered)
    assert (await command_worker(harness, worker, "ping")).outcome == "alive"


async def test_heartbeats_contain_running_tasks_and_task_schemas(
    harness: WorkerHarness, tmp_path: Path
) -> None:
    worker = await harness.run(worker_slots=3)
    first = heartbeats(harness)[0]
    assert first["control"] == control_subject(identity(harness, worker))
    assert (first["slots"], first["busy"], first["paused"], first["draining"]) == (
        3,
        0,
        False,
        False,
    )
    assert (first["broker"], first["log_level"]) == ("jetstream", "INFO")
    assert first["rss_bytes"] > 1 << 20
    own = first["catalogue"]["ingest_messages"]
    assert list(own["args"]["properties"]) == ["path", "offset", "limit"]
    theirs = first["catalogue"]["tests.kit.worker_tasks:work_in_a_thread"]
    assert theirs["is_sync"]
    assert theirs["args"]["required"] == ["path"]
    progress = first["catalogue"]["tests.kit.worker_tasks:report_progress"]
    assert progress["args"]["properties"] == {}  # TaskIQ fills it in
    task_id = await harness.send("work", str(tmp_path / "seen"), 30)
    await wait_until(lambda: heartbeats(harness)[-1]["busy"] == 1)
    (running,) = heartbeats(harness)[-1]["running"]
    assert (running["task_id"], running["attempt"]) == (task_id, 1)
    assert running["task_name"] == "tests.kit.worker_tasks:work"
    assert "catalogue" not in heartbeats(harness)[-1]
    assert json.dumps(heartbeats(harness)[-1])
    await command_any(harness, "cancel", task_id=task_id)
