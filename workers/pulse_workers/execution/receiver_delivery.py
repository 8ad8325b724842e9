"""Delivery of a task run by TaskIQ's own receiver, not by the worker's."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from taskiq import TaskiqMessage, TaskiqResult

from pulse_desktop.protocol.task_message import RETRIES
from pulse_workers.execution.delivery import Delivery, SyntheticDelivery, current_delivery

RETRY_LABEL: Final = "retry_on_error"
"""Label by which TaskIQ's retry middlewares decide whether a failed task is sent again."""
_MAX_COUNT: Final = 1_000_000


class ReceiverDelivery(SyntheticDelivery):
    """Delivery of a task run by TaskIQ's own receiver, without a message to acknowledge.

    Attributes:
        message: the task message.
        outer: the current delivery when this one began, or None: TaskIQ may run a nested task
            inside the one that awaits it.
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

    def add_unfinished_callback(
        self, asyncio_task: asyncio.Task[Any], on_done: Callable[["ReceiverDelivery"], None]
    ) -> None:
        """Call a function if the asyncio task ends before `restore_outer` was called."""
        self._asyncio_task = asyncio_task
        self._on_done = lambda _: on_done(self)
        asyncio_task.add_done_callback(self._on_done)

    def processing_error(self) -> BaseException | None:
        """Return why the message was not processed to its end; None if no reason is known."""
        task = self._asyncio_task
        if task is None or not task.done():
            # The asyncio task also runs the outer delivery, which is still in progress.
            return None
        if task.cancelled():
            return asyncio.CancelledError("the worker has stopped")
        return task.exception()

    def restore_outer(self) -> None:
        """Detach the callback, and make the outer delivery the current one again."""
        if self._asyncio_task is not None and self._on_done is not None:
            self._asyncio_task.remove_done_callback(self._on_done)
        self.is_over = True
        current_delivery.set(self.outer)
        self.outer = None


def retry_count(message: TaskiqMessage) -> int:
    """Return how often TaskIQ's retry middleware has sent the task again."""
    return to_count(message.labels.get(RETRIES, 0))


def to_count(label: object) -> int:
    """Parse a label as a count from 0 to 1,000,000, 0 if invalid: labels are untrusted."""
    try:
        return max(0, min(int(label), _MAX_COUNT))  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0
