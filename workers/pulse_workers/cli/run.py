"""`pulse-worker run`: run one worker process."""

import argparse
import logging
import os
import sys

from pulse_desktop.text.translation import _
from pulse_workers.chat.application import CHAT
from pulse_workers.chat.providers.configuration_file import load_configuration
from pulse_workers.cli.exit_codes import CANNOT_CONNECT, FAILED, OK
from pulse_workers.cli.options import (
    Subparsers,
    add_common_options,
    add_parent_pipe_option,
    positive_int,
)
from pulse_workers.cli.output import print_error
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ConnectionFailedError
from pulse_workers.worker.process import run_worker


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        help=_("run one worker process until SIGTERM or Ctrl C"),
        description=_(
            "Run tasks from the queue until SIGTERM or Ctrl C. Then pull no more tasks, let "
            "running tasks finish (PULSE_DRAIN_TIMEOUT, 30 s), requeue the others and exit with "
            "status 0. A second signal requeues all of them immediately."
        ),
    )
    parser.add_argument(
        "--name",
        dest="worker_name",
        metavar="NAME",
        help=_("first part of the worker's identity (default: worker-1)"),
    )
    parser.add_argument(
        "--slots",
        type=positive_int,
        metavar="N",
        help=_("number of tasks run concurrently (default: 8)"),
    )
    add_common_options(parser)
    add_parent_pipe_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Run a worker and return its exit code."""
    load_configuration(settings)  # an invalid one ends the command before it connects
    ended = await run_worker(settings, CHAT, parent_pipe=options.parent_pipe)
    status = OK
    if ended.error is not None:
        print_error(ended.error)
        status = CANNOT_CONNECT if isinstance(ended.error, ConnectionFailedError) else FAILED
    if ended.has_busy_threads:
        _exit_immediately(status)
    return status


def _exit_immediately(status: int) -> None:
    """Exit without joining threads of sync tasks: those tasks are acknowledged or requeued."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
