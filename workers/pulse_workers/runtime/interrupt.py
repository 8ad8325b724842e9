"""Interruption of running tasks, and the request to stop that a task can check.

An async task is interrupted at its next `await`. A thread cannot be interrupted, so a sync task
is only asked to stop: it has to call `stop_requested()`. The interruption reaches the task
function alone and nothing around it, so that it can never prevent the result from being stored.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from pulse_workers.brokers.delivery import Delivery, Phase, current_delivery
from pulse_workers.errors import WrongArgumentsError


def stop_requested() -> bool:
    """Return whether the running task should stop.

    For tasks that run in a thread and for long loops. A task that has seen True and then ends, by
    returning or by raising, is recorded as cancelled; one that never calls this ends as usual.
    """
    delivery = current_delivery.get()
    if delivery is None or delivery.cancellation is None:
        return False
    delivery.stop_observed = True
    return True


def interruptible(target: Callable[..., Any], delivery: Delivery) -> Callable[..., Any]:
    """Return the task function, wrapped to record when it starts and ends."""
    if asyncio.iscoroutinefunction(target):
        return functools.partial(_run_async, target, delivery)
    delivery.is_sync = True
    return functools.partial(_run_sync, target, delivery)


async def _run_async(
    target: Callable[..., Any], delivery: Delivery, /, *args: Any, **kwargs: Any
) -> Any:
    _begin(target, delivery, args, kwargs)
    try:
        return await target(*args, **kwargs)
    finally:
        delivery.phase = Phase.FINISHING


def _run_sync(target: Callable[..., Any], delivery: Delivery, /, *args: Any, **kwargs: Any) -> Any:
    _begin(target, delivery, args, kwargs)
    try:
        value = target(*args, **kwargs)
    finally:
        delivery.phase = Phase.FINISHING
    if delivery.stop_observed and delivery.cancellation is not None:
        raise delivery.cancellation.error()
    return value


def _begin(
    target: Callable[..., Any], delivery: Delivery, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    if delivery.cancellation is not None:
        raise delivery.cancellation.error()
    signature = _signature(target)
    if signature is not None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            names = ", ".join(signature.parameters) or "no arguments"
            raise WrongArgumentsError(f"{error}; the task takes: {names}") from None
    delivery.phase = Phase.RUNNING


@functools.lru_cache(maxsize=1_000)
def _signature(target: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(target)
    except (TypeError, ValueError):  # written in C, without a signature
        return None
