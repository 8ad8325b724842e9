"""TaskIQ's receiver, extended to track each delivery.

Tasks run as TaskIQ runs them. In addition the receiver knows what is running, recognizes a
redelivered task whose result is stored, rejects a task that crashes its worker repeatedly, and
requeues unfinished tasks at shutdown.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final, cast

from taskiq import AckableMessage, TaskiqMessage, TaskiqResult
from taskiq.acks import AckController
from taskiq.receiver import Receiver

from pulse_workers.brokers.base_broker import BaseBroker, raise_rejection
from pulse_workers.brokers.message_identity import identify, unusable_id
from pulse_workers.config.known_secrets import describe_error, without_secrets
from pulse_workers.config.settings import Settings
from pulse_workers.errors import (
    TooManyDeliveriesError,
    UnreadableTaskError,
    WrongArgumentsError,
)
from pulse_workers.execution.cancellation import Cancellation, CancelledIds
from pulse_workers.execution.delivery import (
    DeliveredMessage,
    Delivery,
    SyntheticDelivery,
    as_message,
    current_delivery,
)
from pulse_workers.execution.interrupt import interruptible
from pulse_workers.execution.retries import retry_policy
from pulse_workers.execution.running_tasks import RunningTask
from pulse_workers.results.backend import ObjectStoreResultBackend
from pulse_workers.telemetry.load import SlotTime
from pulse_workers.worker.arguments import ArgumentConverter

logger = logging.getLogger("pulse.workers.receiver")

_MAX_CLOCK_SKEW_S: Final = 2.0
"""Maximum expected difference between the clocks of server and worker."""
_MAX_REASON: Final = 500
_END_TIMEOUT_S: Final = 2.0


class DeliveryReceiver(Receiver):
    """Receiver that tracks, cancels, rejects and requeues deliveries.

    Attributes:
        broker: delivers the tasks.
        running: tasks in progress, by the delivery's sequence.
        slot_time: busy time of the slots.
        finished: number of deliveries processed since the start.
        cancelled: ids of tasks that must not run, however they are delivered.
        draining: the worker exits once its tasks are done.
        requeues_deliveries: new deliveries are requeued where a worker is certain to run them,
            instead of being started.
    """

    broker: BaseBroker

    def __init__(self, broker: BaseBroker, settings: Settings, **options: Any) -> None:
        self._converters: dict[str, ArgumentConverter] = {}
        super().__init__(
            broker,
            max_async_tasks=settings.slots,
            run_startup=False,
            validate_params=False,  # `run_task` does
            **options,
        )
        self.settings = settings
        self.running: dict[int, RunningTask] = {}
        self.slot_time = SlotTime()
        self.cancelled = CancelledIds()
        self.finished = 0
        self.draining = False
        self.requeues_deliveries = False

    async def callback(self, message: bytes | AckableMessage, raise_err: bool = False) -> None:
        """Process one delivery."""
        if not isinstance(message, DeliveredMessage):
            await super().callback(message, raise_err)
            return
        delivery = cast("Delivery", message.delivery)
        if (
            self.requeues_deliveries
            and delivery.rejection is None
            and await self.broker.can_requeue(delivery)
        ):
            await delivery.requeue()
            return
        if delivery.acked or self._is_running(delivery):  # rejected while it waited for a slot
            return
        current_delivery.set(delivery)
        self.slot_time.enter()
        task_id = task_name = ""
        try:
            task_id, task_name = self._register(delivery)
            if reason := unusable_id(task_id):
                await self._drop(delivery, reason)
                return
            if self._may_be_finished(delivery) and await self._check_redelivery(delivery, task_id):
                return
            await self._run_or_reject(message, delivery, raise_err=raise_err)
        except Exception:
            logger.exception("%s %s: not executed, it will be redelivered", task_name, task_id)
        finally:
            self.running.pop(delivery.sequence, None)
            self.slot_time.leave()
            self.finished += 1
            delivery.finish()

    async def _run_or_reject(
        self, message: DeliveredMessage, delivery: Delivery, *, raise_err: bool
    ) -> None:
        """Run a task; reject it if its message makes that impossible."""
        try:
            await super().callback(message, raise_err)
        except Exception as error:
            if delivery.acked:
                raise
            logger.exception("%s cannot be run", delivery.task_id)
            delivery.rejection = UnreadableTaskError(describe_error(error, _MAX_REASON))
            try:
                await super().callback(message, raise_err)
            except Exception as second:  # noqa: BLE001 - the message must not come back forever
                reason = f"its failure cannot be recorded: {second!r}"
                await self._drop(delivery, without_secrets(reason, _MAX_REASON))

    async def _drop(self, delivery: Delivery, reason: str) -> None:
        """End a message for which no result can be stored."""
        delivery.dead_letter = reason
        self.broker.on_dead_letter(delivery)
        await delivery.ack()

    async def run_task(
        self,
        target: Callable[..., Any],
        message: TaskiqMessage,
        ack_controller: AckController | None = None,
    ) -> TaskiqResult[Any]:
        """Run a task function so that an interruption never prevents storing its result."""
        delivery = current_delivery.get()
        if delivery is None or delivery.rejection is not None:
            return await super().run_task(target, message, ack_controller)
        if message.task_name not in self.known_tasks:
            self._prepare_task(message.task_name, target)  # registered since the start
        try:
            self._converters[message.task_name].convert(message)
        except WrongArgumentsError as error:
            delivery.rejection = error
            return await super().run_task(raise_rejection, message, ack_controller)
        result = await super().run_task(interruptible(target, delivery), message, ack_controller)
        asyncio_task = asyncio.current_task()
        while asyncio_task is not None and asyncio_task.cancelling():
            asyncio_task.uncancel()  # the task function has ended; its result is still to be stored
        return result

    async def reject(self, delivery: Delivery, cancellation: Cancellation) -> None:
        """Store a cancelled result for a task without running it and without using a slot."""
        delivery.cancellation = cancellation
        delivery.rejection = cancellation.error()
        await asyncio.create_task(self.callback(as_message(delivery)), name="rejection")

    async def cancel(
        self,
        task_id: str,
        cancellation: Cancellation,
        timeout: float,  # noqa: ASYNC109 - no error
    ) -> Delivery | None:
        """Cancel a task pending or running in this process, and never start it later.

        Args:
            task_id: the task to cancel.
            cancellation: who requested it, and why.
            timeout: seconds to wait for the task to end.

        Returns:
            The delivery it was found in, or None. Its phase and error show the outcome.
        """
        self.cancelled.add(task_id, cancellation, time.monotonic())
        pending = self.broker.take_task(task_id)
        if pending is not None:
            await self.reject(pending, cancellation)
            return pending
        run = next((run for run in self.running.values() if run.task_id == task_id), None)
        if run is None:
            return None
        run.interrupt(cancellation)
        await asyncio.wait({run.asyncio_task}, timeout=timeout)
        return run.delivery

    async def cancel_all(self, cancellation: Cancellation) -> int:
        """Cancel all running and pending tasks, and return how many there were.

        The thread of a sync task runs until the process exits, but its result is stored as
        cancelled.
        """
        pending = self.broker.take_pending()
        pending += [d for s, d in self.broker.active.items() if s not in self.running]
        for delivery in pending:
            await self.reject(delivery, cancellation)
        unfinished = list(self.running.values())
        for run in unfinished:
            run.interrupt(cancellation)
        if unfinished:
            await asyncio.wait([run.asyncio_task for run in unfinished], timeout=_END_TIMEOUT_S)
        for delivery in (run.delivery for run in unfinished if not run.delivery.acked):
            substitute = SyntheticDelivery(delivery.data, delivery.attempt, delivery.queued_at)
            await self.reject(substitute, cancellation)
        return len(pending) + len(unfinished)

    async def requeue_unfinished(self) -> int:
        """Stop the running tasks that another worker accepts, requeue them, return their number.

        An async task is interrupted; the thread of a sync one ends with the process.
        """
        running = [run for run in self.running.values() if not run.delivery.requeued]
        accepted = await asyncio.gather(*(self.broker.can_requeue(run.delivery) for run in running))
        unfinished = [
            run
            for run, is_accepted in zip(running, accepted, strict=True)
            if is_accepted and not run.asyncio_task.done()
        ]
        for run in unfinished:
            run.delivery.requeued = True
            run.asyncio_task.cancel()
        if unfinished:
            await asyncio.wait([run.asyncio_task for run in unfinished], timeout=_END_TIMEOUT_S)
        for run in unfinished:
            await run.delivery.requeue()
        return len(unfinished)

    def _register(self, delivery: Delivery) -> tuple[str, str]:
        """Add a delivery to the running ones, and return the task's id and name."""
        task_id, sent_name = identify(delivery.data)
        task_name = self.broker.registered_name(sent_name)
        delivery.task_id = task_id
        cancellation = self.cancelled.get(task_id, time.monotonic())
        if cancellation is not None and delivery.rejection is None:
            delivery.cancellation = cancellation
            delivery.rejection = cancellation.error()
        asyncio_task = asyncio.current_task()
        if asyncio_task is not None:
            self.running[delivery.sequence] = RunningTask(
                task_id, task_name, time.time(), asyncio_task, delivery
            )
        return task_id, task_name

    def _is_running(self, delivery: Delivery) -> bool:
        run = self.running.get(delivery.sequence)
        return run is not None and run.delivery is delivery

    def _may_be_finished(self, delivery: Delivery) -> bool:
        """Return whether a result may exist already, so that it is worth a request to check."""
        since = self.broker.connected_at
        return delivery.attempt > 1 or delivery.queued_at < since + _MAX_CLOCK_SKEW_S

    async def _check_redelivery(self, delivery: Delivery, task_id: str) -> bool:
        """Acknowledge a finished task and return True; reject one delivered too often."""
        backend = self.broker.result_backend
        if (
            task_id
            and isinstance(backend, ObjectStoreResultBackend)
            and await backend.stored_since(task_id, delivery.queued_at)
        ):
            await delivery.ack()
            return True
        limit = self.settings.max_deliveries
        if (
            delivery.rejection is None
            and limit
            and delivery.attempt > max(limit, self._max_attempts(delivery))
        ):
            delivery.rejection = TooManyDeliveriesError(delivery.attempt)
        return False

    def _max_attempts(self, delivery: Delivery) -> int:
        try:
            message = self.broker.formatter.loads(delivery.data)
        except (ValueError, TypeError, RecursionError):
            return 1
        task = self.broker.get_all_tasks().get(message.task_name)
        return retry_policy(message.labels, task.labels if task else None).max_attempts

    def _prepare_task(self, name: str, handler: Any) -> None:
        """Prepare registered tasks only: unknown names must not accumulate."""
        if name in self.broker.get_all_tasks():
            super()._prepare_task(name, handler)
            self._converters[name] = ArgumentConverter(handler)
