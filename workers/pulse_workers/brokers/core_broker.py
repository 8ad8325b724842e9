"""Tasks over core NATS, as `NatsBroker` sends them: for joining workers that already do.

This is ADR-004's broker, `NatsBroker(queue=…, connect_timeout=10, drain_timeout=30,
max_reconnect_attempts=-1)`, with what an orderly worker adds to it. The server keeps nothing: a
task belongs to the worker it was handed to, waits there for a slot, and is gone with a worker that
is killed, or at once if nobody listens. What can be saved is saved: a worker that stops or is
paused hands what waits in it to workers that surely take it, or finishes it itself.
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
from pulse_desktop.protocol.task_message import UnreadableTaskError, decode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_workers.brokers.base_broker import BaseBroker, message_headers
from pulse_workers.brokers.core_delivery import CoreDelivery
from pulse_workers.brokers.delivery import DeliveredMessage, Delivery, as_message
from pulse_workers.brokers.handoff import PeerGroup, drained
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import ConnectionLog, connect_options, connecting

logger = logging.getLogger("pulse.workers.core")

_AT_ONCE: Final = 100
_FLUSH_LIMIT: Final = 2


class CoreBroker(BaseBroker, NatsBroker):
    """Sends tasks on the task subject, and takes its share of them as one of a queue group."""

    kind = "core"
    keeps_tasks = False

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
        self.set_up(settings)
        self._numbers = itertools.count(1)
        self._backlog: collections.deque[CoreDelivery] = collections.deque()
        self._later: dict[int, tuple[asyncio.TimerHandle, CoreDelivery]] = {}
        self._changed = asyncio.Event()
        self._tasks_heard: Subscription | None = None
        self._takers = PeerGroup(self.client, self._take_over)
        self._stopping = False

    async def startup(self) -> None:
        """Connect, and as a worker join those who take tasks: from now on nothing is missed.

        Raises:
            CannotConnectError: no connection in time.
        """
        async with connecting(self.settings, self._log):
            await super().startup()
        self.connected_at = time.time()
        if self.is_worker_process:
            await self._start_hearing()
            await self.client.flush(_FLUSH_LIMIT)

    async def kick(self, message: BrokerMessage) -> None:
        """Send a task to whoever listens; while nobody surely does, keep it for ourselves.

        A worker that stops still runs tasks, and they may enqueue others.
        """
        headers = message_headers(message.labels)
        if (
            self.is_worker_process
            and self._tasks_heard is None
            and not await self._takers.anybody()
        ):
            self._wait_here(self._delivery(message.message, headers))
            return
        await self.client.publish(self.subject, payload=message.message, headers=headers)

    async def listen(  # type: ignore[override] # a receiver takes both
        self,
    ) -> AsyncGenerator[DeliveredMessage, None]:
        """Yield tasks as slots become free, until stopped and nothing waits any more."""
        while True:
            while self._backlog and not self._holds:
                delivery = self._backlog.popleft()
                self.active[delivery.place] = delivery
                yield as_message(delivery)
            if self._stopping and not self._backlog and not self._later:
                return
            self._changed.clear()
            await self._changed.wait()

    @property
    def _takes_by(self) -> PermissionViolation:
        return PermissionViolation("subscribe", self.subject)

    @property
    def waiting(self) -> int:
        """How many tasks wait in this process: for a slot, or for their next attempt."""
        return len(self._backlog) + len(self._later)

    async def pause(self) -> str:
        """Start no more tasks. What waits goes to workers that take it, else it waits here."""
        self.paused = True
        await self._takers.leave()
        if await self._takers.anybody():
            await self._stop_hearing()
            await self._hand_over_waiting()
            if not self.waiting:
                return ""
            if not self._stopping:
                await self._start_hearing()
        return "no other worker takes tasks: those that come wait in this one"

    async def resume(self) -> None:
        """Take tasks and start them again."""
        self.paused = False
        if not self._stopping:
            await self._start_hearing()
        self._changed.set()

    async def stop_fetching(self) -> None:
        """Take no more tasks. What waits goes to workers that take it, else it is finished here."""
        self._stopping = True
        await self._takers.leave()
        await self._stop_hearing()
        await self._hand_over_waiting()
        if self.waiting:
            logger.warning("nobody else surely takes tasks: finishing %d here", self.waiting)
        self._changed.set()

    async def can_give_back(self) -> bool:
        """Tell whether another worker of ours takes tasks."""
        return await self._takers.anybody()

    async def give_back_rest(self) -> int:
        """Hand over what still waits. Returns how many tasks that were."""
        return await self._hand_over_waiting()

    def take_rest(self) -> list[Delivery]:
        """Return all tasks that wait here; they are now the caller's."""
        self._wait_no_longer()
        rest: list[Delivery] = list(self._backlog)
        self._backlog.clear()
        return rest

    def take_out(self, task_id: str) -> Delivery | None:
        """Return a task that waits here for a slot or its next attempt, or None."""
        for delivery in self._backlog:
            if _id_of(delivery) == task_id:
                self._backlog.remove(delivery)
                return delivery
        for place, (timer, delivery) in self._later.items():
            if _id_of(delivery) == task_id:
                timer.cancel()
                del self._later[place]
                return delivery
        return None

    async def put_back(self, delivery: CoreDelivery) -> None:
        """Have another worker run a task once more: it was begun here and cannot be finished."""
        again = delivery.next_attempt(next(self._numbers))
        if not await self._takers.hand_over(again):
            logger.warning("%s sent to whoever listens", delivery.task_id)
            await self.client.publish(self.subject, again.data, headers=again.headers_to_send())
            await self.client.flush(_FLUSH_LIMIT)

    async def ask_again(self, delivery: CoreDelivery, delay: float) -> None:
        """Run a task once more after a while: here, or by whoever takes tasks when we stop."""
        again = delivery.next_attempt(next(self._numbers))
        again.not_before = time.time() + delay
        if self._tasks_heard is not None or not await self._takers.hand_over(again):
            self._wait_here(again)

    @property
    def _holds(self) -> bool:
        return self.paused and not self._stopping

    async def _start_hearing(self) -> None:
        if self._tasks_heard is None:
            self._tasks_heard = await self.client.subscribe(
                self.subject,
                queue=self.queue or "",
                cb=self._take,
                pending_msgs_limit=-1,  # what is over a limit would be thrown away unseen
                pending_bytes_limit=-1,
            )
        if not self.paused:
            await self._takers.join()

    async def _stop_hearing(self) -> None:
        """Leave the queue group, and return when all that was on its way to us is here."""
        heard, self._tasks_heard = self._tasks_heard, None
        await drained(self.client, heard)

    async def _take(self, message: Msg) -> None:
        self._wait_here(self._delivery(message.data, message.headers or {}))

    def _take_over(self, data: bytes, headers: dict[str, str]) -> bool:
        takes = not self.paused and not self._stopping
        if takes and data:
            self._wait_here(self._delivery(data, headers))
        return takes

    async def _hand_over_waiting(self) -> int:
        """Hand over what waits here, until nobody takes any more. Returns how many were taken."""
        self._wait_no_longer()
        kept: list[CoreDelivery] = []
        count = 0
        while self._backlog and not kept:
            batch = [self._backlog.popleft() for _ in range(min(_AT_ONCE, len(self._backlog)))]
            taken = await asyncio.gather(*(self._takers.hand_over(delivery) for delivery in batch))
            kept = [one for one, is_taken in zip(batch, taken, strict=True) if not is_taken]
            count += len(batch) - len(kept)
        kept += self._backlog
        self._backlog.clear()
        for delivery in kept:
            self._wait_here(delivery)
        if count:
            logger.info("%d waiting tasks handed over", count)
        return count

    def _wait_no_longer(self) -> None:
        """Let what waits for its next attempt join the backlog."""
        while self._later:
            _, (timer, delivery) = self._later.popitem()
            timer.cancel()
            self._backlog.append(delivery)

    def _delivery(self, data: bytes, headers: dict[str, str]) -> CoreDelivery:
        return CoreDelivery(self, next(self._numbers), data, headers, time.time())

    def _wait_here(self, delivery: CoreDelivery) -> None:
        delay = delivery.not_before - time.time()
        if delay > 0:
            timer = asyncio.get_running_loop().call_later(delay, self._due, delivery.place)
            self._later[delivery.place] = (timer, delivery)
        else:
            self._backlog.append(delivery)
            self._changed.set()

    def _due(self, place: int) -> None:
        _, delivery = self._later.pop(place)
        self._backlog.append(delivery)
        self._changed.set()

    def end(self, delivery: Delivery) -> None:
        """Note that a delivery is done with."""
        self.active.pop(delivery.place, None)

    async def _on_reconnected(self) -> None:
        await self._log.on_reconnected()
        self.connected_at = time.time()


def _id_of(delivery: CoreDelivery) -> str:
    try:
        return decode_task(delivery.data).task_id
    except UnreadableTaskError:
        return ""
