"""Act at the moment at which the server's answer arrives, before the waiting task goes on.

`asyncio.wait_for` before Python 3.12 loses a cancellation only then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest


def act_at_answer(
    monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[asyncio.Task[Any]], object]
) -> asyncio.Event:
    """Call a function when an answer that nats-py waits for arrives.

    Args:
        monkeypatch: restores `asyncio.wait_for` after the test.
        number: which answer from now on, from 0.
        act: called with the task that waits.

    Returns:
        An event that is set when `act` was called.
    """
    wait_for, acted = asyncio.wait_for, asyncio.Event()
    waits = 0

    async def watched_wait_for(
        awaitable: Awaitable[Any],
        timeout: float | None,  # noqa: ASYNC109 - asyncio's
    ) -> Any:
        nonlocal waits
        future, task = asyncio.ensure_future(awaitable), asyncio.current_task()

        def on_answer(_: object) -> None:
            assert task is not None
            act(task)
            acted.set()

        if waits == number:
            future.add_done_callback(on_answer)
        waits += 1
        return await wait_for(future, timeout)

    monkeypatch.setattr(asyncio, "wait_for", watched_wait_for)
    return acted
