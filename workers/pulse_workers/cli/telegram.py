"""`pulse-worker telegram`: receive the messages of a Telegram bot."""

import argparse

from pulse_desktop.text.translation import _
from pulse_workers.chat.telegram_receiver import run_telegram_receiver
from pulse_workers.cli.exit_codes import OK
from pulse_workers.cli.options import (
    Subparsers,
    add_common_options,
    add_parent_pipe_option,
)
from pulse_workers.config.settings import Settings


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "telegram",
        help=_("receive the messages of a Telegram bot until SIGTERM or Ctrl C"),
        description=_(
            "Receive messages, edits and deletions of a Telegram bot by long polling, store them "
            "and enqueue their processing. The token comes from PULSE_TELEGRAM_TOKEN or "
            "PULSE_TELEGRAM_TOKEN_FILE. Any number of processes may run: one of them polls, and "
            "another one continues when it ends."
        ),
    )
    parser.add_argument(
        "--telegram-token-file",
        metavar="FILE",
        help=_("path to a file that contains the bot's token"),
    )
    parser.add_argument(
        "--telegram-url",
        metavar="URL",
        help=_("base URL of the Telegram Bot API (default: https://api.telegram.org)"),
    )
    add_common_options(parser)
    add_parent_pipe_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Receive until a signal arrives."""
    await run_telegram_receiver(settings, parent_pipe=options.parent_pipe)
    return OK
