"""Atoms and their sources, which several workers may change at the same time.

A source is a key of its own, so adding one again changes nothing. The head of an atom is stored
after its sources: it expires later than they do, and an atom without a source has no head.
"""

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from nats.js import JetStreamContext

from pulse_workers.chat.records import Atom, ChatMessage, Evidence
from pulse_workers.chat.store.atom_index import AtomIndex, read_atom, read_evidence
from pulse_workers.chat.store.bucket import (
    MAX_CONFLICTS,
    Bucket,
    Entry,
    Refusals,
    pause_after_conflict,
)
from pulse_workers.chat.store.kv_reader import KeyValueEntry, read_entries
from pulse_workers.chat.store.quotes import comparable_text
from pulse_workers.errors import ConcurrentChangeError

_encode = msgspec.json.Encoder().encode


@dataclasses.dataclass(frozen=True)
class StoredAtoms:
    """The effect of storing atoms.

    Attributes:
        created: the new ones.
        changed: known ones that are described in another way now.
        sources_added: number of new sources of those that were known.
        refusals: by message ID, why what is known from a message can never be stored.
    """

    created: tuple[Atom, ...]
    changed: tuple[Atom, ...]
    sources_added: int
    refusals: Refusals


@dataclasses.dataclass(frozen=True)
class RemovedSources:
    """The effect of removing sources.

    Attributes:
        count: number of sources.
        atoms: the atoms that had no other source, and are removed.
    """

    count: int
    atoms: tuple[Atom, ...]


class AtomStore:
    """Atoms by ID, and their sources by atom and message."""

    def __init__(self, js: JetStreamContext, bucket: Bucket) -> None:
        self._js = js
        self._bucket = bucket

    async def all(self) -> list[Atom]:
        """Return the atoms, each with all its sources.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        index = AtomIndex()
        for each in ("atom.*", "source.>"):
            async for stored in read_entries(self._js, self._bucket.name, 0, each):
                index.apply(stored.key, stored.value)
        return index.all()

    async def add(
        self, atoms: Sequence[Atom], replaced: AbstractSet[str] = frozenset()
    ) -> StoredAtoms:
        """Store atoms and their sources; of what is stored already, only the age changes.

        One that can never be stored does not prevent the others.

        Args:
            atoms: with their sources.
            replaced: IDs of messages whose earlier extraction this one replaces. Atoms that quote
                one of them are stored as they are given.

        Raises:
            ConcurrentChangeError: others change the atoms all the time.
            StoreFullError: the bucket has reached its limit.
        """
        by_key = {f"atom.{atom.id}": atom for atom in atoms}
        sources = {
            f"source.{atom.id}.{evidence.message_id}": (f"atom.{atom.id}", evidence)
            for atom in atoms
            for evidence in atom.evidence
        }
        refused: Refusals = {}
        added = await self._bucket.create_many(
            {key: _encode(evidence) for key, (_, evidence) in sources.items()}, refused
        )
        await self._replace_unreadable(
            {key: each for key, (_, each) in sources.items() if key not in added}
        )
        refusals = {sources[key][1].message_id: error for key, error in refused.items()}
        source_keys: dict[str, list[str]] = {}
        for key, (atom_key, _) in sources.items():
            if key not in refused:
                source_keys.setdefault(atom_key, []).append(key)
        refused = {}
        renewed = {
            key
            for key, atom in by_key.items()
            if any(evidence.message_id in replaced for evidence in atom.evidence)
        }
        created, changed = await self._put_heads(by_key, source_keys, renewed, refused)
        for atom_key, error in refused.items():
            refusals |= {sources[key][1].message_id: error for key in source_keys[atom_key]}
        await self._bucket.delete_many(key for key in added if sources[key][0] in refused)
        known = created | refused.keys()
        return StoredAtoms(
            tuple(atom for key, atom in by_key.items() if key in created),
            tuple(atom for key, atom in by_key.items() if key in changed),
            sum(sources[key][0] not in known for key in added),
            refusals,
        )

    async def _replace_unreadable(self, sources: Mapping[str, Evidence]) -> None:
        """Store those of the existing sources again that cannot be read."""
        found = await self._bucket.get_many(list(sources))
        await self._bucket.update_many(
            {
                key: (_encode(sources[key]), entry.revision)
                for key, entry in found.items()
                if read_evidence(key, entry.value) is None
            }
        )

    async def _put_heads(
        self,
        atoms: Mapping[str, Atom],
        source_keys: Mapping[str, Collection[str]],
        renewed: AbstractSet[str],
        refusals: Refusals,
    ) -> tuple[set[str], set[str]]:
        """Store the heads that do not exist or are older than a source.

        Return the keys of the new ones, and of those that are replaced.

        A revision is a position in the stream, so it tells which of two keys was stored later.

        Args:
            atoms: by the key of the head.
            source_keys: their sources, by the key of the head.
            renewed: keys of heads that are replaced if the model or another field differs.
            refusals: takes the heads that can never be stored.
        """
        created: set[str] = set()
        changed: set[str] = set()
        undecided = dict(source_keys)
        for attempt in range(MAX_CONFLICTS):
            wanted = [*undecided, *(key for keys in undecided.values() for key in keys)]
            entries = await self._bucket.get_with_deleted(wanted)
            writes: dict[str, tuple[bytes, int]] = {}
            replaced: set[str] = set()
            for key, keys in undecided.items():
                head = entries.get(key)
                stored = (entries[each] for each in keys if each in entries)
                newest = max((each.revision for each in stored if each.value), default=0)
                if newest and (head is None or not head.value):
                    writes[key] = _encode(atoms[key]), head.revision if head else 0
                elif head is not None and head.value:
                    known = read_atom(key, head.value)
                    if known is None or (key in renewed and not _is_same(known, atoms[key])):
                        writes[key] = _encode(atoms[key]), head.revision
                        replaced.add(key)
                    elif head.revision < newest:
                        atom = msgspec.structs.replace(known, evidence=atoms[key].evidence)
                        writes[key] = _encode(atom), head.revision
            written = await self._bucket.try_update_many(writes)
            created |= {key for key in written.keys if not _is_live(entries.get(key))}
            changed |= written.keys & replaced
            refusals |= written.refusals
            if written.full is not None:
                raise written.full
            decided = written.keys | written.refusals.keys()
            undecided = {key: source_keys[key] for key in writes if key not in decided}
            if not undecided:
                return created, changed
            await pause_after_conflict(attempt)
        raise ConcurrentChangeError(f"atoms of the bucket {self._bucket.name} change too often")

    async def remove_sources(self, messages: Iterable[ChatMessage]) -> RemovedSources:
        """Remove what is quoted of messages that do not say it any more.

        The other sources are stored again: like their message, they are kept from its edit on.

        Args:
            messages: edited messages.

        Raises:
            StoreFullError: the bucket has reached its limit.
            TimeoutError: the server stopped responding before everything was read.
        """
        gone: dict[str, str] = {}
        said: dict[str, Entry] = {}
        lost_before: set[str] = set()
        for message in messages:
            content = comparable_text(message.content)
            entries = read_entries(self._js, self._bucket.name, 0, f"source.*.{message.id}")
            async for stored in entries:
                atom_id = stored.key.split(".")[1]
                if not stored.value:
                    lost_before.add(atom_id)  # an interrupted removal may have left the head
                elif _is_said(stored, content):
                    said[stored.key] = Entry(stored.value, stored.sequence)
                else:
                    gone[stored.key] = atom_id
        await self._bucket.delete_many(gone)
        await self._renew(said)
        lost = await self._remove_heads((*gone.values(), *lost_before))
        return RemovedSources(len(gone), lost)

    async def sources_of(self, message_ids: Iterable[str]) -> dict[str, int]:
        """Return the revisions of all sources in messages by key, 0 for a removed one."""
        return await self._bucket.revisions([f"source.*.{each}" for each in message_ids])

    async def remove(self, sources: Mapping[str, int]) -> RemovedSources:
        """Remove sources that did not change since `sources_of` returned them.

        Raises:
            StoreFullError: the bucket has reached its limit.
            TimeoutError: the server stopped responding before everything was read.
        """
        deleted = await self._bucket.delete_at(
            {key: revision for key, revision in sources.items() if revision}
        )
        # An interrupted removal may have left the head.
        lost = await self._remove_heads(key.split(".")[1] for key in sources)
        return RemovedSources(len(deleted), lost)

    async def _remove_heads(self, atom_ids: Iterable[str]) -> tuple[Atom, ...]:
        """Remove the atoms without a source, and return them."""
        heads = [f"atom.{each}" for each in dict.fromkeys(atom_ids)]
        lost = {
            key: entry
            for key, entry in (await self._bucket.get_many(heads)).items()
            if not await self._has_source(key)
        }
        deleted = await self._bucket.delete_at({key: each.revision for key, each in lost.items()})
        read = (read_atom(key, lost[key].value) for key in lost if key in deleted)
        return tuple(atom for atom in read if atom is not None)

    async def _renew(self, sources: Mapping[str, Entry]) -> None:
        """Store sources and their heads again; a conflict means that another worker has done so."""
        await self._bucket.update_many(_writes(sources))
        heads = list(dict.fromkeys(f"atom.{key.split('.')[1]}" for key in sources))
        await self._bucket.update_many(_writes(await self._bucket.get_many(heads)))

    async def _has_source(self, head: str) -> bool:
        """Return whether an atom has a source; usually the first of its keys tells."""
        keys = f"source.{head.removeprefix('atom.')}.>"
        entries = read_entries(self._js, self._bucket.name, 0, keys, batch=10)
        async with contextlib.aclosing(entries):
            async for stored in entries:
                if stored.value:
                    return True
        return False


def _is_said(source: KeyValueEntry, content: str) -> bool:
    """Return whether a text still has the sentence of a source; one that cannot be read has none.

    Args:
        source: as it is stored.
        content: comparable form of the text.
    """
    evidence = read_evidence(source.key, source.value)
    return evidence is not None and comparable_text(evidence.sentence) in content


def _is_same(one: Atom, other: Atom) -> bool:
    """Return whether two atoms differ in nothing but when and where they were found."""
    return one == msgspec.structs.replace(other, found_at=one.found_at, evidence=one.evidence)


def _is_live(entry: Entry | None) -> bool:
    return entry is not None and bool(entry.value)


def _writes(entries: Mapping[str, Entry]) -> dict[str, tuple[bytes, int]]:
    """Return the updates that store entries again as they are."""
    return {key: (entry.value, entry.revision) for key, entry in entries.items()}
