"""Being told to stop: by a signal, or because the parent process is gone."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Final

from pulse_workers.errors import StoppedEarlyError

_WAKE_INTERVAL: Final = 0.5


class ShutdownSignal:
    """Set once somebody wants the process to end; a second wish means "at once".

    Attributes:
        asked: set by the first wish.
        urgent: set by the second.
        reason: what asked first.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.urgent = asyncio.Event()
        self.reason = ""
        self._ticker: asyncio.Task[None] | None = None

    def install(self, *, parent_pipe: bool = False) -> None:
        """Listen for SIGTERM and SIGINT, and for the end of stdin if the parent holds its pipe."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            name = signal.Signals(number).name
            try:
                loop.add_signal_handler(number, self.ask, name)
            except NotImplementedError:  # Windows
                self._install_plain(loop, number, name)
        if parent_pipe:
            watch = threading.Thread(
                target=_read_to_the_end, args=(loop, self.ask), name="parent pipe", daemon=True
            )
            watch.start()

    def ask(self, reason: str) -> None:
        """Note the wish to end."""
        if self.asked.is_set():
            self.urgent.set()
        else:
            self.reason = reason
            self.asked.set()

    @contextlib.asynccontextmanager
    async def cuts_short(self) -> AsyncIterator[None]:
        """Give up what is done inside as soon as the process is to end.

        Raises:
            StoppedEarlyError: it was given up; what was waited for in it has been cancelled.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as scope:
                watch = asyncio.create_task(self._reschedule(scope, loop), name="stop")
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError:
            if scope.expired():
                raise StoppedEarlyError(self.reason) from None
            raise

    async def _reschedule(self, scope: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
        await self.asked.wait()
        scope.reschedule(loop.time())

    def _install_plain(
        self, loop: asyncio.AbstractEventLoop, number: signal.Signals, name: str
    ) -> None:
        def handle(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.ask, name)

        signal.signal(number, handle)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, handle)
        if self._ticker is None:  # Python's handlers run only when the loop does something
            self._ticker = loop.create_task(self._tick())

    async def _tick(self) -> None:
        while True:  # noqa: ASYNC110 - waking up is the purpose
            await asyncio.sleep(_WAKE_INTERVAL)


def _read_to_the_end(loop: asyncio.AbstractEventLoop, ask: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop is closed: we are ending already
        loop.call_soon_threadsafe(ask, "the parent process ended")
