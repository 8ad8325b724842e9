"""Runs a coroutine as `asyncio.run` does, with a limit on how long its end may take."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

END_TIMEOUT_S: Final = 2.0
"""Time for tasks that are still running when the coroutine has ended."""


def run_bounded(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop of its own and return its result.

    `asyncio.run` waits for every task that is left and for every thread: for a task that goes on
    when it is cancelled, or a thread that waits for a name server, for ever.
    """
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            loop.run_until_complete(_end_rest())
        finally:
            asyncio.set_event_loop(None)
            loop.close()  # waits for no thread


async def _end_rest() -> None:
    """Cancel the other tasks of the loop, and wait for their end in limited time."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_TIMEOUT_S):
            if rest:
                await asyncio.wait(rest)
            await asyncio.get_running_loop().shutdown_asyncgens()
