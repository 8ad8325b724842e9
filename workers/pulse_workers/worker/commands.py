"""Commands of operators to a worker, and their results.

Each command that changes something is published as an `audit` event by the worker that executed
it, with the user who sent it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.protocol import control as protocol
from pulse_desktop.protocol.control import ControlRequest
from pulse_workers.brokers.queue_removal import find_queued, remove_queued
from pulse_workers.control.listener import Command, CommandResult
from pulse_workers.control.task_commands import TaskCommands
from pulse_workers.execution.cancellation import Cancellation
from pulse_workers.execution.delivery import SyntheticDelivery
from pulse_workers.results.backend import ObjectStoreResultBackend
from pulse_workers.runtime.logging_setup import set_log_level
from pulse_workers.runtime.shutdown import ShutdownSignal
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.worker.receiver import DeliveryReceiver

_SEARCH_TIMEOUT_S: Final = 8.0
"""How long `remove` searches the queue; the client waits 10 s for the reply."""


class CommandHandler(TaskCommands):
    """Executes the commands of our own worker, one method for each."""

    def __init__(
        self,
        js: JetStreamContext,
        receiver: DeliveryReceiver,
        events: EventPublisher,
        shutdown: ShutdownSignal,
        on_change: Callable[[], None],
        announce: Callable[[], None],
    ) -> None:
        """Collect what commands act on.

        Args:
            js: for removing tasks from the stream.
            receiver: runs tasks.
            events: publishes audit events.
            shutdown: stops this process.
            on_change: called after the worker's state has changed.
            announce: publishes the task schemas.
        """
        super().__init__(receiver, events, announce)
        self._js = js
        self._receiver = receiver
        self._broker = receiver.broker
        self._source = events.source
        self._shutdown = shutdown
        self._on_change = on_change
        self._pause_lock = asyncio.Lock()

    def commands(self) -> Mapping[str, Command]:
        """Return the functions that execute commands, by the command's name."""
        return {
            **super().commands(),
            protocol.REMOVE: self.remove,
            protocol.PAUSE: self.pause,
            protocol.RESUME: self.resume,
            protocol.DRAIN: self.drain,
            protocol.LOG_LEVEL: self.log_level,
        }

    async def ping(self, request: ControlRequest) -> CommandResult:  # noqa: ARG002 - a command
        """Confirm that this worker is alive, and whether it is paused or draining."""
        if self._receiver.draining:
            return CommandResult(protocol.ALIVE, "draining")
        return CommandResult(protocol.ALIVE, "paused" if self._broker.paused else "")

    async def remove(self, request: ControlRequest) -> CommandResult:
        """Remove a task from the queue and store a cancelled result, unless it is finished.

        The client has sent `cancel` to all workers before, so none that is fetching the task, or
        holds it for its next attempt, starts it.
        """
        if not request.task_id:
            return CommandResult(protocol.REFUSED, "task_id is missing")
        if not self._broker.persists_tasks:
            return CommandResult(
                protocol.NOT_QUEUED,
                "core NATS has no queue: tasks wait inside a worker, where cancel reaches them",
            )
        if any(run.task_id == request.task_id for run in self._receiver.running.values()):
            return CommandResult(protocol.NOT_QUEUED, "it is running on this worker: cancel it")
        try:
            return await self._remove(request, request.task_id)
        except APIError as error:
            return CommandResult(
                protocol.REFUSED, f"the server rejects the request: {error.description}"
            )

    async def pause(self, request: ControlRequest) -> CommandResult:
        """Start no more tasks; running ones continue."""
        if self._shutdown.requested.is_set():
            return CommandResult(protocol.REFUSED, "the worker is stopping")
        async with self._pause_lock:
            if self._broker.paused:
                return CommandResult(protocol.PAUSED, "it was paused already")
            detail = await self._broker.pause()
            return self._changed(request, CommandResult(protocol.PAUSED, detail))

    async def resume(self, request: ControlRequest) -> CommandResult:
        """Start tasks again."""
        if self._shutdown.requested.is_set():
            return CommandResult(protocol.REFUSED, "the worker is stopping")
        async with self._pause_lock:
            if not self._broker.paused:
                return CommandResult(protocol.RESUMED, "it was not paused")
            await self._broker.resume()
            return self._changed(request, CommandResult(protocol.RESUMED))

    async def drain(self, request: ControlRequest) -> CommandResult:
        """Finish running tasks, requeue the rest, and exit."""
        if self._shutdown.requested.is_set():
            return CommandResult(protocol.DRAINING, "it was stopping already")
        running = len(self._receiver.running)
        result = CommandResult(
            protocol.DRAINING, f"{running} running" if running else "no task was running"
        )
        self.audit(request, self._source, result)
        self._shutdown.request(f"drained by {request.who or 'an unknown user'}")
        return result

    async def log_level(self, request: ControlRequest) -> CommandResult:
        """Set the log level."""
        level = (request.level or "").upper()
        if level not in protocol.LOG_LEVELS:
            allowed = ", ".join(protocol.LOG_LEVELS)
            return CommandResult(protocol.REFUSED, f"level must be one of {allowed}")
        set_log_level(level)
        return self._changed(request, CommandResult(protocol.LOG_LEVEL_SET, level))

    async def _remove(self, request: ControlRequest, task_id: str) -> CommandResult:
        try:
            async with asyncio.timeout(_SEARCH_TIMEOUT_S):
                task = await find_queued(self._js, task_id, request.sequence)
        except TimeoutError:
            return CommandResult(protocol.REFUSED, "the queue could not be searched in time")
        except NotFoundError:
            return CommandResult(protocol.NOT_QUEUED, "there is no queue on this server")
        if task is None or await self._has_result(task_id, task.queued_at):
            return await self._not_queued(task_id)
        cancellation = Cancellation(request.who, request.reason or "")
        self._receiver.cancelled.add(task_id, cancellation, time.monotonic())
        if not await remove_queued(self._js, task):
            return CommandResult(protocol.NOT_QUEUED, "another client has just removed it")
        if not await self._has_result(task_id, task.queued_at):
            delivery = SyntheticDelivery(task.data, 1, task.queued_at)
            await self._receiver.reject(delivery, cancellation)
        detail = (
            "it was delivered before: a worker that accepts no commands may be running it"
            if task.delivered
            else ""
        )
        result = CommandResult(protocol.REMOVED, detail)
        self.audit(request, task_id, result)
        return result

    async def _has_result(self, task_id: str, queued_at: float) -> bool:
        results = self._broker.result_backend
        return isinstance(results, ObjectStoreResultBackend) and await results.stored_since(
            task_id, queued_at
        )

    async def _not_queued(self, task_id: str) -> CommandResult:
        """Return why there is nothing to remove; a worker may have rejected the task meanwhile."""
        results = self._broker.result_backend
        if (
            self._receiver.cancelled.get(task_id, time.monotonic()) is not None
            and isinstance(results, ObjectStoreResultBackend)
            and await results.was_cancelled(task_id)
        ):
            return CommandResult(
                protocol.REMOVED, "it was already rejected or removed as cancelled"
            )
        return CommandResult(protocol.NOT_QUEUED, "it is not queued: finished, or never stored")

    def _changed(self, request: ControlRequest, result: CommandResult) -> CommandResult:
        self.audit(request, self._source, result)
        self._on_change()
        return result
