"""`pulse-worker scheduler`: send scheduled tasks."""

import argparse

from pulse_desktop.text.translation import _
from pulse_workers.chat.application import CHAT
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import Subparsers, add_common_options, add_parent_pipe_option
from pulse_workers.config.settings import Settings
from pulse_workers.schedules.process import run_scheduler


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "scheduler",
        help=_("send scheduled tasks until SIGTERM or Ctrl C"),
        description=_(
            "Send scheduled tasks until SIGTERM or Ctrl C. Any number of schedulers may run: each "
            "run is sent once, and when one scheduler is killed, the others take over. A scheduler "
            "sends only tasks it knows, so give it the same PULSE_WORKER_TASKS as the workers."
        ),
    )
    add_common_options(parser)
    add_parent_pipe_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Send scheduled tasks until a signal arrives."""
    await run_scheduler(settings, CHAT, parent_pipe=options.parent_pipe)
    return OK
