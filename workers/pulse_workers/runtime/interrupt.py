"""How a task that runs is ended from outside, and how it can see that it should end.

An async task is interrupted at its next `await`. A thread cannot be ended from outside, so a sync
task is only asked: it stops if it looks. The interruption reaches the task's own code and nothing
around it, so that what ends a task can never lose its result.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

from pulse_workers.brokers.delivery import Delivery, Phase, current_delivery
from pulse_workers.errors import WrongArgumentsError


def stop_requested() -> bool:
    """Tell a task whether it should stop.

    For tasks that run in a thread and for long loops. A task that has read True and then ends,
    by returning or by raising, is recorded as cancelled; one that never asks ends as it would
    have.
    """
    delivery = current_delivery.get()
    if delivery is None or delivery.cancellation is None:
        return False
    delivery.stop_read = True
    return True


def interruptible(target: Callable[..., Any], delivery: Delivery) -> Callable[..., Any]:
    """Return the task's function, noting when its own code begins and ends."""
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
        delivery.phase = Phase.ENDING


def _run_sync(target: Callable[..., Any], delivery: Delivery, /, *args: Any, **kwargs: Any) -> Any:
    _begin(target, delivery, args, kwargs)
    try:
        value = target(*args, **kwargs)
    finally:
        delivery.phase = Phase.ENDING
    if delivery.stop_read and delivery.cancellation is not None:
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
            raise WrongArgumentsError(signature, error) from None
    delivery.phase = Phase.RUNNING


@functools.lru_cache(maxsize=1_000)
def _signature(target: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(target)
    except (TypeError, ValueError):  # written in C, says nothing about itself
        return None
