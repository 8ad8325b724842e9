"""Ending background tasks for certain."""

import asyncio
from typing import Any, Final

_ASK_AGAIN: Final = 0.5


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended; what they raise is of no interest any more.

    Once is not enough: `asyncio.wait_for`, which the client library waits with, forgets before
    Python 3.12 about a cancellation that comes together with its answer.
    """
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=_ASK_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen
