"""`pulse-worker feed`: enqueue the sample chat, slice by slice."""

import argparse

from pulse_desktop.text.translation import _
from pulse_workers.chat.sample_feeder import run_sample_feeder
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import (
    Subparsers,
    add_common_options,
    add_parent_pipe_option,
    seconds,
)
from pulse_workers.config.settings import Settings


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "feed",
        help=_("enqueue the sample chat, slice by slice, until SIGTERM or Ctrl C"),
        description=_(
            "Enqueue a few messages of a Telegram Desktop export at a time, so that there is "
            "always some activity to see. Continues where the last run ended."
        ),
    )
    parser.add_argument(
        "--interval",
        dest="feed_interval",
        type=seconds,
        metavar="SEC",
        help=_("seconds between slices (default: 4)"),
    )
    parser.add_argument(
        "--export",
        default="",
        metavar="PATH",
        help=_("path to a result.json (default: the bundled sample)"),
    )
    add_common_options(parser)
    add_parent_pipe_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Feed until a signal arrives."""
    await run_sample_feeder(settings, path=options.export, parent_pipe=options.parent_pipe)
    return OK
