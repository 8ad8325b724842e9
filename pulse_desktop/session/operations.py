"""What the pages may ask for, done by the monitor; refusals told in words for the operator."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulse_desktop.model.errors import NoConsumersError, NotConnectedError, UserFacingError
from pulse_desktop.model.outcomes import CancelOutcome, CommandOutcome
from pulse_desktop.model.redaction import redact_url
from pulse_desktop.protocol.task_message import labels_for_edit
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.session.server_poller import count_consumers
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import TaskRun
from pulse_desktop.ui.shell.operations import (
    BucketFigures,
    Enqueued,
    OperationError,
    QueueFigures,
    StoredValue,
)


class SessionOperations:
    """Fulfils `Operations` for a window.

    Attributes:
        monitor: None until there is a server to talk to.
    """

    def __init__(self) -> None:
        self.monitor: Session | None = None

    async def rerun(self, runs: Sequence[TaskRun], *, force: bool = False) -> Enqueued:
        """Enqueue runs again, each under a new id; see `Operations`."""
        monitor = self._connected()
        sent_as: list[str] = []
        durable = True
        try:
            for run in runs:
                task_id, sent = await monitor.rerun(run, force=force)
                sent_as.append(task_id)
                durable = durable and sent.durable
        except UserFacingError as error:
            raise to_operation_error(error, done=len(sent_as), asked=len(runs)) from error
        return Enqueued(tuple(sent_as), durable)

    async def enqueue(
        self,
        task_name: str,
        args: bytes,
        kwargs: bytes,
        labels: Mapping[str, Any],
        *,
        force: bool = False,
        rerun_of: str = "",
    ) -> Enqueued:
        """Enqueue a task by name; see `Operations`."""
        monitor = self._connected()
        told = dict(labels)
        if rerun_of:
            run = monitor.state.runs.get(rerun_of)
            request = run.request if run is not None else None
            told = labels_for_edit(
                labels,
                request.labels if request is not None else b"{}",
                request.labels_types if request is not None else b"null",
                origin=rerun_of,
            )
        try:
            task_id, sent = await monitor.enqueue(
                task_name, args=args, kwargs=kwargs, labels=told, force=force
            )
        except UserFacingError as error:
            raise to_operation_error(error) from error
        return Enqueued((task_id,), sent.durable)

    async def cancel(self, task_ids: Sequence[str]) -> Sequence[CancelOutcome]:
        """Cancel tasks; see `Operations`."""
        try:
            return await self._connected().control.cancel(task_ids)
        except UserFacingError as error:
            raise to_operation_error(error) from error

    async def order(
        self, command: str, worker: str = "", level: str = ""
    ) -> Sequence[CommandOutcome]:
        """Give workers an order; see `Operations`."""
        try:
            return await self._connected().control.order(command, worker, level)
        except UserFacingError as error:
            raise to_operation_error(error) from error

    async def read_result(self, task_id: str) -> StoredValue:
        """Read a stored result; see `Operations`."""
        try:
            raw, result = await self._connected().read_result(task_id)
        except UserFacingError as error:
            raise to_operation_error(error) from error
        if isinstance(result, str):
            return StoredValue(raw, "unreadable", None, readable=False, note=result)
        failure = result.error
        around = {
            "is_err": result.is_err,
            "error": failure and {"type": failure.type, "message": failure.message},
            "execution_time": result.execution_time,
            "labels": result.labels,
        }
        return StoredValue(raw, result.format, result.return_value, readable=True, around=around)

    async def save_result(self, task_id: str, path: Path) -> int:
        """Save a stored object's bytes to a file; see `Operations`."""
        try:
            return (await self._connected().results.save(task_id, path)).size
        except UserFacingError as error:
            raise to_operation_error(error) from error

    async def result_buckets(self) -> Sequence[BucketFigures]:
        """Return the buckets that may hold results; see `Operations`."""
        monitor = self._connected()
        try:
            names = await monitor.results.buckets()
            status = await monitor.results.status() if monitor.results_bucket in names else None
        except UserFacingError as error:
            raise to_operation_error(error) from error
        return [
            BucketFigures(
                name, status.objects, status.bytes, status.ttl_s, status.max_bytes, watched=True
            )
            if status is not None and name == monitor.results_bucket
            else BucketFigures(name)
            for name in names
        ]

    async def watch_bucket(self, name: str) -> None:
        """Show the results of another bucket; see `Operations`."""
        self._connected().watch_bucket(name)

    def queue(self) -> QueueFigures | None:
        """Return the latest look at the task queue; see `Operations`."""
        monitor = self.monitor
        status = None if monitor is None else monitor.queue_status
        if monitor is None or status is None:
            return None
        alive = len(monitor.state.workers.online(time.time()))
        where = f"{status.stream} · {status.consumer or 'no consumer yet'}" if status.stream else ""
        return QueueFigures(
            status.mode,
            status.durable,
            where or TASK_SUBJECT,
            status.pending,
            status.ack_pending,
            status.redelivered,
            status.oldest_at,
            count_consumers(status, alive),
            status.problem,
        )

    def _connected(self) -> Session:
        if self.monitor is None:
            raise to_operation_error(NotConnectedError())
        return self.monitor


def to_operation_error(error: UserFacingError, *, done: int = 0, asked: int = 0) -> OperationError:
    """Put an error of the bus into the words of the window."""
    detail = error.detail
    if done:
        detail = f"{done} of {asked} were enqueued before this. {detail}"
    return OperationError(
        redact_url(error.title),
        redact_url(detail),
        error.advice,
        can_force=isinstance(error, NoConsumersError) and error.durable,
    )
