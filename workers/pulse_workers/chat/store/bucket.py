"""A key-value bucket whose values are read and written in bulk."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from pulse_desktop.nats_client.jetstream import FULL_CODES, REVISION_CODES
from pulse_workers.chat.store.requests import BulkRequests, Write, WriteError, is_valid_subject
from pulse_workers.errors import (
    OUTAGE_ERRORS,
    ConcurrentChangeError,
    StoreFullError,
    ValueRefusedError,
)

ENLARGE: Final = ". To enlarge it: "
"""Between the reason of a `StoreFullError` and the command."""
MAX_CONFLICTS: Final = 200
"""Attempts to change a key that others change at the same time."""
_MAX_PAUSE_S: Final = 0.05
_CONCURRENCY: Final = 32
_MIB: Final = 1 << 20


class Entry(NamedTuple):
    """A stored value and its revision, which an update has to give.

    The value of a deleted key is empty. The time of the server is known if the value was read.
    """

    value: bytes
    revision: int
    stored_at: datetime | None = None


Refusals = dict[str, ValueRefusedError]
"""Why values can never be stored, by key."""


class Written(NamedTuple):
    """The effect of a conditional write.

    Attributes:
        keys: of the values that are stored.
        refusals: of others.
        full: the error if the bucket has reached its limit, and some are not stored for that.
    """

    keys: set[str]
    refusals: Refusals
    full: StoreFullError | None


class Bucket:
    """A bucket.

    A value that can never be stored does not prevent the others. Methods that take `refusals` add
    it there; without them it raises `ValueRefusedError` when the others are stored.
    """

    def __init__(self, js: JetStreamContext, requests: BulkRequests, name: str) -> None:
        self._js = js
        self._requests = requests
        self.name = name
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    @property
    def max_value_bytes(self) -> int:
        """Maximum size of a value with its headers."""
        return self._requests.max_bytes

    async def created_at(self) -> datetime | None:
        """Return when the bucket was created, None if it does not exist."""
        try:
            return (await self._js.stream_info(self._stream)).created
        except NotFoundError:
            return None

    async def get(self, key: str) -> Entry | None:
        """Return a value, or None."""
        return (await self.get_many([key])).get(key)

    async def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the values that are stored, by key."""
        found = await self.get_with_deleted(keys)
        return {key: entry for key, entry in found.items() if entry.value}

    async def get_with_deleted(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the values that are stored, and the revisions of deleted ones, by key."""
        keys = [key for key in keys if is_valid_subject(self._prefix + key)]
        if len(keys) > 1:
            subjects = [self._prefix + key for key in keys]
            found = await self._requests.read(self._stream, subjects)
            if found is not None:
                return {
                    subject.removeprefix(self._prefix): Entry(
                        stored.value, stored.revision, stored.stored_at
                    )
                    for subject, stored in found.items()
                }
        return await self._get_each(keys)

    async def _get_each(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Read values one by one, as servers before 2.11 require."""
        found: dict[str, Entry] = {}

        async def read(key: str) -> None:
            try:
                message = await self._js.get_last_msg(self._stream, self._prefix + key, direct=True)
            except NotFoundError:
                return
            found[key] = Entry(message.data or b"", message.seq or 0, message.time)

        for first in range(0, len(keys), _CONCURRENCY):
            await asyncio.gather(*(read(key) for key in keys[first : first + _CONCURRENCY]))
        return found

    async def revisions(self, filters: Sequence[str]) -> dict[str, int]:
        """Return the revisions of keys, 0 of a deleted one.

        Args:
            filters: with wildcards; each matches few keys.
        """
        found: list[str] = []

        async def search(key_filter: str) -> None:
            info = await self._js.stream_info(self._stream, self._prefix + key_filter)
            found.extend(each.removeprefix(self._prefix) for each in info.state.subjects or ())

        for first in range(0, len(filters), _CONCURRENCY):
            await asyncio.gather(*map(search, filters[first : first + _CONCURRENCY]))
        entries = await self.get_with_deleted(found)
        return {key: entry.revision if entry.value else 0 for key, entry in entries.items()}

    async def count_keys(self, key_filter: str) -> int:
        """Return the number of keys, deleted ones included, that match a filter with wildcards.

        The server counts them when it creates a consumer.
        """
        info = await self._js.add_consumer(
            self._stream,
            ConsumerConfig(
                filter_subject=self._prefix + key_filter,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=5.0,
                mem_storage=True,
            ),
        )
        await self._js.delete_consumer(self._stream, info.name)
        return info.num_pending or 0

    async def put(self, key: str, value: bytes) -> None:
        """Store a value.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        await self.put_many({key: value})

    async def put_many(self, values: Mapping[str, bytes], refusals: Refusals | None = None) -> None:
        """Store values.

        Raises:
            StoreFullError: the bucket has reached its limit; some of the values may be stored.
        """
        writes = [Write(self._prefix + key, value) for key, value in values.items()]
        await self._check(values, await self._requests.write(writes), refusals)

    async def delete_many(self, keys: Iterable[str]) -> None:
        """Delete the values that are stored; a marker tells those who follow changes.

        Raises:
            StoreFullError: the bucket has reached its limit; some of the values may be deleted.
        """
        existing = await self.get_many(list(keys))
        writes = [Write(self._prefix + key, b"", is_deletion=True) for key in existing]
        await self._check(existing, await self._requests.write(writes))

    async def delete_at(self, revisions: Mapping[str, int]) -> set[str]:
        """Delete the keys that are at the revision that is given with each; return them.

        Raises:
            StoreFullError: the bucket has reached its limit; some of the values may be deleted.
        """
        deleted = await self._write_at(
            {key: Write(self._prefix + key, b"", each, True) for key, each in revisions.items()}
        )
        if deleted.full is not None:
            raise deleted.full
        return deleted.keys

    async def create_many(
        self, values: Mapping[str, bytes], refusals: Refusals | None = None
    ) -> set[str]:
        """Store the values whose keys do not exist, or were deleted; return these keys.

        Raises:
            ConcurrentChangeError: others change the keys all the time.
            StoreFullError: the bucket has reached its limit; some of the values may be stored.
        """
        created: set[str] = set()
        all_refusals: Refusals = {}
        writes = {key: (value, 0) for key, value in values.items()}
        for attempt in range(MAX_CONFLICTS):
            written = await self.try_update_many(writes)
            created |= written.keys
            all_refusals |= written.refusals
            if written.full is not None:
                raise written.full
            conflicts = [key for key in writes if key not in created and key not in all_refusals]
            found = await self.get_with_deleted(conflicts)
            # A deleted key does not exist, but has a revision. A key that is not found had a write
            # in progress, which may have failed.
            writes = {
                key: (values[key], entry.revision if entry else 0)
                for key in conflicts
                if not (entry := found.get(key)) or not entry.value
            }
            if not writes:
                take_refusals(all_refusals, refusals)
                return created
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError(f"keys of the bucket {self.name} change too often")

    async def update_many(self, values: Mapping[str, tuple[bytes, int]]) -> set[str]:
        """Store values at the revision that is given with each; return the keys that were at it.

        Raises:
            StoreFullError: the bucket has reached its limit; some of the values may be stored.
        """
        written = await self.try_update_many(values)
        if written.full is not None:
            raise written.full
        take_refusals(written.refusals, None)
        return written.keys

    async def try_update_many(self, values: Mapping[str, tuple[bytes, int]]) -> Written:
        """Store values as `update_many`; return what is stored, and why the others are not."""
        return await self._write_at(
            {
                key: Write(self._prefix + key, value, revision)
                for key, (value, revision) in values.items()
            }
        )

    async def _write_at(self, writes: Mapping[str, Write]) -> Written:
        """Write at revisions; return the keys that were at them, and why others are not written."""
        written: set[str] = set()
        refusals: Refusals = {}
        full: APIError | None = None
        errors = await self._requests.write(list(writes.values()))
        for key, error in zip(writes, errors, strict=True):
            if error is None:
                written.add(key)
            elif isinstance(error, ValueRefusedError):
                refusals[key] = error
            elif error.err_code in FULL_CODES:
                full = error
            elif error.err_code not in REVISION_CODES:
                raise error
        if full is None:
            return Written(written, refusals, None)
        store_full = StoreFullError(await self._describe_full())
        store_full.__cause__ = full
        return Written(written, refusals, store_full)

    async def update(self, key: str, value: bytes, revision: int) -> bool:
        """Store a value if the key is at a revision, 0 if it does not exist; False if it is not.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        return bool(await self.update_many({key: (value, revision)}))

    async def _check(
        self,
        keys: Iterable[str],
        errors: Iterable[WriteError | None],
        refusals: Refusals | None = None,
    ) -> None:
        found: Refusals = {}
        for key, error in zip(keys, errors, strict=True):
            if error is None:
                continue
            if isinstance(error, ValueRefusedError):
                found[key] = error
                continue
            if error.err_code in FULL_CODES:
                raise StoreFullError(await self._describe_full()) from error
            raise error
        take_refusals(found, refusals)

    async def _describe_full(self) -> str:
        """Return how large the bucket may be, and the command that enlarges it."""
        limit = 0
        try:
            info = await self._js.stream_info(self._stream)
            limit = max(0, info.config.max_bytes or 0)
        except (*OUTAGE_ERRORS, ServiceUnavailableError):
            pass
        size = f" ({_size_text(limit)})" if limit else ""
        wanted = max(1, 2 * limit // _MIB) if limit else 1024
        server = f" --server {self._requests.server}" if self._requests.server else ""
        return (
            f"the bucket {self.name} is full{size}{ENLARGE}"
            f"pulse-worker provision --store-max-bytes {wanted}M{server}"
        )


def _size_text(size: int) -> str:
    return f"{size / _MIB:.4g} MiB" if size >= _MIB else f"{size / 1024:.3g} KiB"


def take_refusals(found: Refusals, refusals: Refusals | None) -> None:
    """Add refusals to those that the caller collects; raise one if it collects none."""
    if refusals is not None:
        refusals.update(found)
    elif found:
        raise next(iter(found.values()))


async def pause_after_conflict(attempt: int) -> None:
    """Sleep before a change is repeated; `attempt`, from 0, makes it longer."""
    await asyncio.sleep(random.uniform(0, min(_MAX_PAUSE_S, 0.002 * (attempt + 1))))  # noqa: S311
