"""`pulse-desktop rerun`: enqueue runs again with their captured arguments."""

from argparse import Namespace
from typing import TYPE_CHECKING

from pulse_desktop.cli import submission
from pulse_desktop.cli.connection import ALL_HISTORY_S, catch_up, connected_session, note_missing
from pulse_desktop.cli.exit_codes import FAILED
from pulse_desktop.cli.lookup import find_run
from pulse_desktop.cli.output import print_error
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.submission import Submission
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.model.queue_status import EnqueueReceipt
    from pulse_desktop.state.run import TaskRun


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "rerun",
        run,
        summary=_("re-run tasks with their captured arguments"),
        description=_(
            "Enqueue runs again, each with its captured name, arguments and labels and a new "
            "task id. A run whose arguments are known from an event alone is re-run only with "
            "--from-events: anyone who may publish events can invent one."
        ),
        examples=(
            ("pulse-desktop rerun 3f9c0e6a", ""),
            ("pulse-desktop rerun 3f9c0e6a 77b1d2c0 --wait 30", ""),
            (
                "pulse-desktop rerun $(pulse-desktop runs --state failed --json | jq -r .task_id)",
                "",
            ),
        ),
    )
    parser.add_argument("task_ids", nargs="+", metavar="TASK_ID", help=_("or its first characters"))
    parser.add_argument(
        "--from-events",
        action="store_true",
        help=_("also re-run those whose arguments are known from an event alone"),
    )
    submission.add_options(parser)


async def run(arguments: Namespace) -> int:
    """Enqueue runs again, and wait for their end with --wait."""
    from pulse_desktop.session.task_client import NotCapturedError

    failed = False
    async with connected_session(
        arguments, history_s=ALL_HISTORY_S, newest=NEWEST_MESSAGES, stored_results=0
    ) as session:
        session.backfill.search_only(arguments.task_ids)
        missing = await catch_up(session)
        submissions: list[Submission] = []
        for task_id in arguments.task_ids:
            try:
                origin = await find_run(session, task_id, missing)

                async def enqueue(
                    force: bool, yes: bool, origin: "TaskRun" = origin
                ) -> "EnqueueReceipt":
                    return await session.tasks.rerun(
                        [origin],
                        force=force,
                        from_events=arguments.from_events,
                        confirmed=yes,
                    )

                receipt = await submission.submit(arguments, enqueue)
            except UserFacingError as error:
                if isinstance(error, NotCapturedError):
                    error.advice = _(
                        "Check them with `pulse-desktop show`, then add --from-events."
                    )
                print_error(error)
                failed = True
                continue
            submission.note_unknown_task(session, origin.name)
            submissions.append(
                Submission(receipt.task_ids[0], origin.name, receipt.durable, origin.task_id)
            )
        if failed:
            note_missing(missing)
        code = await submission.report(session, arguments, submissions)
    return FAILED if failed else code
