"""Topics and atoms, which several workers may change at the same time.

Members of a topic and sources of an atom are keys of their own, so adding one again changes
nothing. The head of a topic, with its centroid, is changed by compare-and-set; its number of
members is that of the keys.
"""

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from pulse_workers.chat.records import (
    Atom,
    ChatMessage,
    Correction,
    Evidence,
    Topic,
    TopicAssignment,
    Vector,
)
from pulse_workers.chat.store.atom_index import AtomIndex, decode_atom, decode_evidence
from pulse_workers.chat.store.bucket import MAX_ATTEMPTS, Bucket, Refusals, pause_after_conflict
from pulse_workers.chat.store.changes import BucketChanges
from pulse_workers.chat.store.kv_reader import read_entries
from pulse_workers.chat.store.quotes import comparable_text
from pulse_workers.chat.store.topics import new_topic, with_members
from pulse_workers.errors import ConcurrentChangeError

CORRECTION: Final = "correction"
_MAX_EXTRACTION_IDS: Final = 16

_encode = msgspec.json.Encoder().encode
_decode_topic = msgspec.json.Decoder(Topic).decode
decode_correction = msgspec.json.Decoder(Correction).decode


class Member(msgspec.Struct, frozen=True, rename={"extraction_id": "reading"}):
    """Membership of a message in a topic.

    Attributes:
        extraction_id: ID of the extraction that found it.
        at: time, ISO 8601.
    """

    extraction_id: str
    at: str


_decode_member = msgspec.json.Decoder(Member).decode


@dataclasses.dataclass(frozen=True)
class Provenance:
    """The extraction that topics and their members come from.

    Attributes:
        extraction_id: the same when the extraction is repeated.
        model: model that answered.
        embedding_model: model of the vectors.
        at: time, ISO 8601.
    """

    extraction_id: str
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


@dataclasses.dataclass(frozen=True)
class StoredAtoms:
    """The effect of storing atoms.

    Attributes:
        created: the new ones.
        sources_added: number of new sources of those that were known.
        refusals: by message ID, why what is known from a message can never be stored.
    """

    created: tuple[Atom, ...]
    sources_added: int
    refusals: Refusals


@dataclasses.dataclass(frozen=True)
class RemovedSources:
    """The effect of removing sources.

    Attributes:
        count: number of sources.
        atoms: the atoms that have no source any more.
    """

    count: int
    atoms: tuple[Atom, ...]


class KnowledgeStore:
    """Topics, their members, atoms and their sources."""

    def __init__(self, js: JetStreamContext, bucket: Bucket) -> None:
        self._js = js
        self._bucket = bucket
        self._stream = f"KV_{bucket.name}"
        self._topics: dict[str, Topic] = {}
        self._lock = asyncio.Lock()
        self._changes = BucketChanges(js, bucket.name, self._topics.clear, key_filters=("topic.*",))

    async def topics(self) -> list[Topic]:
        """Return all topics; those that did not change are not read again.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        async with self._lock:
            async for stored in self._changes.read():
                if stored.value:
                    self._topics[stored.key] = _decode_topic(stored.value)
                else:
                    self._topics.pop(stored.key, None)
            return list(self._topics.values())

    async def assign(
        self, assignment: TopicAssignment, vectors: Mapping[str, Vector], provenance: Provenance
    ) -> TopicChange | None:
        """Add members to a topic, which is created if it does not exist.

        Args:
            assignment: the topic and its members.
            vectors: unit vectors of the members, by message ID; may lack some.
            provenance: the extraction that found it.

        Returns:
            None if nothing changed.

        Raises:
            ConcurrentChangeError: others change the topic all the time.
            StoreFullError: the bucket has reached its limit.
            ValueRefusedError: the topic can never be stored.
        """
        created, earlier = await self._add_members(assignment, provenance)
        key = f"topic.{assignment.topic_id}"
        for attempt in range(MAX_ATTEMPTS):
            entry = (await self._bucket.get_with_deleted([key])).get(key)
            is_new = entry is None or not entry.value
            known = (
                _decode_topic(entry.value)
                if entry is not None and entry.value
                else new_topic(assignment, model=provenance.model, at=provenance.at)
            )
            # Counted after the head was read: one that is stored meanwhile prevents the update.
            count = await self._count(f"member.{assignment.topic_id}.>")
            added: tuple[str, ...] = ()
            if provenance.extraction_id not in known.extraction_ids:
                # Those of an earlier attempt are in the head already, unless it was interrupted.
                was_interrupted = known.message_count + len(created) < count
                fresh = (*earlier, *created) if was_interrupted else created
                added = tuple(each for each in fresh if each not in known.message_ids)
            if not added and known.message_count == count:
                return None
            topic = _changed(known, added, vectors, provenance, count)
            if await self._bucket.update(key, _encode(topic), entry.revision if entry else 0):
                return TopicChange(topic, is_new, added)
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError(f"topic {assignment.topic_id} changes too often")

    async def _add_members(
        self, assignment: TopicAssignment, provenance: Provenance
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Store members; return the new ones, and those of an earlier attempt of the extraction."""
        keys = {
            f"member.{assignment.topic_id}.{message_id}": message_id
            for message_id in assignment.message_ids
        }
        value = _encode(Member(provenance.extraction_id, provenance.at))
        created = await self._bucket.create_many(dict.fromkeys(keys, value))
        existing = await self._bucket.get_many([key for key in keys if key not in created])
        return (
            tuple(message_id for key, message_id in keys.items() if key in created),
            tuple(
                keys[key]
                for key, entry in existing.items()
                if _decode_member(entry.value).extraction_id == provenance.extraction_id
            ),
        )

    async def atoms(self) -> list[Atom]:
        """Return the atoms that have a source, each with all its sources.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        return (await self._read_atoms("atom.*", "source.>")).all()

    async def _read_atoms(self, *keys: str) -> AtomIndex:
        index = AtomIndex()
        for each in keys:
            async for stored in read_entries(self._js, self._bucket.name, 0, each):
                index.apply(stored.key, stored.value)
        return index

    async def remove_sources(self, messages: Iterable[ChatMessage]) -> RemovedSources:
        """Remove the sources in messages that do not say any more what is quoted of them.

        Args:
            messages: edited messages.

        Raises:
            StoreFullError: the bucket has reached its limit.
            TimeoutError: the server stopped responding before everything was read.
        """
        gone: dict[str, str] = {}
        for message in messages:
            content = comparable_text(message.content)
            async for stored in read_entries(
                self._js, self._bucket.name, 0, f"source.*.{message.id}"
            ):
                if not stored.value:
                    continue
                if comparable_text(decode_evidence(stored.value).sentence) not in content:
                    gone[stored.key] = stored.key.split(".")[1]
        await self._bucket.delete_many(gone)
        lost: list[Atom] = []
        for atom_id in dict.fromkeys(gone.values()):
            entry = await self._bucket.get(f"atom.{atom_id}")
            index = await self._read_atoms(f"atom.{atom_id}", f"source.{atom_id}.>")
            if entry is not None and index.get(atom_id) is None:
                lost.append(decode_atom(entry.value))
        return RemovedSources(len(gone), tuple(lost))

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
        found = (await self._bucket.get_many(keys)).values()
        corrections = [decode_correction(entry.value) for entry in found]
        return {each.message_id: each for each in corrections}

    async def _count(self, keys: str) -> int:
        """Count the keys that match: the server does, when it creates a consumer."""
        info = await self._js.add_consumer(
            self._stream,
            ConsumerConfig(
                filter_subject=f"$KV.{self._bucket.name}.{keys}",
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.NONE,
                inactive_threshold=5.0,
                mem_storage=True,
            ),
        )
        await self._js.delete_consumer(self._stream, info.name)
        return info.num_pending or 0

    async def add_atoms(self, atoms: Sequence[Atom]) -> StoredAtoms:
        """Store atoms and their sources; what is stored already does not change.

        One that can never be stored does not prevent the others.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        by_key = {f"atom.{atom.id}": atom for atom in atoms}
        refused: Refusals = {}
        created = await self._bucket.create_many(
            {key: _encode(atom) for key, atom in by_key.items()}, refused
        )
        refusals = {
            evidence.message_id: error
            for key, error in refused.items()
            for evidence in by_key[key].evidence
        }
        sources: dict[str, tuple[str, Evidence]] = {
            f"source.{atom.id}.{evidence.message_id}": (f"atom.{atom.id}", evidence)
            for atom in atoms
            if f"atom.{atom.id}" not in refused
            for evidence in atom.evidence
        }
        refused = {}
        added = await self._bucket.create_many(
            {key: _encode(evidence) for key, (_, evidence) in sources.items()}, refused
        )
        refusals |= {sources[key][1].message_id: error for key, error in refused.items()}
        gained: dict[str, set[str]] = {}
        for key in added:
            gained.setdefault(sources[key][0], set()).add(key)
        for atom_key in gained.keys() - created:
            if await self._has_no_other_source(by_key[atom_key].id, gained[atom_key]):
                created.add(atom_key)  # again: an edit had removed its last source
        return StoredAtoms(
            tuple(atom for key, atom in by_key.items() if key in created),
            sum(sources[key][0] not in created for key in added),
            refusals,
        )

    async def _has_no_other_source(self, atom_id: str, sources: AbstractSet[str]) -> bool:
        entries = read_entries(self._js, self._bucket.name, 0, f"source.{atom_id}.>")
        return sources >= {stored.key async for stored in entries if stored.value}


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
        extraction_ids=(*topic.extraction_ids, provenance.extraction_id)[-_MAX_EXTRACTION_IDS:],
    )
