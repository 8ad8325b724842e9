"""Subscriber to operator commands: cancel, pause, resume, drain, log level.

Commands arrive as core NATS requests (`pulse_desktop.protocol.control`). Each is executed in its
own asyncio task, so that a slow one does not delay the others, and no message on these subjects
can stop the worker. With PULSE_CONTROL=off the worker does not subscribe at all.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol import control as protocol
from pulse_desktop.protocol.control import ControlReply, ControlRequest
from pulse_workers.errors import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.control")

_MAX_CONCURRENT: Final = 64
_CLOSE_TIMEOUT_S: Final = 1.0
_WORKER_COMMANDS: Final = frozenset(protocol.COMMANDS) - {protocol.REMOVE}
_QUEUE_COMMANDS: Final = frozenset({protocol.PING, protocol.REMOVE})
_SUCCESSFUL: Final = frozenset(
    {
        protocol.ALIVE,
        protocol.CANCELLED,
        protocol.CANCEL_REQUESTED,
        protocol.REMOVED,
        protocol.PAUSED,
        protocol.RESUMED,
        protocol.DRAINING,
        protocol.LOG_LEVEL_SET,
        protocol.ANNOUNCED,
    }
)


@dataclasses.dataclass(frozen=True)
class CommandResult:
    """Result of a command: an outcome of the protocol, and a detail for the operator."""

    outcome: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command is done, or under way."""
        return self.outcome in _SUCCESSFUL


Command = Callable[[ControlRequest], Awaitable[CommandResult]]


class ControlListener:
    """Receives commands, executes them, and replies.

    Attributes:
        subject: subject of this worker alone; empty while it is not subscribed.
    """

    def __init__(self, client: Client, commands: Mapping[str, Command], worker: str) -> None:
        """Prepare without subscribing.

        Args:
            client: connected, and reconnecting by itself.
            commands: functions by the command's name.
            worker: this process's identity.
        """
        self.subject = ""
        self._client = client
        self._commands = commands
        self._worker = worker
        self._subscriptions: list[Subscription] = []
        self._executing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Subscribe to commands."""
        subject = protocol.control_subject(self._worker)
        subscribe = self._client.subscribe
        self._subscriptions = [
            await subscribe(protocol.CONTROL_ALL, cb=self._on_worker_command),
            await subscribe(subject, cb=self._on_worker_command),
        ]
        if protocol.REMOVE in self._commands:  # else it would take the command from one that can
            self._subscriptions.append(
                await subscribe(
                    protocol.CONTROL_QUEUE, queue=protocol.CONTROL_GROUP, cb=self._on_queue_command
                )
            )
        self.subject = subject

    async def close(self) -> None:
        """Unsubscribe, and give commands in progress a moment to finish."""
        self.subject = ""
        for subscription in self._subscriptions:
            try:
                await subscription.unsubscribe()
            except OUTAGE_ERRORS as error:
                logger.debug("not unsubscribed: %s", error)
        self._subscriptions.clear()
        if self._executing:
            await asyncio.wait(self._executing, timeout=_CLOSE_TIMEOUT_S)
        await cancel_and_wait(*self._executing)

    async def _on_worker_command(self, message: Msg) -> None:
        self._spawn(message, _WORKER_COMMANDS)

    async def _on_queue_command(self, message: Msg) -> None:
        self._spawn(message, _QUEUE_COMMANDS)

    def _spawn(self, message: Msg, allowed: frozenset[str]) -> None:
        if len(self._executing) >= _MAX_CONCURRENT:
            logger.warning("too many commands at once, one is ignored")
            return
        task = asyncio.create_task(self._handle(message, allowed), name="control")
        self._executing.add(task)
        task.add_done_callback(self._executing.discard)

    async def _handle(self, message: Msg, allowed: frozenset[str]) -> None:
        request = protocol.decode_request(message.data)
        if request is None:
            result = CommandResult(
                protocol.REFUSED, "not a command: expected an object with id and command"
            )
        else:
            result = await self._execute(request, allowed)
        reply = ControlReply(
            request.id if request is not None else "",
            self._worker,
            result.ok,
            result.outcome,
            result.detail,
        )
        if message.reply:
            try:
                await message.respond(protocol.encode_reply(reply))
            except OUTAGE_ERRORS as error:
                logger.warning("reply to a command not sent: %s", type(error).__name__)

    async def _execute(self, request: ControlRequest, allowed: frozenset[str]) -> CommandResult:
        command = self._commands.get(request.command)
        if command is None:
            known = ", ".join(protocol.COMMANDS)
            return CommandResult(protocol.UNKNOWN_COMMAND, f"known commands: {known}")
        if request.command not in allowed:
            target = "the queue" if request.command == protocol.REMOVE else "workers"
            return CommandResult(protocol.REFUSED, f"{request.command} is a command for {target}")
        try:
            return await command(request)
        except OUTAGE_ERRORS as error:
            return CommandResult(
                protocol.REFUSED, f"the server did not respond: {type(error).__name__}"
            )
        except Exception:
            logger.exception("%s failed", request.command)
            return CommandResult(protocol.REFUSED, "an error in the worker; see its log")
