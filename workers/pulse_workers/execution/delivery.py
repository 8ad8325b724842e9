"""One delivery of a task message, from fetching to acknowledgement.

JetStream redelivers a task that is not acknowledged within the ack wait; core NATS forgets it the
moment it is delivered. Either way a delivery knows whether it was acknowledged, how (done, retry
later, requeued), and how often the task was delivered before.
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

from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.execution.cancellation import Cancellation
from pulse_workers.execution.task_log import TaskLog

logger = logging.getLogger("pulse.workers.delivery")


class Phase(enum.Enum):
    """Progress of a delivery through the worker."""

    PENDING = "before the task function"
    RUNNING = "in the task function"
    FINISHING = "after the task function"


class Delivery(abc.ABC):
    """One delivered task message.

    Attributes:
        sequence: identifies the delivery within its broker. For JetStream, the message's sequence
            in the task stream.
        attempt: how often the task has been delivered, this time included; at least 1.
        task_id: the task's id, empty until the message is decoded.
        queued_at: Unix seconds when the task was enqueued, as far as that is known; 0 if unknown.
        rejection: an error to fail the task with instead of running it, or None.
        cancellation: the request to cancel the task, or None.
        phase: progress of the delivery.
        is_sync: the task runs in a thread.
        stop_observed: the task has seen the request to stop and is ending because of it.
        interruptions: how often the asyncio task that runs it was cancelled for that.
        function: the task's function, None where the receiver wraps it for each delivery.
        log: the log lines of this attempt, None while they are not collected.
        error: what the task raised, or None.
        retry_after: seconds until the task is to be delivered again, or None for no retry.
        resent: the next attempt was sent as a message of its own.
        requeued: the worker stops and another worker is to run the task.
        dead_letter: why no result can be stored, so that the message must not be delivered again;
            empty otherwise.
        acked: a response was sent; the server no longer waits for one.
        is_over: its processing has ended. What a task has left running is no part of it any more.
        started_at: monotonic seconds when the task was started, 0 before.
        result_bytes: size of the stored result, 0 before; None if the backend does not report it.
    """

    def __init__(
        self, sequence: int, attempt: int, queued_at: float, on_finish: Callable[["Delivery"], None]
    ) -> None:
        self.sequence = sequence
        self.attempt = max(1, attempt)
        self.task_id = ""
        self.queued_at = queued_at
        self.rejection: BaseException | None = None
        self.cancellation: Cancellation | None = None
        self.phase = Phase.PENDING
        self.is_sync = False
        self.stop_observed = False
        self.interruptions = 0
        self.function: Callable[..., Any] | None = None
        self.log: TaskLog | None = None
        self.error: BaseException | None = None
        self.retry_after: float | None = None
        self.resent = False
        self.requeued = False
        self.dead_letter = ""
        self.acked = False
        self.is_over = False
        self.started_at = 0.0
        self.result_bytes: int | None = 0
        self._on_finish = on_finish

    @property
    @abc.abstractmethod
    def data(self) -> bytes:
        """The task message."""

    async def ack(self) -> None:
        """Acknowledge the message: done, retry later, or requeued. TaskIQ calls this its ack."""
        if self.acked:
            return
        self.acked = True
        try:
            if self.dead_letter:
                await self._terminate(self.dead_letter)
            elif self.requeued:
                await self._requeue()
            elif self.retry_after is not None:
                await self._retry(self.retry_after)
            else:
                await self._complete()
        except OUTAGE_ERRORS as error:
            # The task will be delivered again; its stored result shows that it is done.
            logger.warning("task %d not acknowledged: %s", self.sequence, error)

    async def requeue(self) -> None:
        """Return the task to the queue at once: another worker may start it now."""
        self.requeued = True
        await self.ack()
        self.finish()

    def finish(self) -> None:
        """End processing. A task that is not acknowledged is redelivered after the ack wait."""
        self.is_over = True
        self._on_finish(self)

    @abc.abstractmethod
    async def _complete(self) -> None: ...

    async def _terminate(self, reason: str) -> None:  # noqa: ARG002 - for servers that keep it
        """End delivery for good; where the server stores messages it publishes an advisory."""
        await self._complete()

    @abc.abstractmethod
    async def _retry(self, delay: float) -> None: ...

    @abc.abstractmethod
    async def _requeue(self) -> None: ...


class StreamDelivery(Delivery):
    """A delivery from the task stream: the server waits for its acknowledgement."""

    def __init__(self, message: Msg, on_finish: Callable[[Delivery], None]) -> None:
        metadata = message.metadata
        super().__init__(
            metadata.sequence.stream,
            metadata.num_delivered,
            metadata.timestamp.timestamp(),
            on_finish,
        )
        self._message = message

    @property
    def data(self) -> bytes:
        """The task message."""
        return self._message.data

    def replace_message(self, message: Msg) -> None:
        """Acknowledge a redelivery of the same task in place of the first delivery."""
        self._message = message

    async def keep_alive(self) -> None:
        """Reset the ack wait: the task is still in progress."""
        if not self.acked:
            await self._message.in_progress()

    async def _complete(self) -> None:
        await self._message.ack()

    async def _terminate(self, reason: str) -> None:
        await self._message.respond(b"+TERM " + reason.encode("ascii", "replace"))

    async def _retry(self, delay: float) -> None:
        await self._message.nak(delay)

    async def _requeue(self) -> None:
        await self._message.nak()


class SyntheticDelivery(Delivery):
    """A delivery without a message on the server: acknowledging it does nothing."""

    def __init__(self, data: bytes, attempt: int, queued_at: float) -> None:
        super().__init__(-next(_synthetic_numbers), attempt, queued_at, lambda _: None)
        self._data = data

    @property
    def data(self) -> bytes:
        """The task message."""
        return self._data

    async def _complete(self) -> None: ...

    async def _retry(self, delay: float) -> None: ...

    async def _requeue(self) -> None: ...


_synthetic_numbers = itertools.count(1)


class DeliveredMessage(AckableMessage):
    """TaskIQ's view of a delivery: the bytes, their ack, and the delivery itself."""

    delivery: Any


def as_message(delivery: Delivery) -> DeliveredMessage:
    """Return the delivery in the form TaskIQ's receiver takes."""
    ack: Callable[[], Awaitable[None]] = delivery.ack
    return DeliveredMessage(data=delivery.data, ack=ack, delivery=delivery)


current_delivery: contextvars.ContextVar[Delivery | None] = contextvars.ContextVar(
    "current_delivery", default=None
)
"""The delivery that the running task belongs to."""
