"""Qt's event loop as that of asyncio: qasync, with one Qt timer for all callbacks.

qasync starts and stops a Qt timer for each callback, inspects each to see whether it is a
coroutine, and keeps the timer of a cancelled timeout until it expires. A client that reads
hundreds of small messages a second spends a third of its time on that. Here callbacks that are
ready wait in a queue, those with a time in a heap, and one timer of Qt serves all of them.
"""

import asyncio
import heapq
import math
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any, Final

from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimerEvent
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

from pulse_desktop.ui import garbage_collection

_MAX_THREADS: Final = 10
_MAX_CANCELLED: Final = 64
"""With more cancelled timeouts than this, and more than half of all, the heap is cleaned up."""


class QtLoop(QEventLoop):
    """An asyncio event loop that Qt's event loop drives.

    As in asyncio, one turn runs the callbacks that were ready when it began. Those that become
    ready meanwhile wait for the next turn, so that Qt can handle input and paint between two.
    """

    def __init__(self, app: QApplication) -> None:
        self._turns = _Turns(self.time)
        super().__init__(app)
        self.set_default_executor(_Threads(_MAX_THREADS))

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run a callback in the next turn."""
        handle = asyncio.Handle(callback, args, self, context)
        self._turns.add(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Run a callback after some seconds."""
        if delay <= 0:
            return self.call_soon(callback, *args, context=context)
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback at a time of the loop's clock, and not before it."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._turns.add_timed(handle)
        return handle

    def run_forever(self) -> None:
        """Run until it is stopped. Meanwhile garbage is collected in this thread alone."""
        with garbage_collection.paused():
            super().run_forever()

    def close(self) -> None:
        """End the loop; what waits is forgotten."""
        if not self.is_closed():
            self._turns.clear()
        super().close()

    def _timer_handle_cancelled(self, _handle: asyncio.TimerHandle) -> None:
        """Called by asyncio when a handle with a time is cancelled."""
        self._turns.note_cancelled()

    if sys.platform != "win32":

        def _add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:
            """Call a callback in each turn in which a file descriptor can be read.

            qasync switches its notifier off until a callback has been queued and run. What asyncio
            registers here reads what there is and queues the rest itself.
            """
            self._remove_reader(fd)
            number = fd if isinstance(fd, int) else fd.fileno()
            notifier = QSocketNotifier(number, QSocketNotifier.Type.Read)
            handle = asyncio.Handle(callback, args, self, None)

            def run() -> None:
                if self._read_notifiers.get(fd) is notifier:
                    handle._run()  # noqa: SLF001 - every loop calls it

            notifier.activated["int"].connect(run)  # type: ignore[index]
            self._read_notifiers[fd] = notifier


class _Threads(ThreadPoolExecutor):
    """Threads that nobody waits for when the loop is closed: one may wait for a disk for ever.

    Those of qasync are Qt's, which Qt must not find running at the end of the process.
    """

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """End the threads when they have nothing more to do."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


class _Turns(QObject):
    """Callbacks that are ready, and those that have a time; run in turns of Qt's event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._collector = garbage_collection.Collector()
        self._thread = threading.get_ident()
        self._ready: deque[asyncio.Handle] = deque()
        self._timed: list[asyncio.TimerHandle] = []
        self._cancelled = 0
        self._ready_timer = 0  # id of the timer of the next turn, 0 for none
        self._due_timer = 0  # id of the timer of the next callbacks that have a time
        self._due_at = math.inf  # when it fires

    def add(self, handle: asyncio.Handle) -> None:
        """Run a callback in the next turn."""
        self._ready.append(handle)
        if not self._ready_timer:
            self._ready_timer = self.startTimer(0)

    def add_timed(self, handle: asyncio.TimerHandle) -> None:
        """Run a callback in the first turn after its time."""
        heapq.heappush(self._timed, handle)
        if handle.when() < self._due_at:
            self._start_due_timer()

    def note_cancelled(self) -> None:
        """Clean up the heap when most of it is cancelled."""
        self._cancelled += 1
        if self._cancelled > _MAX_CANCELLED and 2 * self._cancelled > len(self._timed):
            self._timed = [handle for handle in self._timed if not handle.cancelled()]
            heapq.heapify(self._timed)
            self._cancelled = 0

    def clear(self) -> None:
        """Forget everything that waits."""
        self._ready.clear()
        self._timed.clear()
        self._stop_ready_timer()
        self._stop_due_timer()

    def timerEvent(self, event: QTimerEvent) -> None:
        """Run a turn."""
        if event.timerId() == self._due_timer:
            self._take_due()
        self._stop_ready_timer()
        self._run_ready()
        self._collector.collect()

    def _run_ready(self) -> None:
        ready = self._ready
        count = len(ready)
        if count > 1:
            # A callback may open an event loop of its own, such as that of a menu; what waits goes
            # on in there. Qt does not repeat a timer whose event is being handled.
            self._ready_timer = self.startTimer(0)
        try:
            while count and ready:
                count -= 1
                handle = ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - every loop calls it
        finally:
            if not ready:
                self._stop_ready_timer()
            elif not self._ready_timer:
                self._ready_timer = self.startTimer(0)

    def _take_due(self) -> None:
        """Make the callbacks ready whose time has come."""
        self._stop_due_timer()
        timed, now = self._timed, self._clock()
        while timed and (timed[0].cancelled() or timed[0].when() <= now):
            handle = heapq.heappop(timed)
            if handle.cancelled():
                self._cancelled = max(0, self._cancelled - 1)
            else:
                self._ready.append(handle)
        self._start_due_timer()

    def _start_due_timer(self) -> None:
        self._stop_due_timer()
        if self._timed:
            due_at, now = self._timed[0].when(), self._clock()
            if due_at - now >= _LONG_WAIT_S:
                due_at = math.ceil(due_at / _GRID_S) * _GRID_S
            self._due_at = due_at
            wait_ms = math.ceil(max(0.0, due_at - now) * 1000)
            self._due_timer = self.startTimer(min(wait_ms, _MAX_WAIT_MS), Qt.TimerType.PreciseTimer)

    def _stop_due_timer(self) -> None:
        if self._due_timer:
            self.killTimer(self._due_timer)
        self._due_timer, self._due_at = 0, math.inf

    def _stop_ready_timer(self) -> None:
        if self._ready_timer:
            self.killTimer(self._ready_timer)
            self._ready_timer = 0


_LONG_WAIT_S: Final = 1.0
_GRID_S: Final = 0.25
"""Long waits end at multiples of this, many of them together: each time that the program wakes up
costs more than what it does then."""

_MAX_WAIT_MS: Final = 24 * 3600 * 1000
"""Qt's timers hold no more than some weeks of milliseconds."""
