"""Periodic background work: heartbeats, checks, metrics."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_workers.errors import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.background")


@dataclasses.dataclass(frozen=True)
class PeriodicTask:
    """Work that is repeated.

    Attributes:
        name: shown in the log.
        interval: seconds between the end of one run and the start of the next.
        run: does the work once.
    """

    name: str
    interval: float
    run: Callable[[], Awaitable[None]]


class PeriodicTasks:
    """Runs periodic tasks until closed; an error is logged and does not end the repetition."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *tasks: PeriodicTask, at_once: bool = True) -> None:
        """Run each task after each interval, and before the first one if `at_once`."""
        self._tasks += [
            asyncio.create_task(_repeat(task, at_once), name=task.name) for task in tasks
        ]

    async def close(self) -> None:
        """Stop all tasks."""
        await cancel_and_wait(*self._tasks)
        self._tasks.clear()


async def _repeat(task: PeriodicTask, at_once: bool) -> None:
    if not at_once:
        await asyncio.sleep(task.interval)
    while True:
        try:
            await task.run()
        except OUTAGE_ERRORS as error:
            logger.warning(
                "%s: %s, next run in %g s", task.name, type(error).__name__, task.interval
            )
        except Exception:
            logger.exception("%s failed, next run in %g s", task.name, task.interval)
        await asyncio.sleep(task.interval)
