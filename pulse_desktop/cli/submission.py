"""Submission of tasks and the wait for their end, for `run` and `rerun`."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pulse_desktop.cli.argument_types import duration
from pulse_desktop.cli.confirmation import confirmed
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import MAX_QUOTED, write_json, write_line, write_note, write_text
from pulse_desktop.cli.parser import add_confirm_option, add_hidden_alias
from pulse_desktop.cli.run_report import report_run, write_report
from pulse_desktop.model.errors import NoConsumersError, UserFacingError
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pulse_desktop.model.queue_status import EnqueueReceipt
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun

Enqueue: TypeAlias = "Callable[[bool, bool], Awaitable[EnqueueReceipt]]"
"""Enqueues a task: `force`, even while no worker is listening; and whether it is confirmed."""


@dataclass(frozen=True)
class Submission:
    """A task that was enqueued.

    Attributes:
        task_id: of the new run.
        task_name: as registered.
        durable: whether a stream stores the task.
        rerun_of: task id of the run that it repeats, empty for a new task.
    """

    task_id: str
    task_name: str
    durable: bool
    rerun_of: str = ""


def add_options(parser: ArgumentParser) -> None:
    """Add the options of commands that enqueue tasks."""
    parser.add_argument(
        "--wait",
        type=duration,
        metavar="SPAN",
        help=_("wait up to this time, such as 30s or 5m, for the end; exit 1 unless it succeeds"),
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help=_("enqueue even while no worker is listening, if a stream stores the task"),
    )
    add_hidden_alias(parser, "--anyway", "--force")
    add_confirm_option(parser)


async def submit(arguments: Namespace, enqueue: Enqueue) -> "EnqueueReceipt":
    """Enqueue a task, confirmed if necessary; while no worker is listening only with --force.

    Raises:
        UserFacingError: the task was not enqueued.
    """

    async def act(yes: bool) -> "EnqueueReceipt":
        try:
            return await enqueue(False, yes)
        except NoConsumersError as error:
            if not error.durable:
                raise
            if not arguments.force:
                advice = _(
                    "Start a worker, or add --force: the stream stores the task until one starts."
                )
                raise UserFacingError(error.title, error.detail, advice) from None
        return await enqueue(True, yes)

    return await confirmed(arguments, act)


def note_unknown_task(session: "Session", name: str) -> None:
    """Note on stderr that no online worker has announced a task.

    It is sent anyway: other workers do not announce their tasks, and one may start later.
    """
    workers = session.state.workers
    if (
        not workers.task_schemas
        or not workers.online(session.now())
        or workers.task_schemas.get(name) is not None
    ):
        return
    import difflib

    near = difflib.get_close_matches(name, [task.task_name for task in workers.task_schemas], 1)
    if near:
        write_note(
            _("No online worker has announced a task {name}. Did you mean {near}?").format(
                name=formats.elided(name, MAX_QUOTED), near=near[0]
            )
        )
    else:
        write_note(
            _("No online worker has announced a task {name}.").format(
                name=formats.elided(name, MAX_QUOTED)
            )
        )


async def report(session: "Session", arguments: Namespace, submissions: list[Submission]) -> int:
    """Report what was enqueued or, with --wait, how it ended; return the exit code."""
    import asyncio

    from pulse_desktop.nats_client.aio import cancel_and_wait

    if arguments.wait is None:
        for submission in submissions:
            _report_enqueued(submission, as_json=arguments.json)
        return OK
    # One time limit for all of them: they run side by side.
    runs = [asyncio.ensure_future(_wait(session, each, arguments.wait)) for each in submissions]
    code = OK
    try:
        for number, (submission, run) in enumerate(zip(submissions, runs, strict=True)):
            ended = await run
            described = {**await report_run(session, ended), "durable": submission.durable}
            if arguments.json:
                write_json(described)
            else:
                if number:
                    write_text("")
                write_report(described)
            if ended.state in OPEN_STATES:
                write_note(
                    _("{task_id} has not ended within {seconds:g} s.").format(
                        task_id=ended.task_id, seconds=arguments.wait
                    )
                )
            if ended.state is not RunState.SUCCEEDED:
                code = FAILED
    finally:
        await cancel_and_wait(*runs)
    return code


def _report_enqueued(submission: Submission, *, as_json: bool) -> None:
    if as_json:
        fields: dict[str, Any] = {
            "task_id": submission.task_id,
            "task_name": submission.task_name,
            "durable": submission.durable,
            "rerun_of": submission.rerun_of or None,
        }
        write_json(fields)
        return
    stored = _("stored in the queue") if submission.durable else _("sent to a worker, not stored")
    write_line(f"{submission.task_id}  {submission.task_name}  {stored}")


async def _wait(session: "Session", submission: Submission, timeout_s: float) -> "TaskRun":
    from pulse_desktop.state.run import TaskRun

    ended = await session.waiter.wait_for_result(submission.task_id, timeout_s)
    return ended or TaskRun(submission.task_id, submission.task_name, rerun_of=submission.rerun_of)
