"""One worker out of many does what must be done once: a lease in the store, renewed while held."""

from pulse_workers.chat.store import Store


class Lease:
    """A named right that one holder has at a time."""

    def __init__(self, store: Store, name: str, holder: str, duration: float) -> None:
        """Describe a lease.

        Args:
            store: where it is kept.
            name: what it is for.
            holder: who asks.
            duration: seconds until an unrenewed lease is free again.
        """
        self._store = store
        self._key = f"lease.{name}"
        self._holder = holder
        self._duration = duration

    async def hold(self, now: float) -> bool:
        """Take or renew the lease; False while somebody else has it. `now` is Unix seconds."""
        found, revision = await self._store.state(self._key)
        if isinstance(found, dict) and found.get("holder") != self._holder:
            until = found.get("until")
            if isinstance(until, int | float) and now < until <= now + 10 * self._duration:
                return False
        mine = {"holder": self._holder, "until": now + self._duration}
        return await self._store.swap_state(self._key, mine, revision)

    async def release(self) -> None:
        """Let somebody else have it at once."""
        found, _ = await self._store.state(self._key)
        if isinstance(found, dict) and found.get("holder") == self._holder:
            await self._store.drop_state(self._key)
