"""Retries that survive: the queue itself delivers the task again after a delay.

TaskIQ's own retries publish a second task and, on NATS, ignore the delay. Here a failed attempt
is answered with a delayed NAK, so that it outlives workers and servers, and nothing is stored
until the last attempt.

Labels of a task (set with the decorator, or by whoever enqueues it):

    max_attempts      how often it may be delivered; default 1, which means no retry
    retry_delay       seconds before the second attempt; default 1
    retry_backoff     factor for each further delay; default 2
    retry_max_delay   longest delay in seconds; default 300
    retry_on          exception names that are worth a retry, separated by commas; default: all
"""

import asyncio
import dataclasses
from typing import Any

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from pulse_workers.brokers.delivery import current_delivery
from pulse_workers.errors import WrongArgumentsError


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """What a task's labels ask for. Times are seconds."""

    max_attempts: int = 1
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 300.0
    on: tuple[str, ...] = ()

    def delay_after(self, attempt: int, error: BaseException) -> float | None:
        """Return how long to wait after a failed attempt, or None when it was the last."""
        if attempt >= self.max_attempts or isinstance(error, NoResultError | WrongArgumentsError):
            return None
        if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
            return None
        if self.on and not any(kind.__name__ in self.on for kind in type(error).__mro__):
            return None
        factor = self.backoff ** min(max(0, attempt - 1), 64)
        return min(self.max_delay, self.delay * factor)


def retry_policy(labels: dict[str, Any], defaults: dict[str, Any] | None = None) -> RetryPolicy:
    """Read a policy from labels; what cannot be read counts as not given."""
    merged = {**(defaults or {}), **labels}
    standard = RetryPolicy()
    return RetryPolicy(
        max_attempts=max(1, int(_number(merged.get("max_attempts"), standard.max_attempts))),
        delay=max(0.0, _number(merged.get("retry_delay"), standard.delay)),
        backoff=max(1.0, _number(merged.get("retry_backoff"), standard.backoff)),
        max_delay=max(0.0, _number(merged.get("retry_max_delay"), standard.max_delay)),
        on=tuple(n.strip() for n in str(merged.get("retry_on") or "").split(",") if n.strip()),
    )


class RetryMiddleware(TaskiqMiddleware):
    """Turns a failed attempt into "again later" where the labels allow it."""

    def policy_of(self, message: TaskiqMessage) -> RetryPolicy:
        """Return the policy of a task as enqueued, completed by its registered labels."""
        task = self.broker.get_all_tasks().get(message.task_name)
        return retry_policy(message.labels, task.labels if task is not None else None)

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Decide what becomes of the attempt."""
        delivery = current_delivery.get()
        if delivery is None:
            return
        delivery.error = exception
        if delivery.given_back:
            result.error = NoResultError()
            return
        if delivery.settled or delivery.refusal is not None:
            return
        if delivery.cancellation is not None:
            if delivery.stop_read or isinstance(exception, asyncio.CancelledError):
                delivery.error = result.error = delivery.cancellation.error()
            return  # what somebody cancelled is never tried again
        delay = self.policy_of(message).delay_after(delivery.attempt, exception)
        if delay is not None:
            delivery.retry_after = delay
            result.error = NoResultError()


def _number(value: object, default: float) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return default
    return number if number == number and abs(number) != float("inf") else default
