"""Retries by delayed redelivery of the same message.

TaskIQ's own retries publish a second task and, on NATS, ignore the delay. Here a failed attempt
is answered with a delayed NAK, so a retry survives restarts of workers and servers, and no result
is stored before the last attempt.

Labels of a task (set with the decorator, or by the sender):

    max_attempts      how often it may be delivered; default 1, which means no retry
    retry_delay       seconds before the second attempt; default 1
    retry_backoff     factor for each further delay; default 2
    retry_max_delay   longest delay in seconds; default 300, at most a day
    retry_on          exception names that are retried, separated by commas; default: all
"""

import asyncio
import dataclasses
import math
from typing import Any, Final

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from pulse_workers.errors import WrongArgumentsError
from pulse_workers.execution.delivery import current_delivery

MAX_DELAY: Final = 86_400.0
"""Seconds. A sender's longer delay would keep the task forever, or is too large for the server."""
_MAX_BACKOFF: Final = 1_000.0
_MAX_EXPONENT: Final = 64


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """Retry settings from a task's labels. Times are seconds."""

    max_attempts: int = 1
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 300.0
    on: tuple[str, ...] = ()

    def delay_after(self, attempt: int, error: BaseException) -> float | None:
        """Return the delay after a failed attempt, or None if there is no further attempt."""
        if attempt >= self.max_attempts or isinstance(error, NoResultError | WrongArgumentsError):
            return None
        if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception):
            return None
        if self.on and not any(kind.__name__ in self.on for kind in type(error).__mro__):
            return None
        factor = self.backoff ** min(max(0, attempt - 1), _MAX_EXPONENT)
        return min(self.max_delay, self.delay * factor)


def retry_policy(labels: dict[str, Any], defaults: dict[str, Any] | None = None) -> RetryPolicy:
    """Read a policy from labels; unreadable values count as missing."""
    merged = {**(defaults or {}), **labels}
    standard = RetryPolicy()
    return RetryPolicy(
        max_attempts=max(
            1, int(_finite_or_default(merged.get("max_attempts"), standard.max_attempts))
        ),
        delay=_bounded(merged.get("retry_delay"), standard.delay, 0.0, MAX_DELAY),
        backoff=_bounded(merged.get("retry_backoff"), standard.backoff, 1.0, _MAX_BACKOFF),
        max_delay=_bounded(merged.get("retry_max_delay"), standard.max_delay, 0.0, MAX_DELAY),
        on=tuple(n.strip() for n in str(merged.get("retry_on") or "").split(",") if n.strip()),
    )


class RetryMiddleware(TaskiqMiddleware):
    """Marks the delivery of a failed attempt for retry where the labels allow it."""

    def policy_of(self, message: TaskiqMessage) -> RetryPolicy:
        """Return the policy of an enqueued task, completed by its registered labels."""
        task = self.broker.get_all_tasks().get(message.task_name)
        return retry_policy(message.labels, task.labels if task is not None else None)

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Decide between retry, cancellation and failure."""
        delivery = current_delivery.get()
        if delivery is None:
            return
        delivery.error = exception
        if delivery.requeued:
            result.error = NoResultError()
            return
        if delivery.acked or delivery.rejection is not None:
            return
        if delivery.cancellation is not None:
            if delivery.stop_observed or isinstance(exception, asyncio.CancelledError):
                delivery.error = result.error = delivery.cancellation.error()
            return  # a cancelled task is never retried
        delay = self.policy_of(message).delay_after(delivery.attempt, exception)
        if delay is not None:
            delivery.retry_after = delay
            result.error = NoResultError()


def _bounded(value: object, default: float, low: float, high: float) -> float:
    return max(low, min(high, _finite_or_default(value, default)))


def _finite_or_default(value: object, default: float) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return default
    return number if math.isfinite(number) else default
