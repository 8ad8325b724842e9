"""`pulse-desktop run`: enqueue a task by name."""

from argparse import Namespace
from typing import TYPE_CHECKING

from pulse_desktop.cli import submission
from pulse_desktop.cli.argument_types import json_array, json_object, task_name
from pulse_desktop.cli.connection import CATCH_UP_TIMEOUT_S, connected_session
from pulse_desktop.cli.parser import Subparsers, add_command
from pulse_desktop.cli.submission import Submission
from pulse_desktop.cli.worker_discovery import HISTORY_S, read_heartbeats
from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.model.queue_status import EnqueueReceipt


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "run",
        run,
        summary=_("enqueue a task by name"),
        description=_(
            "Enqueue a task by its registered name. It is refused while no worker is "
            "listening: without a stream the task would be lost."
        ),
        examples=(
            ("pulse-desktop run app.tasks:add --args '[1, 2]'", ""),
            ("pulse-desktop run app.tasks:add --args '[1]' --kwargs '{\"b\": 2}' --wait 10", ""),
        ),
    )
    parser.add_argument(
        "task_name",
        type=task_name,
        metavar="TASK_NAME",
        help=_("as registered, such as module:function"),
    )
    parser.add_argument(
        "--args",
        type=json_array,
        default=b"[]",
        metavar="JSON",
        help=_("a JSON array (default: [])"),
    )
    parser.add_argument(
        "--kwargs",
        type=json_object,
        default=b"{}",
        metavar="JSON",
        help=_("a JSON object (default: {default})").format(default="{}"),
    )
    submission.add_options(parser)


async def run(arguments: Namespace) -> int:
    """Enqueue a task, and wait for its end with --wait."""
    name = canonical_name(arguments.task_name)
    async with connected_session(
        arguments, history_s=HISTORY_S, newest=NEWEST_MESSAGES, stored_results=0
    ) as session:
        await session.wait_caught_up(CATCH_UP_TIMEOUT_S)
        await read_heartbeats(session)

        async def enqueue(force: bool, yes: bool) -> "EnqueueReceipt":
            return await session.tasks.enqueue(
                name, arguments.args, arguments.kwargs, force=force, confirmed=yes
            )

        receipt = await submission.submit(arguments, enqueue)
        submission.note_unknown_task(session, name)
        submitted = Submission(receipt.task_ids[0], name, receipt.durable)
        return await submission.report(session, arguments, [submitted])
