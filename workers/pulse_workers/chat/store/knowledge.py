"""Topics, which several workers may change at the same time; summaries and corrections.

A member of a topic is a key of its own, so adding one again changes nothing. The head of a topic,
with its centroid, is changed by compare-and-set; its number of members is that of the keys. The
server counts delete markers, too, so each former member that has one has a second key.
"""

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from nats.js import JetStreamContext

from pulse_workers.chat.records import (
    ChatMessage,
    Correction,
    Topic,
    TopicAssignment,
    Vector,
)
from pulse_workers.chat.store.bucket import (
    MAX_CONFLICTS,
    Bucket,
    Refusals,
    pause_after_conflict,
    take_refusals,
)
from pulse_workers.chat.store.changes import BucketChanges
from pulse_workers.chat.store.former_members import FormerMembers
from pulse_workers.chat.store.topics import new_topic, with_members
from pulse_workers.chat.store.value_decoder import ValueDecoder
from pulse_workers.errors import ConcurrentChangeError, TopicNotStoredError, ValueRefusedError
from pulse_workers.runtime.provisioning import KNOWLEDGE

CORRECTION: Final = "correction"
_MAX_HASHES: Final = 16

_encode = msgspec.json.Encoder().encode
read_topic = ValueDecoder(KNOWLEDGE, msgspec.json.Decoder(Topic).decode)
read_correction = ValueDecoder(KNOWLEDGE, msgspec.json.Decoder(Correction).decode)


class Member(msgspec.Struct, frozen=True, rename={"messages_hash": "reading"}):
    """Membership of a message in a topic.

    Attributes:
        messages_hash: of the extraction that found it.
        at: time, ISO 8601.
    """

    messages_hash: str
    at: str


_read_member = ValueDecoder(KNOWLEDGE, msgspec.json.Decoder(Member).decode)


@dataclasses.dataclass(frozen=True)
class Provenance:
    """The extraction that topics and their members come from.

    Attributes:
        messages_hash: hash of the IDs and contents of the messages that were read; the same when
            the extraction is repeated.
        model: model that answered.
        embedding_model: model of the vectors.
        at: time, ISO 8601.
    """

    messages_hash: str
    model: str
    embedding_model: str
    at: str


@dataclasses.dataclass(frozen=True)
class TopicChange:
    """A topic after an assignment.

    Attributes:
        topic: the topic.
        is_new: whether this assignment created it.
        added: IDs of the new members.
    """

    topic: Topic
    is_new: bool
    added: tuple[str, ...]


class KnowledgeStore:
    """Topics, their members, summaries and corrections."""

    def __init__(self, js: JetStreamContext, bucket: Bucket) -> None:
        self._bucket = bucket
        self._former = FormerMembers(js, bucket)
        self._topics: dict[str, Topic] = {}
        self._lock = asyncio.Lock()
        self._changes = BucketChanges(js, bucket.name, self._topics.clear, key_filters=("topic.*",))

    async def topics(self) -> list[Topic]:
        """Return the topics with members; those that did not change are not read again.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        async with self._lock:
            async for stored in self._changes.read():
                if topic := read_topic(stored.key, stored.value):
                    self._topics[stored.key] = topic
                else:
                    self._topics.pop(stored.key, None)
            return [topic for topic in self._topics.values() if topic.message_count]

    async def assign(
        self,
        assignment: TopicAssignment,
        vectors: Mapping[str, Vector],
        provenance: Provenance,
        refusals: Refusals | None = None,
    ) -> TopicChange | None:
        """Add members to a topic, which is created if it does not exist.

        Args:
            assignment: the topic and its members.
            vectors: unit vectors of the members, by message ID; may lack some.
            provenance: the extraction that found it.
            refusals: takes the members that can never be stored, by message ID.

        Returns:
            None if nothing changed.

        Raises:
            ConcurrentChangeError: others change the topic all the time.
            StoreFullError: the bucket has reached its limit.
            TopicNotStoredError: the server does not accept the head of the topic.
        """
        created, earlier = await self._add_members(assignment, provenance, refusals)
        await self._former.update(assignment.topic_id, assignment.message_ids)
        key = f"topic.{assignment.topic_id}"
        for attempt in range(MAX_CONFLICTS):
            entry = (await self._bucket.get_with_deleted([key])).get(key)
            stored = read_topic(key, entry.value) if entry is not None else None
            is_new = stored is None or not stored.message_count
            known = (
                new_topic(assignment, stored, model=provenance.model, at=provenance.at)
                if stored is None or is_new
                else stored
            )
            count = await self._count(assignment.topic_id)
            # Those of an earlier attempt are in the head already, unless it was interrupted.
            was_interrupted = (
                provenance.messages_hash not in known.messages_hashes
                and known.message_count + len(created) < count
            )
            fresh = (*earlier, *created) if was_interrupted else created
            added = tuple(each for each in fresh if each not in known.message_ids)
            if not added and known.message_count == count:
                return None
            topic = _changed(known, added, vectors, provenance, count)
            if await self._update_head(topic, entry.revision if entry else 0):
                return TopicChange(topic, is_new, added)
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError(f"topic {assignment.topic_id} changes too often")

    async def _add_members(
        self, assignment: TopicAssignment, provenance: Provenance, refusals: Refusals | None
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Store members; return the new ones, and those of an earlier attempt of the extraction."""
        keys = {
            f"member.{assignment.topic_id}.{message_id}": message_id
            for message_id in assignment.message_ids
        }
        value = _encode(Member(provenance.messages_hash, provenance.at))
        refused: Refusals = {}
        created = await self._bucket.create_many(dict.fromkeys(keys, value), refused)
        take_refusals({keys[key]: error for key, error in refused.items()}, refusals)
        existing = await self._bucket.get_many([key for key in keys if key not in created])
        return (
            tuple(message_id for key, message_id in keys.items() if key in created),
            tuple(
                keys[key]
                for key, entry in existing.items()
                if (member := _read_member(key, entry.value))
                and member.messages_hash == provenance.messages_hash
            ),
        )

    async def remove_members(
        self, messages: Iterable[ChatMessage], at: str, messages_hash: str | None = None
    ) -> list[TopicChange]:
        """Remove messages from topics, and return the topics that changed.

        Args:
            messages: edited messages: their earlier text made them members.
            at: time, ISO 8601.
            messages_hash: of the extraction that added the members; None for all.

        Raises:
            ConcurrentChangeError: others change a topic all the time.
            StoreFullError: the bucket has reached its limit.
            TimeoutError: the server stopped responding before everything was read.
        """
        members = await self.members_of(each.id for each in messages)
        if messages_hash is not None:
            found = await self._bucket.get_many(list(members))
            members = {
                key: entry.revision
                for key, entry in found.items()
                if (member := _read_member(key, entry.value))
                and member.messages_hash == messages_hash
            }
        return await self.remove(members, at)

    async def members_of(self, message_ids: Iterable[str]) -> dict[str, int]:
        """Return the revisions of all memberships of messages by key, 0 for a removed one."""
        return await self._bucket.revisions([f"member.*.{each}" for each in message_ids])

    async def remove(self, members: Mapping[str, int], at: str) -> list[TopicChange]:
        """Remove memberships that did not change since `members_of` returned them.

        Args:
            members: to remove.
            at: time, ISO 8601.

        Returns:
            The topics that changed.

        Raises:
            ConcurrentChangeError: others change a topic all the time.
            StoreFullError: the bucket has reached its limit.
        """
        await self._bucket.delete_at({key: each for key, each in members.items() if each})
        # After an interrupted removal, the head may still have those that are removed already.
        by_topic: dict[str, list[str]] = {}
        for key in members:
            _kind, topic_id, message_id = key.split(".", 2)
            by_topic.setdefault(topic_id, []).append(message_id)
        changes = [await self._remove_from_head(each, ids, at) for each, ids in by_topic.items()]
        return [change for change in changes if change is not None]

    async def _remove_from_head(
        self, topic_id: str, ids: Sequence[str], at: str
    ) -> TopicChange | None:
        for attempt in range(MAX_CONFLICTS):
            entry = await self._bucket.get(f"topic.{topic_id}")
            former = await self._former.update(topic_id, ids)
            known = read_topic(f"topic.{topic_id}", entry.value) if entry is not None else None
            if entry is None or known is None:
                return None
            count = await self._count(topic_id)
            listed = tuple(each for each in known.message_ids if each not in former)
            if (count, listed) == (known.message_count, known.message_ids):
                return None
            topic = msgspec.structs.replace(
                known,
                message_ids=listed,
                message_count=count,
                version=known.version + 1,
                updated_at=at,
            )
            if await self._update_head(topic, entry.revision):
                return TopicChange(topic, is_new=False, added=())
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError(f"topic {topic_id} changes too often")

    async def put_summary(self, summary_id: str, summary: object) -> None:
        """Store the summary of a period.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        await self._bucket.put(f"summary.{summary_id}", _encode(summary))

    async def put_correction(self, correction: Correction) -> None:
        """Store a correction; it replaces an earlier one of the message.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        await self._bucket.put(f"{CORRECTION}.{correction.message_id}", _encode(correction))

    async def corrections(self, message_ids: Iterable[str]) -> dict[str, Correction]:
        """Return the corrections that are stored, by message ID."""
        keys = [f"{CORRECTION}.{each}" for each in dict.fromkeys(message_ids)]
        found = await self._bucket.get_many(keys)
        corrections = (read_correction(key, entry.value) for key, entry in found.items())
        return {each.message_id: each for each in corrections if each is not None}

    async def _update_head(self, topic: Topic, revision: int) -> bool:
        """Store the head of a topic at its revision; return whether it was at it.

        A head that the server does not accept says nothing about the messages: only settings of the
        server make it too large.
        """
        try:
            return await self._bucket.update(f"topic.{topic.id}", _encode(topic), revision)
        except ValueRefusedError as error:
            raise TopicNotStoredError(f"topic {topic.id}: {error}") from error

    async def _count(self, topic_id: str) -> int:
        """Return the number of members.

        Call it after the head was read: a change that is made meanwhile prevents the update.
        """
        count = await self._bucket.count_keys(f"member.{topic_id}.>")
        return max(0, count - await self._former.count(topic_id))


def _changed(
    topic: Topic,
    added: tuple[str, ...],
    vectors: Mapping[str, Vector],
    provenance: Provenance,
    count: int,
) -> Topic:
    if topic.embedding_model != provenance.embedding_model:
        topic = msgspec.structs.replace(topic, centroid=())
    changed = with_members(
        topic, added, [vectors[each] for each in added if each in vectors], provenance.at
    )
    return msgspec.structs.replace(
        changed,
        message_count=count,
        embedding_model=provenance.embedding_model,
        messages_hashes=(*topic.messages_hashes, provenance.messages_hash)[-_MAX_HASHES:],
    )
