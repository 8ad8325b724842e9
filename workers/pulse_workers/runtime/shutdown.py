"""Shutdown of a process: the request to stop, and closing of connections."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from types import FrameType
from typing import Final

from nats.aio.client import Client

from pulse_workers.errors import ShutdownRequestedError

logger = logging.getLogger("pulse.workers.shutdown")

CLOSE_TIMEOUT_S: Final = 5.0
_WAKE_INTERVAL_S: Final = 0.5


class ShutdownSignal:
    """Shutdown request. The first signal drains, the second forces exit.

    Attributes:
        requested: set by the first request.
        forced: set by the second.
        reason: cause of the first request.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.forced = asyncio.Event()
        self.reason = ""
        self._ticker: asyncio.Task[None] | None = None

    def install(self, *, parent_pipe: bool = False) -> None:
        """Handle SIGTERM and SIGINT.

        Args:
            parent_pipe: treat the end of stdin as a request too: the parent process holds the
                other end of the pipe.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            name = signal.Signals(number).name
            try:
                loop.add_signal_handler(number, self.request, name)
            except NotImplementedError:  # Windows
                self._install_with_signal_module(loop, number, name)
        if parent_pipe:
            threading.Thread(
                target=_read_until_closed,
                args=(loop, self.request),
                name="parent pipe",
                daemon=True,
            ).start()

    def request(self, reason: str) -> None:
        """Request shutdown; a second request forces it."""
        if self.requested.is_set():
            self.forced.set()
        else:
            self.reason = reason
            self.requested.set()

    @contextlib.asynccontextmanager
    async def interrupts(self) -> AsyncIterator[None]:
        """Cancel the enclosed block as soon as shutdown is requested.

        Raises:
            ShutdownRequestedError: the block was cancelled.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as scope:
                watch = asyncio.create_task(self._expire(scope, loop), name="shutdown")
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError:
            if scope.expired():
                raise ShutdownRequestedError(self.reason) from None
            raise

    async def _expire(self, scope: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
        await self.requested.wait()
        scope.reschedule(loop.time())

    def _install_with_signal_module(
        self, loop: asyncio.AbstractEventLoop, number: signal.Signals, name: str
    ) -> None:
        """Handle a signal where the event loop cannot: on Windows."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.request, name)

        signal.signal(number, handle)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, handle)
        if self._ticker is None:  # Python runs such handlers only while the loop is awake
            self._ticker = loop.create_task(self._tick())

    async def _tick(self) -> None:
        while True:  # noqa: ASYNC110 - waking up is the purpose
            await asyncio.sleep(_WAKE_INTERVAL_S)


def _read_until_closed(loop: asyncio.AbstractEventLoop, request: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending already
        loop.call_soon_threadsafe(request, "the parent process ended")


async def close_all(
    *closers: Callable[[], Awaitable[object]], timeout_s: float = CLOSE_TIMEOUT_S
) -> None:
    """Await each closer in order, even if one before it fails.

    While the server is unreachable, nats-py writes its buffer to a closed transport and raises.
    Connections that cannot be closed here are closed when the process exits.

    Args:
        closers: coroutine functions that each close one thing.
        timeout_s: total time for all of them.
    """
    try:
        async with asyncio.timeout(timeout_s):
            for close in closers:
                try:
                    await close()
                except Exception as error:  # noqa: BLE001 - the remaining ones are closed as well
                    logger.debug("not closed cleanly: %r", error)
    except TimeoutError:
        logger.debug("not closed within %g s", timeout_s)


async def close_client(client: Client) -> None:
    """Close a NATS connection. Never raises, takes at most `CLOSE_TIMEOUT_S`."""
    await close_all(client.close)
