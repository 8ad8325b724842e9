"""One delivery of a task: from being fetched to being answered for.

JetStream gives a task to another worker when it hears nothing for the ack wait; core NATS has
forgotten the task the moment it handed it over. Either way a delivery knows whether it was
answered, what the answer is to be (done, again later, given back), and how often the task was
handed out before.
"""

import abc
import contextvars
import enum
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.msg import Msg
from taskiq import AckableMessage

from pulse_workers.control.cancellation import Cancellation
from pulse_workers.runtime.connection import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.delivery")


class Phase(enum.Enum):
    """How far a delivery has come."""

    WAITING = "before the task's own code"
    RUNNING = "in it"
    ENDING = "after it"


class Delivery(abc.ABC):
    """What is known of one delivered message.

    Attributes:
        place: its number among the deliveries of this broker: for JetStream, where the message
            stands in the task stream.
        attempt: how often the task has been delivered, this time included; at least 1.
        task_id: the task's id, empty until it is read.
        queued_at: Unix seconds when the task was enqueued, as far as that is known.
        refusal: an error to fail the task with instead of running it, or None.
        cancellation: who does not want the task any more, or None.
        phase: how far it has come.
        is_sync: the task runs in a thread.
        stop_read: the task has read that it is to stop, and so far goes its way to its end.
        error: what the task raised, or None.
        retry_after: seconds until the task is to be delivered again, or None for "no retry".
        given_back: the worker stops and somebody else shall run the task.
        settled: an answer was sent; the server does not wait any more.
        started_at: monotonic seconds when the task was started, 0 before.
        result_bytes: size of the stored result, 0 before.
    """

    def __init__(
        self, place: int, attempt: int, queued_at: float, on_end: Callable[["Delivery"], None]
    ) -> None:
        self.place = place
        self.attempt = max(1, attempt)
        self.task_id = ""
        self.queued_at = queued_at
        self.refusal: BaseException | None = None
        self.cancellation: Cancellation | None = None
        self.phase = Phase.WAITING
        self.is_sync = False
        self.stop_read = False
        self.error: BaseException | None = None
        self.retry_after: float | None = None
        self.given_back = False
        self.settled = False
        self.started_at = 0.0
        self.result_bytes = 0
        self._on_end = on_end

    @property
    @abc.abstractmethod
    def data(self) -> bytes:
        """The task message."""

    async def settle(self) -> None:
        """Answer: done, or again later, or given back. TaskIQ calls this its ack."""
        if self.settled:
            return
        self.settled = True
        try:
            if self.given_back:
                await self._hand_back()
            elif self.retry_after is not None:
                await self._ask_again(self.retry_after)
            else:
                await self._confirm()
        except OUTAGE_ERRORS as error:
            # Not answered means delivered again: the result store recognises what is done.
            logger.warning("task %d not answered: %s", self.place, error)

    async def give_back(self) -> None:
        """Hand the task back at once: another worker may start it now."""
        self.given_back = True
        await self.settle()
        self.end()

    def end(self) -> None:
        """Processing is over. What is not settled by now is delivered again after the ack wait."""
        self._on_end(self)

    @abc.abstractmethod
    async def _confirm(self) -> None: ...

    @abc.abstractmethod
    async def _ask_again(self, delay: float) -> None: ...

    @abc.abstractmethod
    async def _hand_back(self) -> None: ...


class StreamDelivery(Delivery):
    """A delivery out of the task stream: the server waits for its answer."""

    def __init__(self, message: Msg, on_end: Callable[[Delivery], None]) -> None:
        metadata = message.metadata
        super().__init__(
            metadata.sequence.stream,
            metadata.num_delivered,
            metadata.timestamp.timestamp(),
            on_end,
        )
        self._message = message

    @property
    def data(self) -> bytes:
        """The task message."""
        return self._message.data

    def renew(self, message: Msg) -> None:
        """Answer a repeated delivery of the same task in place of the first one."""
        self._message = message

    async def keep_alive(self) -> None:
        """Tell the server that the task is still being worked on."""
        if not self.settled:
            await self._message.in_progress()

    async def _confirm(self) -> None:
        await self._message.ack()

    async def _ask_again(self, delay: float) -> None:
        await self._message.nak(delay)

    async def _hand_back(self) -> None:
        await self._message.nak()


class SyntheticDelivery(Delivery):
    """A task that is only answered for: nobody waits to hear what became of its delivery."""

    def __init__(self, data: bytes, attempt: int, queued_at: float) -> None:
        super().__init__(-next(_unrun), attempt, queued_at, lambda _: None)
        self._data = data

    @property
    def data(self) -> bytes:
        """The task message."""
        return self._data

    async def _confirm(self) -> None: ...

    async def _ask_again(self, delay: float) -> None: ...

    async def _hand_back(self) -> None: ...


_unrun = itertools.count(1)


class DeliveredMessage(AckableMessage):
    """What TaskIQ's receiver is given: the bytes, their ack, and the delivery behind them."""

    delivery: Any


def as_message(delivery: Delivery) -> DeliveredMessage:
    """Return the delivery as TaskIQ's receiver takes it."""
    ack: Callable[[], Awaitable[None]] = delivery.settle
    return DeliveredMessage(data=delivery.data, ack=ack, delivery=delivery)


current_delivery: contextvars.ContextVar[Delivery | None] = contextvars.ContextVar(
    "current_delivery", default=None
)
"""The delivery that the running task belongs to."""
