"""`pulse-desktop cancel`: cancel queued and running tasks."""

from argparse import Namespace
from typing import TYPE_CHECKING

from pulse_desktop.cli.confirmation import confirmed
from pulse_desktop.cli.connection import ALL_HISTORY_S, catch_up, connected_session
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.lookup import AmbiguousError, find_run
from pulse_desktop.cli.output import print_error, write_json, write_line, write_note
from pulse_desktop.cli.parser import Subparsers, add_command, add_confirm_option
from pulse_desktop.model.errors import NotFoundError
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.model.outcomes import CancelOutcome


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "cancel",
        run,
        summary=_("cancel queued and running tasks"),
        description=_(
            "Cancel tasks: a queued one is removed from the queue, a running one is cancelled by "
            "its worker. A sync task runs in a thread that cannot be interrupted: it is requested "
            "to stop. Workers that accept no commands (PULSE_CONTROL off, or workers of another "
            "project without PulseMiddleware) cannot cancel a running task; a queued one is still "
            "removed from the stream."
        ),
        examples=(
            ("pulse-desktop cancel 3f9c0e6a", ""),
            ("pulse-desktop cancel 3f9c0e6a 77b1d2c0 --reason 'wrong export'", ""),
            (
                "pulse-desktop cancel $(pulse-desktop runs --state queued --json | jq -r .task_id)",
                "",
            ),
        ),
    )
    parser.add_argument("task_ids", nargs="+", metavar="TASK_ID", help=_("or its first characters"))
    parser.add_argument(
        "--reason",
        default="",
        metavar="TEXT",
        help=_("why; stored in the results of the tasks"),
    )
    add_confirm_option(parser)


async def run(arguments: Namespace) -> int:
    """Cancel queued and running tasks."""
    async with connected_session(
        arguments, history_s=ALL_HISTORY_S, newest=NEWEST_MESSAGES, stored_results=0
    ) as session:
        session.backfill.search_only(arguments.task_ids)
        missing = await catch_up(session)
        ambiguous = False
        task_ids: list[str] = []
        for task_id in arguments.task_ids:
            try:
                task_ids.append((await find_run(session, task_id, missing)).task_id)
            except AmbiguousError as error:
                print_error(error)
                ambiguous = True
            except NotFoundError:
                task_ids.append(task_id)  # without history only a worker may know it
        outcomes = await confirmed(
            arguments,
            lambda yes: session.tasks.cancel(task_ids, arguments.reason, confirmed=yes),
        )
        names = {each: run.name for each in task_ids if (run := session.state.runs.get(each))}
    for outcome in outcomes:
        _write_outcome(outcome, names.get(outcome.task_id), as_json=arguments.json)
    return OK if all(outcome.done for outcome in outcomes) and not ambiguous else FAILED


def _write_outcome(outcome: "CancelOutcome", name: str | None, *, as_json: bool) -> None:
    from pulse_desktop.model.outcomes import CancelStatus
    from pulse_desktop.text.outcome_text import cancel_label

    if as_json:
        write_json(
            {
                "task_id": outcome.task_id,
                "task_name": name or None,
                "outcome": outcome.status,
                "done": outcome.done,
                "worker": outcome.worker or None,
                "detail": outcome.detail or cancel_label(outcome),
            }
        )
        return
    write_line(f"{outcome.task_id}  {name or _('unknown task')}  {cancel_label(outcome)}")
    # Details go to stderr, so that stdout stays one line per task.
    requested = outcome.status is CancelStatus.CANCEL_REQUESTED
    if outcome.detail and (requested or not outcome.done):
        write_note(f"{outcome.task_id}: {outcome.detail}")
