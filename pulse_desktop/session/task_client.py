"""Enqueues, re-runs and cancels tasks, and publishes the events about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.outcomes import CancelOutcome
from pulse_desktop.model.queue_status import EnqueueReceipt, PublishReceipt, QueueStatus
from pulse_desktop.protocol.plain_data import NotEncodableError
from pulse_desktop.protocol.task_formats import FORMAT_NAMES
from pulse_desktop.protocol.task_message import (
    REQUESTED_BY,
    RERUN_OF,
    TASK_NAME,
    decode_task,
    encode_task,
    has_types,
    labels_for_edit,
    new_task_id,
    rerun_labels,
)
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.session.server_poller import ServerPoller
from pulse_desktop.session.task_canceller import TaskCanceller
from pulse_desktop.state.run import Request, TaskRun
from pulse_desktop.state.run_updates import update_from_task
from pulse_desktop.state.system import SystemState
from pulse_desktop.state.worker import WorkerHealth
from pulse_desktop.text.translation import _, ngettext, translate
from pulse_desktop.transport.feed import SubjectFeed


class ArgumentsUnknownError(UserFacingError):
    """A run cannot be re-run because its arguments are unknown."""

    def __init__(self, run: TaskRun) -> None:
        super().__init__(
            _("Cannot re-run {task}").format(task=run.name or run.task_id),
            _(
                "its arguments are unknown: it was enqueued before this program connected, and no "
                "stream kept it."
            ),
            _("Run the task by name with arguments instead."),
        )


class NotCapturedError(UserFacingError):
    """A run would be re-run with arguments known only from an event.

    Anyone who may publish events can invent such a run: it is repeated only when confirmed.
    """

    def __init__(self, run: TaskRun) -> None:
        super().__init__(
            _("Arguments of {task} were not captured").format(task=run.name or run.task_id),
            _("they are from an event, not captured from the queue."),
            _("Check them first, then confirm the re-run."),
        )


class NotRepeatableError(UserFacingError):
    """A run cannot be re-run because its message holds more than plain data."""

    def __init__(self, run: TaskRun, request: Request) -> None:
        super().__init__(
            _("Cannot re-run {task}").format(task=run.name or run.task_id),
            _(
                "its message in {format} holds {what}, which this program cannot send unchanged."
            ).format(
                format=FORMAT_NAMES.get(request.format, request.format),
                what=translate(request.not_plain),
            ),
            _("Run the task by name with arguments instead."),
        )


def repeatable_request(run: TaskRun, *, from_events: bool) -> Request:
    """Return the request of a run that can be repeated, or raise why it cannot."""
    request = run.request
    if request is None or not request.complete:
        raise ArgumentsUnknownError(run)
    if not request.repeatable:
        raise NotRepeatableError(run, request)
    if not (request.captured or from_events):
        raise NotCapturedError(run)
    return request


def run_action(task_name: str) -> str:
    """Return what enqueueing a task is called in a question."""
    return _("Run {task}").format(task=task_name)


def rerun_action(runs: Sequence[TaskRun]) -> str:
    """Return what re-running is called in a question."""
    if len(runs) == 1:
        return _("Re-run {task}").format(task=runs[0].name or runs[0].task_id)
    text = ngettext("Re-run {count} run", "Re-run {count} runs", len(runs))
    return text.format(count=len(runs))


def cancel_action(task_ids: Sequence[str]) -> str:
    """Return what cancelling is called in a question."""
    text = ngettext("Cancel {count} task", "Cancel {count} tasks", len(task_ids))
    return text.format(count=len(task_ids))


def with_live_workers(
    status: QueueStatus, alive: int, paused: int = 0, late: int = 0
) -> QueueStatus:
    """Return a queue status in which live workers count as consumers.

    Args:
        status: as reported by the server.
        alive: workers whose heartbeats arrive.
        paused: those of them that take no tasks.
        late: further workers, whose heartbeats are late.
    """
    if late and status.connected:
        status = replace(status, late=late)
    if not (alive and status.connected):
        return status
    if status.mode == "jetstream":
        # A stream reports only its open pulls, and one worker may have several.
        return replace(status, consumers=alive, paused=paused)
    return replace(status, consumers=max(status.consumers or 0, alive), paused=paused)


class TaskClient:
    """Client of the task queue: enqueue, re-run, cancel."""

    def __init__(
        self,
        poller: ServerPoller,
        feed: SubjectFeed,
        events: EventPublisher,
        state: SystemState,
        clock: Callable[[], float],
        canceller: TaskCanceller,
        guard: ActionGuard,
    ) -> None:
        """Create the client.

        Args:
            poller: has the queue and its last status.
            feed: of the task subject; gets a copy of what is sent, which the server does not echo.
            events: publishes what was enqueued.
            state: knows the runs and the live workers.
            clock: Unix seconds.
            canceller: cancels tasks.
            guard: passed before anything is sent.
        """
        self._poller = poller
        self._feed = feed
        self._events = events
        self._state = state
        self._clock = clock
        self._canceller = canceller
        self._guard = guard

    @property
    def queue_status(self) -> QueueStatus | None:
        """The queue as of the last poll, None before the first.

        Workers whose heartbeats arrive in time count as consumers; one that was killed stops
        counting when its heartbeat is late, before it is known to be offline.
        """
        status = self._poller.queue_status
        if status is None:
            return None
        now = self._clock()
        online = self._state.workers.online(now)
        prompt = [each for each in online if each.health(now) is WorkerHealth.ONLINE]
        paused = sum(not each.takes_tasks for each in prompt)
        return with_live_workers(status, len(prompt), paused, len(online) - len(prompt))

    async def enqueue(
        self,
        task_name: str,
        args: bytes = b"[]",
        kwargs: bytes = b"{}",
        labels: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
        rerun_of: str = "",
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Enqueue a task by name.

        Args:
            task_name: as registered with the workers.
            args: JSON array.
            kwargs: JSON object.
            labels: of the task.
            force: enqueue it even if no worker consumes the queue.
            rerun_of: task id of the run that this one repeats with changes, empty for none.
            confirmed: whether the operator has confirmed it.

        Raises:
            ReadOnlyError, ConfirmationRequiredError: see `ActionGuard.check`.
            NoConsumersError: no worker consumes the queue, and `force` is not set.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            TooLargeError: the message is larger than the server accepts.
            NotPermittedError: the server denies one of the subjects.
            UnconfirmedError: it was sent, and the server has not confirmed it.
        """
        self._guard.check(run_action(task_name), confirmed=confirmed)
        labels = dict(labels or {})
        typed = True
        format_ = self._format_of(task_name)
        if rerun_of:
            run = self._state.runs.get(rerun_of)
            request = run.request if run is not None else None
            labels = labels_for_edit(
                labels,
                request.labels if request is not None else b"{}",
                request.labels_types if request is not None else b"null",
                origin=rerun_of,
            )
            typed = request is None or has_types(request.labels_types)
            if run is not None and request is not None:
                if request.not_plain:
                    raise NotRepeatableError(run, request)
                if request.captured:
                    format_ = request.format
        task_id, receipt = await self._publish(
            task_name, args, kwargs, labels, force=force, typed=typed, format_=format_
        )
        return EnqueueReceipt((task_id,), receipt.durable)

    async def rerun(
        self,
        runs: Sequence[TaskRun],
        *,
        force: bool = False,
        from_events: bool = False,
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        """Enqueue runs again, exactly as captured, each under a new id.

        Args:
            runs: what to run again.
            force: enqueue them even if no worker consumes the queue.
            from_events: allow arguments that are known from an event alone.
            confirmed: whether the operator has confirmed it.

        Raises:
            ReadOnlyError, ConfirmationRequiredError: see `ActionGuard.check`.
            ArgumentsUnknownError: those of one run are; nothing was enqueued.
            NotRepeatableError: those of one run are more than plain data; nothing was enqueued.
            NotCapturedError: those of one run are from an event; nothing was enqueued.
            NoConsumersError, NotConnectedError, TooLargeError, NotPermittedError, UnconfirmedError:
                those before the failed one are enqueued, which the error's detail says.
        """
        requests = [repeatable_request(run, from_events=from_events) for run in runs]
        self._guard.check(rerun_action(runs), confirmed=confirmed)
        task_ids: list[str] = []
        durable = True
        try:
            for run, request in zip(runs, requests, strict=True):
                task_id, receipt = await self._rerun(run, request, force=force)
                task_ids.append(task_id)
                durable = durable and receipt.durable
        except UserFacingError as error:
            if task_ids:
                error.detail = _(
                    "{done} of {total} runs were enqueued before this. {detail}"
                ).format(done=len(task_ids), total=len(runs), detail=error.detail)
            raise
        return EnqueueReceipt(tuple(task_ids), durable)

    async def cancel(
        self, task_ids: Sequence[str], reason: str = "", *, confirmed: bool = False
    ) -> list[CancelOutcome]:
        """Cancel queued or running tasks; see `TaskCanceller.cancel` and `ActionGuard.check`."""
        self._guard.check(cancel_action(task_ids), confirmed=confirmed)
        return await self._canceller.cancel(task_ids, reason)

    async def _rerun(
        self, run: TaskRun, request: Request, *, force: bool
    ) -> tuple[str, PublishReceipt]:
        labels = rerun_labels(
            request.labels, request.labels_types, origin=run.task_id, who=self._events.actor
        )
        return await self._publish(
            request.task_name,
            request.args,
            request.kwargs,
            labels,
            force=force,
            typed=has_types(request.labels_types),
            format_=request.format,
        )

    def _format_of(self, task_name: str) -> str:
        """Return the format in which the workers of a task expect it, as far as it is known."""
        formats = self._state.task_formats
        if set(formats) <= {"json"}:
            return "json"
        name = canonical_name(task_name)
        for run in self._state.runs.rows.newest_first():
            # An event is no proof of a format: anyone who may publish events can send one.
            if run.name == name and run.request is not None and run.request.captured:
                return run.request.format
        return next(iter(formats)) if len(formats) == 1 else "json"

    async def _publish(
        self,
        task_name: str,
        args: bytes,
        kwargs: bytes,
        labels: dict[str, Any],
        *,
        force: bool,
        typed: bool,
        format_: str,
    ) -> tuple[str, PublishReceipt]:
        now = self._clock()
        task_name = self._state.workers.announced.name_to_send(task_name, now)
        task_id = new_task_id()
        labels = {REQUESTED_BY: self._events.actor, TASK_NAME: task_name, **labels}
        try:
            payload, headers = encode_task(
                task_id,
                task_name,
                args=args,
                kwargs=kwargs,
                labels=labels,
                typed=typed,
                format_=format_,
            )
        except NotEncodableError as error:
            raise UserFacingError(
                _("Cannot enqueue {task}").format(task=task_name),
                _("its workers expect {format}: {reason}.").format(
                    format=FORMAT_NAMES.get(format_, format_), reason=error
                ),
                _("Change the arguments."),
            ) from None
        task = decode_task(payload)
        receipt = await self._poller.queue.enqueue(
            task_id,
            payload,
            headers,
            force=force,
            has_live_workers=bool(self._state.workers.online(now)),
        )
        # At once, not when the stream delivers it: a caller whose wait times out still has the run.
        self._state.runs.put(update_from_task(task, now))
        self._feed.echo(self._feed.subject, payload)
        await self._events.publish(
            "tasks",
            "task.queued",
            {
                "task_id": task_id,
                "task_name": task_name,
                "args": task.args,
                "kwargs": task.kwargs,
                "labels": task.labels,
                "labels_types": task.labels_types,
                **({} if task.format == "json" else {"format": task.format}),
                "queued_at": format_timestamp(now),
            },
        )
        if RERUN_OF in labels:
            await self._events.publish_audit("rerun", str(labels[RERUN_OF]), task_id)
        return task_id, receipt
