"""State of work in progress: positions, leases, running extractions and ingests."""

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec
from nats.js import JetStreamContext

from pulse_workers.chat.store.bucket import Bucket
from pulse_workers.chat.store.kv_reader import KeyValueEntry, read_entries
from pulse_workers.chat.store.value_decoder import UNREADABLE_ERRORS, ValueDecoder
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.provisioning import STATE

logger = logging.getLogger("pulse.workers.store")

RUN: Final = "run"
"""Prefix of the keys that mark running extractions."""


_PLAIN_ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


def task_key(prefix: str, task_id: str) -> str:
    """Return the key of what belongs to a task.

    An ID that another program chose may have characters that a key cannot have, or a dot.
    """
    if _PLAIN_ID.fullmatch(task_id):
        return f"{prefix}.{task_id}"
    return f"{prefix}.{hashlib.blake2b(task_id.encode(), digest_size=16).hexdigest()}"


class StateStore:
    """JSON values by key."""

    def __init__(self, js: JetStreamContext, bucket: Bucket) -> None:
        self._js = js
        self._bucket = bucket

    async def get(self, key: str) -> tuple[Any, int]:
        """Return a value and its revision.

        Returns:
            None if there is none, with the revision of a marker, or if it is damaged: its owner
            then replaces it.
        """
        found = await self._bucket.get_with_deleted([key])
        if (entry := found.get(key)) is None:
            return None, 0
        try:
            return msgspec.json.decode(entry.value) if entry.value else None, entry.revision
        except UNREADABLE_ERRORS as error:
            logger.warning("the value of %s is damaged (%s)", key, type(error).__name__)
            return None, entry.revision

    async def put(self, key: str, value: object) -> None:
        """Store a value unconditionally."""
        await self._bucket.put(key, msgspec.json.encode(value))

    async def compare_and_set(self, key: str, value: object, revision: int) -> bool:
        """Store a value if the key is still at `revision`; False if it is not."""
        return await self._bucket.update(key, msgspec.json.encode(value), revision)

    async def delete(self, key: str) -> None:
        """Delete a value without leaving a delete marker."""
        name = self._bucket.name
        await self._js.purge_stream(f"KV_{name}", subject=f"$KV.{name}.{key}")

    @contextlib.asynccontextmanager
    async def marked(
        self, key: str, value: Callable[[], object], renewal_s: float
    ) -> AsyncIterator[None]:
        """Store a value while the enclosed block runs, as a sign that its worker is alive.

        An outage while the block runs does not fail it: a mark that is not renewed or deleted
        expires, because its readers compare the time in it.

        Args:
            key: of the mark.
            value: returns the value at the current time.
            renewal_s: seconds between renewals.

        Raises:
            StoreFullError: the bucket has reached its limit; the block has not run.
            nats.errors.Error: the first mark cannot be stored; the block has not run.
        """
        storing: asyncio.Future[None] | None = None

        async def renew() -> None:
            nonlocal storing
            storing = asyncio.ensure_future(self.put(key, value()))
            await asyncio.shield(storing)

        await renew()
        renewal = PeriodicTasks()
        renewal.start(PeriodicTask(f"mark {key}", renewal_s, renew), at_once=False)
        try:
            yield
        finally:
            await renewal.close()
            with contextlib.suppress(*OUTAGE_ERRORS):
                # The server may delete first what was sent last: the mark would stay.
                if storing is not None and not storing.done():
                    await storing
                await self.delete(key)

    async def entries(self, keys: str) -> list[KeyValueEntry]:
        """Return the values of keys, which may have wildcards, oldest first.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        entries = read_entries(self._js, self._bucket.name, 0, keys)
        return [stored async for stored in entries if stored.value]

    async def extraction_runs(self) -> list[tuple[str, float]]:
        """Return key and last sign of life (Unix seconds) of the extractions marked as running."""
        return [
            (stored.key, mark.renewed_at or mark.started_at)
            async for stored in read_entries(self._js, self._bucket.name, 0, f"{RUN}.*")
            if (mark := _read_mark(stored.key, stored.value)) is not None
        ]


class _Mark(msgspec.Struct):
    """The mark of a running extraction; times in Unix seconds."""

    started_at: float = 0.0
    renewed_at: float = 0.0


_read_mark = ValueDecoder(STATE, msgspec.json.Decoder(_Mark).decode)
