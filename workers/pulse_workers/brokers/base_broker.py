"""Base class of the brokers: deliveries in progress, pausing, rejected tasks.

TaskIQ drops a task that it does not know or cannot decode without a result. These brokers run a
stand-in task instead, so that every task gets a result.
"""

import abc
import contextlib
from collections.abc import Callable
from typing import Any, Final

from nats.aio.client import Client
from pydantic import ValidationError
from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask, TaskiqMessage
from taskiq.formatters.json_formatter import JSONFormatter

from pulse_desktop.model.redaction import redacted_start
from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.nats_client.connect import require_jetstream
from pulse_desktop.nats_client.permission_violations import PermissionViolation, parse_violation
from pulse_desktop.protocol.stored_body import sniff_format
from pulse_desktop.protocol.task_formats import FORMAT_NAMES
from pulse_desktop.protocol.task_names import canonical_name
from pulse_workers.brokers.message_identity import identify
from pulse_workers.brokers.observed_workers import ObservedWorker, observe_workers
from pulse_workers.brokers.task_names import TaskNameMiddleware
from pulse_workers.brokers.unknown_tasks import UnknownTasks
from pulse_workers.config.known_secrets import without_secrets
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS, UnknownTaskNameError, UnreadableTaskError
from pulse_workers.execution.delivery import Delivery, current_delivery
from pulse_workers.registry import decorator_labels
from pulse_workers.runtime.connection import ConnectionLog
from pulse_workers.runtime.shutdown import close_client
from pulse_workers.telemetry.event_middleware import DeliveryEventMiddleware

REQUEUE: Final = "X-Taskiq-requeue"
_MAX_ERROR_TEXT: Final = 500


class BaseBroker(AsyncBroker):
    """Sends tasks, and delivers them to a receiver.

    Attributes:
        kind: `jetstream` or `core`.
        persists_tasks: whether the server keeps a task until it is acknowledged, so that it can
            always be requeued.
        active: deliveries in progress, by sequence.
        connected_at: Unix seconds of the last connection or reconnection.
        paused: no tasks are started until `resume`.
        on_new_worker: called when another worker of the queue is heard for the first time.
        unknown: tasks that this worker is offered and does not know.
        permission_error: the server's text when it refused to deliver tasks; empty otherwise.
    """

    kind: str
    persists_tasks: bool
    unknown_task_effect = "It fails with UnknownTaskNameError"
    """What happens to a task of an unknown name, for the log."""
    client: Client
    _log: ConnectionLog

    def configure(self, settings: Settings) -> None:
        """Set the initial state, and a client of our own: TaskIQ's does not know `tls://`."""
        self.client = NatsClient(require_jetstream)
        self.settings = settings
        self.formatter = SalvagingFormatter(self)
        self.active: dict[int, Delivery] = {}
        self.connected_at = 0.0
        self.paused = False
        self.permission_error = ""
        self.on_new_worker: Callable[[], None] = lambda: None
        self.unknown = UnknownTasks(
            self.get_all_tasks, self.unknown_task_effect, settings.heartbeat_interval
        )
        self._rejecting_task: AsyncTaskiqDecoratedTask[Any, Any] = AsyncTaskiqDecoratedTask(
            broker=self, task_name="rejected", original_func=raise_rejection, labels={}
        )

    def registered_name(self, task_name: str) -> str:
        """Return the name under which a task is registered, given its name on the wire."""
        canonical = canonical_name(task_name)
        if canonical != task_name and task_name not in self.get_all_tasks():
            return canonical
        return task_name

    def registered_labels(self, task_name: str) -> dict[str, Any]:
        """Return the labels of a task's decorator, as TaskIQ sends them with the task."""
        task = self.get_all_tasks().get(task_name)
        return decorator_labels(task) if task is not None else {}

    async def observe_heartbeats(self) -> None:
        """Learn from heartbeats which tasks the live workers have."""
        listeners = [
            middleware.record
            for middleware in self.middlewares
            if isinstance(middleware, TaskNameMiddleware)
        ]
        if self.is_worker_process:
            listeners.append(self._on_worker)
        if listeners:
            await observe_workers(self.client, listeners)

    def is_known_to_all(self, task_name: str) -> bool:
        """Return whether all live workers of the queue have a task of this worker."""
        return self.unknown.is_known_to_all(task_name)

    def on_dead_letter(self, delivery: Delivery) -> None:
        """Log and publish a message for which no result can be stored."""
        for middleware in self.middlewares:
            if isinstance(middleware, DeliveryEventMiddleware):
                middleware.publish_dead_letter(delivery)

    async def on_error(self, error: Exception) -> None:
        """Log a connection error, and record it when it means that no tasks are delivered."""
        await self._log.on_error(error)
        text = str(error)
        violation = parse_violation(text)
        if violation is not None and violation.is_of(self._pull_violation):
            self.permission_error = without_secrets(text)

    def _on_worker(self, worker: ObservedWorker) -> None:
        """Compare this worker with another that takes tasks from the same queue."""
        if worker.identity == self.settings.identity or not self._shares_queue(worker):
            return
        names = worker.names
        if names is not None:
            names = frozenset(map(self.registered_name, names))
        if self.unknown.observe(worker.identity, names):
            self.on_new_worker()

    def _shares_queue(self, worker: ObservedWorker) -> bool:
        """Return whether another worker takes tasks from the same queue."""
        return worker.broker == self.kind

    @property
    @abc.abstractmethod
    def _pull_violation(self) -> PermissionViolation:
        """The permission violation that means that the server delivers no tasks."""

    @property
    @abc.abstractmethod
    def pending(self) -> int:
        """Number of tasks in this process that wait for a slot or for their next attempt."""

    @abc.abstractmethod
    async def pause(self) -> str:
        """Start no more tasks until `resume`; running ones continue.

        Returns:
            A note for the operator, empty if there is nothing to add.
        """

    @abc.abstractmethod
    async def resume(self) -> None:
        """Start tasks again."""

    @abc.abstractmethod
    async def stop_consuming(self) -> None:
        """Stop consuming for good, and requeue pending tasks where that is possible."""

    @abc.abstractmethod
    async def has_workers(self) -> bool:
        """Return whether a task that is sent now is kept until a worker takes it."""

    @abc.abstractmethod
    async def can_requeue(self, delivery: Delivery) -> bool:
        """Return whether a worker is certain to run the task if it is requeued now."""

    @abc.abstractmethod
    async def requeue_pending(self) -> int:
        """Requeue the pending tasks that other workers accept, and return their number."""

    @abc.abstractmethod
    async def wait_until_drained(self) -> None:
        """Wait, after `stop_consuming`, until no task is pending or in progress here."""

    @abc.abstractmethod
    def take_pending(self) -> list[Delivery]:
        """Remove and return all tasks pending in this process."""

    @abc.abstractmethod
    def take_task(self, task_id: str) -> Delivery | None:
        """Remove and return a task pending in this process; None if there is none of this id."""

    def find_task(self, task_name: str) -> AsyncTaskiqDecoratedTask[Any, Any] | None:
        """Return a task by name, or a stand-in that raises why the current delivery cannot run."""
        delivery = current_delivery.get()
        task = super().find_task(task_name)
        if delivery is None:
            return task
        if delivery.rejection is None:
            if task is not None:
                return task
            self.unknown.offer(task_name)
            delivery.rejection = UnknownTaskNameError(task_name, list(self.get_all_tasks()))
        return self._rejecting_task

    async def shutdown(self) -> None:
        """Flush and close the connection."""
        if self.client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await self.client.flush(2)
        await close_client(self.client)
        await super().shutdown()


async def raise_rejection(*_args: object, **_kwargs: object) -> None:
    """Raise the reason why the task of the current delivery is not run."""
    delivery = current_delivery.get()
    raise (delivery.rejection if delivery else None) or RuntimeError("rejected without a reason")


def message_headers(labels: dict[str, Any]) -> dict[str, str]:
    """Return the labels that are valid NATS headers and no JetStream directives."""
    return {
        key: str(value)
        for key, value in labels.items()
        if key.isascii()
        and key.replace("-", "").replace("_", "").isalnum()
        and not key.lower().startswith("nats-")
        and str(value).isprintable()
    }


class SalvagingFormatter(JSONFormatter):
    """TaskIQ's JSON formatter; an unreadable message with a task id gets a result that says so."""

    def __init__(self, broker: BaseBroker) -> None:
        """Create the formatter of a broker."""
        self._broker = broker

    def loads(self, message: bytes) -> TaskiqMessage:
        """Decode a task message.

        Raises:
            ValueError: it has no task id, so no result can be stored for it.
        """
        delivery = current_delivery.get()
        if delivery is not None and isinstance(delivery.rejection, UnreadableTaskError):
            return self._as_registered(_salvage(message))
        try:
            task = super().loads(message)
            task.parse_labels()
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            if delivery is None:
                raise
            task = _salvage(message)
            delivery.rejection = UnreadableTaskError(_reason(message, error))
        return self._as_registered(task)

    def _as_registered(self, task: TaskiqMessage) -> TaskiqMessage:
        """Complete a message as if a process that has the task had sent it.

        Only such a process knows the settings in the decorator, such as `timeout`.
        """
        task.labels_types = None  # the labels now have their types
        task.task_name = self._broker.registered_name(task.task_name)
        task.labels = {**self._broker.registered_labels(task.task_name), **task.labels}
        return task


def _reason(message: bytes, error: Exception) -> str:
    format_ = sniff_format(message)
    if format_ in FORMAT_NAMES and format_ != "json":
        return f"the message is {FORMAT_NAMES[format_]}, and this worker reads JSON"
    return _one_line(error)


def _salvage(message: bytes) -> TaskiqMessage:
    task_id, name = identify(message)
    if not task_id:
        raise ValueError("no task id")
    return TaskiqMessage(
        task_id=task_id,
        task_name=name or "unreadable",
        labels={},
        args=[],
        kwargs={},
    )


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        details = (
            f"{'.'.join(str(part) for part in detail['loc']) or 'message'}: {detail['msg']}"
            for detail in error.errors(include_url=False, include_input=False)
        )
        return redacted_start("; ".join(details), _MAX_ERROR_TEXT)
    return redacted_start(str(error), _MAX_ERROR_TEXT)
