"""Ending background tasks for certain."""

import asyncio
from typing import Any, Final

_ASK_AGAIN: Final = 0.5


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended; what they raise is of no interest any more.

    Once is not always enough: the client library drops a cancellation that reaches it while it
    drains or closes, and so may what a task calls. What `asyncio.wait_for` loses before Python
    3.12 is no reason in our own processes (`pulse_workers.runtime.wait_for`), but it is in others.
    """
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=_ASK_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen
