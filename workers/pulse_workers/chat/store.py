"""The store: messages, scores, vectors and knowledge in NATS buckets, without another database.

Every key identifies what it is about, so a task that runs twice stores everything once. Times are
arguments.
"""

import asyncio
import enum
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from nats.js import JetStreamContext
from nats.js.errors import (
    APIError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
)
from nats.js.kv import KeyValue

from pulse_workers.chat.kv_reader import KeyValueEntry, read_entries
from pulse_workers.chat.records import (
    Atom,
    ChatMessage,
    Score,
    Topic,
    Vector,
)
from pulse_workers.errors import MessageNotFoundError, StoreFullError
from pulse_workers.runtime.provisioning import (
    EMBEDDINGS,
    KNOWLEDGE,
    MESSAGES,
    SCORES,
    STATE,
)

T = TypeVar("T")

_BUCKET_FULL_CODES: Final = frozenset({10077, 10023})
_CONCURRENCY: Final = 32


class MessageChange(enum.Enum):
    """Effect of storing a message."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Store:
    """Reads and writes records."""

    def __init__(self, js: JetStreamContext, buckets: dict[str, KeyValue]) -> None:
        self._js = js
        self._messages = buckets[MESSAGES]
        self._scores = buckets[SCORES]
        self._embeddings = buckets[EMBEDDINGS]
        self._knowledge = buckets[KNOWLEDGE]
        self._state = buckets[STATE]

    @classmethod
    async def open(cls, js: JetStreamContext) -> "Store":
        """Open the buckets, which `provision` created."""
        names = (MESSAGES, SCORES, EMBEDDINGS, KNOWLEDGE, STATE)
        opened = await asyncio.gather(*(js.key_value(name) for name in names))
        return cls(js, dict(zip(names, opened, strict=True)))

    # messages

    async def put_message(self, message: ChatMessage) -> MessageChange:
        """Store a message unless it is stored already; an edited one replaces the stored one."""
        body = msgspec.json.encode(message)
        try:
            await _write(self._messages.create(message.id, body))
        except KeyWrongLastSequenceError:
            pass
        else:
            return MessageChange.NEW
        entry = await self._messages.get(message.id)
        known = _decode(entry.value, ChatMessage)
        if _comparable(known) == _comparable(message):
            is_retry = known.ingested_by == message.ingested_by and bool(message.ingested_by)
            return MessageChange.NEW if is_retry else MessageChange.UNCHANGED
        edited = msgspec.structs.replace(message, ingested_by=known.ingested_by)
        try:
            await _write(
                self._messages.update(message.id, msgspec.json.encode(edited), entry.revision)
            )
        except KeyWrongLastSequenceError:  # another worker stored the edit
            return MessageChange.UNCHANGED
        return MessageChange.UPDATED

    async def message(self, message_id: str) -> ChatMessage:
        """Return a message.

        Raises:
            MessageNotFoundError: no message with this ID is stored.
        """
        stored = await _get(self._messages, message_id, ChatMessage)
        if stored is None:
            raise MessageNotFoundError(f"no message {message_id!r} is stored")
        return stored

    async def messages(self, ids: Iterable[str]) -> list[ChatMessage]:
        """Return the messages that are stored, in the order of the IDs."""
        return await _get_many(self._messages, ids, ChatMessage)

    # scores

    async def put_score(self, score: Score) -> None:
        """Store a score; it replaces an earlier one."""
        await _write(self._scores.put(score.message_id, msgspec.json.encode(score)))

    async def score(self, message_id: str) -> Score | None:
        """Return the score of a message, or None."""
        return await _get(self._scores, message_id, Score)

    # embeddings: little-endian float32 arrays

    async def put_embeddings(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store unit vectors, one row per ID."""
        await _gather_limited(
            [
                _write(self._embeddings.put(key, row.astype("<f4").tobytes()))
                for key, row in zip(ids, vectors, strict=True)
            ]
        )

    async def embeddings(self, ids: Iterable[str]) -> dict[str, Vector]:
        """Return the stored vectors by message ID."""
        keys = list(ids)
        bodies = await _gather_limited([_get_bytes(self._embeddings, key) for key in keys])
        return {
            key: np.frombuffer(body, dtype="<f4").astype(np.float32)
            for key, body in zip(keys, bodies, strict=True)
            if body
        }

    # knowledge

    async def topics(self) -> list[Topic]:
        """Return all topics."""
        return [
            _decode(stored.value, Topic)
            async for stored in self.read_changes(KNOWLEDGE, 0, "topic.*")
            if stored.value
        ]

    async def put_topic(self, topic: Topic) -> None:
        """Store a topic; it replaces the earlier version."""
        await _write(self._knowledge.put(f"topic.{topic.id}", msgspec.json.encode(topic)))

    async def add_atom(self, atom: Atom) -> bool:
        """Store an atom; False if it is stored already."""
        try:
            await _write(self._knowledge.create(f"atom.{atom.id}", msgspec.json.encode(atom)))
        except KeyWrongLastSequenceError:
            return False
        return True

    # state: positions, leases, running extractions

    async def get_state(self, key: str) -> tuple[Any, int]:
        """Return a value and its revision; (None, 0) if there is none."""
        try:
            entry = await self._state.get(key)
        except KeyNotFoundError as error:
            return None, (error.entry.revision if getattr(error, "entry", None) else 0)
        return msgspec.json.decode(entry.value or b"null"), entry.revision or 0

    async def put_state(self, key: str, value: object) -> None:
        """Store a value unconditionally."""
        await _write(self._state.put(key, msgspec.json.encode(value)))

    async def compare_and_set_state(self, key: str, value: object, revision: int) -> bool:
        """Store a value if the key is still at `revision`; False if it is not."""
        try:
            await _write(self._state.update(key, msgspec.json.encode(value), revision))
        except KeyWrongLastSequenceError:
            return False
        return True

    async def delete_state(self, key: str) -> None:
        """Delete a value without leaving a delete marker."""
        await self._js.purge_stream(f"KV_{STATE}", subject=f"$KV.{STATE}.{key}")

    async def extraction_runs(self) -> list[tuple[str, float]]:
        """Return key and start time (Unix seconds) of the extractions marked as running."""
        return [
            (stored.key, float(msgspec.json.decode(stored.value)["started_at"]))
            async for stored in self.read_changes(STATE, 0, "run.*")
            if stored.value
        ]

    # changes

    async def last_sequence(self, bucket: str) -> int:
        """Return the last sequence of a bucket."""
        info = await self._js.stream_info(f"KV_{bucket}")
        return info.state.last_seq

    def read_changes(
        self, bucket: str, after: int, keys: str = ">"
    ) -> AsyncIterator[KeyValueEntry]:
        """Yield the latest value of each key stored after a sequence, oldest first.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        return read_entries(self._js, bucket, after, keys)


async def _write(write: Awaitable[T]) -> T:
    """Await a write.

    Raises:
        StoreFullError: the bucket has reached its limit.
    """
    try:
        return await write
    except APIError as error:
        if getattr(error, "err_code", None) in _BUCKET_FULL_CODES:  # some subclasses lack it
            raise StoreFullError(
                f"the bucket is full: {error.description}. Raise PULSE_STORE_MAX_BYTES."
            ) from error
        raise


async def _get_bytes(bucket: KeyValue, key: str) -> bytes | None:
    try:
        return (await bucket.get(key)).value
    except KeyNotFoundError:
        return None


async def _get(bucket: KeyValue, key: str, record_type: type[T]) -> T | None:
    body = await _get_bytes(bucket, key)
    return None if body is None else _decode(body, record_type)


async def _get_many(bucket: KeyValue, keys: Iterable[str], record_type: type[T]) -> list[T]:
    bodies = await _gather_limited([_get_bytes(bucket, key) for key in keys])
    return [_decode(body, record_type) for body in bodies if body]


async def _gather_limited(calls: Sequence[Any]) -> list[Any]:
    """Await many small calls, a limited number at a time."""
    results: list[Any] = []
    for first in range(0, len(calls), _CONCURRENCY):
        results.extend(await asyncio.gather(*calls[first : first + _CONCURRENCY]))
    return results


def _decode(body: bytes | None, record_type: type[T]) -> T:
    return msgspec.json.decode(body or b"null", type=record_type)


def _comparable(message: ChatMessage) -> tuple[object, ...]:
    return message.content, message.edited_at, message.author, message.attachments
