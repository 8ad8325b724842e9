"""Work that is asked for from here: a task by name, or a run once more."""

from collections.abc import Callable
from typing import Any

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import PublishReceipt
from pulse_desktop.protocol.ids import new_task_id
from pulse_desktop.protocol.task_message import (
    REQUESTED_BY,
    RERUN_OF,
    TASK_NAME,
    decode_task,
    encode_task,
    rerun_labels,
)
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_updates import update_from_task
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.task_queue import TaskQueue


class ArgumentsUnknownError(UserFacingError):
    """A run whose arguments were never seen whole, so that it cannot be asked for again."""

    def __init__(self, run: TaskRun) -> None:
        super().__init__(
            f"Cannot run {run.name or run.task_id} again",
            "Its arguments were not seen: it was enqueued before anybody listened, and no stream "
            "kept it.",
            "Run the task by name with arguments instead.",
        )


class TaskSubmitter:
    """Enqueues tasks and tells of it."""

    def __init__(
        self,
        queue: TaskQueue,
        feed: SubjectFeed,
        events: EventPublisher,
        state: SystemState,
        clock: Callable[[], float],
    ) -> None:
        """Put it together.

        Args:
            queue: where the tasks go.
            feed: the task subject; told what was sent, as the server does not send it back.
            events: tells of it.
            state: knows which workers live.
            clock: Unix seconds.
        """
        self._queue = queue
        self._feed = feed
        self._events = events
        self._state = state
        self._clock = clock

    async def enqueue(
        self, task_name: str, args: bytes, kwargs: bytes, labels: dict[str, Any], *, force: bool
    ) -> tuple[str, PublishReceipt]:
        """Enqueue a task by name; see `Monitor.enqueue`. A re-run is told as such too."""
        task_id = new_task_id()
        told = {REQUESTED_BY: self._events.who, TASK_NAME: task_name, **labels}
        payload, headers = encode_task(task_id, task_name, args=args, kwargs=kwargs, labels=told)
        now = self._clock()
        task = decode_task(payload)
        sent = await self._queue.enqueue(
            task_id,
            payload,
            headers,
            force=force,
            has_live_workers=bool(self._state.workers.online(now)),
        )
        # At once, and not when the stream brings it: whoever waits in vain still learns the rest.
        self._state.runs.put(update_from_task(task, now))
        self._feed.echo(TASK_SUBJECT, payload)
        await self._events.tell(
            "tasks",
            "task.queued",
            {
                "task_id": task_id,
                "task_name": task_name,
                "args": task.args,
                "kwargs": task.kwargs,
                "labels": task.labels,
                "labels_types": task.labels_types,
                "queued_at": format_timestamp(now),
            },
        )
        if RERUN_OF in told:
            await self._events.tell_audit("rerun", str(told[RERUN_OF]), task_id)
        return task_id, sent

    async def rerun(self, run: TaskRun, *, force: bool) -> tuple[str, PublishReceipt]:
        """Enqueue a run again; see `Monitor.rerun`."""
        request = run.request
        if request is None or not request.complete:
            raise ArgumentsUnknownError(run)
        labels = rerun_labels(
            request.labels, request.labels_types, origin=run.task_id, who=self._events.who
        )
        return await self.enqueue(
            request.task_name, request.args, request.kwargs, labels, force=force
        )
