"""`asyncio.wait_for` that loses no cancellation, for our processes on Python 3.11.

The client library waits with it for every answer. Before Python 3.12 it forgets a cancellation
that comes together with the answer, so that a task which asks the server again and again could
hardly be cancelled. Python 3.12 rests it on `asyncio.timeout`, and so does this one.
"""

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(awaitable: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - asyncio's
    """Return what an awaitable returns, as `asyncio.wait_for` of Python 3.12 does.

    Args:
        awaitable: a future, task or coroutine; cancelled when time is over or the caller is.
        timeout: seconds, None for no limit; with 0 or less only what is done already counts.

    Raises:
        TimeoutError: not in time.
    """
    if timeout is None:
        return await awaitable
    if timeout > 0:
        async with asyncio.timeout(timeout):
            return await awaitable
    future = asyncio.ensure_future(awaitable)
    if not future.done():
        future.cancel()
        await asyncio.wait({future})
        if future.cancelled():
            raise TimeoutError
    return future.result()


def install(version: tuple[int, ...] = sys.version_info[:2]) -> None:
    """Have everything in this process wait with it, where Python's own may lose a cancellation.

    Call it in a process that is ours, before its event loop runs.

    Args:
        version: of Python; from 3.12 on nothing is changed.
    """
    if version < (3, 12):
        for module in (asyncio, asyncio.tasks):
            vars(module).update(wait_for=wait_for)
