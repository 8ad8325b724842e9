"""Wait for conditions, so that no test sleeps for a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

POLL = 0.01
PATIENCE = 3.0
"""How much longer than on a quiet machine a test waits: what is in time is not delayed by it."""


async def wait_until(
    predicate: Callable[[], Any] | Callable[[], Awaitable[Any]],
    timeout: float = 30.0,  # noqa: ASYNC109 - the deadline names what did not happen
    message: str = "",
) -> Any:
    """Return the predicate's first true value.

    Args:
        predicate: sync or async, polled every 10 ms.
        timeout: seconds until AssertionError on a quiet machine, `PATIENCE` times as many on any.
        message: the expected condition; the predicate's source by default.
    """
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {message or _source_of(predicate)}")
        await asyncio.sleep(POLL)


def _source_of(predicate: Callable[[], Any]) -> str:
    try:
        return inspect.getsource(predicate).strip()
    except (OSError, TypeError):
        return repr(predicate)
