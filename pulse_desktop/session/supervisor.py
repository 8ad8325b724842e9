"""Supervision of background work: named tasks, restarted with backoff and cancelled at the end.

A bare `create_task` loses its exception and outlives its owner. Here every failure is reported
once, a crashed coroutine restarts after a growing delay, and closing leaves nothing behind.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from pulse_desktop.nats_client.backoff import Backoff

FIRST_DELAY_S: Final = 0.5
MAX_DELAY_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
"""A coroutine that ran this long before it crashed restarts after the first delay again."""

CANCEL_AGAIN_S: Final = 2.0
CLOSE_TIMEOUT_S: Final = 5.0
"""Time after which `close` leaves behind what does not end, unless it is given another. Enough to
cancel it twice more, see `CANCEL_AGAIN_S`."""

_log = logging.getLogger(__name__)

Factory = Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True)
class TaskFailure:
    """A background coroutine that crashed.

    Attributes:
        name: of the background task.
        error: what it raised.
        restarts: how many times it has been restarted so far.
        retry_in: seconds until it is restarted, None when it will not be.
    """

    name: str
    error: Exception
    restarts: int
    retry_in: float | None


class _Child:
    """One supervised coroutine."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "running"
        self.restarts = 0
        self.task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs, or is about to be restarted."""
        return self.state in ("running", "waiting")


class Supervisor:
    """Starts, restarts and cancels named background coroutines."""

    def __init__(
        self,
        on_failure: Callable[[TaskFailure], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Coroutine[Any, Any, object]] = asyncio.sleep,
    ) -> None:
        """Create a supervisor without tasks.

        Args:
            on_failure: called for every crash.
            clock: seconds, to measure how long a coroutine was healthy.
            sleep: waits between restarts.
        """
        self._on_failure = on_failure
        self._clock = clock
        self._sleep = sleep
        self._children: dict[str, _Child] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def tasks(self) -> dict[str, str]:
        """State of each task by name: running, waiting (for its restart), finished or failed."""
        return {child.name: child.state for child in self._children.values()}

    def start(self, name: str, factory: Factory, *, restart: bool = True) -> None:
        """Run a coroutine in the background.

        Args:
            name: unique among the running tasks; `group.name` can be cancelled by group.
            factory: creates the coroutine, again for every restart.
            restart: whether to restart it after a crash.

        Raises:
            ValueError: a task of that name is running.
            RuntimeError: the supervisor is closed.
        """
        if self._closed:
            raise RuntimeError("the supervisor is closed")
        old = self._children.get(name)
        if old is not None and old.is_running:
            raise ValueError(f"{name} is already running")
        child = _Child(name)
        self._children[name] = child
        child.task = asyncio.get_running_loop().create_task(
            self._supervise(child, factory, restart), name=name
        )

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine once in the background; running work of the same name is cancelled.

        Raises:
            RuntimeError: the supervisor is closed.
        """
        if self._closed:
            work.close()
            raise RuntimeError("the supervisor is closed")
        self._cancel(name)
        self.start(name, lambda: work, restart=False)
        child = self._children[name]
        if child.task is not None:
            child.task.add_done_callback(lambda _: self._forget(child))
            # Cancelled before its first step, it would be reported as never awaited.
            child.task.add_done_callback(lambda _: work.close())

    def is_group_running(self, prefix: str) -> bool:
        """Return whether a task runs whose name starts with the prefix."""
        return any(
            child.is_running for name, child in self._children.items() if name.startswith(prefix)
        )

    def stop_group(self, prefix: str) -> None:
        """Cancel every task whose name starts with the prefix; the names are free at once."""
        for name in [name for name in self._children if name.startswith(prefix)]:
            self._cancel(name)

    async def wait(self) -> None:
        """Wait until all tasks have ended by themselves."""
        while running := {
            child.task
            for child in self._children.values()
            if child.task is not None and not child.task.done()
        }:
            await asyncio.wait(running)

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Cancel all tasks and wait until they have ended, at most `timeout_s` seconds."""
        self._closed = True
        self.stop_group("")
        deadline = time.monotonic() + timeout_s
        while self._cancelled:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                names = ", ".join(sorted(task.get_name() for task in self._cancelled))
                _log.warning("background work does not end: %s", names)
                return
            # A coroutine may need more than one iteration of the loop to end. It is cancelled again
            # because `asyncio.wait_for`, which the client library uses, loses a cancellation that
            # coincides with its result before Python 3.12.
            _, pending = await asyncio.wait(
                set(self._cancelled), timeout=min(left_s, CANCEL_AGAIN_S)
            )
            for task in pending:
                task.cancel()

    def _cancel(self, name: str) -> None:
        child = self._children.pop(name, None)
        task = child.task if child is not None else None
        if task is not None and not task.done():
            task.cancel()
            self._cancelled.add(task)
            task.add_done_callback(self._cancelled.discard)

    def _forget(self, child: _Child) -> None:
        if self._children.get(child.name) is child:
            del self._children[child.name]

    async def _supervise(self, child: _Child, factory: Factory, restart: bool) -> None:
        backoff = Backoff(FIRST_DELAY_S, MAX_DELAY_S, healthy_s=HEALTHY_AFTER_S)
        while True:
            child.state = "running"
            started = self._clock()
            try:
                await _run(factory)
            except Exception as error:  # noqa: BLE001 - any crash is reported, none ends the rest
                delay = backoff.next_delay(self._clock() - started)
                retry_in = delay if restart else None
                child.state = "waiting" if restart else "failed"
                self._report(TaskFailure(child.name, error, child.restarts, retry_in))
                if not restart:
                    return
            else:
                child.state = "finished"
                return
            await self._sleep(delay)
            child.restarts += 1

    def _report(self, failure: TaskFailure) -> None:
        try:
            self._on_failure(failure)
        except Exception:  # noqa: BLE001 - a broken listener must not end the supervision
            _log.exception("reporting the crash of %s failed", failure.name)


async def _run(factory: Factory) -> None:
    """Run a coroutine once; a cancellation that came from inside it is a crash like any other."""
    try:
        await factory()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("something it awaited was cancelled") from None
