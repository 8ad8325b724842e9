"""Tasks over core NATS, as `NatsBroker` sends them: for joining workers that already do.

This is ADR-004's broker, `NatsBroker(queue=…, connect_timeout=10, drain_timeout=30,
max_reconnect_attempts=-1)`, with what an orderly worker adds to it. The server keeps nothing: a
task belongs to the worker it was handed to, waits there for a slot, and is gone with a worker that
is killed, or at once if nobody listens. What can be saved is saved: a worker that stops or is
paused hands what waits in it to workers that surely take it, or finishes it itself.
"""

import asyncio
import collections
import contextlib
import itertools
import logging
import math
import time
from collections.abc import AsyncGenerator
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError
from taskiq import BrokerMessage
from taskiq_nats import NatsBroker

from pulse_desktop.protocol.task_message import UnreadableTaskError, decode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from workers.connection import OUTAGE_ERRORS, ConnectionLog, connect_options
from workers.core_delivery import CoreDelivery
from workers.delivery import DeliveredMessage, Delivery, as_message
from workers.settings import Settings
from workers.task_broker import TaskBroker, message_headers

logger = logging.getLogger("pulse.workers.core")

TAKERS: Final = "pulse.takers"
"""Heard by core workers while they take tasks: whoever hands tasks back asks here first."""
_ASK_LIMIT: Final = 1.0
_FLUSH_LIMIT: Final = 2


class CoreBroker(TaskBroker, NatsBroker):
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
                reconnected_cb=self._on_reconnected,
            ),
        )
        self.set_up(settings)
        self._numbers = itertools.count(1)
        self._backlog: collections.deque[CoreDelivery] = collections.deque()
        self._later: dict[int, tuple[asyncio.TimerHandle, CoreDelivery]] = {}
        self._changed = asyncio.Event()
        self._tasks_heard: Subscription | None = None
        self._takers_heard: Subscription | None = None
        self._stopping = False

    async def startup(self) -> None:
        """Connect, and as a worker join those who take tasks: from now on nothing is missed."""
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
        if self.is_worker_process and self._tasks_heard is None and not await self._taken_over():
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
    def waiting(self) -> int:
        """How many tasks wait in this process: for a slot, or for their next attempt."""
        return len(self._backlog) + len(self._later)

    async def pause(self) -> str:
        """Start no more tasks. What waits goes to workers that take it, else it waits here."""
        self.paused = True
        await self._stop_answering_takers()
        if await self._taken_over():
            await self._stop_hearing()
            await self._put_back_waiting()
            return ""
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
        await self._stop_answering_takers()
        await self._stop_hearing()
        if self.waiting and await self._taken_over():
            await self._put_back_waiting()
        elif self.waiting:
            logger.warning("nobody else surely takes tasks: finishing %d here", self.waiting)
        self._changed.set()

    async def can_give_back(self) -> bool:
        """Tell whether another worker of ours takes tasks.

        That somebody listens to the task subject proves nothing: it may be one who only watches.
        """
        return await self._taken_over()

    async def give_back_rest(self) -> int:
        """Send what still waits to whoever listens. Returns how many tasks that were."""
        return await self._put_back_waiting()

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
        """Send a task again, for another worker to run it."""
        if delivery.place in self.active:  # its time here counts as an attempt
            delivery = delivery.next_attempt(next(self._numbers))
        await self.client.publish(self.subject, delivery.data, headers=delivery.headers_to_send())
        await self.client.flush(_FLUSH_LIMIT)

    async def ask_again(self, delivery: CoreDelivery, delay: float) -> None:
        """Run a task once more after a while: here, or by whoever takes tasks when we stop."""
        again = delivery.next_attempt(next(self._numbers))
        again.not_before = time.time() + delay
        if self._tasks_heard is None and await self._taken_over():
            await self.put_back(again)
        else:
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
        if self._takers_heard is None and not self.paused:
            self._takers_heard = await self.client.subscribe(TAKERS, cb=self._answer_taker)

    async def _stop_hearing(self) -> None:
        """Leave the queue group, and return when all that was on its way to us is here."""
        heard, self._tasks_heard = self._tasks_heard, None
        await self._leave(heard)

    async def _stop_answering_takers(self) -> None:
        heard, self._takers_heard = self._takers_heard, None
        await self._leave(heard)

    async def _leave(self, heard: Subscription | None) -> None:
        if heard is not None and self.client.is_connected:
            with contextlib.suppress(*OUTAGE_ERRORS):
                async with asyncio.timeout(_FLUSH_LIMIT):
                    await heard.drain()  # type: ignore[no-untyped-call]

    async def _take(self, message: Msg) -> None:
        self._wait_here(self._delivery(message.data, message.headers or {}))

    async def _answer_taker(self, message: Msg) -> None:
        if message.reply:
            await message.respond(self.settings.identity.encode())

    async def _taken_over(self) -> bool:
        """Ask whether another worker takes tasks now."""
        if not self.client.is_connected:
            return False
        try:
            await self.client.request(TAKERS, b"", timeout=_ASK_LIMIT)
        except (NoRespondersError, *OUTAGE_ERRORS):
            return False
        return True

    async def _put_back_waiting(self) -> int:
        count = 0
        self._wait_no_longer()
        while self._backlog:
            delivery = self._backlog[0]
            try:
                await self.put_back(delivery)
            except OUTAGE_ERRORS as error:
                logger.warning("%d tasks not put back: %s", self.waiting, type(error).__name__)
                break
            self._backlog.popleft()
            count += 1
        if count:
            logger.info("%d waiting tasks put back for others", count)
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
