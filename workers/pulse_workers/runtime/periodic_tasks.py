"""One owner for everything that runs beside the tasks: heartbeats, checks, metrics."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_workers.runtime.connection import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.background")


class PeriodicTasks:
    """Repeats coroutines until closed; one that fails is logged and goes on with the next turn."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def repeat(self, name: str, interval: float, step: Callable[[], Awaitable[None]]) -> None:
        """Call `step` now and every `interval` seconds (not counting what the step takes)."""
        self._tasks.append(asyncio.create_task(self._repeat(name, interval, step), name=name))

    async def close(self) -> None:
        """End all of it."""
        await cancel_and_wait(*self._tasks)
        self._tasks.clear()

    async def _repeat(
        self, name: str, interval: float, step: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            try:
                await step()
            except OUTAGE_ERRORS as error:
                logger.warning("%s: %s, next turn in %g s", name, type(error).__name__, interval)
            except Exception:
                logger.exception("%s failed, next turn in %g s", name, interval)
            await asyncio.sleep(interval)
