"""Task events: queued, started, progress, log lines, succeeded, failed, cancelled.

Nothing here may fail or delay a task: every hook only builds a dict and passes it to the
publisher. An exception in TaskIQ's `pre_execute` would end the delivery, so none is raised.
"""

import asyncio
import contextlib
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import taskiq
from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from pulse_desktop.model.redaction import redacted_ends, secrets_of
from pulse_desktop.protocol.task_message import PARENT, TASK_NAME
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.config.known_secrets import KNOWN_SECRETS, message_of, without_secrets
from pulse_workers.errors import ResultNotStoredError
from pulse_workers.execution import interrupt
from pulse_workers.execution.delivery import Delivery, current_delivery
from pulse_workers.execution.retries import retry_policy
from pulse_workers.execution.task_log import TaskLog, TaskLogHandler
from pulse_workers.results.progress import ProgressReport
from pulse_workers.telemetry.event_sink import EventSink

logger = logging.getLogger("pulse.workers.events")

_MAX_TRACEBACK: Final = 32_768
_MAX_TEXT: Final = 8_192
_MAX_DEAD_LETTER_ID: Final = 200
_STRING_LABEL: Final = 3
_TIMER_TOLERANCE_S: Final = 0.05
_TASKIQ_FOLDER: Final = f"{Path(taskiq.__file__).parent}{os.sep}"
_REQUEUED: Final = "X-Taskiq-requeue"
_WORKER_STOPPED: Final = {
    "type": "WorkerStopped",
    "message": "the worker stopped before the task was finished; it is run again",
    "traceback": "",
}


@contextlib.contextmanager
def log_errors(message: TaskiqMessage) -> Iterator[None]:
    """Log an error in a hook instead of raising it."""
    try:
        yield
    except Exception:
        logger.exception("the event for %s was not published", message.task_id)


class ObservedResults(Protocol):
    """A result backend, or an observer of one, as the middleware sees it.

    Attributes:
        on_progress: called with the progress that tasks report, a few times a second.
        on_not_stored: called with task id and error when a result is rejected for good.
    """

    on_progress: Callable[[ProgressReport], None] | None
    on_not_stored: Callable[[str, ResultNotStoredError], None] | None

    def flush_progress(self, task_id: str) -> None:
        """Publish the last report of an attempt that has ended, if it is still held back."""


class DeliveryEventMiddleware(TaskiqMiddleware):
    """Publishes the events of tasks that `current_delivery` describes, and their log lines."""

    def __init__(
        self,
        events: EventSink,
        worker: str,
        *,
        task_log: bool = True,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Prepare without publishing.

        Args:
            events: publishes events.
            worker: identity of this process.
            task_log: whether to publish the log lines of tasks.
            secrets: texts to mask in errors and log lines, in addition to those of the environment.
        """
        super().__init__()
        self._events = events
        self._worker = worker
        self._results: ObservedResults | None = None
        KNOWN_SECRETS.add((*secrets_of(os.environ), *secrets))
        self._log_handler = TaskLogHandler(_current_log) if task_log else None

    def watch(self, results: ObservedResults) -> None:
        """Publish progress too, and results that cannot be stored."""
        self._results = results
        results.on_progress = self._on_progress
        results.on_not_stored = self._on_not_stored

    async def shutdown(self) -> None:
        """Collect no more log lines."""
        if self._log_handler is not None:
            self._log_handler.uninstall()

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Add labels: the name, which a result has only there, and the task that enqueues it."""
        _set_label(message, TASK_NAME, message.task_name)
        delivery = current_delivery.get()
        if (
            delivery is not None
            and not delivery.is_over
            and delivery.task_id not in ("", message.task_id)  # a retry sends itself again
            and PARENT not in message.labels
        ):
            _set_label(message, PARENT, delivery.task_id)
        return message

    def post_send(self, message: TaskiqMessage) -> None:
        """Publish that a task was enqueued."""
        with log_errors(message):
            self._events.publish(
                "tasks",
                "task.queued",
                {
                    **_identity(message),
                    "args": message.args,
                    "kwargs": message.kwargs,
                    "labels": message.labels,
                    "labels_types": message.labels_types,
                    "queued_at": format_timestamp(time.time()),
                },
            )

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Publish that an attempt starts."""
        message.labels.setdefault(TASK_NAME, message.task_name)
        delivery = current_delivery.get()
        if delivery is not None and delivery.cancellation is None:
            delivery.started_at = time.monotonic()
            with log_errors(message):
                self._collect_log(message, delivery)
                self._events.publish(
                    "tasks",
                    "task.started",
                    {
                        **self._attempt(message, delivery),
                        "max_attempts": self._max_attempts(message),
                        "queued_at": (
                            format_timestamp(delivery.queued_at) if delivery.queued_at else None
                        ),
                    },
                )
        return message

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Publish that an attempt failed and there will be another."""
        describe_timeout(message, result, exception)
        delivery = current_delivery.get()
        if delivery is not None and isinstance(result.error, NoResultError):
            if self._results is not None:
                self._results.flush_progress(message.task_id)
            self.publish_attempt(message, delivery, exception)

    def post_save(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Publish the outcome, now that the result can be read."""
        delivery = current_delivery.get()
        if delivery is not None:
            self.publish_end(message, delivery, result)

    def publish_dead_letter(self, delivery: Delivery) -> None:
        """Publish and log a message for which no result can be stored. Never raises."""
        task_id = delivery.task_id[:_MAX_DEAD_LETTER_ID]
        logger.error(
            "dead letter %d (task %s, %d bytes): %s",
            delivery.sequence,
            task_id or "without id",
            len(delivery.data),
            delivery.dead_letter,
        )
        data = {
            "task_id": delivery.task_id,
            "worker": self._worker,
            "attempt": delivery.attempt,
            "stream_sequence": delivery.sequence if delivery.sequence > 0 else None,
            "message_bytes": len(delivery.data),
            "dead_letter": True,
        }
        if delivery.task_id:
            error = ResultNotStoredError(delivery.dead_letter)
            self._events.publish(
                "tasks",
                "task.failed",
                {**data, "will_retry": False, "error": _error_data(error), "run_s": None},
            )
        self._events.publish(
            "monitoring",
            "task.dead_letter",
            {**data, "task_id": task_id, "reason": without_secrets(delivery.dead_letter)},
        )

    def publish_end(
        self, message: TaskiqMessage, delivery: Delivery, result: TaskiqResult[Any]
    ) -> None:
        """Publish the last lines of the log, and the outcome of a run. Never raises."""
        with log_errors(message):
            _close_log(delivery)
            self._publish_outcome(message, delivery, result)

    def publish_attempt(
        self, message: TaskiqMessage, delivery: Delivery, exception: BaseException
    ) -> None:
        """Publish an attempt that ended without a result. Never raises."""
        with log_errors(message):
            _close_log(delivery)
            self._publish_attempt(message, delivery, exception)

    def _publish_attempt(
        self, message: TaskiqMessage, delivery: Delivery, exception: BaseException
    ) -> None:
        if delivery.requeued:
            self._publish_failure(message, delivery, _WORKER_STOPPED, will_retry=True)
        elif not isinstance(exception, NoResultError):
            self._publish_failure(message, delivery, _error_data(exception), will_retry=True)
        elif _REQUEUED not in message.labels:  # the task has finished without a result
            self._publish_success(message, delivery)

    def _publish_outcome(
        self, message: TaskiqMessage, delivery: Delivery, result: TaskiqResult[Any]
    ) -> None:
        if not result.is_err:
            self._publish_success(message, delivery)
        elif isinstance(delivery.error, asyncio.CancelledError):
            cancellation = delivery.cancellation
            self._events.publish(
                "tasks",
                "task.cancelled",
                {
                    **self._attempt(message, delivery),
                    "run_s": _run_seconds(delivery),
                    "who": cancellation.who if cancellation is not None else None,
                    "reason": (
                        cancellation.reason
                        if cancellation is not None
                        else without_secrets(message_of(delivery.error))
                    )
                    or "cancelled",
                },
            )
        else:
            error = result.error or delivery.error or RuntimeError("unknown error")
            self._publish_failure(message, delivery, _error_data(error), will_retry=delivery.resent)

    def _publish_success(self, message: TaskiqMessage, delivery: Delivery) -> None:
        self._events.publish(
            "tasks",
            "task.succeeded",
            {
                **self._attempt(message, delivery),
                "run_s": _run_seconds(delivery),
                "result_bytes": delivery.result_bytes,
            },
        )

    def _publish_failure(
        self,
        message: TaskiqMessage,
        delivery: Delivery,
        error: dict[str, str],
        *,
        will_retry: bool,
    ) -> None:
        self._events.publish(
            "tasks",
            "task.failed",
            {
                **self._attempt(message, delivery),
                "max_attempts": self._max_attempts(message),
                "will_retry": will_retry,
                "retry_in_s": delivery.retry_after,
                "error": error,
                "run_s": _run_seconds(delivery),
                "result_bytes": delivery.result_bytes,
            },
        )

    def _on_progress(self, report: ProgressReport) -> None:
        self._events.publish("tasks", "task.progress", report.event_data())

    def _on_not_stored(self, task_id: str, error: ResultNotStoredError) -> None:
        delivery = current_delivery.get()
        if delivery is not None:
            _close_log(delivery)
        self._events.publish(
            "tasks",
            "task.failed",
            {
                "task_id": task_id,
                "worker": self._worker,
                "attempt": delivery.attempt if delivery is not None else 1,
                "will_retry": False,
                "error": _error_data(error),
                "run_s": _run_seconds(delivery) if delivery is not None else None,
            },
        )

    def _collect_log(self, message: TaskiqMessage, delivery: Delivery) -> None:
        handler = self._log_handler
        if handler is None:
            return
        identity = self._attempt(message, delivery)

        def publish(lines: dict[str, Any]) -> None:
            self._events.publish("tasks", "task.log", {**identity, **lines})

        handler.install()
        delivery.log = TaskLog(publish, handler.render, asyncio.get_running_loop())

    def _max_attempts(self, message: TaskiqMessage) -> int:
        task = self.broker.get_all_tasks().get(message.task_name)
        return retry_policy(message.labels, task.labels if task else None).max_attempts

    def _attempt(self, message: TaskiqMessage, delivery: Delivery) -> dict[str, Any]:
        return {**_identity(message), "worker": self._worker, "attempt": delivery.attempt}


def describe_timeout(
    message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
) -> None:
    """Give the error of a task that exceeded its label `timeout` a text; TaskIQ gives it none."""
    if type(exception) is not TimeoutError or exception.args:
        return
    with contextlib.suppress(KeyError, TypeError, ValueError):
        limit_s = float(message.labels["timeout"])
        if result.execution_time >= limit_s - _TIMER_TOLERANCE_S:  # else it is the task's own
            exception.args = (f"no result within {limit_s:g} s",)


def _current_log() -> TaskLog | None:
    delivery = current_delivery.get()
    return delivery.log if delivery is not None else None


def _close_log(delivery: Delivery) -> None:
    if delivery.log is not None:
        delivery.log.close()


def _set_label(message: TaskiqMessage, name: str, value: str) -> None:
    message.labels[name] = value
    if message.labels_types is not None:
        message.labels_types[name] = _STRING_LABEL


def _identity(message: TaskiqMessage) -> dict[str, str]:
    return {"task_id": message.task_id, "task_name": message.task_name}


def _run_seconds(delivery: Delivery) -> float | None:
    if not delivery.started_at:
        return None
    return round(time.monotonic() - delivery.started_at, 6)


def _task_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the task's own frames of a traceback, without those that called it."""
    own: TracebackType | None = None
    inner = trace
    while inner is not None:
        if inner.tb_frame.f_code.co_filename == interrupt.__file__:
            own = inner
        elif own is not None:
            return inner
        inner = inner.tb_next
    if own is not None:
        return own
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_TASKIQ_FOLDER):
        trace = trace.tb_next
    return trace


def _error_data(error: BaseException) -> dict[str, str]:
    """Return type, message and traceback, without secrets and without TaskIQ's frames."""
    trace = _task_frames(error.__traceback__)
    text = "".join(traceback.format_exception(type(error), error, trace))
    return {
        "type": type(error).__name__,
        "message": without_secrets(message_of(error), _MAX_TEXT),
        "traceback": redacted_ends(KNOWN_SECRETS.mask(text), _MAX_TRACEBACK),
    }
