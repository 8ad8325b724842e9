"""Waiting and cancelling in asyncio, without the losses of nats-py and of Python before 3.12.

nats-py waits for every answer with `asyncio.wait_for`. Before Python 3.12 that function forgets a
cancellation which coincides with the answer, so that a task which sends request after request can
hardly be cancelled. nats-py also swallows a cancellation that reaches it while it writes, drains or
closes.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Coroutine
from types import TracebackType
from typing import Any, Final, TypeVar

T = TypeVar("T")

_REPEAT_S: Final = 0.25


async def wait_for(awaitable: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - asyncio's
    """Return what an awaitable returns, as `asyncio.wait_for` of Python 3.12 does.

    Args:
        awaitable: a future, task or coroutine; cancelled on timeout and when the caller is.
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


def install_wait_for(version: tuple[int, ...] = sys.version_info[:2]) -> None:
    """Replace `asyncio.wait_for` in this process where Python's own may lose a cancellation.

    Call it before the event loop runs, and only in a process of ours.

    Args:
        version: of Python; from 3.12 on nothing is replaced.
    """
    if version < (3, 12):
        for module in (asyncio, asyncio.tasks):
            vars(module).update(wait_for=wait_for)


def abort_transport(transport: asyncio.WriteTransport) -> None:
    """Close a transport at once, and discard what it has not sent; nothing if it is closed.

    asyncio raises `AttributeError` if `close` was called before, and all was sent since.
    """
    socket = transport.get_extra_info("socket")
    if socket is None or socket.fileno() >= 0:
        transport.abort()


class CancellationGuard:
    """Raises a cancellation of the current task that the enclosed code swallows.

    Where a process is not ours, `asyncio.wait_for` cannot be replaced. `asyncio.run` cancels each
    task once, and waits for ever for one that goes on.
    """

    def __enter__(self) -> None:
        """Remember how often the task was cancelled before."""
        self._task = asyncio.current_task()
        self._before = self._task.cancelling() if self._task is not None else 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise CancelledError if the task was cancelled meanwhile, whatever the code did."""
        if isinstance(error, asyncio.CancelledError) or self._task is None:
            return
        if self._task.cancelling() > self._before:
            raise asyncio.CancelledError


async def cancel_and_wait(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until they have ended; their results and exceptions are discarded.

    A task that swallows a cancellation is cancelled again until it ends.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_REPEAT_S)
    for task in tasks:
        retrieve(task)


def failure_of(future: asyncio.Future[Any]) -> BaseException | None:
    """Return the exception of a future, None while it is pending, has a result or was cancelled."""
    return future.exception() if future.done() and not future.cancelled() else None


async def wait_first(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of several futures is done.

    Raises:
        BaseException: of the first of them, in their order, that has failed.
    """
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    if error := next(filter(None, map(failure_of, futures)), None):
        raise error


def retrieve(ended: asyncio.Future[Any]) -> None:
    """Discard the exception of an ended task, so that asyncio does not report it.

    As a done callback, for a task that may end after the one that awaits it was cancelled.
    """
    if not ended.cancelled():
        ended.exception()


async def finish(cleanup: Coroutine[Any, Any, None]) -> None:
    """Await a cleanup of limited time; a cancellation of the caller is raised when it is done."""
    task = asyncio.ensure_future(cleanup)
    with CancellationGuard():
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled():
            task.result()
