"""Waiting with a timeout can be cancelled at any moment, and a cancelled task always ends."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from pulse_desktop.nats_client import aio
from pulse_desktop.nats_client.aio import (
    CancellationGuard,
    abort_transport,
    cancel_and_wait,
    failure_of,
    install_wait_for,
    wait_first,
)

Wait = Callable[[Awaitable[Any], float | None], Coroutine[Any, Any, Any]]


@pytest.fixture(params=["ours", "installed"])
def wait(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Wait:
    if request.param == "ours":
        return aio.wait_for
    for module in (asyncio, asyncio.tasks):
        monkeypatch.setattr(module, "wait_for", module.wait_for)  # restored afterwards
    install_wait_for()
    assert asyncio.wait_for is asyncio.tasks.wait_for
    return asyncio.wait_for


async def value(of: Any = "value") -> Any:
    await asyncio.sleep(0)
    return of


async def test_a_result_in_time_is_returned(wait: Wait) -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result("there")
    for timeout in (None, 10, 0, -1):
        assert await wait(future, timeout) == "there"
    assert await wait(value(), None) == "value"
    assert await wait(value(), 10) == "value"
    assert await wait(asyncio.create_task(value()), 10.0) == "value"


async def test_errors_are_raised_as_they_are(wait: Wait) -> None:
    async def fail() -> None:
        raise ValueError("wrong")

    for timeout in (None, 10):
        with pytest.raises(ValueError, match="wrong"):
            await wait(fail(), timeout)
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        await wait(failed, 0)


@pytest.mark.parametrize("timeout_s", [0.01, 0, -1])
async def test_work_that_takes_too_long_is_cancelled(wait: Wait, timeout_s: float) -> None:
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await wait(future, timeout_s)
    assert future.cancelled()
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await wait(task, timeout_s)
    assert task.cancelled()
    with pytest.raises(TimeoutError):
        await wait(asyncio.sleep(60), timeout_s)


async def test_a_result_despite_the_cancellation_is_returned(wait: Wait) -> None:
    async def swallow_cancellation() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "all the same"

    task = asyncio.create_task(swallow_cancellation())
    await asyncio.sleep(0)
    assert await wait(task, 0) == "all the same"


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_coincides_with_the_result_is_not_lost(
    wait: Wait, turns: int
) -> None:
    answer = asyncio.get_running_loop().create_future()

    async def repeat() -> None:
        await wait(answer, 10)
        for _ in range(10):
            await wait(value(), 10)

    repeating = asyncio.create_task(repeat())
    await asyncio.sleep(0)
    answer.set_result("there")
    for _ in range(turns):
        await asyncio.sleep(0)
    repeating.cancel("enough")
    async with asyncio.timeout(10):
        await asyncio.wait({repeating})
    assert repeating.cancelled()


async def test_a_cancellation_that_coincides_with_the_timeout_is_not_lost(wait: Wait) -> None:
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


async def test_waiting_without_time_left_can_be_cancelled(wait: Wait) -> None:
    let_go = asyncio.Event()

    async def clean_up_slowly() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await let_go.wait()

    task = asyncio.create_task(clean_up_slowly())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(wait(task, 0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=10)
    assert waiting.cancelled()
    let_go.set()
    await asyncio.wait({task}, timeout=10)


async def swallow_cancellations(times: int) -> None:
    """Lose some cancellations, as a client library does that waits with `asyncio.wait_for`."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("not retrieved")


async def test_a_task_that_swallows_cancellations_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aio, "_REPEAT_S", 0.01)
    work = (swallow_cancellations(0), swallow_cancellations(3), fail())
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await cancel_and_wait(*tasks)
    assert all(task.done() for task in tasks)


async def test_without_tasks_there_is_nothing_to_wait_for() -> None:
    await cancel_and_wait()


async def test_a_swallowed_cancellation_is_raised() -> None:
    async def swallow(error: Exception | None) -> None:
        with CancellationGuard():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if error is not None:
                raise error

    for error in (None, ValueError("wrong")):
        task = asyncio.create_task(swallow(error))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        assert task.cancelled()


async def test_only_cancellations_of_the_enclosed_code_are_raised() -> None:
    async def clean_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with CancellationGuard():  # cancelled before
                await asyncio.sleep(0)
            with CancellationGuard(), contextlib.suppress(TimeoutError):  # its own timeout
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            cleaned_up.append(True)

    cleaned_up: list[bool] = []
    task = asyncio.create_task(clean_up())
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert cleaned_up
    with pytest.raises(ValueError, match="wrong"), CancellationGuard():
        raise ValueError("wrong")


async def test_the_first_of_several_is_awaited_and_a_failure_raised() -> None:
    async def fail() -> None:
        raise ValueError

    forever = asyncio.ensure_future(asyncio.Event().wait())
    ended = asyncio.ensure_future(value())
    try:
        await wait_first(forever, ended)
        assert ended.done()
        assert (failure_of(ended), failure_of(forever)) == (None, None)
        failed = asyncio.ensure_future(fail())
        with pytest.raises(ValueError):  # noqa: PT011 - of no text
            await wait_first(forever, failed)
        assert isinstance(failure_of(failed), ValueError)
        with pytest.raises(ValueError):  # noqa: PT011 - of no text
            await wait_first(forever, ended, failed)
    finally:
        await cancel_and_wait(forever)
    assert failure_of(forever) is None


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("is_read", [True, False])
async def test_a_transport_can_be_aborted_whatever_it_has_sent(
    is_closed: bool, is_read: bool
) -> None:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    def accept(*streams: Any) -> None:
        accepted.put_nowait(streams)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    reader, client = await asyncio.open_connection(*server.sockets[0].getsockname())
    _requests, writer = await accepted.get()
    writer.write(bytes(32 << 20))  # more than the system buffers
    assert writer.transport.get_write_buffer_size() > 0
    if is_closed:
        writer.close()
    if is_read:
        await reader.readexactly(32 << 20)
        if is_closed:
            await writer.wait_closed()
    for _twice in range(2):
        abort_transport(writer.transport)
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    client.close()
    server.close()
    await server.wait_closed()
