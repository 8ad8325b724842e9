"""Vectors in blocks, and the search for the most similar ones.

A block holds the vectors of one model for up to some hundred messages: one key instead of hundreds,
and a matrix that numpy multiplies at once. They are stored with half precision, which takes half
the space and does not change the order of similarities.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from nats.js import JetStreamContext
from numpy.typing import NDArray

from pulse_workers.chat.records import Vector
from pulse_workers.chat.store.bucket import Bucket
from pulse_workers.chat.store.kv_reader import read_entries

PREFIX: Final = "block"
_MAX_BLOCK_BYTES: Final = 512 << 10
"""A message of a server may have 1 MiB by default."""
_BLOCKS_PER_READ: Final = 8


class VectorBlock(msgspec.Struct, frozen=True):
    """A stored block; MessagePack.

    Attributes:
        model: embedding model.
        dimensions: length of each vector.
        ids: IDs of the messages.
        data: vectors in the order of the IDs, float16, little endian.
    """

    model: str
    dimensions: int
    ids: tuple[str, ...]
    data: bytes

    @property
    def matrix(self) -> NDArray[np.float16]:
        """The vectors, shape (messages, dimensions)."""
        return np.frombuffer(self.data, dtype="<f2").reshape(-1, self.dimensions)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(VectorBlock).decode


class VectorStore:
    """Blocks by model and messages."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def put(
        self, ids: Sequence[str], hashes: Sequence[str], vectors: Vector, model: str
    ) -> dict[str, str]:
        """Store unit vectors, one row per message.

        The same messages with the same content have the same block, so storing it again changes
        nothing.

        Args:
            ids: IDs of the messages.
            hashes: their content hashes.
            vectors: shape (messages, dimensions).
            model: embedding model.

        Returns:
            Key of the block of each message.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        blocks: dict[str, bytes] = {}
        keys: dict[str, str] = {}
        size = max(1, _MAX_BLOCK_BYTES // max(1, 2 * vectors.shape[1]))
        for first in range(0, len(ids), size):
            part = slice(first, first + size)
            block = VectorBlock(
                model, vectors.shape[1], tuple(ids[part]), vectors[part].astype("<f2").tobytes()
            )
            content = "\n".join((*ids[part], *hashes[part]))
            name = hashlib.blake2b(content.encode(), digest_size=12).hexdigest()
            key = f"{_prefix(model)}.{name}"
            blocks[key] = _encode(block)
            keys.update(dict.fromkeys(ids[part], key))
        await self._bucket.put_many(blocks)
        return keys

    async def get(self, blocks: Mapping[str, str]) -> dict[str, Vector]:
        """Return vectors by message ID.

        Args:
            blocks: key of the block of each message.
        """
        found = await self._bucket.get_many(list(dict.fromkeys(filter(None, blocks.values()))))
        vectors: dict[str, Vector] = {}
        for key, entry in found.items():
            block = _decode(entry.value)
            matrix = block.matrix
            for row, message_id in enumerate(block.ids):
                if blocks.get(message_id) == key:
                    vectors[message_id] = matrix[row].astype(np.float32)
        return vectors


class Hit(NamedTuple):
    """A message that was found, and its cosine similarity, -1 to 1."""

    message_id: str
    similarity: float


class VectorIndex:
    """The vectors of one model in memory, with half precision: 100 MB for 100,000 × 512."""

    def __init__(self, js: JetStreamContext, bucket: str, model: str) -> None:
        """Create an empty index; `refresh` fills it.

        Args:
            js: of a connected client.
            bucket: bucket of the blocks.
            model: embedding model.
        """
        self._js = js
        self._bucket = bucket
        self._keys = f"{_prefix(model)}.*"
        self._sequence = 0
        self._blocks: dict[str, VectorBlock] = {}
        self._block_of: dict[str, str] = {}
        self._replaced: dict[str, int] = {}  # vectors of each block that a later block replaces

    def __len__(self) -> int:
        return len(self._block_of)

    @property
    def ids(self) -> AbstractSet[str]:
        """IDs of the messages, also of those that were deleted."""
        return self._block_of.keys()

    async def refresh(self) -> None:
        """Read the blocks that were stored since the last time.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        info = await self._js.stream_info(f"KV_{self._bucket}")
        if info.state.last_seq < self._sequence:  # the bucket was recreated
            self._sequence = 0
            self._blocks.clear()
            self._block_of.clear()
            self._replaced.clear()
        if info.state.last_seq == self._sequence:
            return
        async for stored in read_entries(
            self._js, self._bucket, self._sequence, self._keys, batch=_BLOCKS_PER_READ
        ):
            if stored.value:
                self._add(stored.key, _decode(stored.value))
            self._sequence = stored.sequence

    def _add(self, key: str, block: VectorBlock) -> None:
        for message_id in block.ids:
            old = self._block_of.get(message_id, key)
            if old != key:
                self._replaced[old] += 1
                if self._replaced[old] == len(self._blocks[old].ids):
                    del self._blocks[old], self._replaced[old]
            self._block_of[message_id] = key
        self._blocks[key] = block
        self._replaced[key] = 0

    def search(
        self, query: Vector, count: int, without: AbstractSet[str] = frozenset()
    ) -> list[Hit]:
        """Return the most similar messages, most similar first.

        It takes 0.1 s of CPU time for 100,000 × 512: call it in a thread.

        Args:
            query: a unit vector, shape (dimensions,).
            count: maximum number of hits.
            without: IDs of messages that are no hits, such as deleted ones.
        """
        ignored = Counter(self._block_of[each] for each in without if each in self._block_of)
        best: list[tuple[float, str, int]] = []
        for key, block in self._blocks.items():
            if block.dimensions != len(query):
                continue
            similarities = block.matrix.astype(np.float32) @ query
            best.extend(_largest(similarities, key, count + self._replaced[key] + ignored[key]))
        best.sort(reverse=True)
        hits = (
            Hit(message_id, round(similarity, 4))
            for similarity, key, row in best
            if (message_id := self._blocks[key].ids[row]) not in without
            and self._block_of.get(message_id) == key
        )
        return _first(hits, count)


def _largest(similarities: NDArray[Any], key: str, count: int) -> Iterator[tuple[float, str, int]]:
    rows: Iterable[int] = range(len(similarities))
    if count < len(similarities):
        rows = np.argpartition(similarities, -count)[-count:]
    return ((float(similarities[row]), key, int(row)) for row in rows)


def _first(hits: Iterable[Hit], count: int) -> list[Hit]:
    return [hit for _, hit in zip(range(count), hits, strict=False)]


def _prefix(model: str) -> str:
    """Return the beginning of the keys of a model: names of models may have any character."""
    return f"{PREFIX}.{hashlib.blake2b(model.encode(), digest_size=6).hexdigest()}"
