"""Limits of a provider: what gives a permit, what waits, what is refused."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pulse_workers.chat.providers.http.limits import Limits, SharedLimits
from pulse_workers.chat.providers.model_client import OutputMode
from pulse_workers.chat.providers.model_errors import (
    ModelRateLimitedError,
    ModelRefusedError,
    SpendLimitError,
)
from pulse_workers.chat.shared_state import LocalState

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, state: LocalState | None = None, **limits: object) -> SharedLimits:
    given = Limits(**{"max_wait_s": 0.0, **limits})  # type: ignore[arg-type]
    return SharedLimits("test", given, state or LocalState(), now=clock)


async def use(limits: SharedLimits, tokens: int = 10, cost: float | None = 0.0) -> None:
    async with limits.permit(tokens, cost, 60):
        pass


async def test_requests_of_any_minute_are_limited(clock: Clock) -> None:
    limits = make(clock, requests_per_minute=3)
    for second in (0.0, 20.0, 40.0):
        clock.now = NOON + second
        await use(limits)
    for second in (50.0, 59.9):
        clock.now = NOON + second
        with pytest.raises(ModelRateLimitedError, match="3 requests per minute") as raised:
            await use(limits)
    assert raised.value.retry_after_s == pytest.approx(65 - 59.9)
    clock.now = NOON + 65
    await use(limits)
    with pytest.raises(ModelRateLimitedError):
        await use(limits)


async def test_tokens_count_as_used_and_not_as_reserved(clock: Clock) -> None:
    limits = make(clock, tokens_per_minute=1_000)
    async with limits.permit(800, 0.0, 60) as permit:
        with pytest.raises(ModelRateLimitedError, match="1,000 tokens per minute"):
            await use(limits, 300)
        permit.tokens = 100
    await use(limits, 900)
    with pytest.raises(ModelRateLimitedError):
        await use(limits, 1)


async def test_what_can_never_fit_is_refused_at_once(clock: Clock) -> None:
    with pytest.raises(ModelRefusedError, match="does not fit into the limit of 1,000"):
        await use(make(clock, tokens_per_minute=1_000, max_wait_s=60.0), 1_001)
    with pytest.raises(ModelRefusedError, match="price of the model is unknown"):
        await use(make(clock, spend_limit_usd=1.0), cost=None)


async def test_requests_at_once_are_limited_and_the_next_starts_when_one_ends(
    clock: Clock,
) -> None:
    limits = make(clock, concurrency=2, max_wait_s=30.0)
    order: list[str] = []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(limits.permit(1, 0.0, 60))
        await stack.enter_async_context(limits.permit(1, 0.0, 60))

        async def third() -> None:
            async with limits.permit(1, 0.0, 60):
                order.append("third")

        waiting = asyncio.ensure_future(third())
        for _turn in range(20):
            await asyncio.sleep(0)
        order.append("one ends")
    await waiting
    assert order == ["one ends", "third"]


async def test_a_lease_of_a_killed_process_expires_and_its_price_counts(clock: Clock) -> None:
    state = LocalState()
    killed = make(clock, state, concurrency=1, spend_limit_usd=1.0)
    await killed.permit(1, 0.4, 60).__aenter__()
    limits = make(clock, state, concurrency=1, spend_limit_usd=1.0)
    with pytest.raises(ModelRateLimitedError, match="1 requests are in progress"):
        await use(limits)
    clock.now += 71
    with pytest.raises(SpendLimitError):
        await use(limits, cost=0.7)
    await use(limits, cost=0.6)


@pytest.mark.parametrize(
    ("period", "left_s"), [("hour", 3_600), ("day", 43_200), ("month", 17 * 86_400 - 43_200)]
)
async def test_money_is_limited_per_period(clock: Clock, period: str, left_s: float) -> None:
    limits = make(clock, spend_limit_usd=1.0, spend_period=period)
    async with limits.permit(1, 0.9, 60) as permit:
        with pytest.raises(SpendLimitError, match="spend limit of 1 USD per"):
            await use(limits, cost=0.2)
        permit.cost = 0.5
    await use(limits, cost=0.4)
    with pytest.raises(SpendLimitError) as raised:
        await use(limits, cost=0.2)
    assert raised.value.retry_after_s == left_s
    clock.now += left_s
    await use(limits, cost=1.0)


async def test_all_wait_when_the_server_asks_one_to_but_never_for_days(clock: Clock) -> None:
    state = LocalState()
    await make(clock, state).block(30)
    limits = make(clock, state)
    with pytest.raises(ModelRateLimitedError, match="the server asked to wait"):
        await use(limits)
    clock.now += 30
    await use(limits)
    await limits.block(1e9)
    clock.now += 3_600
    await use(limits)


async def test_an_output_mode_is_remembered_for_a_day(clock: Clock) -> None:
    state = LocalState()
    await make(clock, state).remember_mode("small", OutputMode.TOOL)
    limits = make(clock, state)
    assert await limits.mode("small") is OutputMode.TOOL
    assert await limits.mode("large") is None
    clock.now += 86_401
    assert await limits.mode("small") is None


@pytest.mark.parametrize(
    "damaged",
    [
        7,
        [1],
        {"slots": 7},
        {"slots": {"x": {"requests": 1, "tokens": 1}}},
        {"slots": {"360002880": {"requests": -9, "tokens": 0}}},
        {"leases": {"a": {"until": "soon"}}},
        {"spent": -1e9, "period": "2027-01-15"},
        {"modes": {"small": 1}},
        {"blocked_until": None},
    ],
    ids=str,
)
async def test_a_damaged_record_is_replaced(clock: Clock, damaged: object) -> None:
    state = LocalState()
    assert await state.compare_and_set("provider.test", damaged, 0)
    await use(make(clock, state))
    limits = make(clock, state, requests_per_minute=1)
    await use(limits)
    with pytest.raises(ModelRateLimitedError, match="1 requests per minute"):
        await use(limits)


DAY_AHEAD = NOON + 86_400


@pytest.mark.parametrize(
    ("record", "limit"),
    [
        ({"blocked_until": DAY_AHEAD}, "requests_per_minute"),
        ({"blocked_until": 1e300}, "requests_per_minute"),
        (
            {"leases": {"a": {"until": DAY_AHEAD, "slot": 1, "tokens": 1, "cost": 0.0}}},
            "concurrency",
        ),
        (
            {"slots": {str(int(DAY_AHEAD // 5)): {"requests": 5, "tokens": 5}}},
            "requests_per_minute",
        ),
        ({"slots": {str(10**18): {"requests": 5, "tokens": 5}}}, "requests_per_minute"),
    ],
    ids=str,
)
async def test_a_worker_whose_clock_is_a_day_ahead_does_not_block_the_others(
    clock: Clock, record: object, limit: str
) -> None:
    state = LocalState()
    assert await state.compare_and_set("provider.test", record, 0)
    async with make(clock, state, **{limit: 1}).permit(10, 0.0, 60):
        with pytest.raises(ModelRateLimitedError):
            await use(make(clock, state, **{limit: 1}))
    await use(make(clock, state))


async def test_a_wrong_clock_does_not_make_the_others_spend_twice(clock: Clock) -> None:
    limits = make(clock, state := LocalState(), spend_limit_usd=1.0)
    for _turn in range(3):
        for now in (NOON, NOON + 86_400):
            clock.now = now
            await use(limits, cost=0.3)
    for now in (NOON, NOON + 86_400):
        clock.now = now
        with pytest.raises(SpendLimitError):
            await use(limits, cost=0.3)
    for day in range(2, 9):
        clock.now = NOON + day * 86_400
        await use(limits, cost=0.3)
    value, _revision = await state.get("provider.test")
    assert list(value["spent_in"]) == [f"2027-01-{day}" for day in range(19, 23)]


async def test_a_clock_that_is_seconds_ahead_changes_nothing(clock: Clock) -> None:
    state = LocalState()
    clock.now = NOON + 30
    ahead = make(clock, state, concurrency=1)
    await ahead.permit(1, 0.0, 1e9).__aenter__()
    clock.now = NOON
    with pytest.raises(ModelRateLimitedError, match="1 requests are in progress"):
        await use(make(clock, state, concurrency=1))
    clock.now = NOON + 30
    await ahead.block(1e9)
    clock.now = NOON
    with pytest.raises(ModelRateLimitedError, match="the server asked to wait"):
        await use(make(clock, state))


async def test_an_answer_is_kept_when_its_end_cannot_be_recorded(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class LostState(LocalState):
        is_lost = False

        async def get(self, key: str) -> tuple[Any, int]:
            if self.is_lost:
                raise TimeoutError
            return await super().get(key)

    state = LostState()
    limits = make(clock, state, concurrency=1)
    async with limits.permit(1, 0.0, 60):
        state.is_lost = True
    await limits.remember_mode("small", OutputMode.TOOL)
    assert "not recorded: the end of a request, whose lease will expire" in caplog.text
    state.is_lost = False
    with pytest.raises(ModelRateLimitedError):
        await use(limits)
    clock.now += 71
    await use(limits)


class WatchedState(LocalState):
    """Counts writes, and holds the answer to the next one until `release` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.written = asyncio.Event()
        self.release = asyncio.Event()

    async def compare_and_set(self, key: str, value: object, revision: int) -> bool:
        is_set = await super().compare_and_set(key, value, revision)
        self.writes += 1
        self.written.set()
        await self.release.wait()
        return is_set


async def test_a_request_that_is_cancelled_while_it_reserves_leaves_no_lease(clock: Clock) -> None:
    state = WatchedState()
    limits = make(clock, state, concurrency=1, spend_limit_usd=1.0)
    reserving = asyncio.ensure_future(use(limits, cost=0.6))
    await state.written.wait()
    state.release.set()
    reserving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reserving
    await use(limits, cost=0.9)  # neither the turn nor the money is taken


async def test_without_limits_nothing_is_written_and_a_block_holds(clock: Clock) -> None:
    state = WatchedState()
    state.release.set()
    limits = make(clock, state)
    await use(limits)
    assert state.writes == 0
    await limits.block(30)
    with pytest.raises(ModelRateLimitedError, match="the server asked to wait"):
        await use(limits)
    clock.now += 31
    await use(limits)
    assert state.writes == 1
