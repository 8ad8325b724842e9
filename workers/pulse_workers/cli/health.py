"""`pulse-worker health`: check that this machine's worker is alive, for a supervisor.

It waits for a heartbeat as any other client receives it: through the server. A worker that hangs or
has lost its server sends none. A worker that accepts commands is also pinged, and replies at once.
"""

import argparse
import asyncio
import json
import re
import socket
import time
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.control import (
    ALIVE,
    CONTROL_ALL,
    PING,
    ControlRequest,
    decode_reply,
    encode_request,
)
from pulse_desktop.protocol.event import new_event_id
from pulse_desktop.protocol.topics import subject_of
from pulse_desktop.text.translation import _
from pulse_workers.checks.probe import SINGLE_ATTEMPT
from pulse_workers.cli.exit_codes import FAILED, OK
from pulse_workers.cli.options import Subparsers, add_common_options, seconds
from pulse_workers.cli.output import print_line
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.runtime.connection import connect

_MIN_WAIT_S: Final = 3.0
_HEARTBEATS: Final = 2.5
"""Heartbeat intervals to wait for a heartbeat."""


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
    wait_s = options.wait or max(_MIN_WAIT_S, _HEARTBEATS * settings.heartbeat_interval)
    name, host = settings.worker_name, socket.gethostname()
    client = await connect(
        settings.with_name("health"), "health", error_cb=_ignore_error, **SINGLE_ATTEMPT
    )
    probe = HeartbeatProbe(name, host)
    started = time.monotonic()
    try:
        await _subscribe_and_ping(client, probe)
        async with asyncio.timeout(wait_s):
            worker, activity = await probe.received
    except (TimeoutError, *OUTAGE_ERRORS):
        detail = _("{worker}: no heartbeat within {wait:g} s on {server}").format(
            worker=f"{name}@{host}", wait=wait_s, server=settings.redacted_server
        )
        print_line(f"problem  {detail}")
        return FAILED
    finally:
        await client.close()
    took = time.monotonic() - started
    detail = _("{worker}: heartbeat received after {took:.1f} s").format(worker=worker, took=took)
    print_line(f"ok       {detail} ({activity})" if activity else f"ok       {detail}")
    return OK


class HeartbeatProbe:
    """Receives the heartbeats and ping replies of one process, by the start of its identity.

    Attributes:
        received: future of the identity and activity of the process; done at its first message.
    """

    def __init__(self, name: str, host: str) -> None:
        self._identity = re.compile(rf"{re.escape(f'{name}@{host}')}:\d+")
        self.received: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()

    async def on_event(self, message: Msg) -> None:
        """Handle an event of the monitoring topic."""
        event = _decode_object(message.data)
        data = event.get("data")
        if str(event.get("type", "")).endswith(".heartbeat") and isinstance(data, dict):
            self._receive(str(event.get("source", "")), _activity(data))

    async def on_reply(self, message: Msg) -> None:
        """Handle a reply to the ping."""
        reply = decode_reply(message.data)
        if reply is not None and reply.outcome == ALIVE:
            self._receive(reply.worker, reply.detail)

    def _receive(self, worker: str, activity: str) -> None:
        if self._identity.fullmatch(worker) and not self.received.done():
            self.received.set_result((worker, activity))


async def _subscribe_and_ping(client: Client, probe: HeartbeatProbe) -> None:
    """Subscribe to heartbeats and ping all workers; the ping may be refused or ignored."""
    await client.subscribe(subject_of("monitoring"), cb=probe.on_event)
    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=probe.on_reply)
    request = ControlRequest(id=new_event_id(time.time()), command=PING, who="pulse-worker health")
    await client.publish(CONTROL_ALL, encode_request(request), reply=inbox)
    await client.flush()


async def _ignore_error(_error: Exception) -> None:
    """Pinging may be forbidden; heartbeats arrive nevertheless."""


def _decode_object(payload: bytes) -> dict[str, Any]:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _activity(heartbeat: dict[str, Any]) -> str:
    busy, slots = heartbeat.get("busy"), heartbeat.get("slots")
    if not isinstance(slots, int):
        return ""
    return _("{busy} of {slots} slots busy").format(busy=busy, slots=slots)
