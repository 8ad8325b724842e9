"""TaskIQ's receiver, with an eye on every delivery it works on.

It runs a task as TaskIQ does. Around that it keeps account of what is running, recognises a task
that was already answered, refuses one that ends its worker again and again, and at the end gives
back what could not be finished.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any, Final, cast

from taskiq import AckableMessage, TaskiqMessage, TaskiqResult
from taskiq.acks import AckController
from taskiq.receiver import Receiver

from pulse_desktop.protocol.task_message import UnreadableTaskError, decode_task
from pulse_workers.brokers.base_broker import BaseBroker
from pulse_workers.brokers.delivery import (
    DeliveredMessage,
    Delivery,
    Phase,
    SyntheticDelivery,
    as_message,
    current_delivery,
)
from pulse_workers.brokers.retries import retry_policy
from pulse_workers.config.settings import Settings
from pulse_workers.control.cancellation import Cancellation, CancelledIds
from pulse_workers.errors import TooManyDeliveriesError
from pulse_workers.results.backend import JsonResultBackend
from pulse_workers.runtime.interrupt import interruptible
from pulse_workers.telemetry.load import SlotTime

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


def _interrupt(run: Running, cancellation: Cancellation) -> None:
    """End a task's own code, or ask a thread to end it; too late once the result is on its way."""
    delivery = run.delivery
    if delivery.phase is Phase.ENDING or delivery.given_back:
        return
    delivery.cancellation = cancellation
    if delivery.phase is Phase.RUNNING and not delivery.is_sync:
        delivery.stop_read = True
        run.coroutine.cancel(str(cancellation))


class DeliveryReceiver(Receiver):
    """Runs tasks.

    Attributes:
        running: what is being worked on, by place.
        slot_time: for how long slots were busy.
        finished: how many deliveries were worked on since the start.
        cancelled: ids of tasks that shall not run, wherever they come from.
        draining: the worker ends once its work is done.
        gives_back: what is delivered is handed back instead of being started.
    """

    def __init__(self, broker: BaseBroker, settings: Settings, **options: Any) -> None:
        super().__init__(broker, max_async_tasks=settings.slots, run_startup=False, **options)
        self.settings = settings
        self.tasks = broker
        self.running: dict[int, Running] = {}
        self.slot_time = SlotTime()
        self.cancelled = CancelledIds()
        self.finished = 0
        self.draining = False
        self.gives_back = False

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        """Work on one delivery."""
        if not isinstance(message, DeliveredMessage):
            await super().callback(message, raise_err)
            return
        delivery = cast("Delivery", message.delivery)
        if self.gives_back and delivery.refusal is None:
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
            self.running.pop(delivery.place, None)
            self.slot_time.leave()
            self.finished += 1
            delivery.end()

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run a task's function, in a way that can be interrupted without losing its result."""
        delivery = current_delivery.get()
        if delivery is None or delivery.refusal is not None:
            return await super().run_task(target, message, ack_controller)
        result = await super().run_task(interruptible(target, delivery), message, ack_controller)
        coroutine = asyncio.current_task()
        while coroutine is not None and coroutine.cancelling():
            coroutine.uncancel()  # it has had its effect; storing the result is not meant by it
        return result

    async def refuse(self, delivery: Delivery, cancellation: Cancellation) -> None:
        """Answer for a task that shall not run, without needing a slot."""
        delivery.cancellation = cancellation
        delivery.refusal = cancellation.error()
        await asyncio.create_task(self.callback(as_message(delivery)), name="refusal")

    async def cancel(
        self, task_id: str, cancellation: Cancellation, limit: float
    ) -> Delivery | None:
        """End a task wherever it is in this process, and never start it later.

        Args:
            task_id: whose.
            cancellation: by whom and why.
            limit: seconds to wait for its end.

        Returns:
            The delivery it was found in, or None. Its phase and error say what became of it.
        """
        self.cancelled.add(task_id, cancellation, time.monotonic())
        waiting = self.tasks.take_out(task_id)
        if waiting is not None:
            await self.refuse(waiting, cancellation)
            return waiting
        run = next((run for run in self.running.values() if run.task_id == task_id), None)
        if run is None:
            return None
        _interrupt(run, cancellation)
        await asyncio.wait({run.coroutine}, timeout=limit)
        return run.delivery

    async def cancel_rest(self, cancellation: Cancellation, limit: float = 2.0) -> int:
        """Cancel all that runs or waits, since nobody else will run it. Returns how many.

        A sync task runs on until the process ends, but its result is stored as cancelled.
        """
        waiting = self.tasks.take_rest()
        for delivery in waiting:
            await self.refuse(delivery, cancellation)
        unfinished = list(self.running.values())
        for run in unfinished:
            _interrupt(run, cancellation)
        if unfinished:
            await asyncio.wait([run.coroutine for run in unfinished], timeout=limit)
        for delivery in (run.delivery for run in unfinished if not run.delivery.settled):
            stand_in = SyntheticDelivery(delivery.data, delivery.attempt, delivery.queued_at)
            await self.refuse(stand_in, cancellation)
        return len(waiting) + len(unfinished)

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
        cancellation = self.cancelled.get(task_id, time.monotonic())
        if cancellation is not None and delivery.refusal is None:
            delivery.cancellation = cancellation
            delivery.refusal = cancellation.error()
        self.slot_time.enter()
        coroutine = asyncio.current_task()
        if coroutine is not None:
            self.running[delivery.place] = Running(
                task_id, task_name, time.time(), coroutine, delivery
            )
        return task_id, task_name

    def _may_be_done(self, delivery: Delivery) -> bool:
        """Tell whether somebody may have worked on the task before, so that asking is worth it."""
        since = self.tasks.connected_at
        return delivery.attempt > 1 or delivery.queued_at < since + _CLOCKS_DIFFER

    async def _finish_early(self, delivery: Delivery, task_id: str) -> bool:
        """Answer a repeated delivery whose result is stored: only its ack was lost."""
        backend = self.broker.result_backend
        if (
            task_id
            and isinstance(backend, JsonResultBackend)
            and await backend.stored_since(task_id, delivery.queued_at)
        ):
            await delivery.settle()
            return True
        limit = self.settings.max_deliveries
        if (
            delivery.refusal is None
            and limit
            and delivery.attempt > max(limit, self._attempts_wanted(delivery))
        ):
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
