"""What our brokers have in common, whatever they get tasks from.

A broker knows which deliveries are being worked on, can be told to take no more for now or for
good, and answers for tasks that must not or cannot be run: TaskIQ drops those without a word, and
whoever waits for the result would wait for ever.
"""

import abc
import contextlib
from typing import Any, Final

from nats.aio.client import Client
from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.nats_client.client import NatsClient
from pulse_desktop.nats_client.permission_violations import PermissionViolation, parse_violation
from pulse_workers.brokers.delivery import Delivery, current_delivery
from pulse_workers.brokers.formatter import SalvagingFormatter
from pulse_workers.config.settings import Settings
from pulse_workers.errors import UnknownTaskNameError
from pulse_workers.runtime.closing import close_client
from pulse_workers.runtime.connection import OUTAGE_ERRORS, ConnectionLog

REQUEUE: Final = "X-Taskiq-requeue"


class BaseBroker(AsyncBroker):
    """Sends tasks, and hands them out to a receiver.

    Attributes:
        kind: `jetstream` or `core`.
        keeps_tasks: whether the server keeps a task until it is answered for, so that giving it
            back is always possible.
        active: deliveries being worked on, by place.
        connected_at: Unix seconds of the last connection or reconnection.
        paused: no tasks are started until `resume`.
        refused: what the server said when it refused to hand out tasks; empty if it did not.
    """

    kind: str
    keeps_tasks: bool
    client: Client
    _log: ConnectionLog

    def set_up(self, settings: Settings) -> None:
        """Begin with nothing in work, and with our own client: TaskIQ's knows no `tls://`."""
        self.client = NatsClient()
        self.settings = settings
        self.formatter = SalvagingFormatter()
        self.active: dict[int, Delivery] = {}
        self.connected_at = 0.0
        self.paused = False
        self.refused = ""
        self._refusing_task: AsyncTaskiqDecoratedTask[Any, Any] = AsyncTaskiqDecoratedTask(
            broker=self, task_name="refused", original_func=_refuse, labels={}
        )

    async def on_error(self, error: Exception) -> None:
        """Log what went wrong with the connection, and note when tasks cannot come by it."""
        await self._log.on_error(error)
        text = str(error)
        violation = parse_violation(text)
        if violation is not None and violation.is_of(self._takes_by):
            self.refused = redact_url(text)

    @property
    @abc.abstractmethod
    def _takes_by(self) -> PermissionViolation:
        """The violation that means that the server delivers no tasks to this worker."""

    @property
    @abc.abstractmethod
    def waiting(self) -> int:
        """How many tasks wait inside this process for a slot or for their next attempt."""

    @abc.abstractmethod
    async def pause(self) -> str:
        """Take no more tasks until `resume`; running ones go on. Returns what to know about it."""

    @abc.abstractmethod
    async def resume(self) -> None:
        """Take tasks again."""

    @abc.abstractmethod
    async def stop_fetching(self) -> None:
        """Take no more tasks for good, and hand back those not started where that is possible."""

    @abc.abstractmethod
    async def can_give_back(self) -> bool:
        """Tell whether a task that is handed back now is sure to be run by somebody."""

    @abc.abstractmethod
    async def give_back_rest(self) -> int:
        """Hand back what is still waiting here. Returns how many tasks that were."""

    @abc.abstractmethod
    def take_rest(self) -> list[Delivery]:
        """Return all tasks that wait in this process; they are now the caller's."""

    @abc.abstractmethod
    def take_out(self, task_id: str) -> Delivery | None:
        """Return a task that waits in this process and is now the caller's, or None."""

    def find_task(self, task_name: str) -> AsyncTaskiqDecoratedTask[Any, Any] | None:
        """Return a task by name; for one that must not or cannot run, a task that says why."""
        delivery = current_delivery.get()
        task = super().find_task(task_name)
        if delivery is None:
            return task
        if delivery.refusal is None:
            if task is not None:
                return task
            delivery.refusal = UnknownTaskNameError(task_name, list(self.get_all_tasks()))
        return self._refusing_task

    async def shutdown(self) -> None:
        """Send what is to be sent, and close."""
        if self.client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await self.client.flush(2)
        await close_client(self.client)
        await super().shutdown()


async def _refuse(*_args: object, **_kwargs: object) -> None:
    """Fail with the reason why the task is not run."""
    delivery = current_delivery.get()
    raise (delivery.refusal if delivery else None) or RuntimeError("refused without a reason")


def message_headers(labels: dict[str, Any]) -> dict[str, str]:
    """Return the labels that can be NATS headers and are no commands to JetStream."""
    return {
        key: str(value)
        for key, value in labels.items()
        if key.isascii()
        and key.replace("-", "").replace("_", "").isalnum()
        and not key.lower().startswith("nats-")
        and str(value).isprintable()
    }
