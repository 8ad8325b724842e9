"""Workers and schedulers that are alive: they reply to a ping, or send a heartbeat.

Both arrive through the server, as at any other client. A process that hangs or has lost its server
sends neither. A ping is answered at once, but not every user may send one, and a worker may accept
no commands: `check` sends one, and `health`, which supervisors repeat, does not. Heartbeats arrive
from every process, one in each interval.
"""

import asyncio
import contextlib
import dataclasses
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from pulse_desktop.model.check_result import CheckResult
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
from pulse_desktop.text.translation import _, ngettext
from pulse_workers.checks.probe import SINGLE_ATTEMPT
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import connect

HEARTBEATS: Final = 2.5
"""Heartbeat intervals to wait for a heartbeat."""
_REPLY_TIME_S: Final = 0.5
"""How long the replies of all workers take once the first has arrived."""
_IDLE_STATES: Final = ("draining", "paused")
"""Fields of a heartbeat, and details of a reply, of a worker that takes no tasks."""
_MAX_NAMED: Final = 5
_MAX_NAME: Final = 200
_MAX_WORKERS: Final = 10_000


@dataclasses.dataclass(frozen=True)
class LiveProcess:
    """A process that has replied or sent a heartbeat.

    Attributes:
        identity: `name@host:pid`.
        is_worker: whether it runs tasks; a scheduler does not.
        activity: `paused`, `draining`, or how many tasks it runs; empty if unknown.
        takes_tasks: whether it takes new tasks.
    """

    identity: str
    is_worker: bool
    activity: str
    takes_tasks: bool


class LiveWorkers:
    """Listens for replies and heartbeats of all workers and schedulers.

    Attributes:
        found: processes heard so far, by identity.
        replied: whether any worker has replied to the ping.
    """

    def __init__(self) -> None:
        self.found: dict[str, LiveProcess] = {}
        self.replied = False
        self._changed = asyncio.Event()

    async def start(self, client: Client) -> None:
        """Subscribe to heartbeats."""
        await client.subscribe(subject_of("monitoring"), cb=self._on_event)
        await client.flush()

    async def ping(self, client: Client, who: str) -> None:
        """Ping all workers; the ping may be refused or ignored.

        Args:
            client: connected; its errors of permission are of no interest.
            who: sender of the ping.
        """
        inbox = client.new_inbox()
        await client.subscribe(inbox, cb=self._on_reply)
        request = ControlRequest(id=new_event_id(time.time()), command=PING, who=who)
        await client.publish(CONTROL_ALL, encode_request(request), reply=inbox)
        await client.flush()

    async def wait_for(
        self,
        is_wanted: Callable[[LiveProcess], bool],
        timeout: float,  # noqa: ASYNC109 - no error
    ) -> LiveProcess | None:
        """Wait until a process is heard that is wanted; None if there is none in time.

        Args:
            is_wanted: chooses the process.
            timeout: seconds.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    self._changed.clear()
                    for process in self.found.values():
                        if is_wanted(process):
                            return process
                    await self._changed.wait()
        return None

    async def _on_event(self, message: Msg) -> None:
        event = _decode_object(message.data)
        data, type_ = event.get("data"), str(event.get("type", ""))
        if type_ == "worker.stopped":
            self.found.pop(str(event.get("source", "")), None)
        elif type_.endswith(".heartbeat") and isinstance(data, dict):
            activity = _activity(data)
            takes_tasks = activity not in _IDLE_STATES
            is_worker = type_ == "worker.heartbeat"
            self._add(LiveProcess(str(event.get("source", "")), is_worker, activity, takes_tasks))

    async def _on_reply(self, message: Msg) -> None:
        reply = decode_reply(message.data)
        if reply is None or reply.outcome != ALIVE:
            return
        self.replied = True
        if reply.worker not in self.found:
            self._add(LiveProcess(reply.worker, True, reply.detail, not reply.detail))

    def _add(self, process: LiveProcess) -> None:
        if process.identity in self.found or len(self.found) < _MAX_WORKERS:
            self.found[process.identity] = process
            self._changed.set()


@contextlib.asynccontextmanager
async def listening(settings: Settings, who: str, *, ping: bool) -> AsyncIterator[LiveWorkers]:
    """Listen for live workers on a connection of its own, without reconnecting.

    Args:
        settings: server and login.
        who: the program that asks; also the name of the connection.
        ping: ping the workers, too. The server logs a violation when this user may not.

    Raises:
        ConnectionFailedError: the server cannot be reached.
    """
    client = await connect(settings.with_name(who), who, error_cb=_ignore_error, **SINGLE_ATTEMPT)
    try:
        workers = LiveWorkers()
        await workers.start(client)
        if ping:
            await workers.ping(client, f"pulse-worker {who}")
        yield workers
    finally:
        await client.close()


async def check_workers(settings: Settings, timeout: float) -> CheckResult:  # noqa: ASYNC109
    """Check whether a worker is alive that takes tasks.

    Args:
        settings: server and login.
        timeout: seconds to wait for a first sign of life.

    Raises:
        nats.errors.Error, OSError: the connection is lost.
    """
    async with listening(settings, "check", ping=True) as live:
        await live.wait_for(lambda process: process.is_worker, timeout)
        if live.found:  # others follow: replies at once, heartbeats within an interval
            await asyncio.sleep(_REPLY_TIME_S if live.replied else settings.heartbeat_interval)
    workers = sorted(
        (process for process in live.found.values() if process.is_worker),
        key=lambda process: (process.takes_tasks, process.identity),
    )
    if not workers:
        return CheckResult(
            "workers",
            "warning",
            _("no worker is alive: no reply and no heartbeat within {wait:g} s").format(
                wait=timeout
            ),
            _("Start one with `pulse-worker run`; before the first start this is expected."),
        )
    named = ", ".join(_named(worker) for worker in workers[:_MAX_NAMED])
    names = f"{named}, …" if len(workers) > _MAX_NAMED else named
    if not any(worker.takes_tasks for worker in workers):
        text = ngettext(
            "{count} worker is alive, but takes no tasks: {names}",
            "{count} workers are alive, but none takes tasks: {names}",
            len(workers),
        )
        advice = _("Resume one (`pulse-desktop worker`), or start another.")
        detail = text.format(count=len(workers), names=names)
        return CheckResult("workers", "warning", detail, advice)
    text = ngettext(
        "{count} worker is alive: {names}", "{count} workers are alive: {names}", len(workers)
    )
    return CheckResult("workers", "ok", text.format(count=len(workers), names=names))


def _named(worker: LiveProcess) -> str:
    name = worker.identity[:_MAX_NAME]
    name = name if name.isprintable() else ascii(name)
    return f"{name} ({worker.activity})" if worker.activity else name


def _activity(heartbeat: dict[str, Any]) -> str:
    for state in _IDLE_STATES:
        if heartbeat.get(state) is True:
            return state
    busy, slots = heartbeat.get("busy"), heartbeat.get("slots")
    if not isinstance(slots, int):
        return ""
    return _("{busy} of {slots} slots busy").format(busy=busy, slots=slots)


def _decode_object(payload: bytes) -> dict[str, Any]:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


async def _ignore_error(_error: Exception) -> None:
    """Pinging may be forbidden; heartbeats arrive nevertheless."""
