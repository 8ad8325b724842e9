"""TaskIQ's receiver, with an eye on every delivery it works on.

It runs a task as TaskIQ does. Around that it keeps account of what is running, recognises a task
that was already answered, refuses one that ends its worker again and again, and at the end gives
back what could not be finished.
"""

import asyncio
import dataclasses
import logging
import time
from typing import Any, Final, cast

from taskiq import AckableMessage
from taskiq.receiver import Receiver

from pulse_desktop.protocol.task_message import UnreadableTaskError, decode_task
from workers.broker import PulseBroker
from workers.delivery import DeliveredMessage, Delivery, current_delivery
from workers.errors import TooManyDeliveriesError
from workers.results import JsonResults
from workers.retries import retry_policy
from workers.settings import Settings

logger = logging.getLogger("pulse.workers.receiver")


_CLOCKS_DIFFER: Final = 2.0
"""By how many seconds the clocks of server and worker may be apart."""


@dataclasses.dataclass(frozen=True)
class Running:
    """A task being worked on.

    Attributes:
        task_id: its id, empty when the message cannot be read.
        task_name: its name.
        started_at: Unix seconds.
        coroutine: the asyncio task that runs it.
        delivery: the delivery that brought it.
    """

    task_id: str
    task_name: str
    started_at: float
    coroutine: asyncio.Task[Any]
    delivery: Delivery


class PulseReceiver(Receiver):
    """Runs tasks.

    Attributes:
        running: what is being worked on, by place in the task stream.
        finished: how many deliveries were worked on since the start.
    """

    def __init__(self, broker: PulseBroker, settings: Settings, **options: Any) -> None:
        super().__init__(broker, max_async_tasks=settings.slots, run_startup=False, **options)
        self.settings = settings
        self.running: dict[int, Running] = {}
        self.finished = 0
        self.draining = False

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        """Work on one delivery."""
        if not isinstance(message, DeliveredMessage):
            await super().callback(message, raise_err)
            return
        delivery = cast("Delivery", message.delivery)
        if self.draining:
            await delivery.give_back()
            return
        current_delivery.set(delivery)
        task_id, task_name = self._register(delivery)
        try:
            if self._may_be_done(delivery) and await self._finish_early(delivery, task_id):
                return
            await super().callback(message, raise_err)
        except Exception:
            logger.exception("%s %s: not executed, it will be delivered again", task_name, task_id)
        finally:
            self.running.pop(delivery.stream_sequence, None)
            self.finished += 1
            delivery.end()

    async def give_back_unfinished(self, limit: float = 2.0) -> int:
        """Stop what still runs and hand it back to the queue. Returns how many there were.

        An async task is cancelled; a sync one cannot be, its thread ends with the process.
        """
        unfinished = list(self.running.values())
        for run in unfinished:
            run.delivery.given_back = True
            run.coroutine.cancel()
        if unfinished:
            await asyncio.wait([run.coroutine for run in unfinished], timeout=limit)
        for run in unfinished:
            await run.delivery.give_back()
        return len(unfinished)

    def _register(self, delivery: Delivery) -> tuple[str, str]:
        try:
            task = decode_task(delivery.data)
        except UnreadableTaskError:
            task_id, task_name = "", ""
        else:
            task_id, task_name = task.task_id, task.task_name
        delivery.task_id = task_id
        coroutine = asyncio.current_task()
        if coroutine is not None:
            self.running[delivery.stream_sequence] = Running(
                task_id, task_name, time.time(), coroutine, delivery
            )
        return task_id, task_name

    def _may_be_done(self, delivery: Delivery) -> bool:
        """Tell whether somebody may have worked on the task before, so that asking is worth it."""
        broker = self.broker
        since = broker.connected_at if isinstance(broker, PulseBroker) else 0.0
        return delivery.attempt > 1 or delivery.queued_at < since + _CLOCKS_DIFFER

    async def _finish_early(self, delivery: Delivery, task_id: str) -> bool:
        """Answer a repeated delivery whose result is stored: only its ack was lost."""
        backend = self.broker.result_backend
        if (
            task_id
            and isinstance(backend, JsonResults)
            and await backend.stored_since(task_id, delivery.queued_at)
        ):
            await delivery.settle()
            return True
        limit = self.settings.max_deliveries
        if limit and delivery.attempt > max(limit, self._attempts_wanted(delivery)):
            delivery.refusal = TooManyDeliveriesError(delivery.attempt)
        return False

    def _attempts_wanted(self, delivery: Delivery) -> int:
        try:
            message = self.broker.formatter.loads(delivery.data)
        except ValueError:
            return 1
        task = self.broker.get_all_tasks().get(message.task_name)
        return retry_policy(message.labels, task.labels if task else None).max_attempts

    def _prepare_task(self, name: str, handler: Any) -> None:
        """Prepare only tasks that exist: names nobody registered must not pile up."""
        if name in self.broker.get_all_tasks():
            super()._prepare_task(name, handler)
