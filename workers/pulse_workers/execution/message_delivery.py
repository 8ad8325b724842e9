"""Delivery of a task message by TaskIQ's own receiver."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from taskiq import TaskiqMessage, TaskiqResult

from pulse_desktop.protocol.task_message import RETRIES
from pulse_workers.execution.delivery import Delivery, SyntheticDelivery, current_delivery

RETRY_LABEL: Final = "retry_on_error"
"""Label by which TaskIQ's retry middlewares decide whether a failed task is sent again."""
_MAX_COUNT: Final = 1_000_000


class MessageDelivery(SyntheticDelivery):
    """A task message in the hands of TaskIQ's own receiver.

    Attributes:
        message: the task message.
        outer: the delivery in whose context this one is processed: a broker may run a task in
            place, while another one waits for it.
        result: the result, once the task has ended.
    """

    def __init__(self, message: TaskiqMessage, outer: Delivery | None) -> None:
        """Start without an outcome."""
        super().__init__(b"", retry_count(message) + 1, queued_at=0.0)
        self.message = message
        self.outer = outer
        self.result: TaskiqResult[Any] | None = None
        self.task_id = message.task_id
        self.result_bytes = None  # other result backends do not report it
        self._asyncio_task: asyncio.Task[Any] | None = None
        self._on_done: Callable[[asyncio.Task[Any]], None] | None = None

    def disable_retries(self) -> None:
        """Keep TaskIQ's retry middlewares from sending a cancelled task again."""
        self.message.labels[RETRY_LABEL] = False

    def watch(
        self, asyncio_task: asyncio.Task[Any], on_done: Callable[["MessageDelivery"], None]
    ) -> None:
        """Call a function if the asyncio task that processes the message ends before `leave`."""
        self._asyncio_task = asyncio_task
        self._on_done = lambda _: on_done(self)
        asyncio_task.add_done_callback(self._on_done)

    def processing_error(self) -> BaseException | None:
        """Return why the message was not processed to its end; None if no reason is known."""
        task = self._asyncio_task
        if task is None or not task.done():  # it processes the outer delivery, which goes on
            return None
        if task.cancelled():
            return asyncio.CancelledError("the worker has stopped")
        return task.exception()

    def leave(self) -> None:
        """End processing, and make the outer delivery the current one again."""
        if self._asyncio_task is not None and self._on_done is not None:
            self._asyncio_task.remove_done_callback(self._on_done)
        current_delivery.set(self.outer)
        self.outer = None


def retry_count(message: TaskiqMessage) -> int:
    """Return how often TaskIQ's retry middleware has sent the task again."""
    return count_of(message.labels.get(RETRIES, 0))


def count_of(label: object) -> int:
    """Return the number in a label, 0 if it is none: senders choose the labels."""
    try:
        return max(0, min(int(label), _MAX_COUNT))  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0
