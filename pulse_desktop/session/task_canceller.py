"""Cancels tasks, queued or running, and reports the outcome of each.

Workers that accept commands receive a cancel command. Where no worker removes tasks from the queue,
as in a system of other projects' workers, a task that is still in the stream is removed by this
program; anything else is reported as impossible, with the reason.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from pulse_desktop.model.errors import NotConnectedError, NotPermittedError, UserFacingError
from pulse_desktop.model.outcomes import CancelOutcome, CancelStatus
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.control import CANCEL_REQUESTED, CANCELLED, NOT_QUEUED, REMOVED
from pulse_desktop.protocol.topics import TASK_TOPIC
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.text.run_text import state_name
from pulse_desktop.text.translation import _
from pulse_desktop.text.worker_text import worker_names
from pulse_desktop.transport.queued_task_remover import QueuedTaskRemover
from pulse_desktop.transport.task_queue import TaskQueue
from pulse_desktop.transport.worker_control import Replies, WorkerControlClient

CONCURRENCY: Final = 16
"""Tasks that are being cancelled at the same time. Each waits for the replies of all workers, or a
timeout: many would take minutes one after the other. A worker gets as many requests at once."""

FINAL_EVENT_TIMEOUT_S: Final = 1.0
"""How long the final event of a task may take to arrive here."""


class TaskCanceller:
    """Cancels tasks."""

    def __init__(
        self,
        control: WorkerControlClient,
        queue: TaskQueue,
        remover: QueuedTaskRemover,
        events: EventPublisher,
        state: SystemState,
        clock: Callable[[], float],
    ) -> None:
        """Create a canceller.

        Args:
            control: sends commands to the workers.
            queue: the task queue.
            remover: removes tasks from its stream.
            events: publishes what was removed.
            state: knows the runs and the workers.
            clock: Unix seconds.
        """
        self._control = control
        self._queue = queue
        self._remover = remover
        self._events = events
        self._state = state
        self._clock = clock

    async def cancel(self, task_ids: Sequence[str], reason: str = "") -> list[CancelOutcome]:
        """Cancel queued or running tasks; return one outcome per task, in this order.

        Args:
            task_ids: ids of the tasks.
            reason: the operator's reason, stored in the tasks' results.

        Raises:
            NotConnectedError: the connection was lost; some may have been cancelled.
        """
        slots = asyncio.Semaphore(CONCURRENCY)
        sequences = _SequenceIndex(self._state, task_ids)

        async def cancel_one(task_id: str) -> CancelOutcome:
            async with slots:
                try:
                    return await self._cancel(task_id, reason, sequences)
                except NotConnectedError:
                    raise
                except UserFacingError as error:
                    return CancelOutcome(task_id, CancelStatus.REFUSED, detail=error.sentence)

        return list(await asyncio.gather(*map(cancel_one, task_ids)))

    async def _cancel(
        self, task_id: str, reason: str, sequences: "_SequenceIndex"
    ) -> CancelOutcome:
        run = self._state.runs.get(task_id)
        if run is not None and run.state not in OPEN_STATES:
            return _already_ended(run)
        try:
            replies = await self._ask_workers(task_id, reason)
        except NotPermittedError as error:
            return CancelOutcome(task_id, CancelStatus.REFUSED, detail=error.sentence)
        cancelled = _cancelled_by_worker(task_id, replies)
        if cancelled is not None:
            return cancelled
        sequence = sequences.get(task_id)
        if replies.received:
            return await self._remove_by_worker(task_id, sequence, reason, replies)
        if replies.timed_out and not replies.no_responders:
            return _no_response(task_id, replies.timed_out)
        return await self._remove_from_stream(task_id, sequence, reason)

    async def _ask_workers(self, task_id: str, reason: str) -> Replies:
        expected = self._state.workers.accepting_commands(self._clock())
        return await self._control.cancel(task_id, expected, reason=reason)

    async def _remove_by_worker(
        self, task_id: str, sequence: int, reason: str, before: Replies
    ) -> CancelOutcome:
        """Let a worker remove a task from the queue, after none was found that runs it."""
        removal = await self._control.remove(task_id, sequence=sequence or None, reason=reason)
        if removal.no_responders:  # workers of other projects can only cancel
            return await self._remove_after_refusal(task_id, sequence, reason)
        reply = removal.received[0] if removal.received else None
        if reply is None:
            return CancelOutcome(
                task_id,
                CancelStatus.NO_RESPONSE,
                detail=_("No worker runs it, and none removed it from the queue."),
            )
        if reply.outcome == REMOVED:
            return CancelOutcome(task_id, CancelStatus.REMOVED, reply.worker, reply.detail)
        if reply.outcome != NOT_QUEUED:
            return CancelOutcome(task_id, CancelStatus.REFUSED, reply.worker, reply.detail)
        # A worker may have fetched it between the two requests.
        replies = await self._ask_workers(task_id, reason)
        cancelled = _cancelled_by_worker(task_id, replies)
        if cancelled is not None:
            return cancelled
        run = await self._wait_for_end(task_id)
        if run is not None and run.state is RunState.CANCELLED:
            # A worker fetched it after the first request and rejected it.
            detail = _("It had not started.")
            return CancelOutcome(task_id, CancelStatus.CANCELLED, run.worker, detail)
        if run is not None and run.state not in OPEN_STATES:
            return _already_ended(run)
        silent = replies.timed_out or before.timed_out
        if silent:
            return _no_response(task_id, silent)
        if run is not None and run.state is RunState.RUNNING:
            return CancelOutcome(task_id, CancelStatus.RUNNING, run.worker, _held_by(run))
        detail = reply.detail or _("If it is delivered again, workers reject it for one hour.")
        return CancelOutcome(task_id, CancelStatus.NOT_FOUND, detail=detail)

    async def _remove_after_refusal(
        self, task_id: str, sequence: int, reason: str
    ) -> CancelOutcome:
        """Remove a task that workers refuse from now on, but cannot remove from the stream."""
        outcome = await self._remove_from_stream(task_id, sequence, reason)
        if outcome.status in (CancelStatus.REMOVED, CancelStatus.REFUSED):
            return outcome
        run = await self._wait_for_end(task_id)
        if run is not None and run.state is RunState.CANCELLED:
            detail = _("It had not started.")
            return CancelOutcome(task_id, CancelStatus.CANCELLED, run.worker, detail)
        if run is not None and run.state not in OPEN_STATES:
            return _already_ended(run)
        if run is not None and run.state is RunState.RUNNING:
            return CancelOutcome(task_id, CancelStatus.RUNNING, run.worker, _held_by(run))
        detail = _("If it is delivered again, workers reject it for one hour.")
        return CancelOutcome(task_id, CancelStatus.NOT_FOUND, detail=detail)

    async def _wait_for_end(self, task_id: str) -> TaskRun | None:
        """Return a run after its final event has arrived, or as it is after a moment."""
        deadline = time.monotonic() + FINAL_EVENT_TIMEOUT_S
        while True:
            run = self._state.runs.get(task_id)
            if run is None or run.state not in OPEN_STATES or time.monotonic() >= deadline:
                return run
            await asyncio.sleep(0.02)

    async def _remove_from_stream(self, task_id: str, sequence: int, reason: str) -> CancelOutcome:
        """Remove a task from the stream, in a system where no worker accepts commands."""
        run = self._state.runs.get(task_id)
        queue = await self._queue.status()
        if queue.mode == "unknown":
            return CancelOutcome(task_id, CancelStatus.REFUSED, detail=queue.problem)
        removal = await self._remover.remove(task_id, queue, sequence)
        match removal.outcome:
            case "removed":
                await self._publish_removal(task_id, run, reason, removal.sequence, queue.stream)
                detail = _("It was message {sequence} of {stream}.").format(
                    sequence=removal.sequence, stream=queue.stream
                )
                return CancelOutcome(task_id, CancelStatus.REMOVED, detail=detail)
            case "not_stored":
                is_running = run is not None and run.state is RunState.RUNNING
                detail = _held_by(run) if is_running else ""
                return CancelOutcome(task_id, CancelStatus.NOT_PERSISTED, detail=detail)
            case "delivered":
                return CancelOutcome(task_id, CancelStatus.RUNNING, detail=_held_by(run))
            case "not_searched":
                detail = _("Too many tasks are queued to find this one in time.")
                return CancelOutcome(task_id, CancelStatus.REFUSED, detail=detail)
            case _ if run is not None and run.state is not RunState.QUEUED:
                return CancelOutcome(task_id, CancelStatus.RUNNING, run.worker, _held_by(run))
            case _:
                detail = _("No worker on this server accepts commands.")
                return CancelOutcome(task_id, CancelStatus.NOT_FOUND, detail=detail)

    async def _publish_removal(
        self, task_id: str, run: TaskRun | None, reason: str, sequence: int, stream: str
    ) -> None:
        data = {
            "task_id": task_id,
            "task_name": run.name if run is not None else "",
            "who": self._events.actor,
            "reason": reason,
        }
        await self._events.publish("tasks", "task.cancelled", data)
        detail = f"message {sequence} of {stream} removed before a worker took it"
        await self._events.publish_audit("remove", task_id, detail)


class _SequenceIndex:
    """Stream sequences of tasks, as far as they were received; the log is searched once."""

    def __init__(self, state: SystemState, task_ids: Sequence[str]) -> None:
        self._state = state
        self._task_ids = frozenset(task_ids)
        self._found: dict[str, int] | None = None

    def get(self, task_id: str) -> int:
        """Return the sequence of a task, 0 for unknown."""
        if self._found is None:
            self._found = {}
            for event in self._state.log.newest_first():
                if event.topic == TASK_TOPIC and event.id in self._task_ids and event.sequence:
                    self._found.setdefault(event.id, event.sequence)
        return self._found.get(task_id, 0)


def _cancelled_by_worker(task_id: str, replies: Replies) -> CancelOutcome | None:
    reply = replies.first(CANCELLED, CANCEL_REQUESTED)
    if reply is None:
        return None
    requested = reply.outcome == CANCEL_REQUESTED
    status = CancelStatus.CANCEL_REQUESTED if requested else CancelStatus.CANCELLED
    return CancelOutcome(task_id, status, reply.worker, reply.detail)


def _already_ended(run: TaskRun) -> CancelOutcome:
    detail = _("Its state is {state}.").format(state=state_name(run))
    return CancelOutcome(run.task_id, CancelStatus.ALREADY_ENDED, detail=detail)


def _no_response(task_id: str, workers: Sequence[str]) -> CancelOutcome:
    detail = _("No response in time from {workers}.").format(workers=worker_names(workers))
    return CancelOutcome(task_id, CancelStatus.NO_RESPONSE, detail=detail)


def _held_by(run: TaskRun | None) -> str:
    if run is None or not run.worker:
        return _("A worker has it, or had it when it died, and accepts no commands.")
    return _("{worker} has it, or had it when it died, and accepts no commands.").format(
        worker=run.worker
    )
