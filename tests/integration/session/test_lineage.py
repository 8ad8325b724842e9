"""Runs that real workers enqueue from inside others are shown as their children."""

from pathlib import Path

import pytest

from pulse_desktop.model.errors import NoConsumersError, NotConnectedError
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.model.run_state import RunState
from pulse_desktop.session.session import Session
from pulse_desktop.state.chat_messages import MessageRow
from pulse_desktop.state.message_path import message_path
from pulse_desktop.state.message_runs import Stage
from pulse_desktop.state.related_runs import RelatedRuns, Relation, related_runs
from pulse_desktop.state.run import TaskRun
from tests.kit.chat_export import message, write_export
from tests.kit.nats_servers import NatsServer
from tests.kit.sessions import open_session, wait_for_run
from tests.kit.taskiq_project import MODULE, PIPELINES, generate, taskiq_worker
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import TASKS, open_harness

START_TIMEOUT_S = 75


def related(session: Session, task_id: str) -> RelatedRuns:
    run = session.state.runs.get(task_id)
    assert run is not None
    return related_runs(session.state.runs, run)


async def test_a_task_enqueued_by_our_worker_from_inside_another_names_its_parent(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with open_harness(nats_server, tmp_path) as harness, open_session(nats_server) as session:
        await harness.run()
        parent = await harness.send("enqueue_another", str(tmp_path / "seen"), 0.0)
        await wait_for_run(session, parent, RunState.SUCCEEDED)
        lineage = session.state.runs.lineage
        children: list[str] = await wait_until(
            lambda: list(session.state.runs.lineage.children(parent))
        )
        child = await wait_for_run(session, children[0], RunState.SUCCEEDED)
        assert child.name == f"{TASKS}:work"
        assert child.parent == parent
        assert lineage.ancestors(child.task_id) == [parent]
        (again,) = (await session.tasks.rerun([child])).task_ids
        rerun = await wait_for_run(session, again, RunState.SUCCEEDED)
        assert (rerun.rerun_of, rerun.parent) == (child.task_id, "")  # no task enqueued this one
        assert lineage.reruns(child.task_id) == [again]


@pytest.mark.timeout(300)
async def test_the_middleware_names_the_parent_and_a_pipeline_its_steps(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    generate(tmp_path, nats_server.url, more=PIPELINES)
    async with open_session(nats_server) as session:
        with taskiq_worker(tmp_path):
            order = await enqueue(session, "order", b"[3]")
            await wait_for_run(session, order, RunState.SUCCEEDED)

            def last_step() -> TaskRun | None:
                names = {run.name: run for run in session.state.runs.rows}
                found = names.get(f"{MODULE}:sum_up")
                return found if found is not None and found.state is RunState.SUCCEEDED else None

            last: TaskRun = await wait_until(last_step, START_TIMEOUT_S, "the pipeline ends")
    children = related(session, order).of(Relation.CHILD)
    names = sorted(row.task_name.rpartition(":")[2] for row in children)
    collect = "taskiq_pipelines.shared.wait_tasks"
    assert names == ["add", "list_parcels", "sum_up", *[collect], *["weigh"] * 3]
    steps = [row.task_name.rpartition(":")[2] for row in related(session, last.task_id).rows]
    assert steps == [collect, "list_parcels", "order"]
    weighed = next(row for row in children if row.task_name.endswith("weigh"))
    first = session.state.runs.lineage.parent(weighed.task_id)
    listed = session.state.runs.get(first)
    assert listed is not None
    assert listed.name == f"{MODULE}:list_parcels"


async def enqueue(session: Session, task: str, args: bytes) -> str:
    """Enqueue a task as soon as the broker takes tasks."""

    async def receipt() -> EnqueueReceipt | None:
        try:
            return await session.tasks.enqueue(f"{MODULE}:{task}", args)
        except (NoConsumersError, NotConnectedError):
            return None

    sent: EnqueueReceipt = await wait_until(receipt, START_TIMEOUT_S, "the broker takes tasks")
    return sent.task_ids[0]


async def test_a_message_is_followed_through_the_stages_of_our_workers(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    export = write_export(tmp_path, [message(1, "We decided to move the deploy to Friday.")])
    async with open_harness(nats_server, tmp_path) as harness, open_session(nats_server) as session:
        await harness.run()
        ingest = await harness.send("ingest_messages", str(export))
        await wait_for_run(session, ingest, RunState.SUCCEEDED, RunState.SOFT_FAILED)
        children = session.state.runs.lineage.children(ingest)
        await wait_for_run(session, children[0], RunState.SUCCEEDED)
        row = await wait_until(lambda: next(iter(session.state.messages.rows), None))
        assert isinstance(row, MessageRow)

        def path() -> list[tuple[str, ...]]:
            state = session.state
            found = message_path(state.runs, state.message_runs, row)
            return [(step.task_id, *step.stages) for step in found.steps if step.task_id]

        process = children[0]
        stages = (Stage.SCORE, Stage.EMBED, Stage.EXTRACT)
        each_stage = [(ingest, Stage.INGEST), *((process, stage) for stage in stages)]
        await wait_until(lambda: path() == each_stage)
