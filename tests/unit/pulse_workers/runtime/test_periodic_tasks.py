"""Periodic work stops for certain, even when a run swallows the cancellation."""

import asyncio
import contextlib

from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks


async def test_closing_stops_a_run_that_swallowed_the_cancellation() -> None:
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    background = PeriodicTasks()
    background.start(PeriodicTask("stubborn", 60.0, run))
    await started.wait()
    async with asyncio.timeout(10):
        await background.close()


async def test_a_run_that_fails_is_repeated() -> None:
    runs: asyncio.Queue[int] = asyncio.Queue()

    async def run() -> None:
        runs.put_nowait(runs.qsize())
        raise ValueError("broken")

    background = PeriodicTasks()
    background.start(PeriodicTask("broken", 0.0, run))
    async with asyncio.timeout(10):
        await runs.get()
        await runs.get()
    await background.close()
