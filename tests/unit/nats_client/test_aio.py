"""`wait_for` never loses a cancellation, and `cancel_and_wait` always ends its tasks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from pulse_desktop.nats_client import aio
from pulse_desktop.nats_client.aio import cancel_and_wait, install_wait_for

Wait = Callable[[Awaitable[Any], float | None], Coroutine[Any, Any, Any]]


@pytest.fixture(params=["ours", "installed"])
def wait(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wait:
    if request.param == "ours":
        return aio.wait_for
    for module in (asyncio, asyncio.tasks):
        monkeypatch.setattr(module, "wait_for", module.wait_for)  # restored after the test
    install_wait_for()
    assert asyncio.wait_for is asyncio.tasks.wait_for
    return asyncio.wait_for


async def value() -> str:
    await asyncio.sleep(0)
    return "value"


async def test_a_value_within_the_timeout_is_returned(wait: Wait) -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result("there")
    for timeout in (None, 10, 0, -1):
        assert await wait(future, timeout) == "there"
    assert await wait(value(), None) == "value"
    assert await wait(value(), 10) == "value"
    assert await wait(asyncio.create_task(value()), 10.0) == "value"


async def test_errors_are_raised_unchanged(wait: Wait) -> None:
    async def fail() -> None:
        raise ValueError("wrong")

    for timeout in (None, 10):
        with pytest.raises(ValueError, match="wrong"):
            await wait(fail(), timeout)
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        await wait(failed, 0)


@pytest.mark.parametrize("limit", [0.01, 0, -1])
async def test_an_awaitable_is_cancelled_at_its_timeout(wait: Wait, limit: float) -> None:
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await wait(future, limit)
    assert future.cancelled()
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await wait(task, limit)
    assert task.cancelled()
    with pytest.raises(TimeoutError):
        await wait(asyncio.sleep(60), limit)


async def test_a_task_that_completes_after_the_timeout_still_returns_its_value(wait: Wait) -> None:
    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "completed"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    assert await wait(task, 0) == "completed"


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_together_with_the_result_is_not_lost(wait: Wait, turns: int) -> None:
    result = asyncio.get_running_loop().create_future()

    async def wait_repeatedly() -> None:
        await wait(result, 10)
        for _ in range(10):
            await wait(value(), 10)

    waiting = asyncio.create_task(wait_repeatedly())
    await asyncio.sleep(0)
    result.set_result("there")
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel("enough")
    async with asyncio.timeout(10):
        await asyncio.wait({waiting})
    assert waiting.cancelled()


async def test_a_cancellation_together_with_the_timeout_is_not_lost(wait: Wait) -> None:
    waiting: asyncio.Task[Any]

    async def cancelled_late() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            waiting.cancel()
            raise

    inner = asyncio.create_task(cancelled_late())
    waiting = asyncio.create_task(wait(inner, 0.01))
    await asyncio.wait({waiting}, timeout=10)
    assert waiting.cancelled()
    assert inner.cancelled()


async def test_waiting_with_a_zero_timeout_can_be_cancelled(wait: Wait) -> None:
    may_end = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await may_end.wait()

    task = asyncio.create_task(slow_to_end())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(wait(task, 0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=10)
    assert waiting.cancelled()
    may_end.set()
    await asyncio.wait({task}, timeout=10)


async def suppress_cancellations(times: int) -> None:
    """Lose some cancellations, as a library that uses `asyncio.wait_for` can."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("never retrieved")


async def test_a_task_that_suppresses_cancellations_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aio, "_REPEAT_S", 0.01)
    tasks = [
        asyncio.create_task(each)
        for each in (suppress_cancellations(0), suppress_cancellations(3), broken())
    ]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await cancel_and_wait(*tasks)
    assert all(task.done() for task in tasks)


async def test_cancelling_no_tasks_returns_at_once() -> None:
    await cancel_and_wait()
