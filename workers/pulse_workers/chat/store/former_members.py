"""Messages that have left a topic, as keys that are counted without a list in the topic.

The key of a removed member has a delete marker until it expires, and the server counts it like a
member. While it is there, `former.<topic>.<message>` is stored: one small key per former member, so
that nothing grows with their number but the bucket.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from nats.js import JetStreamContext

from pulse_workers.chat.store.bucket import MAX_CONFLICTS, Bucket, pause_after_conflict
from pulse_workers.chat.store.changes import BucketChanges
from pulse_workers.chat.store.kv_reader import KeyValueEntry, read_entries
from pulse_workers.errors import ConcurrentChangeError

_FORMER: Final = "former"


class FormerMembers:
    """The former members of topics. Those that did not change are not read again."""

    def __init__(self, js: JetStreamContext, bucket: Bucket) -> None:
        self._js = js
        self._bucket = bucket
        self._known: dict[str, dict[str, bool]] = {}  # by topic and message: whether it is stored
        self._lock = asyncio.Lock()
        self._changes = BucketChanges(
            js, bucket.name, self._known.clear, key_filters=(f"{_FORMER}.>",)
        )

    async def update(self, topic_id: str, message_ids: Iterable[str]) -> set[str]:
        """Store which of these messages are former members of a topic, and return them.

        It ends when nothing is left to change, so of two workers the later one is right.

        Raises:
            ConcurrentChangeError: others change the members all the time.
            StoreFullError: the bucket has reached its limit.
        """
        members = {f"member.{topic_id}.{each}": each for each in message_ids}
        keys = {f"{_FORMER}.{topic_id}.{each}": each for each in members.values()}
        for attempt in range(MAX_CONFLICTS):
            found = await self._bucket.get_with_deleted([*members, *keys])
            former = {members[key] for key in members if key in found and not found[key].value}
            stored = {keys[key] for key in keys if key in found and found[key].value}
            if former == stored:
                return former
            await self._bucket.create_many(
                {key: b"{}" for key, each in keys.items() if each in former - stored}
            )
            await self._bucket.delete_many(
                key for key, each in keys.items() if each in stored - former
            )
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError(f"members of the topic {topic_id} change too often")

    async def count(self, topic_id: str) -> int:
        """Return the number of former members whose key has a delete marker.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        async with self._lock:
            async for stored in self._changes.read():
                self._apply(stored)
            filter_ = f"{_FORMER}.{topic_id}.>"
            if len(self._known.get(topic_id, {})) != await self._bucket.count_keys(filter_):
                await self._read_again(topic_id, filter_)  # no change tells of those that expired
            return sum(self._known.get(topic_id, {}).values())

    async def _read_again(self, topic_id: str, filter_: str) -> None:
        self._known.pop(topic_id, None)
        entries = read_entries(self._js, self._bucket.name, 0, filter_, only_keys=True)
        async with contextlib.aclosing(entries):
            async for stored in entries:
                self._apply(stored)

    def _apply(self, stored: KeyValueEntry) -> None:
        topic_id, _, message_id = stored.key.removeprefix(f"{_FORMER}.").partition(".")
        self._known.setdefault(topic_id, {})[message_id] = not stored.is_deleted
