"""Messages, scores, vectors and knowledge in NATS buckets: no other database is needed.

Everything is keyed by what it is about, so that doing a task twice changes nothing the second
time. Times are passed in.
"""

import asyncio
import enum
from collections.abc import AsyncIterator, Iterable, Sequence
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
from numpy.typing import NDArray

from pulse_workers.chat.kv_reader import StoredValue, read_entries
from pulse_workers.chat.records import (
    Atom,
    ChatMessage,
    Score,
    Topic,
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
Vector = NDArray[np.float32]

_FULL: Final = frozenset({10077, 10023})
_TOGETHER: Final = 32


class Change(enum.Enum):
    """What storing a message came to."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Store:
    """The buckets, opened."""

    def __init__(self, js: JetStreamContext, buckets: dict[str, KeyValue]) -> None:
        self._js = js
        self._messages = buckets[MESSAGES]
        self._scores = buckets[SCORES]
        self._embeddings = buckets[EMBEDDINGS]
        self._knowledge = buckets[KNOWLEDGE]
        self._state = buckets[STATE]

    @classmethod
    async def open(cls, js: JetStreamContext) -> "Store":
        """Open buckets that `provisioning` made."""
        names = (MESSAGES, SCORES, EMBEDDINGS, KNOWLEDGE, STATE)
        opened = await asyncio.gather(*(js.key_value(name) for name in names))
        return cls(js, dict(zip(names, opened, strict=True)))

    # messages

    async def put_message(self, message: ChatMessage) -> Change:
        """Store a message unless it is stored already; the text of an edited one is replaced."""
        body = msgspec.json.encode(message)
        try:
            await _guarded(self._messages.create(message.id, body))
        except KeyWrongLastSequenceError:
            pass
        else:
            return Change.NEW
        entry = await self._messages.get(message.id)
        known = _read(entry.value, ChatMessage)
        if _essence(known) == _essence(message):
            first_try = known.ingested_by == message.ingested_by and bool(message.ingested_by)
            return Change.NEW if first_try else Change.UNCHANGED
        kept = msgspec.structs.replace(message, ingested_by=known.ingested_by)
        try:
            await _guarded(
                self._messages.update(message.id, msgspec.json.encode(kept), entry.revision)
            )
        except KeyWrongLastSequenceError:  # another worker stored the same edit
            return Change.UNCHANGED
        return Change.UPDATED

    async def message(self, message_id: str) -> ChatMessage:
        """Return a message.

        Raises:
            MessageNotFoundError: there is none of this id.
        """
        found = await _get(self._messages, message_id, ChatMessage)
        if found is None:
            raise MessageNotFoundError(f"no message {message_id!r} is stored")
        return found

    async def messages(self, ids: Iterable[str]) -> list[ChatMessage]:
        """Return those of the messages that are stored, in the order asked for."""
        return await _get_many(self._messages, ids, ChatMessage)

    # scores

    async def put_score(self, score: Score) -> None:
        """Store a score in place of an earlier one."""
        await _guarded(self._scores.put(score.message_id, msgspec.json.encode(score)))

    async def score(self, message_id: str) -> Score | None:
        """Return a message's score, or None."""
        return await _get(self._scores, message_id, Score)

    # embeddings: float32, little endian, as they are

    async def put_embeddings(self, ids: Sequence[str], vectors: Vector) -> None:
        """Store unit vectors, one row per id."""
        await _together(
            [
                _guarded(self._embeddings.put(key, row.astype("<f4").tobytes()))
                for key, row in zip(ids, vectors, strict=True)
            ]
        )

    async def embeddings(self, ids: Iterable[str]) -> dict[str, Vector]:
        """Return the vectors that are stored, by id."""
        wanted = list(ids)
        bodies = await _together([_get_raw(self._embeddings, key) for key in wanted])
        return {
            key: np.frombuffer(body, dtype="<f4").astype(np.float32)
            for key, body in zip(wanted, bodies, strict=True)
            if body
        }

    # knowledge

    async def topics(self) -> list[Topic]:
        """Return all topics."""
        return [
            _read(found.value, Topic)
            async for found in self.changes(KNOWLEDGE, 0, "topic.*")
            if found.value
        ]

    async def put_topic(self, topic: Topic) -> None:
        """Store a topic in place of its earlier version."""
        await _guarded(self._knowledge.put(f"topic.{topic.id}", msgspec.json.encode(topic)))

    async def add_atom(self, atom: Atom) -> bool:
        """Store an atom; False when it is known already."""
        try:
            await _guarded(self._knowledge.create(f"atom.{atom.id}", msgspec.json.encode(atom)))
        except KeyWrongLastSequenceError:
            return False
        return True

    # state: positions, leases, runs

    async def state(self, key: str) -> tuple[Any, int]:
        """Return a value and its revision; (None, 0) when there is none."""
        try:
            entry = await self._state.get(key)
        except KeyNotFoundError as error:
            return None, (error.entry.revision if getattr(error, "entry", None) else 0)
        return msgspec.json.decode(entry.value or b"null"), entry.revision or 0

    async def put_state(self, key: str, value: object) -> None:
        """Store a value."""
        await _guarded(self._state.put(key, msgspec.json.encode(value)))

    async def swap_state(self, key: str, value: object, revision: int) -> bool:
        """Store a value if nobody else did since `revision`; False when somebody did."""
        try:
            await _guarded(self._state.update(key, msgspec.json.encode(value), revision))
        except KeyWrongLastSequenceError:
            return False
        return True

    async def drop_state(self, key: str) -> None:
        """Remove a value without leaving a mark."""
        await self._js.purge_stream(f"KV_{STATE}", subject=f"$KV.{STATE}.{key}")

    async def runs(self) -> list[tuple[str, float]]:
        """Return key and start (Unix seconds) of the extractions noted as running."""
        return [
            (found.key, float(msgspec.json.decode(found.value)["started_at"]))
            async for found in self.changes(STATE, 0, "run.*")
            if found.value
        ]

    # everything that changed

    async def last_sequence(self, bucket: str) -> int:
        """Return the bucket's last sequence: unchanged means that nothing changed."""
        info = await self._js.stream_info(f"KV_{bucket}")
        return info.state.last_seq

    def changes(self, bucket: str, after: int, keys: str = ">") -> AsyncIterator[StoredValue]:
        """Yield what was stored after a sequence, oldest first, as it is now.

        Raises:
            TimeoutError: the server went silent before all was read.
        """
        return read_entries(self._js, bucket, after, keys)


async def _guarded(storing: Any) -> None:
    """Wait for a write.

    Raises:
        StoreFullError: the bucket has reached its limit.
    """
    try:
        await storing
    except APIError as error:
        if getattr(error, "err_code", None) in _FULL:  # some of its subclasses have none
            raise StoreFullError(
                f"the bucket is full: {error.description}. Raise PULSE_STORE_MAX_BYTES."
            ) from error
        raise


async def _get_raw(bucket: KeyValue, key: str) -> bytes | None:
    try:
        return (await bucket.get(key)).value
    except KeyNotFoundError:
        return None


async def _get(bucket: KeyValue, key: str, kind: type[T]) -> T | None:
    body = await _get_raw(bucket, key)
    return None if body is None else _read(body, kind)


async def _get_many(bucket: KeyValue, keys: Iterable[str], kind: type[T]) -> list[T]:
    bodies = await _together([_get_raw(bucket, key) for key in keys])
    return [_read(body, kind) for body in bodies if body]


async def _together(calls: Sequence[Any]) -> list[Any]:
    """Wait for many small calls, not too many at a time."""
    results: list[Any] = []
    for first in range(0, len(calls), _TOGETHER):
        results.extend(await asyncio.gather(*calls[first : first + _TOGETHER]))
    return results


def _read(body: bytes | None, kind: type[T]) -> T:
    return msgspec.json.decode(body or b"null", type=kind)


def _essence(message: ChatMessage) -> tuple[object, ...]:
    return message.content, message.edited_at, message.author, message.attachments
