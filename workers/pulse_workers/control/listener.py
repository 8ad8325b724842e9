"""Taking orders while running: cancel, pause, resume, drain, log level.

Commands come as core NATS requests (`pulse_desktop.protocol.control`). Each is carried out in a
task of its own, so that one that takes long holds up none of the others, and whatever arrives on
these subjects never harms the worker. PULSE_CONTROL=off hears nothing at all.

A task that runs in a thread reads `stop_requested()` from here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol import control as words
from pulse_desktop.protocol.control import ControlAnswer, ControlRequest
from pulse_workers.control.commands import CommandHandler, CommandResult
from pulse_workers.runtime.connection import OUTAGE_ERRORS
from pulse_workers.runtime.interrupt import stop_requested

__all__ = ["ControlListener", "stop_requested"]

logger = logging.getLogger("pulse.workers.control")

_MOST_AT_ONCE: Final = 64
_FOR_ALL: Final = frozenset(words.COMMANDS) - {words.REMOVE}
_FOR_ONE: Final = frozenset({words.PING, words.REMOVE})


class ControlListener:
    """Hears orders, has them carried out, and answers.

    Attributes:
        subject: heard by this worker alone; empty while it hears nothing.
    """

    def __init__(self, client: Client, orders: CommandHandler, worker: str) -> None:
        """Prepare; nothing is heard yet.

        Args:
            client: connected, with callbacks that keep it so.
            orders: what can be done.
            worker: this process's identity.
        """
        self.subject = ""
        self._client = client
        self._orders = orders
        self._worker = worker
        self._subscriptions: list[Subscription] = []
        self._at_work: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Hear orders from now on."""
        subject = words.control_subject(self._worker)
        hear = self._client.subscribe
        self._subscriptions = [
            await hear(words.CONTROL_ALL, cb=self._take_any),
            await hear(subject, cb=self._take_any),
            await hear(words.CONTROL_QUEUE, queue=words.CONTROL_GROUP, cb=self._take_for_queue),
        ]
        self.subject = subject

    async def close(self) -> None:
        """Hear nothing more, and let what was begun come to its end."""
        self.subject = ""
        for subscription in self._subscriptions:
            try:
                await subscription.unsubscribe()
            except OUTAGE_ERRORS as error:
                logger.debug("not unsubscribed: %s", error)
        self._subscriptions.clear()
        if self._at_work:
            await asyncio.wait(self._at_work, timeout=1.0)
        await cancel_and_wait(*self._at_work)

    async def _take_any(self, message: Msg) -> None:
        self._take(message, _FOR_ALL)

    async def _take_for_queue(self, message: Msg) -> None:
        self._take(message, _FOR_ONE)

    def _take(self, message: Msg, allowed: frozenset[str]) -> None:
        if len(self._at_work) >= _MOST_AT_ONCE:
            logger.warning("too many orders at once, one is left out")
            return
        task = asyncio.create_task(self._handle(message, allowed), name="control")
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _handle(self, message: Msg, allowed: frozenset[str]) -> None:
        request = words.decode_request(message.data)
        if request is None:
            done = CommandResult(
                words.REFUSED, "this is no order: expected an object with id and command"
            )
        else:
            done = await self._carried_out(request, allowed)
        answer = ControlAnswer(
            request.id if request is not None else "",
            self._worker,
            done.ok,
            done.outcome,
            done.detail,
        )
        if message.reply:
            try:
                await message.respond(words.encode_answer(answer))
            except OUTAGE_ERRORS as error:
                logger.warning("order not answered: %s", type(error).__name__)

    async def _carried_out(self, request: ControlRequest, allowed: frozenset[str]) -> CommandResult:
        carry_out = self._command(request.command)
        if carry_out is None:
            return CommandResult(words.UNKNOWN_COMMAND, f"known: {', '.join(words.COMMANDS)}")
        if request.command not in allowed:
            where = "the queue" if request.command == words.REMOVE else "workers"
            return CommandResult(words.REFUSED, f"{request.command} is an order for {where}")
        try:
            return await carry_out(request)
        except OUTAGE_ERRORS as error:
            return CommandResult(words.REFUSED, f"the server does not help: {type(error).__name__}")
        except Exception:
            logger.exception("%s could not be carried out", request.command)
            return CommandResult(words.REFUSED, "an error in the worker; its log tells more")

    def _command(self, name: str) -> Callable[[ControlRequest], Awaitable[CommandResult]] | None:
        commands: dict[str, Callable[[ControlRequest], Awaitable[Any]]] = {
            words.PING: self._orders.ping,
            words.CANCEL: self._orders.cancel,
            words.REMOVE: self._orders.remove,
            words.PAUSE: self._orders.pause,
            words.RESUME: self._orders.resume,
            words.DRAIN: self._orders.drain,
            words.LOG_LEVEL: self._orders.log_level,
        }
        return commands.get(name)
