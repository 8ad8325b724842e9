"""`pulse-worker health`: check that this machine's worker is alive, for a supervisor.

It waits for a heartbeat as any other client receives it: through the server. A worker that hangs or
has lost its server sends none. Nothing is published: the user of a worker may not send commands.
"""

import argparse
import re
import socket
import time
from typing import Final

from pulse_desktop.text.translation import _
from pulse_workers.checks.live_workers import HEARTBEATS, listening
from pulse_workers.cli.exit_codes import FAILED, OK
from pulse_workers.cli.options import Subparsers, add_common_options, seconds
from pulse_workers.cli.output import print_line
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS

_MIN_WAIT_S: Final = 3.0


def add_parser(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "health",
        help=_("check that this machine's worker is alive, for a supervisor"),
        description=_(
            "Wait for a heartbeat of the worker with this name on this host, received through the "
            "server. Exit status: 0 the worker is alive, 1 no heartbeat was received, 3 the server "
            "cannot be reached."
        ),
    )
    parser.add_argument(
        "--name",
        dest="worker_name",
        metavar="NAME",
        help=_("name of the worker (PULSE_WORKER_NAME); `scheduler` for a scheduler"),
    )
    parser.add_argument(
        "--wait",
        type=seconds,
        metavar="SEC",
        help=_("seconds to wait (default: two and a half heartbeat intervals)"),
    )
    add_common_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Wait for a heartbeat of `worker_name` on this host and return the exit code.

    Raises:
        CannotConnectError: the server cannot be reached.
    """
    wait_s = options.wait or max(_MIN_WAIT_S, HEARTBEATS * settings.heartbeat_interval)
    name, host = settings.worker_name, socket.gethostname()
    identity = re.compile(rf"{re.escape(f'{name}@{host}')}:\d+")
    started = time.monotonic()
    process = None
    try:
        async with listening(settings, "health", ping=False) as live:
            started = time.monotonic()
            process = await live.wait_for(
                lambda each: identity.fullmatch(each.identity) is not None, wait_s
            )
    except OUTAGE_ERRORS:
        pass
    if process is None:
        detail = _("{worker}: no heartbeat within {wait:g} s on {server}").format(
            worker=f"{name}@{host}", wait=wait_s, server=settings.redacted_server
        )
        print_line(f"problem  {detail}")
        return FAILED
    took = time.monotonic() - started
    detail = _("{worker}: heartbeat received after {took:.1f} s").format(
        worker=process.identity, took=took
    )
    print_line(
        f"ok       {detail} ({process.activity})" if process.activity else f"ok       {detail}"
    )
    return OK
