"""Interruption of running tasks, and the request to stop that a task can check.

An async task is interrupted at its next `await`. A thread cannot be interrupted, so a sync task
is only asked to stop: it has to call `stop_requested()`. The interruption reaches the task
function alone and nothing around it, so that it can never prevent the result from being stored.

Our receiver wraps the function of each delivery (`interruptible`). In another project's worker the
middleware wraps each registered task once (`make_interruptible`).
"""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

from taskiq import AsyncTaskiqDecoratedTask

from pulse_workers.errors import WrongArgumentsError
from pulse_workers.execution.delivery import Delivery, Phase, current_delivery


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


def make_interruptible(task: AsyncTaskiqDecoratedTask[Any, Any]) -> None:
    """Wrap the function of a registered task, as `interruptible` does for one delivery.

    TaskIQ's own receiver calls `task.original_func`. Whatever calls it without a delivery, such as
    another task, runs the function as it is.
    """
    target = task.original_func
    if hasattr(target, _WRAPS):
        return
    wrapper: Callable[..., Any]
    if asyncio.iscoroutinefunction(target):

        @functools.wraps(target)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            delivery = _delivery_of(wrapper)
            if delivery is None:
                return await target(*args, **kwargs)
            return await _run_async(target, delivery, *args, **kwargs)

    else:

        @functools.wraps(target)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            delivery = _delivery_of(wrapper)
            if delivery is None:
                return target(*args, **kwargs)
            return _run_sync(target, delivery, *args, **kwargs)

    setattr(wrapper, _WRAPS, target)
    # TaskIQ has put the function into its module, under a name by which a process pool finds it.
    module = sys.modules.get(target.__module__)
    if module is not None and getattr(module, target.__name__, None) is target:
        setattr(module, target.__name__, wrapper)
    task.original_func = wrapper


_WRAPS: Final = "__pulse_wraps__"


def _delivery_of(function: Callable[..., Any]) -> Delivery | None:
    """Return the delivery that is about to run this function, else None."""
    delivery = current_delivery.get()
    if delivery is None or delivery.function is not function:
        return None
    return delivery if delivery.phase is Phase.PENDING else None


async def _run_async(
    target: Callable[..., Any], delivery: Delivery, /, *args: Any, **kwargs: Any
) -> Any:
    _begin(target, delivery, args, kwargs)
    try:
        return await target(*args, **kwargs)
    finally:
        delivery.phase = Phase.FINISHING
        asyncio_task = asyncio.current_task()
        while asyncio_task is not None and delivery.interruptions:
            delivery.interruptions -= 1
            asyncio_task.uncancel()  # the result is still to be stored


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
    # Another project's task fails as it would without us: its results are read by its own code.
    signature = _signature(target) if delivery.function is None else None
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
