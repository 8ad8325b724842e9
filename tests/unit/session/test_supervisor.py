"""Background work: restarted with patience, reported once, ended for good."""

import asyncio
import contextlib
from typing import Never

import pytest

from pulse_desktop.session import supervisor as supervisor_module
from pulse_desktop.session.supervisor import MAX_PAUSE_S, Supervisor, TaskFailure
from tests.kit.waiting import wait_until


class Pauses:
    """A pause that takes no time and remembers how long it was asked to be."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0)


async def test_a_crash_is_reported_and_followed_by_a_longer_pause_each_time() -> None:
    problems: list[TaskFailure] = []
    pauses = Pauses()
    supervisor = Supervisor(problems.append, pause=pauses)

    async def crash() -> Never:
        raise OSError("boom")

    supervisor.start("feed", crash)
    await wait_until(lambda: len(problems) > 9)
    await supervisor.close()

    assert [p.retry_in for p in problems[:4]] == [0.5, 1.0, 2.0, 4.0]
    assert [p.restarts for p in problems[:4]] == [0, 1, 2, 3]
    assert isinstance(problems[0].error, OSError)
    assert max(pauses.asked) == MAX_PAUSE_S


async def test_a_minute_of_health_makes_the_pause_short_again() -> None:
    now = 0.0
    problems: list[TaskFailure] = []
    supervisor = Supervisor(problems.append, clock=lambda: now, pause=Pauses())

    async def crash() -> Never:
        nonlocal now
        if len(problems) == 3:
            now += 61
        raise OSError

    supervisor.start("feed", crash)
    await wait_until(lambda: len(problems) > 4)
    await supervisor.close()
    assert [p.retry_in for p in problems[:5]] == [0.5, 1.0, 2.0, 0.5, 1.0]


async def test_states_tell_what_became_of_each() -> None:
    release = asyncio.Event()

    async def crash() -> Never:
        raise OSError

    async def end() -> None:
        return None

    supervisor = Supervisor(lambda _: None, pause=lambda _: release.wait())
    supervisor.start("works", release.wait)
    supervisor.start("crashed", crash)
    supervisor.start("given.up", crash, restart=False)
    supervisor.start("ended", end)
    await wait_until(lambda: supervisor.tasks["crashed"] == "waiting")
    assert supervisor.tasks == {
        "works": "running",
        "crashed": "waiting",
        "given.up": "failed",
        "ended": "finished",
    }
    await supervisor.close()
    assert supervisor.tasks == {}


async def test_a_group_is_stopped_and_its_names_are_free_at_once() -> None:
    ended: list[str] = []

    async def wait(name) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    supervisor = Supervisor(lambda _: None)
    for name in ("feed.events", "feed.tasks", "connection"):
        supervisor.start(name, lambda name=name: wait(name))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="already at work"):
        supervisor.start("connection", lambda: wait("other"))
    supervisor.stop_group("feed.")
    supervisor.start("feed.events", lambda: wait("again"))
    await wait_until(lambda: len(ended) == 2)
    assert set(supervisor.tasks) == {"connection", "feed.events"}
    await supervisor.close()
    assert sorted(ended) == ["again", "connection", "feed.events", "feed.tasks"]
    with pytest.raises(RuntimeError):
        supervisor.start("late", lambda: wait("late"))


async def test_closing_waits_for_a_coroutine_that_tidies_up() -> None:
    tidied = False

    async def tidy() -> None:
        nonlocal tidied
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            tidied = True

    supervisor = Supervisor(lambda _: None)
    supervisor.start("tidy", tidy)
    await asyncio.sleep(0)
    await supervisor.close()
    assert tidied


async def test_a_coroutine_that_loses_its_cancellation_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor_module, "ASK_AGAIN_AFTER", 0.01)
    supervisor = Supervisor(lambda _: None)
    begun = asyncio.Event()

    async def deaf() -> None:
        begun.set()
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    supervisor.start("deaf", deaf)
    await begun.wait()
    async with asyncio.timeout(10):
        await supervisor.close()
    assert supervisor.tasks == {}


async def test_a_cancellation_from_within_is_a_crash_and_not_an_end() -> None:
    problems: list[TaskFailure] = []

    async def wait_for_something_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    supervisor = Supervisor(problems.append, pause=Pauses())
    supervisor.start("feed", wait_for_something_cancelled)
    await wait_until(lambda: len(problems) > 1)
    await supervisor.close()
    assert isinstance(problems[0].error, RuntimeError)


async def test_a_listener_that_raises_does_not_end_the_watch() -> None:
    tries = 0

    async def crash() -> Never:
        nonlocal tries
        tries += 1
        raise OSError

    def broken(problem) -> Never:
        raise ValueError

    supervisor = Supervisor(broken, pause=Pauses())
    supervisor.start("feed", crash)
    await wait_until(lambda: tries > 2)
    await supervisor.close()
