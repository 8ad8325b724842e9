"""Background work is restarted with backoff, reported once, and leaves nothing behind."""

import asyncio
import contextlib
from functools import partial
from typing import Never

import pytest

from pulse_desktop.session import supervisor as supervisor_module
from pulse_desktop.session.supervisor import (
    CLOSE_TIMEOUT_S,
    MAX_DELAY_S,
    Supervisor,
    TaskFailure,
)
from tests.kit.waiting import wait_until


class Delays:
    """A sleep that takes no time and records its argument."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


async def test_each_crash_is_reported_and_the_delay_grows() -> None:
    failures: list[TaskFailure] = []
    delays = Delays()
    supervisor = Supervisor(failures.append, sleep=delays)

    async def crash() -> Never:
        raise OSError("boom")

    supervisor.start("feed", crash)
    await wait_until(lambda: len(failures) > 9)
    await supervisor.close()

    assert [f.retry_in for f in failures[:4]] == [0.5, 1.0, 2.0, 4.0]
    assert [f.restarts for f in failures[:4]] == [0, 1, 2, 3]
    assert isinstance(failures[0].error, OSError)
    assert max(delays.seconds) == MAX_DELAY_S


async def test_a_minute_without_a_crash_resets_the_delay() -> None:
    now = 0.0
    failures: list[TaskFailure] = []
    supervisor = Supervisor(failures.append, clock=lambda: now, sleep=Delays())

    async def crash() -> Never:
        nonlocal now
        if len(failures) == 3:
            now += 61
        raise OSError

    supervisor.start("feed", crash)
    await wait_until(lambda: len(failures) > 4)
    await supervisor.close()
    assert [f.retry_in for f in failures[:5]] == [0.5, 1.0, 2.0, 0.5, 1.0]


async def test_each_task_has_a_state() -> None:
    release = asyncio.Event()

    async def crash() -> Never:
        raise OSError

    async def end() -> None:
        return None

    supervisor = Supervisor(lambda _: None, sleep=lambda _: release.wait())
    supervisor.start("working", release.wait)
    supervisor.start("crashed", crash)
    supervisor.start("not.restarted", crash, restart=False)
    supervisor.start("ended", end)
    await wait_until(lambda: supervisor.tasks["crashed"] == "waiting")
    assert supervisor.tasks == {
        "working": "running",
        "crashed": "waiting",
        "not.restarted": "failed",
        "ended": "finished",
    }
    await supervisor.close()
    assert supervisor.tasks == {}


async def test_a_group_is_cancelled_and_its_names_are_free_at_once() -> None:
    ended: list[str] = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    supervisor = Supervisor(lambda _: None)
    for name in ("feed.events", "feed.tasks", "connection"):
        supervisor.start(name, partial(wait, name))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="already running"):
        supervisor.start("connection", lambda: wait("other"))
    assert supervisor.is_group_running("feed.")
    supervisor.stop_group("feed.")
    assert not supervisor.is_group_running("feed.")
    assert supervisor.is_group_running("connection")
    supervisor.start("feed.events", lambda: wait("again"))
    await wait_until(lambda: len(ended) == 2)
    assert set(supervisor.tasks) == {"connection", "feed.events"}
    await supervisor.close()
    assert sorted(ended) == ["again", "connection", "feed.events", "feed.tasks"]
    with pytest.raises(RuntimeError):
        supervisor.start("late", lambda: wait("late"))


async def test_closing_waits_for_a_coroutine_to_clean_up() -> None:
    cleaned = False

    async def clean_up() -> None:
        nonlocal cleaned
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            cleaned = True

    supervisor = Supervisor(lambda _: None)
    supervisor.start("clean up", clean_up)
    await asyncio.sleep(0)
    await supervisor.close()
    assert cleaned


async def test_a_coroutine_that_swallows_its_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_module, "CANCEL_AGAIN_S", 0.01)
    supervisor = Supervisor(lambda _: None)
    started = asyncio.Event()

    async def stubborn() -> None:
        started.set()
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    supervisor.start("stubborn", stubborn)
    await started.wait()
    async with asyncio.timeout(10):
        await supervisor.close()
    assert supervisor.tasks == {}


async def test_closing_leaves_behind_what_does_not_end_in_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    supervisor = Supervisor(lambda _: None)
    started, released = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        started.set()
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    supervisor.start("stubborn", stubborn)
    await started.wait()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S / 2):
            await supervisor.close(timeout_s=0.05)
    finally:
        released.set()
    assert "background work does not end: stubborn" in caplog.text
    await supervisor.close()


async def test_a_cancellation_from_inside_counts_as_a_crash() -> None:
    failures: list[TaskFailure] = []

    async def wait_for_something_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    supervisor = Supervisor(failures.append, sleep=Delays())
    supervisor.start("feed", wait_for_something_cancelled)
    await wait_until(lambda: len(failures) > 1)
    await supervisor.close()
    assert isinstance(failures[0].error, RuntimeError)


async def test_a_listener_that_raises_does_not_end_the_supervision() -> None:
    attempts = 0

    async def crash() -> Never:
        nonlocal attempts
        attempts += 1
        raise OSError

    def broken(_failure: TaskFailure) -> Never:
        raise ValueError

    supervisor = Supervisor(broken, sleep=Delays())
    supervisor.start("feed", crash)
    await wait_until(lambda: attempts > 2)
    await supervisor.close()


async def test_work_of_the_same_name_replaces_what_is_running() -> None:
    ended: list[str] = []

    async def work(name: str, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            ended.append(f"{name} cancelled")
            raise
        ended.append(name)

    supervisor = Supervisor(lambda _: None)
    supervisor.run("search", work("first", 60.0))
    supervisor.run("search again", work("other", 0.0))
    await asyncio.sleep(0)
    supervisor.run("search", work("second", 0.0))
    await wait_until(lambda: len(ended) == 3)
    assert sorted(ended) == ["first cancelled", "other", "second"]
    await wait_until(lambda: supervisor.tasks == {}, message="finished work is forgotten")
    await supervisor.close()
    with pytest.raises(RuntimeError):
        supervisor.run("search", work("late", 0.0))
