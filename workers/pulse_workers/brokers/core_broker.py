"""Task queue over core NATS, compatible with taskiq-nats' `NatsBroker`.

This is ADR-004's broker, `NatsBroker(queue=…, connect_timeout=10, drain_timeout=30,
max_reconnect_attempts=-1)`, for joining workers that already use it. The server stores nothing: a
task belongs to the worker it was delivered to, waits there for a slot, and is lost when that
worker is killed, or at once when no worker is subscribed. A worker that stops or is paused hands
its pending tasks off to workers that confirm them, or finishes them itself.
"""

import asyncio
import collections
import itertools
import logging
import math
import time
from collections.abc import AsyncGenerator
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from taskiq import BrokerMessage
from taskiq_nats import NatsBroker

from pulse_desktop.nats_client.permission_violations import PermissionViolation
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_workers.brokers.base_broker import BaseBroker, message_headers
from pulse_workers.brokers.core_delivery import CoreDelivery
from pulse_workers.brokers.handoff import TASK_NAME, PeerGroup, drain
from pulse_workers.brokers.task_names import ObservedWorker
from pulse_workers.brokers.unknown_tasks import MAX_HOPS, publish_again, task_name_of
from pulse_workers.config.settings import Settings
from pulse_workers.execution.delivery import DeliveredMessage, Delivery, as_message
from pulse_workers.runtime.connection import ConnectionLog, connect_options, limit_connect_time

logger = logging.getLogger("pulse.workers.core")

_HANDOFF_BATCH: Final = 100
_FLUSH_TIMEOUT_S: Final = 2


class CoreBroker(BaseBroker, NatsBroker):
    """Publishes tasks on the task subject, and receives its share of them in a queue group."""

    kind = "core"
    persists_tasks = False
    unknown_task_effect = (
        f"It is published again for another worker of the queue group, at most {MAX_HOPS} times, "
        "and then fails with UnknownTaskNameError"
    )

    def __init__(self, settings: Settings) -> None:
        self._log = ConnectionLog("tasks")
        super().__init__(
            settings.servers,
            subject=TASK_SUBJECT,
            queue=settings.queue_group,
            **connect_options(
                settings,
                "tasks",
                self._log,
                connect_timeout=math.ceil(settings.connect_timeout),
                drain_timeout=math.ceil(settings.drain_timeout) or 1,
                max_reconnect_attempts=-1,
                error_cb=self.on_error,
                reconnected_cb=self._on_reconnected,
            ),
        )
        self.configure(settings)
        self._sequence = itertools.count(1)
        self._backlog: collections.deque[CoreDelivery] = collections.deque()
        self._delayed: dict[int, tuple[asyncio.TimerHandle, CoreDelivery]] = {}
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None
        self._peers = PeerGroup(self.client, self._accept)
        self._stopping = False
        self._drained = asyncio.Event()

    async def startup(self) -> None:
        """Connect, and as a worker subscribe to tasks.

        Raises:
            ConnectionFailedError: no connection in time.
        """
        async with limit_connect_time(self.settings, self._log):
            await super().startup()
        self.connected_at = time.time()
        await self.observe_heartbeats()
        if self.is_worker_process:
            await self._subscribe()
            await self.client.flush(_FLUSH_TIMEOUT_S)

    async def kick(self, message: BrokerMessage) -> None:
        """Publish a task; keep it in this process while no worker is certain to receive it.

        A worker that is stopping still runs tasks, and they may enqueue others.
        """
        headers = message_headers(message.labels)
        if (
            self.is_worker_process
            and self._subscription is None
            and not await self._peers.has_peers(task_name_of(message.message) or "")
        ):
            self._enqueue(self._delivery(message.message, headers))
            return
        await self.client.publish(self.subject, payload=message.message, headers=headers)

    async def listen(  # type: ignore[override] # a receiver takes both
        self,
    ) -> AsyncGenerator[DeliveredMessage, None]:
        """Yield tasks as slots become free, until stopped and no task is pending."""
        while True:
            while self._backlog and not self._on_hold:
                delivery = self._backlog.popleft()
                self.active[delivery.sequence] = delivery
                yield as_message(delivery)
            # A task in progress may still enqueue another one or its own next attempt.
            if self._stopping and not self.pending and not self.active:
                self._drained.set()
                return
            self._changed.clear()
            await self._changed.wait()

    @property
    def _pull_violation(self) -> PermissionViolation:
        return PermissionViolation("subscribe", self.subject)

    @property
    def pending(self) -> int:
        """Number of tasks in this process that wait for a slot or for their next attempt."""
        return len(self._backlog) + len(self._delayed)

    async def pause(self) -> str:
        """Start no more tasks. Pending ones are handed off, or wait here if no worker accepts."""
        self.paused = True
        await self._peers.leave()
        if await self._peers.has_peers():
            await self._unsubscribe()
            await self._hand_off_pending()
            if not self.pending:
                return ""
            if not self._stopping:
                await self._subscribe()
        return "no other worker takes tasks: new tasks wait in this one"

    async def resume(self) -> None:
        """Receive and start tasks again."""
        self.paused = False
        if not self._stopping:
            await self._subscribe()
        self._changed.set()

    async def stop_consuming(self) -> None:
        """Stop consuming. Pending tasks are handed off, or finished here if no worker accepts."""
        self._stopping = True
        await asyncio.gather(self._peers.leave(), self._unsubscribe())
        await self._hand_off_pending()
        if self.pending:
            logger.warning(
                "no other worker is certain to take the tasks: finishing %d here", self.pending
            )
        self._changed.set()

    async def has_workers(self) -> bool:
        """Return whether another worker accepts tasks."""
        return await self._peers.has_peers()

    async def can_requeue(self, delivery: Delivery) -> bool:
        """Return whether another worker has the task and accepts it."""
        return await self._peers.has_peers(task_name_of(delivery.data) or "")

    async def requeue_pending(self) -> int:
        """Hand off the pending tasks that peers accept, and return how many these were."""
        return await self._hand_off_pending()

    async def wait_until_drained(self) -> None:
        """Wait, after `stop_consuming`, until no task is pending or in progress here."""
        await self._drained.wait()

    def take_pending(self) -> list[Delivery]:
        """Remove and return all pending tasks."""
        self._flush_delayed()
        pending: list[Delivery] = list(self._backlog)
        self._backlog.clear()
        return pending

    def take_task(self, task_id: str) -> Delivery | None:
        """Remove and return a task that waits for a slot or its next attempt, or None."""
        for delivery in self._backlog:
            if _task_id(delivery) == task_id:
                self._backlog.remove(delivery)
                return delivery
        for sequence, (timer, delivery) in self._delayed.items():
            if _task_id(delivery) == task_id:
                timer.cancel()
                del self._delayed[sequence]
                return delivery
        return None

    def finish(self, delivery: Delivery) -> None:
        """Remove a delivery from those in progress."""
        self.active.pop(delivery.sequence, None)
        self._changed.set()

    async def requeue(self, delivery: CoreDelivery) -> None:
        """Have another worker run a task again; run it here when none accepts it after all."""
        retry = delivery.next_attempt(next(self._sequence))
        if not await self._peers.hand_off(retry):
            logger.warning("%s is run again here: no worker accepted it", delivery.task_id)
            self._enqueue(retry)

    async def retry_later(self, delivery: CoreDelivery, delay: float) -> None:
        """Run a task again after `delay` seconds: here, or on a peer when this worker stops."""
        retry = delivery.next_attempt(next(self._sequence))
        retry.not_before = time.time() + delay
        if self._subscription is not None or not await self._peers.hand_off(retry):
            self._enqueue(retry)

    @property
    def _on_hold(self) -> bool:
        return self.paused and not self._stopping

    async def _subscribe(self) -> None:
        if self._subscription is None:
            self._subscription = await self.client.subscribe(
                self.subject,
                queue=self.queue or "",
                cb=self._receive,
                pending_msgs_limit=-1,  # the client drops messages over a limit
                pending_bytes_limit=-1,
            )
        if not self.paused:
            await self._peers.join()

    async def _unsubscribe(self) -> None:
        """Leave the queue group, and return when all tasks in flight have been received."""
        subscription, self._subscription = self._subscription, None
        await drain(self.client, subscription)

    async def _receive(self, message: Msg) -> None:
        delivery = self._delivery(message.data, message.headers or {})
        if not await self._give_away(delivery):
            self._enqueue(delivery)

    async def _give_away(self, delivery: CoreDelivery) -> bool:
        """Publish a task that is unknown here again; False if it is to be processed here.

        The server delivers it to a random member of the queue group, perhaps to this worker again.
        """
        name = self._unknown_name(delivery.data)
        if name is None or delivery.hops >= MAX_HOPS or self._stopping:
            return False
        self.unknown.offer(name)
        return await publish_again(self.client, self.subject, delivery)

    def _unknown_name(self, data: bytes) -> str | None:
        """Return the name of a task that this worker does not have; None for all others."""
        name = task_name_of(data)
        return None if self._has(name) else name

    def _has(self, name: str | None) -> bool:
        """Return whether a task can be processed here; without a name it is failed, by anyone."""
        return name is None or self.registered_name(name) in self.get_all_tasks()

    def _shares_queue(self, worker: ObservedWorker) -> bool:
        return super()._shares_queue(worker) and worker.queue_group == self.queue

    def _accept(self, data: bytes, headers: dict[str, str]) -> bool:
        name = task_name_of(data) if data else headers.get(TASK_NAME)
        accepts = not self.paused and not self._stopping and self._has(name)
        if accepts and data:
            self._enqueue(self._delivery(data, headers))
        return accepts

    async def _hand_off_pending(self) -> int:
        """Hand off the pending tasks that peers accept, and return how many these were."""
        self._flush_delayed()
        kept: list[CoreDelivery] = []
        count = 0
        while self._backlog:
            size = min(_HANDOFF_BATCH, len(self._backlog))
            batch = [self._backlog.popleft() for _ in range(size)]
            accepted = await asyncio.gather(*(self._peers.hand_off(one) for one in batch))
            declined = [
                one for one, is_accepted in zip(batch, accepted, strict=True) if not is_accepted
            ]
            kept += declined
            count += len(batch) - len(declined)
        for delivery in kept:
            self._enqueue(delivery)
        if count:
            logger.info("%d pending tasks handed off", count)
        return count

    def _flush_delayed(self) -> None:
        """Move delayed retries into the backlog."""
        while self._delayed:
            _, (timer, delivery) = self._delayed.popitem()
            timer.cancel()
            self._backlog.append(delivery)

    def _delivery(self, data: bytes, headers: dict[str, str]) -> CoreDelivery:
        return CoreDelivery(self, next(self._sequence), data, headers, time.time())

    def _enqueue(self, delivery: CoreDelivery) -> None:
        delay = delivery.not_before - time.time()
        if delay > 0:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(delay, self._on_delay_over, delivery.sequence)
            self._delayed[delivery.sequence] = (timer, delivery)
        else:
            self._backlog.append(delivery)
            self._changed.set()

    def _on_delay_over(self, sequence: int) -> None:
        _, delivery = self._delayed.pop(sequence)
        self._backlog.append(delivery)
        self._changed.set()

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self.connected_at = time.time()


def _task_id(delivery: CoreDelivery) -> str:
    try:
        return decode_task(delivery.data).task_id
    except MalformedTaskError:
        return ""
