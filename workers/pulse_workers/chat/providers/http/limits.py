"""Limits of a provider that all its processes share: requests, tokens, concurrency, money.

One record per provider in the state bucket is changed by compare-and-set: before a request it
reserves what the request may use, and afterwards it is corrected. What a killed process reserved
expires with its lease. The record also remembers how each model is made to answer with JSON.
"""

import asyncio
import contextlib
import dataclasses
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from pulse_workers.chat.providers.http.limit_record import (
    MAX_AHEAD_S,
    SLOT_S,
    Lease,
    LimitRecord,
    Period,
    RememberedMode,
    Slot,
    decode_record,
    encode_record,
    period_of,
    remove_expired,
    seconds_until_capacity,
)
from pulse_workers.chat.providers.model_client import OutputMode
from pulse_workers.chat.providers.model_errors import (
    ModelRateLimitedError,
    ModelRefusedError,
    SpendLimitError,
)
from pulse_workers.chat.shared_state import SharedState
from pulse_workers.errors import OUTAGE_ERRORS, WorkerError

logger = logging.getLogger("pulse.workers.providers")

_LEASE_MARGIN_S: Final = 10.0
_MODE_AGE_S: Final = 86_400.0
"""After a day a better mode is tried again: servers are upgraded."""
_MAX_CONFLICTS: Final = 200
_MAX_POLL_S: Final = 0.25


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of one provider; None is no limit.

    Attributes:
        requests_per_minute: HTTP requests in any 60 seconds.
        tokens_per_minute: tokens read and written in any 60 seconds.
        concurrency: requests at the same time.
        spend_limit_usd: US dollars per period.
        spend_period: a period begins with the hour, day or month in UTC.
        max_wait_s: how long a request waits for capacity.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    spend_limit_usd: float | None = None
    spend_period: Period = "day"
    max_wait_s: float = 60.0


class Permit:
    """Permission for one request.

    Attributes:
        tokens: tokens that the request used; those reserved until the response is known.
        cost: its price in US dollars, likewise.
    """

    def __init__(self, name: str, tokens: int, cost: float) -> None:
        self.name = name
        self.tokens = tokens
        self.cost = cost


@dataclasses.dataclass(frozen=True)
class _Delay:
    """Why a request has to wait, and for how many seconds; None if unknown."""

    reason: str
    seconds: float | None


class SharedLimits:
    """Gives permits for the requests of one provider."""

    def __init__(
        self,
        provider: str,
        limits: Limits,
        state: SharedState,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the limits.

        Args:
            provider: name of the provider in the configuration.
            limits: the limits, the same in all processes.
            state: where the record is kept.
            now: returns Unix seconds.
        """
        self._provider = provider
        self._limits = limits
        self._state = state
        self._now = now
        self._key = f"provider.{provider}"
        self._lock = asyncio.Lock()
        self._released = asyncio.Event()

    @contextlib.asynccontextmanager
    async def permit(
        self, tokens: int, cost: float | None, timeout_s: float
    ) -> AsyncIterator[Permit]:
        """Wait for the turn of a request, and hold its lease.

        Args:
            tokens: tokens that it may use.
            cost: price that it may have, None if unknown.
            timeout_s: how long it may take.

        Raises:
            ModelRateLimitedError: the limits leave no capacity within `max_wait_s`.
            SpendLimitError: the spend limit of the period is reached.
            ModelRefusedError: it can never fit into the limits.
        """
        self._check_possible(tokens, cost)
        deadline = time.monotonic() + self._limits.max_wait_s
        permit = Permit(secrets.token_hex(6), tokens, cost or 0.0)
        try:
            async with self._lock:  # one request of a process waits, the others queue behind it
                lease_s = min(timeout_s + _LEASE_MARGIN_S, MAX_AHEAD_S)
                await self._acquire(permit, lease_s, deadline)
        except asyncio.CancelledError:  # the lease may be stored, and the request is not made
            permit.tokens, permit.cost = 0, 0.0
            await self._release_shielded(permit)
            raise
        try:
            yield permit
        finally:
            await self._release_shielded(permit)

    async def block(self, seconds: float) -> None:
        """Let all processes wait, because the server said so; at most `MAX_AHEAD_S`."""

        def change(record: LimitRecord, now: float) -> None:
            until = now + min(seconds, MAX_AHEAD_S)
            record.blocked_until = max(record.blocked_until, until)

        await self._try_change(change, "how long the server asked to wait")

    async def mode(self, model: str) -> OutputMode | None:
        """Return the output mode that worked for a model, None if unknown."""
        record, _revision = await self._read()
        found = record.modes.get(model)
        if found is None or abs(self._now() - found.at) > _MODE_AGE_S:
            return None
        try:
            return OutputMode(found.mode)
        except ValueError:
            return None

    async def remember_mode(self, model: str, mode: OutputMode) -> None:
        """Store the output mode that worked for a model."""

        def change(record: LimitRecord, now: float) -> None:
            record.modes[model] = RememberedMode(mode.value, now)

        await self._try_change(change, "the output mode of a model")

    def _check_possible(self, tokens: int, cost: float | None) -> None:
        limit = self._limits.tokens_per_minute
        if limit is not None and tokens > limit:
            raise ModelRefusedError(
                f"a request of about {tokens:,} tokens does not fit into the limit of {limit:,} "
                f"tokens per minute of {self._provider}",
                413,
                "tokens_per_minute",
            )
        if self._limits.spend_limit_usd is not None and cost is None:
            raise ModelRefusedError(
                f"{self._provider} has a spend limit, but the price of the model is unknown: add "
                f"it to [providers.{self._provider}.prices]",
                402,
            )

    async def _acquire(self, permit: Permit, lease_s: float, deadline: float) -> None:
        tokens, cost = permit.tokens, permit.cost
        poll_s = 0.01
        while True:
            self._released.clear()
            wait: _Delay | None = None

            def reserve(record: LimitRecord, now: float) -> bool:
                nonlocal wait
                wait = self._why_wait(record, now, tokens, cost)
                if wait is not None or not self._has_limits:
                    return False
                number = int(now // SLOT_S)
                slot = record.slots.setdefault(number, Slot())
                slot.requests += 1
                slot.tokens += tokens
                record.leases[permit.name] = Lease(now + lease_s, number, tokens, cost)
                return True

            await self._change(reserve)
            if wait is None:
                return
            left_s = deadline - time.monotonic()
            seconds = wait.seconds
            if left_s <= 0 or (seconds is not None and seconds > left_s):
                raise ModelRateLimitedError(
                    f"{self._provider}: {wait.reason}", retry_after_s=seconds
                )
            if seconds is None:  # another request has to end first, here or in another process
                seconds = poll_s = min(poll_s * 2, _MAX_POLL_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(seconds * random.uniform(1, 1.2), left_s)):  # noqa: S311
                    await self._released.wait()

    def _why_wait(self, record: LimitRecord, now: float, tokens: int, cost: float) -> _Delay | None:
        """Return what a request has to wait for, None if it may start.

        Raises:
            SpendLimitError: the spend limit of the period is reached.
        """
        limits = self._limits
        if limits.spend_limit_usd is not None:
            reserved = sum(lease.cost for lease in record.leases.values())
            if record.spent + reserved + cost > limits.spend_limit_usd:
                period, left_s = period_of(now, limits.spend_period)
                raise SpendLimitError(
                    f"{self._provider}: the spend limit of {limits.spend_limit_usd:g} USD per "
                    f"{limits.spend_period} is reached ({record.spent:.4f} USD spent in {period})",
                    retry_after_s=left_s,
                )
        if record.blocked_until > now:
            return _Delay("the server asked to wait", record.blocked_until - now)
        if limits.concurrency is not None and len(record.leases) >= limits.concurrency:
            return _Delay(f"{limits.concurrency} requests are in progress", None)
        for used, needed, limit, unit in (
            ("requests", 1, limits.requests_per_minute, "requests per minute"),
            ("tokens", tokens, limits.tokens_per_minute, "tokens per minute"),
        ):
            if limit is not None and (
                wait_s := seconds_until_capacity(record, now, used, limit - needed)
            ):
                return _Delay(f"the limit of {limit:,} {unit} is reached", wait_s)
        return None

    @property
    def _has_limits(self) -> bool:
        """Whether requests are counted: without a limit, the record is read and not written."""
        limits = self._limits
        return any(
            limit is not None
            for limit in (
                limits.requests_per_minute,
                limits.tokens_per_minute,
                limits.concurrency,
                limits.spend_limit_usd,
            )
        )

    async def _release_shielded(self, permit: Permit) -> None:
        if self._has_limits:
            await asyncio.shield(asyncio.ensure_future(self._release(permit)))

    async def _release(self, permit: Permit) -> None:
        def change(record: LimitRecord, _now: float) -> bool:
            lease = record.leases.pop(permit.name, None)
            if lease is None:  # it expired, and counts as it was reserved
                return False
            if slot := record.slots.get(lease.slot):
                slot.tokens = max(0, slot.tokens + permit.tokens - lease.tokens)
            record.spent += permit.cost
            return True

        await self._try_change(change, "the end of a request, whose lease will expire")
        self._released.set()

    async def _try_change(self, change: Callable[[LimitRecord, float], object], what: str) -> None:
        """Change the record after a request: a failure must not take its answer away."""
        try:
            await self._change(change)
        except (WorkerError, *OUTAGE_ERRORS) as error:
            logger.warning("%s: not recorded: %s (%s)", self._provider, what, type(error).__name__)

    async def _change(self, change: Callable[[LimitRecord, float], object]) -> None:
        """Change the record, unless `change` returns False."""
        for conflict in range(_MAX_CONFLICTS):
            record, revision = await self._read()
            now = self._now()
            remove_expired(record, now, self._limits.spend_period)
            if change(record, now) is False:
                return
            if await self._state.compare_and_set(self._key, encode_record(record), revision):
                return
            await asyncio.sleep(random.uniform(0, 0.002 * min(conflict + 1, 10)))  # noqa: S311
        raise ModelRateLimitedError(f"{self._provider}: too many processes compete for its limits")

    async def _read(self) -> tuple[LimitRecord, int]:
        value, revision = await self._state.get(self._key)
        try:
            return decode_record(value), revision
        except msgspec.ValidationError as error:
            logger.warning("%s: a new record of its limits begins: %s", self._provider, error)
            return LimitRecord(), revision
