"""Commands that every worker executes, those of other projects included.

TaskIQ's own receiver cannot stop taking tasks, requeue them or exit on request: commands for that
are for our worker (`worker.commands.CommandHandler`), and refused here.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from pulse_desktop.protocol import control as protocol
from pulse_desktop.protocol.control import ControlRequest
from pulse_workers.control.listener import Command, CommandResult
from pulse_workers.execution.cancellation import Cancellation
from pulse_workers.execution.delivery import Delivery, Phase
from pulse_workers.execution.running_tasks import TaskCanceller
from pulse_workers.telemetry.event_sink import EventSink

logger = logging.getLogger("pulse.workers.commands")

_CANCEL_TIMEOUT_S: Final = 1.0
"""How long `cancel` waits for the task to end; the client waits 2 s for the reply."""


class TaskCommands:
    """Executes commands about single tasks and about what the worker offers."""

    def __init__(
        self, tasks: TaskCanceller, events: EventSink, announce: Callable[[], None]
    ) -> None:
        """Collect what commands act on.

        Args:
            tasks: cancels tasks.
            events: publishes audit events.
            announce: publishes the task schemas.
        """
        self._tasks = tasks
        self._events = events
        self._announce = announce

    def commands(self) -> Mapping[str, Command]:
        """Return the functions that execute commands, by the command's name."""
        refused = (protocol.PAUSE, protocol.RESUME, protocol.DRAIN, protocol.LOG_LEVEL)
        return {
            protocol.PING: self.ping,
            protocol.CANCEL: self.cancel,
            protocol.ANNOUNCE: self.announce,
            **dict.fromkeys(refused, self.refuse),
        }

    async def ping(self, request: ControlRequest) -> CommandResult:  # noqa: ARG002 - a command
        """Confirm that this worker is alive."""
        return CommandResult(protocol.ALIVE)

    async def cancel(self, request: ControlRequest) -> CommandResult:
        """Cancel a task in this process, and reject it if it is delivered later."""
        if not request.task_id:
            return CommandResult(protocol.REFUSED, "task_id is missing")
        cancellation = Cancellation(request.who, request.reason or "")
        delivery = await self._tasks.cancel(request.task_id, cancellation, _CANCEL_TIMEOUT_S)
        if delivery is None:
            return CommandResult(
                protocol.NOT_FOUND, "rejected if it is delivered here within an hour"
            )
        result = _cancel_result(delivery)
        if result.ok:
            self.audit(request, request.task_id, result)
        return result

    async def announce(self, _request: ControlRequest) -> CommandResult:
        """Publish a heartbeat with the task schemas now."""
        self._announce()
        return CommandResult(protocol.ANNOUNCED)

    async def refuse(self, request: ControlRequest) -> CommandResult:
        """Refuse a command that only our own worker can execute."""
        return CommandResult(
            protocol.REFUSED,
            f"{request.command} needs pulse-worker: this is a worker of TaskIQ's own with "
            "PulseMiddleware, which can only cancel tasks",
        )

    def audit(self, request: ControlRequest, target: str, result: CommandResult) -> None:
        """Publish who had what done, and log it."""
        parts = (request.reason, result.outcome.replace("_", " "), result.detail)
        detail = "; ".join(part for part in parts if part)
        logger.info("%s of %s for %s: %s", request.command, target, request.who, detail)
        self._events.publish(
            "monitoring",
            "audit",
            {"who": request.who, "action": request.command, "target": target, "detail": detail},
        )


def _cancel_result(delivery: Delivery) -> CommandResult:
    """Return the result of `cancel` for the delivery it was applied to."""
    if delivery.cancellation is None:
        return CommandResult(protocol.NOT_FOUND, "it was just finishing, and was not cancelled")
    if isinstance(delivery.error, asyncio.CancelledError):
        return CommandResult(
            protocol.CANCELLED, "" if delivery.started_at else "it was not started"
        )
    if delivery.phase is Phase.FINISHING:
        return CommandResult(protocol.NOT_FOUND, "it finished by itself at that moment")
    if delivery.is_sync:
        return CommandResult(
            protocol.CANCEL_REQUESTED,
            "it runs in a thread, which cannot be interrupted: it stops when it next calls "
            "stop_requested(), or else runs to its end",
        )
    return CommandResult(protocol.CANCEL_REQUESTED, "it was interrupted and has not ended yet")
