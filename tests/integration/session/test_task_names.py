"""The desktop sends a renamed task under a name that every live worker executes."""

import time
from pathlib import Path

import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import TaskRun
from tests.kit.legacy_worker import NAMES, started_legacy_worker
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.waiting import wait_until
from tests.kit.worker_cli import worker_command
from tests.kit.worker_processes import open_harness

OLD = "workers.tasks.scoring:score_message_task"
NEW = "score_message_task"
ARGS = b'["1.1"]'


async def enqueue(session: Session, name: str) -> TaskRun:
    (task_id,) = (await session.tasks.enqueue(name, ARGS)).task_ids
    return await wait_for_run(session, task_id, RunState.SUCCEEDED, RunState.FAILED)


async def rerun(session: Session, run: TaskRun) -> TaskRun:
    (task_id,) = (await session.tasks.rerun([run])).task_ids
    return await wait_for_run(session, task_id, RunState.SUCCEEDED, RunState.FAILED)


def sent_name(run: TaskRun) -> str:
    assert run.request is not None
    return run.request.task_name


def observe_for_a_while(session: Session) -> None:
    """Record a heartbeat as if workers had been observed for longer than a moment."""
    session.state.workers.announced.record("earlier@host:1", time.time() - 60, {NEW})


@pytest.mark.parametrize("broker", ["jetstream", pytest.param("core", marks=pytest.mark.slow)])
async def test_old_workers_get_the_old_name_and_new_workers_the_new_one(
    nats_server: NatsServer, tmp_path: Path, broker: str
) -> None:
    worker_command(tmp_path)("provision", server=nats_server.url, broker=broker)
    async with open_harness(nats_server, tmp_path), open_session(nats_server) as session:
        await wait_until(lambda: session.connection.connected)
        observe_for_a_while(session)
        with started_legacy_worker(nats_server.url, broker, tmp_path / "legacy.log"):
            await wait_until(
                lambda: session.state.workers.task_schemas.get(NAMES[-1]) is not None, 20
            )
            first = await enqueue(session, NEW)
            assert first.state is RunState.SUCCEEDED
            again = await rerun(session, first)
            assert again.state is RunState.SUCCEEDED
        assert [sent_name(run) for run in (first, again)] == [OLD, OLD]
        assert {run.name for run in (first, again)} == {NEW}


@pytest.mark.parametrize("broker", ["jetstream", pytest.param("core", marks=pytest.mark.slow)])
async def test_a_run_captured_under_the_old_name_is_rerun_under_the_new_one(
    nats_server: NatsServer, tmp_path: Path, broker: str
) -> None:
    async with open_harness(nats_server, tmp_path) as harness, open_session(nats_server) as session:
        harness.core_nats = broker == "core"
        await wait_until(lambda: session.connection.connected)
        await harness.run(broker=broker)
        task_id = await harness.send(OLD, "1.1")
        captured = await wait_for_run(session, task_id, RunState.FAILED)
        assert (sent_name(captured), captured.name) == (OLD, NEW)
        early = await rerun(session, captured)
        assert sent_name(early) == OLD  # no heartbeat of an old worker may have arrived yet
        observe_for_a_while(session)
        await wait_until(
            lambda: session.state.workers.announced.name_to_send(OLD, time.time()) == NEW
        )
        late = await rerun(session, captured)
        assert sent_name(late) == NEW
        for run in (captured, early, late):
            assert run.error is not None
            assert run.error.type == "MessageNotFoundError"
        groups = session.state.failure_groups.groups
        # The stored result may have come first: it has no traceback to group by.
        await wait_until(lambda: [group.count for group in groups()] == [3])
