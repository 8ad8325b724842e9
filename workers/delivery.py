"""One delivery of a task: from being fetched to being answered for.

JetStream gives a task to another worker when it hears nothing for the ack wait. A delivery knows
whether it was answered, what the answer is to be (done, again later, given back), and how often
the task was handed out before.
"""

import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.msg import Msg
from taskiq import AckableMessage

from workers.connection import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.delivery")


class Delivery:
    """What is known of one delivered message.

    Attributes:
        attempt: how often the task has been delivered, this time included; at least 1.
        task_id: the task's id, empty until it is read.
        stream_sequence: the message's place in the task stream.
        queued_at: Unix seconds when the server stored the task.
        refusal: an error to fail the task with instead of running it, or None.
        error: what the task raised, or None.
        retry_after: seconds until the task is to be delivered again, or None for "no retry".
        given_back: the worker stops and somebody else shall run the task.
        settled: an answer was sent; the server does not wait any more.
        started_at: monotonic seconds when the task was started, 0 before.
        result_bytes: size of the stored result, 0 before.
    """

    def __init__(self, message: Msg, on_end: Callable[["Delivery"], None]) -> None:
        metadata = message.metadata
        self.attempt = max(1, metadata.num_delivered)
        self.task_id = ""
        self.stream_sequence = metadata.sequence.stream
        self.queued_at = metadata.timestamp.timestamp()
        self.refusal: Exception | None = None
        self.error: BaseException | None = None
        self.retry_after: float | None = None
        self.given_back = False
        self.settled = False
        self.started_at = 0.0
        self.result_bytes = 0
        self._message = message
        self._on_end = on_end

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

    async def settle(self) -> None:
        """Answer: done, or again later, or given back. TaskIQ calls this its ack."""
        if self.settled:
            return
        self.settled = True
        if self.given_back:
            await self._send(self._message.nak)
        elif self.retry_after is not None:
            delay = self.retry_after
            await self._send(lambda: self._message.nak(delay))
        else:
            await self._send(self._message.ack)

    async def give_back(self) -> None:
        """Hand the task back at once: another worker may start it now."""
        self.given_back = True
        await self.settle()
        self.end()

    def end(self) -> None:
        """Processing is over. What is not settled by now is delivered again after the ack wait."""
        self._on_end(self)

    async def _send(self, answer: Callable[[], Awaitable[None]]) -> None:
        try:
            await answer()
        except OUTAGE_ERRORS as error:
            # Not answered means delivered again: the result store recognises what is done.
            logger.warning("task %d not answered: %s", self.stream_sequence, error)


class DeliveredMessage(AckableMessage):
    """What TaskIQ's receiver is given: the bytes, their ack, and the delivery behind them."""

    delivery: Any


current_delivery: contextvars.ContextVar[Delivery | None] = contextvars.ContextVar(
    "current_delivery", default=None
)
"""The delivery that the running task belongs to."""
