"""What a worker can be told to do, and what it says about it.

Each order that changes something is published as an `audit` event by the worker that carried it
out, with who asked for it.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Final

from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.protocol import control as words
from pulse_desktop.protocol.control import ControlRequest
from pulse_workers.brokers.delivery import Delivery, Phase, SyntheticDelivery
from pulse_workers.brokers.queue_removal import find_queued, remove_queued
from pulse_workers.control.cancellation import Cancellation
from pulse_workers.results.backend import JsonResultBackend
from pulse_workers.runtime.log_level import set_log_level
from pulse_workers.runtime.receiver import DeliveryReceiver
from pulse_workers.runtime.shutdown_signal import ShutdownSignal
from pulse_workers.telemetry.event_publisher import EventPublisher

logger = logging.getLogger("pulse.workers.orders")

_DONE: Final = frozenset(
    {
        words.ALIVE,
        words.CANCELLED,
        words.CANCEL_REQUESTED,
        words.REMOVED,
        words.PAUSED,
        words.RESUMED,
        words.DRAINING,
        words.LOG_LEVEL_SET,
    }
)
_END_LIMIT: Final = 1.0
"""How long a cancelled task is waited for, in seconds: whoever asks waits 2."""
_SEARCH_LIMIT: Final = 8.0
"""How long the queue is searched, in seconds: whoever asks waits 10."""


@dataclasses.dataclass(frozen=True)
class CommandResult:
    """What became of an order: an outcome of the protocol, and words for the operator."""

    outcome: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether what was asked for is done, or under way."""
        return self.outcome in _DONE


class CommandHandler:
    """Carries out orders, one method for each."""

    def __init__(
        self,
        js: JetStreamContext,
        receiver: DeliveryReceiver,
        events: EventPublisher,
        stop: ShutdownSignal,
        on_change: Callable[[], None],
    ) -> None:
        """Put together what orders need.

        Args:
            js: for taking tasks out of the stream.
            receiver: what runs tasks.
            events: where it is told who ordered what.
            stop: to end this process.
            on_change: called after the worker's state has changed.
        """
        self._js = js
        self._receiver = receiver
        self._broker = receiver.tasks
        self._events = events
        self._stop = stop
        self._on_change = on_change
        self._turn = asyncio.Lock()

    async def ping(self, _request: ControlRequest) -> CommandResult:
        """Say that this worker is there, and whether it takes tasks."""
        if self._receiver.draining:
            return CommandResult(words.ALIVE, "draining")
        return CommandResult(words.ALIVE, "paused" if self._broker.paused else "")

    async def cancel(self, request: ControlRequest) -> CommandResult:
        """End a task if it is in this process, and refuse it if it comes later."""
        if not request.task_id:
            return CommandResult(words.REFUSED, "task_id is missing")
        cancellation = Cancellation(request.who, request.reason or "")
        delivery = await self._receiver.cancel(request.task_id, cancellation, _END_LIMIT)
        if delivery is None:
            return CommandResult(words.NOT_FOUND, "refused here if it comes within an hour")
        carried = _end_of(delivery)
        if carried.ok:
            self._audit(request, request.task_id, carried)
        return carried

    async def remove(self, request: ControlRequest) -> CommandResult:
        """Take a task out of the queue and answer for it, unless somebody has already.

        Whoever asks has told all workers to cancel it before, so that none that is just fetching
        it, or waits with it for its next attempt, starts it.
        """
        if not request.task_id:
            return CommandResult(words.REFUSED, "task_id is missing")
        if not self._broker.keeps_tasks:
            return CommandResult(
                words.NOT_QUEUED,
                "core NATS keeps no queue: what waits, waits inside a worker; cancel reaches it",
            )
        if any(run.task_id == request.task_id for run in self._receiver.running.values()):
            return CommandResult(words.NOT_QUEUED, "it runs at this worker: cancel it")
        try:
            return await self._remove(request, request.task_id)
        except APIError as error:
            return CommandResult(words.REFUSED, f"the server refuses: {error.description}")

    async def pause(self, request: ControlRequest) -> CommandResult:
        """Start no more tasks; running ones go on."""
        if self._stop.asked.is_set():
            return CommandResult(words.REFUSED, "it is ending already")
        async with self._turn:
            if self._broker.paused:
                return CommandResult(words.PAUSED, "it was paused already")
            detail = await self._broker.pause()
            return self._changed(request, CommandResult(words.PAUSED, detail))

    async def resume(self, request: ControlRequest) -> CommandResult:
        """Start tasks again."""
        if self._stop.asked.is_set():
            return CommandResult(words.REFUSED, "it is ending already")
        async with self._turn:
            if not self._broker.paused:
                return CommandResult(words.RESUMED, "it was not paused")
            await self._broker.resume()
            return self._changed(request, CommandResult(words.RESUMED))

    async def drain(self, request: ControlRequest) -> CommandResult:
        """Finish what runs, give back the rest, and end."""
        if self._stop.asked.is_set():
            return CommandResult(words.DRAINING, "it was ending already")
        running = len(self._receiver.running)
        carried = CommandResult(
            words.DRAINING, f"{running} running" if running else "nothing was running"
        )
        self._audit(request, self._events.source, carried)
        self._stop.ask(f"drained by {request.who or 'somebody'}")
        return carried

    async def log_level(self, request: ControlRequest) -> CommandResult:
        """Log more, or less."""
        level = (request.level or "").upper()
        if level not in words.LOG_LEVELS:
            return CommandResult(words.REFUSED, f"level is one of {', '.join(words.LOG_LEVELS)}")
        set_log_level(level)
        return self._changed(request, CommandResult(words.LOG_LEVEL_SET, level))

    async def _remove(self, request: ControlRequest, task_id: str) -> CommandResult:
        try:
            async with asyncio.timeout(_SEARCH_LIMIT):
                task = await find_queued(self._js, task_id, request.sequence)
        except TimeoutError:
            return CommandResult(words.REFUSED, "the queue could not be searched in time")
        except NotFoundError:
            return CommandResult(words.NOT_QUEUED, "there is no queue on this server")
        if task is None or await self._is_answered(task_id, task.queued_at):
            return await self._too_late(task_id)
        cancellation = Cancellation(request.who, request.reason or "")
        self._receiver.cancelled.add(task_id, cancellation, time.monotonic())
        if not await remove_queued(self._js, task):
            return CommandResult(words.NOT_QUEUED, "somebody else has just removed it")
        if not await self._is_answered(task_id, task.queued_at):
            unrun = SyntheticDelivery(task.data, 1, task.queued_at)
            await self._receiver.refuse(unrun, cancellation)
        detail = (
            "it had been handed out before: a worker that takes no orders may be running it"
            if task.handed_out
            else ""
        )
        carried = CommandResult(words.REMOVED, detail)
        self._audit(request, task_id, carried)
        return carried

    async def _is_answered(self, task_id: str, queued_at: float) -> bool:
        results = self._broker.result_backend
        return isinstance(results, JsonResultBackend) and await results.stored_since(
            task_id, queued_at
        )

    async def _too_late(self, task_id: str) -> CommandResult:
        """Say why there is nothing to remove; a worker may have refused the task meanwhile."""
        results = self._broker.result_backend
        if (
            self._receiver.cancelled.get(task_id, time.monotonic()) is not None
            and isinstance(results, JsonResultBackend)
            and await results.was_cancelled(task_id)
        ):
            return CommandResult(words.REMOVED, "it was refused or removed as cancelled before")
        return CommandResult(words.NOT_QUEUED, "it is not waiting: finished, or never stored")

    def _changed(self, request: ControlRequest, carried: CommandResult) -> CommandResult:
        self._audit(request, self._events.source, carried)
        self._on_change()
        return carried

    def _audit(self, request: ControlRequest, target: str, carried: CommandResult) -> None:
        parts = (request.reason, carried.outcome.replace("_", " "), carried.detail)
        detail = "; ".join(part for part in parts if part)
        logger.info("%s of %s for %s: %s", request.command, target, request.who, detail)
        self._events.publish(
            "monitoring",
            "audit",
            {"who": request.who, "action": request.command, "target": target, "detail": detail},
        )


def _end_of(delivery: Delivery) -> CommandResult:
    """Say what became of a cancelled delivery."""
    if delivery.cancellation is None:
        return CommandResult(words.NOT_FOUND, "it was just ending, and was not cancelled")
    if isinstance(delivery.error, asyncio.CancelledError):
        return CommandResult(words.CANCELLED, "" if delivery.started_at else "it was not started")
    if delivery.phase is Phase.ENDING:
        return CommandResult(words.NOT_FOUND, "it ended by itself at that moment")
    if delivery.is_sync:
        return CommandResult(
            words.CANCEL_REQUESTED,
            "it runs in a thread, which cannot be ended from outside: "
            "it stops when it next asks whether it should, or else runs to its end",
        )
    return CommandResult(words.CANCEL_REQUESTED, "it was interrupted and has not ended yet")
