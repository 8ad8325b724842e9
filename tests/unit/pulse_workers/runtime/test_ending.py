"""PeriodicTasks tasks end for certain, also those that lose a cancellation."""

import asyncio
import contextlib

import pytest
from pulse_workers.runtime import ending
from pulse_workers.runtime.periodic_tasks import PeriodicTasks


async def deaf(times: int) -> None:
    """Lose some cancellations, as a client library can that waits with `asyncio.wait_for`."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("nobody asks")


async def test_a_task_that_loses_cancellations_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "_ASK_AGAIN", 0.01)
    tasks = [asyncio.create_task(each) for each in (deaf(0), deaf(3), broken())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await ending.cancel_and_wait(*tasks)
    assert all(task.done() for task in tasks)


async def test_with_nothing_to_end_nothing_is_waited_for() -> None:
    await ending.cancel_and_wait()


async def test_what_is_repeated_ends_though_its_step_lost_the_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "_ASK_AGAIN", 0.01)
    begun = asyncio.Event()

    async def step() -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    background = PeriodicTasks()
    background.repeat("deaf", 60.0, step)
    await begun.wait()
    async with asyncio.timeout(10):
        await background.close()
