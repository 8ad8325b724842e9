"""Commands to real worker processes: the reported outcome is what happened."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pulse_desktop.model.run_state import RunState
from pulse_desktop.session.session import Session
from pulse_desktop.state.attention import AttentionKind, attention_items
from pulse_desktop.state.progress import Progress
from pulse_desktop.state.worker import Worker, WorkerActivity
from pulse_desktop.text.outcome_text import cancel_label, command_label
from tests.kit.cli_process import command_environment, run_in_thread
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, WorkerHarness, lines, open_harness

module_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerHarness]:
    """One server, and one worker that runs one task at a time."""
    with NatsServer() as server:
        async with open_harness(server, tmp_path_factory.mktemp("workers")) as harness:
            await harness.run(worker_slots=1)
            yield harness


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(harness: WorkerHarness) -> AsyncIterator[Session]:
    async with open_session(harness.server) as session:
        await session.waiter.wait_for(
            lambda: bool(session.state.workers.accepting_commands(time.time()))
        )
        yield session


def only_worker(session: Session) -> Worker:
    (worker,) = session.state.workers.online(time.time())
    return worker


@module_loop
async def test_a_running_task_is_cancelled_and_a_queued_one_never_runs(
    harness: WorkerHarness, session: Session, tmp_path: Path
) -> None:
    ran, never = tmp_path / "ran", tmp_path / "never"
    running = await harness.send("work", str(ran), 30)
    await wait_for_run(session, running, RunState.RUNNING)
    waiting = await harness.send("work", str(never))
    await wait_for_run(session, waiting, RunState.QUEUED)
    (removed,) = await session.tasks.cancel([waiting], "wrong chat")
    (cancelled,) = await session.tasks.cancel([running], "wrong chat")
    assert (removed.status, cancelled.status) == ("removed", "cancelled")
    assert cancel_label(cancelled) == "cancelled on worker-1"
    for task_id in (waiting, running):
        run = await wait_for_run(session, task_id, RunState.CANCELLED)
        assert run.error is None or run.error.type == "CancelledError"
        assert (await harness.result(task_id))["error"]["exc_type"] == "CancelledError"
    await wait_until(harness.all_acked)
    assert lines(ran) == ["begin"]
    assert lines(never) == []
    (again,) = await session.tasks.cancel([running])
    assert again.status == "ended"


@module_loop
async def test_several_tasks_are_cancelled_at_once(
    harness: WorkerHarness, session: Session, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    ids = [await harness.send("work", str(seen), 30) for _ in range(12)]
    await wait_for_run(session, ids[0], RunState.RUNNING)
    await wait_for_run(session, ids[-1], RunState.QUEUED)
    outcomes = await session.tasks.cancel(ids)
    assert {outcome.status for outcome in outcomes} <= {"cancelled", "removed"}, outcomes
    for task_id in ids:
        await wait_for_run(session, task_id, RunState.CANCELLED)
    await wait_until(harness.all_acked)
    assert lines(seen) == ["begin"]


@module_loop
async def test_a_task_in_a_thread_is_only_requested_to_stop(
    harness: WorkerHarness, session: Session, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    task_id = await harness.send("wait_for_a_file", str(tmp_path / "seen"), str(gate))
    await wait_for_run(session, task_id, RunState.RUNNING)
    (outcome,) = await session.tasks.cancel([task_id])
    assert cancel_label(outcome) == "stop requested on worker-1"
    assert "thread" in outcome.detail
    gate.touch()
    await wait_for_run(session, task_id, RunState.SUCCEEDED, RunState.CANCELLED, RunState.FAILED)
    await wait_until(harness.all_acked)


@module_loop
async def test_the_log_lines_of_each_attempt_are_shown(
    harness: WorkerHarness, session: Session, tmp_path: Path
) -> None:
    task_id = await harness.send("log_in_two_attempts", str(tmp_path / "attempts"))
    await wait_for_run(session, task_id, RunState.SUCCEEDED)
    environment = command_environment(tmp_path / "data", PULSE_SERVER=harness.server.url)
    shown = await run_in_thread("show", task_id, "--json", env=environment)
    lines = [(line["attempt"], line["level"], line["text"]) for line in shown.object["log"]]
    text = "attempt with token=***"
    assert lines == [(1, "WARNING", text), (2, "WARNING", text)]
    human = await run_in_thread("show", task_id, env=environment)
    assert human.out.count(f"WARNING  tests.tasks: {text}") == 2


@module_loop
async def test_an_unknown_task_is_not_reported_as_cancelled(session: Session) -> None:
    (outcome,) = await session.tasks.cancel(["0" * 32])
    assert (outcome.status, outcome.done) == ("not_found", False)


@module_loop
async def test_a_paused_worker_takes_no_tasks_until_it_is_resumed(
    harness: WorkerHarness, session: Session, tmp_path: Path
) -> None:
    worker = only_worker(session)
    (outcome,) = await session.workers.command("pause", worker.id)
    assert outcome.done, outcome
    await session.waiter.wait_for(lambda: only_worker(session).activity is WorkerActivity.PAUSED)
    task_id = await harness.send("work", str(tmp_path / "seen"))
    await wait_for_run(session, task_id, RunState.QUEUED)
    await wait_until(
        lambda: session.tasks.queue_status is not None and session.tasks.queue_status.all_paused
    )
    kinds = {item.kind for item in attention_items(session.state, session.now())}
    assert AttentionKind.WORKERS_PAUSED in kinds
    (outcome,) = await session.workers.command("resume")
    assert (outcome.worker, outcome.done) == (worker.id, True)
    await wait_for_run(session, task_id, RunState.SUCCEEDED)
    await session.waiter.wait_for(
        lambda: only_worker(session).activity is not WorkerActivity.PAUSED
    )


@module_loop
async def test_the_log_level_is_set(session: Session) -> None:
    (outcome,) = await session.workers.command("log_level", only_worker(session).id, "DEBUG")
    assert command_label(outcome) == "log level set to debug"
    await session.waiter.wait_for(lambda: only_worker(session).log_level == "DEBUG")
    await session.workers.command("log_level", "", "INFO")


@module_loop
async def test_the_task_schemas_list_the_arguments_of_each_task(session: Session) -> None:
    catalogue = session.state.workers.task_schemas
    await session.waiter.wait_for(lambda: catalogue.get(f"{TASKS}:work") is not None)
    work = catalogue.get(f"{TASKS}:work")
    assert work is not None
    assert [(each.name, each.type.types, each.required) for each in work.arguments] == [
        ("path", ("string",), True),
        ("seconds", ("number",), False),
    ]
    assert (work.is_sync, work.extra_arguments) == (False, False)
    in_thread = catalogue.get(f"{TASKS}:work_in_a_thread")
    assert in_thread is not None
    assert in_thread.is_sync


@module_loop
async def test_progress_has_a_count_and_a_message(harness: WorkerHarness, session: Session) -> None:
    task_id = await harness.send("report_progress")
    run = await wait_for_run(session, task_id, RunState.SUCCEEDED)

    def last() -> Progress | None:
        known = session.state.runs.get(task_id)
        progress = known.progress if known is not None else None
        return progress if progress is not None and progress.done == 2 else None

    progress = await wait_until(last)
    assert (progress.total, progress.message) == (3, "counting")
    assert run.name == f"{TASKS}:report_progress"


@module_loop
async def test_the_command_line_cancels_and_lists_running_tasks(
    harness: WorkerHarness, session: Session, tmp_path: Path
) -> None:
    env = command_environment(tmp_path / "data", PULSE_SERVER=harness.server.url)
    task_id = await harness.send("work", str(tmp_path / "seen"), 30)
    await wait_for_run(session, task_id, RunState.RUNNING)
    listed = await run_in_thread("workers", "--json", env=env)
    assert (listed.object["control"], listed.object["answered"]) == (True, True)
    ended = await run_in_thread("cancel", task_id[:10], "--json", env=env)
    assert ended.code == 0, ended
    assert (ended.object["outcome"], ended.object["task_id"]) == ("cancelled", task_id)
    await wait_for_run(session, task_id, RunState.CANCELLED)


@module_loop
@pytest.mark.slow
async def test_a_drained_worker_exits_and_is_offline(
    harness: WorkerHarness, session: Session
) -> None:
    worker = only_worker(session)
    (outcome,) = await session.workers.command("drain", worker.id)
    assert outcome.done
    assert await harness.workers[0].wait_for_exit() == 0
    await session.waiter.wait_for(lambda: not session.state.workers.online(time.time()))
    (outcome,) = await session.workers.command("pause", worker.id)
    assert outcome.status == "nobody"
