"""Leases, so that one of several workers does a periodic job. Stored in the state bucket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from pulse_workers.chat.store.store import Store
from pulse_workers.errors import WorkerError
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks

_RENEWALS: Final = 3
_MIN_DURATION_S: Final = 20.0
_MAX_AHEAD: Final = 10
"""A lease that ends later, in its durations, is that of a process whose clock was wrong."""


def lease_duration(interval: float) -> float:
    """Return the duration of a lease that is renewed each `interval`, also somewhat late."""
    return max(_MIN_DURATION_S, _RENEWALS * interval)


class LeaseLostError(WorkerError):
    """Another process acquired the lease, as this one could not renew it in time."""


class Lease:
    """A named lease that has one holder at a time."""

    def __init__(self, store: Store, name: str, holder: str, duration: float) -> None:
        """Create a handle; it does not acquire the lease.

        Args:
            store: store of the lease.
            name: name of the lease.
            holder: identity of this process.
            duration: seconds until a lease expires unless it is renewed.
        """
        self._store = store
        self._key = f"lease.{name}"
        self._holder = holder
        self._duration = duration

    async def acquire(self, now: float) -> bool:
        """Acquire or renew the lease; False while another holder has it. `now` is Unix seconds."""
        found, revision = await self._store.state.get(self._key)
        if isinstance(found, dict) and found.get("holder") != self._holder:
            until = _seconds(found.get("until"))
            duration = max(self._duration, _seconds(found.get("duration")))
            if now < until <= now + _MAX_AHEAD * duration:
                return False
        lease = {
            "holder": self._holder,
            "until": now + self._duration,
            "duration": self._duration,
        }
        return await self._store.state.compare_and_set(self._key, lease, revision)

    @contextlib.asynccontextmanager
    async def held(self, renewal_s: float) -> AsyncIterator[None]:
        """Renew the acquired lease while the enclosed block runs, and release it at the end.

        Args:
            renewal_s: seconds between renewals.

        Raises:
            LeaseLostError: another holder acquired it; the block was cancelled.
        """
        loop = asyncio.get_running_loop()
        renewal = PeriodicTasks()
        try:
            async with asyncio.timeout(None) as scope:

                async def renew() -> None:
                    if not await self.acquire(time.time()) and not scope.expired():
                        scope.reschedule(loop.time())

                renewal.start(PeriodicTask(self._key, renewal_s, renew))
                try:
                    yield
                finally:
                    await renewal.close()
        except TimeoutError:
            if scope.expired():
                raise LeaseLostError(f"another process has {self._key}") from None
            raise
        finally:
            await self.release()

    async def release(self) -> None:
        """Release the lease, if this process holds it."""
        found, _ = await self._store.state.get(self._key)
        if isinstance(found, dict) and found.get("holder") == self._holder:
            await self._store.state.delete(self._key)


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
