"""Leases, so that one of several workers does a periodic job. Stored in the state bucket."""

from pulse_workers.chat.store.store import Store


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
            until = found.get("until")
            if isinstance(until, int | float) and now < until <= now + 10 * self._duration:
                return False
        lease = {"holder": self._holder, "until": now + self._duration}
        return await self._store.state.compare_and_set(self._key, lease, revision)

    async def release(self) -> None:
        """Release the lease, if this process holds it."""
        found, _ = await self._store.state.get(self._key)
        if isinstance(found, dict) and found.get("holder") == self._holder:
            await self._store.state.delete(self._key)
