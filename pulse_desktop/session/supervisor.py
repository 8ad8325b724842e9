"""The one owner of background work: it has a name, a state, restarts with patience, and an end.

A bare `create_task` loses its exception and outlives its owner. Here every failure is reported
once, a crashed coroutine comes back after a growing pause, and closing leaves nothing behind.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 30.0
HEALTHY_AFTER: Final = 60.0
ASK_AGAIN_AFTER: Final = 2.0

_log = logging.getLogger(__name__)

Factory = Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True)
class TaskFailure:
    """A background coroutine that crashed.

    Attributes:
        name: of the background task.
        error: what it raised.
        restarts: how many times it has been started again so far.
        retry_in: seconds until it is started again, None when it will not be.
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


class Supervisor:
    """Starts, restarts and ends named background coroutines."""

    def __init__(
        self,
        on_problem: Callable[[TaskFailure], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Coroutine[Any, Any, object]] = asyncio.sleep,
    ) -> None:
        """Make a supervisor with nothing to do.

        Args:
            on_problem: told of every crash.
            clock: seconds, to tell how long a coroutine was healthy.
            pause: how to wait between restarts.
        """
        self._on_problem = on_problem
        self._clock = clock
        self._pause = pause
        self._wards: dict[str, _Child] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def tasks(self) -> dict[str, str]:
        """State of each by name: running, waiting (for its restart), finished or failed."""
        return {ward.name: ward.state for ward in self._wards.values()}

    def start(self, name: str, factory: Factory, *, restart: bool = True) -> None:
        """Run a coroutine in the background.

        Args:
            name: unique among those still at work; `group.thing` can be stopped by group.
            factory: makes the coroutine, again for every restart.
            restart: whether a crash is followed by another try.

        Raises:
            ValueError: something of that name is still at work.
            RuntimeError: the supervisor is closed.
        """
        if self._closed:
            raise RuntimeError("the supervisor is closed")
        old = self._wards.get(name)
        if old is not None and old.state in ("running", "waiting"):
            raise ValueError(f"{name} is already at work")
        ward = _Child(name)
        self._wards[name] = ward
        ward.task = asyncio.get_running_loop().create_task(
            self._watch(ward, factory, restart), name=name
        )

    def stop_group(self, prefix: str) -> None:
        """Cancel every task whose name starts with the prefix; their names are free at once."""
        for name in [name for name in self._wards if name.startswith(prefix)]:
            task = self._wards.pop(name).task
            if task is not None and not task.done():
                task.cancel()
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Cancel everything and wait until all of it has ended."""
        self._closed = True
        self.stop_group("")
        while self._ending:
            # A coroutine may need more than one turn to end; only its end counts. It is asked again
            # because `asyncio.wait_for`, which the client library waits with, forgets before Python
            # 3.12 about a cancellation that comes together with its answer.
            _, going = await asyncio.wait(set(self._ending), timeout=ASK_AGAIN_AFTER)
            for task in going:
                task.cancel()

    async def _watch(self, ward: _Child, factory: Factory, restart: bool) -> None:
        delay = FIRST_PAUSE_S
        while True:
            ward.state = "running"
            started = self._clock()
            try:
                await _run(factory)
            except Exception as error:  # noqa: BLE001 - any crash is reported, none ends the rest
                if self._clock() - started >= HEALTHY_AFTER:
                    delay = FIRST_PAUSE_S
                retry_in = delay if restart else None
                ward.state = "waiting" if restart else "failed"
                self._report(TaskFailure(ward.name, error, ward.restarts, retry_in))
                if not restart:
                    return
            else:
                ward.state = "finished"
                return
            await self._pause(delay)
            delay = min(delay * 2, MAX_PAUSE_S)
            ward.restarts += 1

    def _report(self, problem: TaskFailure) -> None:
        try:
            self._on_problem(problem)
        except Exception:  # noqa: BLE001 - a broken listener must not end the watch
            _log.exception("reporting the crash of %s failed", problem.name)


async def _run(factory: Factory) -> None:
    """Run a coroutine once; a cancellation that nobody asked for is a crash like any other."""
    try:
        await factory()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("something it waited for was cancelled") from None
