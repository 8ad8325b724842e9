"""`pulse-worker health`: does the worker of this machine work? Not: is a port open.

It listens for a sign of life on the way everybody else hears it: through the server. A worker
that hangs, or that has lost its server, sends none. One that may be controlled is asked, and
answers at once.
"""

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.protocol.control import (
    ALIVE,
    CONTROL_ALL,
    PING,
    ControlRequest,
    decode_answer,
    encode_request,
)
from pulse_desktop.protocol.ids import new_event_id
from pulse_desktop.protocol.topics import subject_of
from pulse_workers.checks.check_result import FAILED, OK
from pulse_workers.checks.probe import ONE_ATTEMPT
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import OUTAGE_ERRORS, connect

BEATS: Final = 2.5
"""How many intervals between heartbeats are waited for one."""


class HeartbeatProbe:
    """Hears from one process, told by the name and host its identity begins with.

    Attributes:
        heard: the identity and the state of the process once it was heard.
    """

    def __init__(self, name: str, host: str) -> None:
        self._mine = re.compile(rf"{re.escape(f'{name}@{host}')}:\d+")
        self.heard: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()

    async def on_event(self, message: Msg) -> None:
        """Take a heartbeat."""
        for event in _read(message.data):
            data = event.get("data")
            source = str(event.get("source", ""))
            if str(event.get("type", "")).endswith(".heartbeat") and isinstance(data, dict):
                self._hear(source, _described(data))

    async def on_answer(self, message: Msg) -> None:
        """Take an answer to a ping."""
        answer = decode_answer(message.data)
        if answer is not None and answer.outcome == ALIVE:
            self._hear(answer.worker, answer.detail)

    def _hear(self, who: str, state: str) -> None:
        if self._mine.fullmatch(who) and not self.heard.done():
            self.heard.set_result((who, state))


async def health(settings: Settings, limit: float | None = None) -> int:
    """Wait for a sign of life from the process called `worker_name` on this host.

    Args:
        settings: how to reach the server, and the name.
        limit: seconds to wait; None for two and a half heartbeats.

    Returns:
        The exit status: 0 it works, 1 nothing was heard.

    Raises:
        CannotConnectError: the server cannot be reached from here.
    """
    wait = limit if limit is not None else max(3.0, BEATS * settings.heartbeat_interval)
    client = await connect(
        settings.with_name("health"), "health", error_cb=_say_nothing, **ONE_ATTEMPT
    )
    sign = HeartbeatProbe(settings.worker_name, socket.gethostname())
    try:
        before = time.monotonic()
        await _ask(client, sign)
        async with asyncio.timeout(wait):
            who, state = await sign.heard
    except (TimeoutError, *OUTAGE_ERRORS):
        sys.stdout.write(
            f"problem  {settings.worker_name}@{socket.gethostname()}: "
            f"no sign of life within {wait:g} s on {settings.redacted_server}\n"
        )
        return FAILED
    finally:
        await client.close()
    took = time.monotonic() - before
    shown = f" ({state})" if state else ""
    sys.stdout.write(f"ok       {who}: heard after {took:.1f} s{shown}\n")
    return OK


async def _ask(client: Client, sign: HeartbeatProbe) -> None:
    """Listen to heartbeats, and ask: whoever may not ask, or is not answered, still listens."""
    await client.subscribe(subject_of("monitoring"), cb=sign.on_event)
    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=sign.on_answer)
    request = ControlRequest(id=new_event_id(time.time()), command=PING, who="pulse-worker health")
    await client.publish(CONTROL_ALL, encode_request(request), reply=inbox)
    await client.flush()


async def _say_nothing(_error: Exception) -> None:
    """Asking may be forbidden: then a heartbeat is waited for."""


def _read(payload: bytes) -> Iterator[dict[str, Any]]:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return
    if isinstance(event, dict):
        yield event


def _described(data: dict[str, Any]) -> str:
    busy, slots = data.get("busy"), data.get("slots")
    return f"{busy} of {slots} slots busy" if isinstance(slots, int) else ""
