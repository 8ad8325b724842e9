"""The store of the chat application, in NATS buckets and without another database.

Keys are IDs or hashes, so a repeated task overwrites its own values. Callers pass times; nothing
here reads a clock.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from nats.js import JetStreamContext

from pulse_desktop.nats_client.client import client_of
from pulse_workers.chat.records import ChatMessage, Stage
from pulse_workers.chat.store.atoms import AtomStore
from pulse_workers.chat.store.bucket import Bucket
from pulse_workers.chat.store.changes import BucketChanges
from pulse_workers.chat.store.knowledge import KnowledgeStore
from pulse_workers.chat.store.kv_reader import BATCH_SIZE, KeyValueEntry, read_entries
from pulse_workers.chat.store.messages import MessageStore, ScoreStore
from pulse_workers.chat.store.requests import BulkRequests
from pulse_workers.chat.store.stages import StageStore
from pulse_workers.chat.store.state import StateStore
from pulse_workers.chat.store.vectors import VectorIndex, VectorStore, block_keys
from pulse_workers.runtime.provisioning import (
    EMBEDDINGS,
    KNOWLEDGE,
    MESSAGES,
    SCORES,
    STAGES,
    STATE,
)


class Store:
    """Access to the chat buckets.

    Attributes:
        messages: messages.
        scores: scores of messages.
        stages: records of the stages that have run for messages.
        vectors: vectors of messages.
        atoms: atoms and their sources.
        knowledge: topics and their members, summaries, corrections.
        state: positions, leases, running extractions, provider limits.
    """

    def __init__(self, js: JetStreamContext, requests: BulkRequests) -> None:
        self._js = js
        scores = Bucket(js, requests, SCORES)
        embeddings = Bucket(js, requests, EMBEDDINGS)
        knowledge = Bucket(js, requests, KNOWLEDGE)
        self.messages = MessageStore(Bucket(js, requests, MESSAGES))
        self.scores = ScoreStore(scores)
        self.stages = StageStore(
            Bucket(js, requests, STAGES),
            {Stage.SCORED: scores, Stage.EMBEDDED: embeddings, Stage.EXTRACTED: knowledge},
        )
        self.vectors = VectorStore(embeddings)
        self.atoms = AtomStore(js, knowledge)
        self.knowledge = KnowledgeStore(js, knowledge)
        self.state = StateStore(js, Bucket(js, requests, STATE))

    @classmethod
    async def open(cls, js: JetStreamContext) -> "Store":
        """Open the buckets, which `provision` created."""
        requests = BulkRequests(client_of(js))
        await requests.open()
        return cls(js, requests)

    def vector_index(self, model: str) -> VectorIndex:
        """Return an empty index of the vectors of a model."""
        return VectorIndex(self._js, EMBEDDINGS, model)

    async def delete_messages(self, ids: Iterable[str]) -> list[ChatMessage]:
        """Delete messages, their scores and the records of their stages; return those that existed.

        Their vectors and atoms stay. A deleted message that is imported again counts as new.
        Messages are deleted last, so that an interrupted deletion can be repeated.
        """
        found = await self.messages.get_many(ids)
        existing = [message.id for message in found]
        await self.stages.delete_many(existing)
        await self.scores.delete_many(existing)
        await self.messages.delete_many(existing)
        return found

    async def vector_blocks(self, model: str) -> set[str]:
        """Return the keys of the stored blocks of a model.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        entries = read_entries(self._js, EMBEDDINGS, 0, block_keys(model), only_keys=True)
        return {stored.key async for stored in entries if not stored.is_deleted}

    def change_reader(
        self, bucket: str, reset: Callable[[], None], key_filters: Sequence[str] = (">",)
    ) -> BucketChanges:
        """Return a reader of the changes of a bucket; `reset` empties the index that it fills."""
        return BucketChanges(self._js, bucket, reset, key_filters=key_filters)

    async def last_sequence(self, bucket: str) -> int:
        """Return the last sequence of a bucket."""
        info = await self._js.stream_info(f"KV_{bucket}")
        return info.state.last_seq

    async def created_at(self, bucket: str) -> str:
        """Return when a bucket was created: sequences of an earlier one are of no use."""
        info = await self._js.stream_info(f"KV_{bucket}")
        return str(info.created)

    def read_since(
        self, bucket: str, after: int, key_filter: str = ">", *, batch: int = BATCH_SIZE
    ) -> AsyncGenerator[KeyValueEntry, None]:
        """Yield the latest value of each key stored after a sequence, oldest first.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        return read_entries(self._js, bucket, after, key_filter, batch=batch)
