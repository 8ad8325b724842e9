"""Search over messages and atoms: by text and by vectors, with both rankings fused."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, ParamSpec, TypeVar

from pulse_workers.chat.agents.call_tracing import AgentCalls
from pulse_workers.chat.providers.model_errors import ModelError
from pulse_workers.chat.providers.provider import Answer, Capability, Provider
from pulse_workers.chat.records import Atom, ChatMessage, Vector
from pulse_workers.chat.store.atom_index import AtomIndex
from pulse_workers.chat.store.kv_reader import KeyValueEntry
from pulse_workers.chat.store.messages import read_message
from pulse_workers.chat.store.store import Store
from pulse_workers.chat.store.vectors import VectorHit
from pulse_workers.chat.text_index import TextIndex
from pulse_workers.config.known_secrets import describe_error
from pulse_workers.errors import ProviderRefusedError
from pulse_workers.runtime.provisioning import KNOWLEDGE, MESSAGES

P = ParamSpec("P")
T = TypeVar("T")

MESSAGE: Final = "message"
ATOM: Final = "atom"
_RRF_K: Final = 60
"""Constant of reciprocal rank fusion: the larger, the less the first ranks stand out."""
_BATCH_SIZE: Final = 100
_MAX_RANKED: Final = 100
"""Hits of each ranking that are fused."""


@dataclasses.dataclass(frozen=True)
class SearchHit:
    """A message or atom that was found.

    Attributes:
        kind: `message` or `atom`.
        id: its ID.
        score: fused score, only good for ordering hits.
        text_rank: rank by text, from 1; None if no word of the query is in it.
        vector_rank: rank by similarity, from 1; None if it is not similar. That of an atom is the
            rank of its best source.
    """

    kind: str
    id: str
    score: float
    text_rank: int | None
    vector_rank: int | None


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """Hits of a search, with the messages and atoms that they refer to.

    Attributes:
        hits: messages and atoms, best first.
        messages: messages by ID: hits, and the sources of atoms that are hits.
        atoms: atoms that are hits, by ID.
        embedding: which embedding answered, or why none did.
    """

    hits: Sequence[SearchHit]
    messages: Mapping[str, ChatMessage]
    atoms: Mapping[str, Atom]
    embedding: Mapping[str, Any]


class KnowledgeSearch:
    """Indexes in memory, filled at the first search and kept up to date by each further one.

    Vectors and atoms of a message remain when it is deleted or expires. The message is no longer a
    hit, nor is an atom without another source; the next best hits take their places.
    """

    def __init__(self, store: Store, provider: Provider, agents: AgentCalls) -> None:
        self._store = store
        self._provider = provider
        self._agents = agents
        self._lock = asyncio.Lock()
        self._model = provider.version(Capability.EMBED).model
        self._vectors = store.vector_index(self._model)
        self._change_readers = {
            MESSAGES: store.change_reader(MESSAGES, self._clear_messages),
            KNOWLEDGE: store.change_reader(KNOWLEDGE, self._clear_atoms, ("atom.*", "source.>")),
        }
        self._texts = {MESSAGE: TextIndex(), ATOM: TextIndex()}
        self._messages: set[str] = set()
        self._atoms = AtomIndex()
        self._atoms_of: dict[str, set[str]] = {}
        self._changed_atoms: set[str] = set()

    async def search(self, query: str, limit: int, task_id: str = "") -> SearchResult:
        """Find messages and atoms.

        Args:
            query: words, or a question.
            limit: maximum number of hits.
            task_id: ID of the task that searches.

        Raises:
            TimeoutError: the server stopped responding before the indexes were complete.
        """
        query_vector, embedding = await self._embed(query, task_id)
        async with self._lock:
            await self._refresh()
            if query_vector is not None:
                count = await _in_thread(self._vectors.count, self._messages)
                embedding |= {"vectors": count}
            while True:
                found = await _in_thread(self._rank, query, query_vector, limit)
                atoms = {
                    each.id: atom
                    for each in found
                    if each.kind == ATOM and (atom := self._atoms.get(each.id)) is not None
                }
                wanted = {each.id for each in found if each.kind == MESSAGE}
                wanted.update(key for atom in atoms.values() for key in self._sources(atom))
                messages = {each.id: each for each in await self._store.messages.get_many(wanted)}
                missing = wanted - messages.keys()
                if not missing:
                    return SearchResult(found, messages, atoms, embedding)
                for message_id in missing:  # they have expired: expiry is not announced
                    self._remove(message_id)

    def _rank(self, query: str, query_vector: Vector | None, limit: int) -> list[SearchHit]:
        """Return the best hits. Call it in a thread: it takes long."""
        by_vector: dict[tuple[str, str], int] = {}
        for rank, hit in enumerate(self._similar(query_vector), 1):
            by_vector[MESSAGE, hit.message_id] = rank
            for atom_id in self._atoms_of.get(hit.message_id, ()):
                if self._atoms.get(atom_id) is not None:
                    by_vector.setdefault((ATOM, atom_id), rank)
        by_text = {
            (MESSAGE, key): rank
            for rank, (key, _) in enumerate(self._texts[MESSAGE].search(query, _MAX_RANKED), 1)
        }
        atoms = (
            key
            for key, _ in self._texts[ATOM].search(query, len(self._texts[ATOM]))
            if (atom := self._atoms.get(key)) is not None and self._sources(atom)
        )
        by_text |= {
            (ATOM, key): rank for rank, key in enumerate(itertools.islice(atoms, _MAX_RANKED), 1)
        }
        return fuse(by_text, by_vector)[:limit]

    def _similar(self, query_vector: Vector | None) -> Sequence[VectorHit]:
        if query_vector is None:
            return ()
        return self._vectors.search(query_vector, _MAX_RANKED, among=self._messages, related=True)

    def _sources(self, atom: Atom) -> list[str]:
        """Return the IDs of the messages of an atom that were not deleted."""
        ids = (evidence.message_id for evidence in atom.evidence)
        return [message_id for message_id in ids if message_id in self._messages]

    async def _refresh(self) -> None:
        await self._vectors.refresh()
        for bucket, reader in self._change_readers.items():
            batch: list[KeyValueEntry] = []
            async for stored in reader.read():
                batch.append(stored)
                if len(batch) == _BATCH_SIZE:
                    await _in_thread(self._add_all, bucket, batch)
                    batch = []
            await _in_thread(self._add_all, bucket, batch)
        # An atom may have thousands of sources: it is indexed when all of them are read.
        while self._changed_atoms:
            await _in_thread(self._index_atoms, list(self._changed_atoms)[:_BATCH_SIZE])

    def _clear_messages(self) -> None:
        self._texts[MESSAGE] = TextIndex()
        self._messages.clear()

    def _clear_atoms(self) -> None:
        self._texts[ATOM] = TextIndex()
        self._atoms.clear()
        self._atoms_of.clear()

    def _add_all(self, bucket: str, batch: Sequence[KeyValueEntry]) -> None:
        """Add values. Call it in a thread: each takes up to a millisecond."""
        for stored in batch:
            self._add(bucket, stored.key, stored.value)

    def _add(self, bucket: str, key: str, value: bytes) -> None:
        if bucket == MESSAGES:
            if message := read_message(key, value):
                self._texts[MESSAGE].add(key, message.content)
                self._messages.add(key)
            else:
                self._remove(key)
        elif atom_id := self._atoms.apply(key, value):
            self._changed_atoms.add(atom_id)
            if key.startswith("source.") and not value:
                message_id = key.removeprefix(f"source.{atom_id}.")
                self._atoms_of.get(message_id, set()).discard(atom_id)

    def _index_atoms(self, ids: Sequence[str]) -> None:
        """Index atoms that changed. Call it in a thread."""
        for atom_id in ids:
            atom = self._atoms.get(atom_id)
            if atom is None:
                self._texts[ATOM].remove(atom_id)
            else:
                for evidence in atom.evidence:
                    self._atoms_of.setdefault(evidence.message_id, set()).add(atom_id)
                sentences = " ".join(dict.fromkeys(each.sentence for each in atom.evidence))
                self._texts[ATOM].add(atom_id, f"{atom.title} {sentences}")
            self._changed_atoms.discard(atom_id)

    def _remove(self, message_id: str) -> None:
        self._texts[MESSAGE].remove(message_id)
        self._messages.discard(message_id)

    async def _embed(self, query: str, task_id: str) -> tuple[Vector | None, dict[str, Any]]:
        """Return the vector of a query, and which embedding answered or why none did."""
        described: dict[str, Any] = {"model": self._model, "provider": None, "error": None}
        try:
            answer: Answer[Vector] = await self._agents.call(
                Capability.EMBED.agent,
                task_id,
                1,
                self._provider.embed([query], is_query=True),
                capability=Capability.EMBED,
            )
        except (ModelError, ProviderRefusedError) as error:
            return None, described | {"error": describe_error(error)}
        described |= {"provider": answer.provider, "vectors": 0}
        if answer.fallback is not None:
            described |= answer.fallback_fields
        return answer.value[0], described


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread, and wait for its end also if this is cancelled.

    A thread cannot be cancelled, and the next search must not use the indexes beside it.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        raise


def fuse(
    by_text: Mapping[tuple[str, str], int], by_vector: Mapping[tuple[str, str], int]
) -> list[SearchHit]:
    """Return what either ranking has, best first, by reciprocal rank fusion.

    Args:
        by_text: rank from 1 by kind and ID.
        by_vector: likewise.
    """

    def score(ranks: Iterable[int | None]) -> float:
        return sum(1 / (_RRF_K + rank) for rank in ranks if rank is not None)

    found = []
    for kind, key in {**by_text, **by_vector}:
        ranks = by_text.get((kind, key)), by_vector.get((kind, key))
        found.append(SearchHit(kind, key, round(score(ranks), 6), *ranks))
    return sorted(found, key=lambda each: (-each.score, each.kind, each.id))
