"""Cancels tasks, queued or running, and reports honestly what became of each.

Workers that accept commands are asked. Where none does, as in a system of foreign workers, a task
that is still in the stream can be removed from here; everything else is reported as impossible,
with the reason.
"""

import asyncio
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
from pulse_desktop.transport.queued_task_remover import QueuedTaskRemover
from pulse_desktop.transport.task_queue import TaskQueue
from pulse_desktop.transport.worker_control import Replies, WorkerControlClient

CONCURRENCY: Final = 16
"""Tasks that are being cancelled at the same time."""

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
            control: asks the workers.
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
        """Cancel tasks, waiting or running; return what became of each, in the order asked for.

        Args:
            task_ids: of the tasks.
            reason: in the operator's words; stands in the tasks' results.

        Raises:
            NotConnectedError: the connection was lost; some may have been cancelled.
        """
        turns = asyncio.Semaphore(CONCURRENCY)
        places = _SequenceIndex(self._state, task_ids)

        async def one(task_id: str) -> CancelOutcome:
            async with turns:
                try:
                    return await self._cancel(task_id, reason, places)
                except NotConnectedError:
                    raise
                except UserFacingError as error:
                    return CancelOutcome(task_id, CancelStatus.REFUSED, detail=error.sentence)

        return list(await asyncio.gather(*map(one, task_ids)))

    async def _cancel(self, task_id: str, reason: str, places: "_SequenceIndex") -> CancelOutcome:
        run = self._state.runs.get(task_id)
        if run is not None and run.state not in OPEN_STATES:
            return CancelOutcome(
                task_id, CancelStatus.ALREADY_ENDED, detail=f"It is {run.state.value}."
            )
        try:
            answers = await self._control.cancel(
                task_id, self._state.workers.accepting_commands(self._clock()), reason=reason
            )
        except NotPermittedError as error:
            return CancelOutcome(task_id, CancelStatus.REFUSED, detail=error.sentence)
        done = _ended_by(task_id, answers)
        if done is not None:
            return done
        sequence = places.of(task_id)
        if answers.received:
            return await self._remove_by_worker(task_id, sequence, reason, answers)
        if answers.timed_out and not answers.no_responders:
            return _no_response(task_id, answers.timed_out)
        return await self._remove_here(task_id, sequence, reason)

    async def _remove_by_worker(
        self, task_id: str, sequence: int, reason: str, before: Replies
    ) -> CancelOutcome:
        """Let a worker take a task out of the queue, after none was found to have it."""
        answer = await self._control.remove(task_id, sequence=sequence or None, reason=reason)
        if answer is None:
            return CancelOutcome(
                task_id, CancelStatus.NO_RESPONSE, detail="No worker has it, nor removed it."
            )
        if answer.outcome == REMOVED:
            return CancelOutcome(task_id, CancelStatus.REMOVED, answer.worker, answer.detail)
        if answer.outcome != NOT_QUEUED:
            return CancelOutcome(task_id, CancelStatus.REFUSED, answer.worker, answer.detail)
        # It may have left the queue between the two questions.
        answers = await self._control.cancel(
            task_id, self._state.workers.accepting_commands(self._clock()), reason=reason
        )
        done = _ended_by(task_id, answers)
        if done is not None:
            return done
        run = await self._ended_meanwhile(task_id)
        if run is not None and run.state is RunState.CANCELLED:
            # A worker fetched it after the first question, and refused it.
            return CancelOutcome(task_id, CancelStatus.CANCELLED, run.worker, "It had not begun.")
        if run is not None and run.state not in OPEN_STATES:
            return CancelOutcome(
                task_id, CancelStatus.ALREADY_ENDED, detail=f"It is {run.state.value}."
            )
        silent = answers.timed_out or before.timed_out
        if silent:
            return _no_response(task_id, silent)
        if run is not None and run.state is RunState.RUNNING:
            return CancelOutcome(task_id, CancelStatus.RUNNING, run.worker, _taken_by(run))
        detail = answer.detail or "Should it come back, the workers refuse it for the next hour."
        return CancelOutcome(task_id, CancelStatus.NOT_FOUND, detail=detail)

    async def _ended_meanwhile(self, task_id: str) -> TaskRun | None:
        """Return a run as it is once its end has been heard of, or after a moment."""
        deadline = self._clock() + FINAL_EVENT_TIMEOUT_S
        while True:
            run = self._state.runs.get(task_id)
            if run is None or run.state not in OPEN_STATES or self._clock() >= deadline:
                return run
            await asyncio.sleep(0.02)

    async def _remove_here(self, task_id: str, sequence: int, reason: str) -> CancelOutcome:
        """Take a task out of the stream, in a system where no worker takes orders."""
        run = self._state.runs.get(task_id)
        status = await self._queue.status()
        if status.mode == "unknown":
            return CancelOutcome(task_id, CancelStatus.REFUSED, detail=status.problem)
        removal = await self._remover.remove(task_id, status, sequence)
        match removal.outcome:
            case "removed":
                await self._tell_removed(task_id, run, reason, removal.sequence, status.stream)
                return CancelOutcome(
                    task_id,
                    CancelStatus.REMOVED,
                    detail=f"It was message {removal.sequence} of {status.stream}.",
                )
            case "not_stored":
                detail = "" if run is None or run.state is not RunState.RUNNING else _taken_by(run)
                return CancelOutcome(task_id, CancelStatus.NOT_PERSISTED, detail=detail)
            case "delivered":
                return CancelOutcome(task_id, CancelStatus.RUNNING, detail=_taken_by(run))
            case "not_searched":
                detail = "Too many tasks wait to find this one among them in time."
                return CancelOutcome(task_id, CancelStatus.REFUSED, detail=detail)
            case _ if run is not None and run.state is not RunState.QUEUED:
                return CancelOutcome(task_id, CancelStatus.RUNNING, run.worker, _taken_by(run))
            case _:
                return CancelOutcome(
                    task_id,
                    CancelStatus.NOT_FOUND,
                    detail="No worker here answers questions about its tasks.",
                )

    async def _tell_removed(
        self, task_id: str, run: TaskRun | None, reason: str, sequence: int, stream: str
    ) -> None:
        told = {"task_id": task_id, "task_name": run.name if run is not None else ""}
        told |= {"who": self._events.actor, "reason": reason}
        await self._events.publish("tasks", "task.cancelled", told)
        detail = f"message {sequence} of {stream} removed before a worker took it"
        await self._events.publish_audit("remove", task_id, detail)


class _SequenceIndex:
    """Where tasks stand in their stream, as far as that was seen; looked up once for all."""

    def __init__(self, state: SystemState, task_ids: Sequence[str]) -> None:
        self._state = state
        self._wanted = frozenset(task_ids)
        self._found: dict[str, int] | None = None

    def of(self, task_id: str) -> int:
        """Return the sequence of a task, 0 for unknown."""
        if self._found is None:
            self._found = {}
            for event in self._state.log.newest_first():
                if event.topic == TASK_TOPIC and event.id in self._wanted and event.sequence:
                    self._found.setdefault(event.id, event.sequence)
        return self._found.get(task_id, 0)


def _ended_by(task_id: str, answers: Replies) -> CancelOutcome | None:
    answer = answers.first(CANCELLED, CANCEL_REQUESTED)
    if answer is None:
        return None
    asked = answer.outcome == CANCEL_REQUESTED
    status = CancelStatus.CANCEL_REQUESTED if asked else CancelStatus.CANCELLED
    return CancelOutcome(task_id, status, answer.worker, answer.detail)


def _already_ended(run: TaskRun) -> CancelOutcome:
    detail = f"It is {run.state.value}."
    return CancelOutcome(run.task_id, CancelStatus.ALREADY_ENDED, detail=detail)


def _no_response(task_id: str, workers: Sequence[str]) -> CancelOutcome:
    detail = f"{_names(workers)} did not answer in time."
    return CancelOutcome(task_id, CancelStatus.NO_RESPONSE, detail=detail)


def _taken_by(run: TaskRun | None) -> str:
    who = run.worker if run is not None else ""
    return f"{who or 'A worker'} has it, or had it when it died, and takes no orders."


def _names(workers: Sequence[str]) -> str:
    return ", ".join(worker.partition("@")[0] for worker in workers[:5])
