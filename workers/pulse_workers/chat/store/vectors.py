"""Vectors in blocks, and the search for the most similar ones.

A block holds the vectors of one model for up to some hundred messages: one key instead of hundreds,
and a matrix that numpy multiplies at once. They are stored with half precision, which takes half
the space and does not change the order of similarities.
"""

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

import msgspec
import numpy as np
from nats.js import JetStreamContext
from numpy.typing import NDArray

from pulse_workers.chat.records import Vector
from pulse_workers.chat.store.bucket import Bucket, Refusals
from pulse_workers.chat.store.changes import BucketChanges
from pulse_workers.chat.store.value_decoder import ValueDecoder
from pulse_workers.runtime.provisioning import EMBEDDINGS

PREFIX: Final = "block"
_MAX_BLOCK_BYTES: Final = 512 << 10
"""A message of a server may have 1 MiB by default."""
_BLOCKS_PER_READ: Final = 64
_PART_ROWS: Final = 4_096
_MIN_SAMPLE: Final = 20
"""With fewer texts, those that a query has nothing to do with cannot be told from others."""
_DEVIATIONS: Final = 2.8
"""Standard deviations from the median within which a similarity is that of an unrelated text."""
_TO_STANDARD_DEVIATION: Final = 1.4826
"""Factor from the median absolute deviation, which a few related texts do not change."""
_MIN_SHARE: Final = 0.25
"""Part of the way from the median to equality that a related text has made at least."""


class VectorBlock(msgspec.Struct, frozen=True):
    """A stored block; MessagePack.

    Attributes:
        model: embedding model.
        dimensions: length of each vector.
        ids: IDs of the messages.
        data: vectors in the order of the IDs, float16, little endian.
        sequences: in a joined block, the sequences at which the vectors were stored at first, in
            the order of the IDs; empty in others.
    """

    model: str
    dimensions: int
    ids: tuple[str, ...]
    data: bytes
    sequences: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the lengths, so that a damaged block is not decoded."""
        if len(self.data) != 2 * self.dimensions * len(self.ids) or self.dimensions < 1:
            raise ValueError("the vectors do not have the length of the block")
        if self.sequences and len(self.sequences) != len(self.ids):
            raise ValueError("not each vector has a sequence")

    @property
    def matrix(self) -> NDArray[np.float16]:
        """The vectors, shape (messages, dimensions)."""
        return np.frombuffer(self.data, dtype="<f2").reshape(-1, self.dimensions)

    def sequences_at(self, sequence: int) -> Sequence[int]:
        """Return the sequences of the vectors of a block that is stored at a sequence."""
        return self.sequences or (sequence,) * len(self.ids)


_encode = msgspec.msgpack.Encoder().encode
read_block = ValueDecoder(EMBEDDINGS, msgspec.msgpack.Decoder(VectorBlock).decode)


class VectorStore:
    """Blocks by model and messages."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def rows_per_block(self, dimensions: int) -> int:
        """Return the maximum number of vectors of a length that one block has."""
        max_bytes = min(_MAX_BLOCK_BYTES, self._bucket.max_value_bytes // 2)
        return max(1, max_bytes // max(1, 2 * dimensions))

    async def put(
        self,
        ids: Sequence[str],
        hashes: Sequence[str],
        vectors: Vector,
        model: str,
        refusals: Refusals | None = None,
        sequences: Sequence[int] = (),
    ) -> dict[str, str]:
        """Store unit vectors, one row per message.

        The same messages with the same content have the same block, so storing it again changes
        nothing.

        Args:
            ids: IDs of the messages.
            hashes: their content hashes.
            vectors: shape (messages, dimensions).
            model: embedding model.
            refusals: takes the vectors that can never be stored, by message ID.
            sequences: at which they were stored at first, empty for new ones.

        Returns:
            Key of the block of each message whose vector is stored.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        blocks: dict[str, bytes] = {}
        keys: dict[str, str] = {}
        size = self.rows_per_block(vectors.shape[1])
        for first in range(0, len(ids), size):
            part = slice(first, first + size)
            block = VectorBlock(
                model,
                vectors.shape[1],
                tuple(ids[part]),
                vectors[part].astype("<f2").tobytes(),
                tuple(sequences[part]),
            )
            content = "\n".join((*ids[part], *hashes[part]))
            name = hashlib.blake2b(content.encode(), digest_size=12).hexdigest()
            key = f"{_prefix(model)}.{name}"
            blocks[key] = _encode(block)
            keys.update(dict.fromkeys(ids[part], key))
        refused: Refusals | None = None if refusals is None else {}
        await self._bucket.put_many(blocks, refused)
        if refusals is None or not refused:
            return keys
        refusals.update({each: refused[key] for each, key in keys.items() if key in refused})
        return {each: key for each, key in keys.items() if key not in refused}

    async def delete(self, revisions: Mapping[str, int]) -> set[str]:
        """Delete blocks that were not stored again since they were read; return their keys.

        A message that is edited back has the block again that it had before.

        Args:
            revisions: sequence at which each block was read, by key.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        return await self._bucket.delete_at(revisions)

    async def existing(self, keys: Iterable[str]) -> set[str]:
        """Return the keys of those blocks that are stored and can be read."""
        found = await self._bucket.get_many(list(keys))
        return {key for key, entry in found.items() if read_block(key, entry.value)}

    async def get(self, blocks: Mapping[str, str]) -> dict[str, Vector]:
        """Return vectors by message ID.

        Args:
            blocks: key of the block of each message.
        """
        found = await self._bucket.get_many(list(dict.fromkeys(filter(None, blocks.values()))))
        vectors: dict[str, Vector] = {}
        for key, entry in found.items():
            block = read_block(key, entry.value)
            if block is None:
                continue
            matrix = block.matrix
            for row, message_id in enumerate(block.ids):
                if blocks.get(message_id) == key:
                    vectors[message_id] = matrix[row].astype(np.float32)
        return vectors


class VectorHit(NamedTuple):
    """A message that was found, and its cosine similarity, -1 to 1."""

    message_id: str
    similarity: float


class _Rows:
    """Vectors of one length: IDs and sequences, and the rows in parts of `_PART_ROWS`."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.sequences = array("Q")
        self.parts: list[NDArray[np.float16]] = []


class VectorIndex:
    """The vectors of one model in memory, with half precision: 100 MB for 100,000 × 512.

    A model that was replaced under the same name may return vectors of another length. A search
    finds those that are as long as its query.
    """

    def __init__(self, js: JetStreamContext, bucket: str, model: str) -> None:
        """Create an empty index; `refresh` fills it.

        Args:
            js: of a connected client.
            bucket: bucket of the blocks.
            model: embedding model.
        """
        self._changes = BucketChanges(
            js, bucket, self._clear, key_filters=(block_keys(model),), max_batch=_BLOCKS_PER_READ
        )
        self._clear()

    def _clear(self) -> None:
        self._by_length: dict[int, _Rows] = {}

    def count(self, among: AbstractSet[str]) -> int:
        """Return how many of some messages have a vector. Call it in a thread, as `search`.

        Args:
            among: IDs of the messages.
        """
        found = (filter(among.__contains__, rows.ids) for rows in self._by_length.values())
        return len(set[str]().union(*found))  # a message may have vectors of two lengths

    async def refresh(self) -> None:
        """Read the blocks that were stored since the last time.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        async for stored in self._changes.read():
            if block := read_block(stored.key, stored.value):
                self._add(block, stored.sequence)

    def _add(self, block: VectorBlock, sequence: int) -> None:
        """Add vectors; of a message, the one that was stored last counts.

        A joined block may have the earlier vector of a message that was embedded again meanwhile.
        """
        rows = self._by_length.setdefault(block.dimensions, _Rows())
        sequences = block.sequences_at(sequence)
        for message_id, vector, each in zip(block.ids, block.matrix, sequences, strict=True):
            row = rows.row_of.setdefault(message_id, len(rows.ids))
            if row == len(rows.ids):
                rows.ids.append(message_id)
                rows.sequences.append(each)
                if row % _PART_ROWS == 0:
                    rows.parts.append(np.empty((_PART_ROWS, block.dimensions), "<f2"))
            elif each < rows.sequences[row]:
                continue
            rows.sequences[row] = each
            rows.parts[row // _PART_ROWS][row % _PART_ROWS] = vector

    def search(
        self,
        query: Vector,
        count: int,
        *,
        among: AbstractSet[str],
        related: bool,
    ) -> list[VectorHit]:
        """Return the most similar messages, most similar first.

        It takes 0.1 s of CPU time for 100,000 × 512: call it in a thread.

        Args:
            query: a unit vector, shape (dimensions,).
            count: maximum number of hits.
            among: IDs of the messages that may be hits: deleted ones remain in the index.
            related: whether messages as similar as most are no hits.
        """
        rows = self._by_length.get(len(query))
        if rows is None or not rows.ids:
            return []
        parts = [
            part[: len(rows.ids) - number * _PART_ROWS] for number, part in enumerate(rows.parts)
        ]
        similarities = np.concatenate([each.astype(np.float32) @ query for each in parts])
        is_hit = np.fromiter(map(among.__contains__, rows.ids), bool, len(rows.ids))
        if related:
            is_hit &= similarities > _unrelated_up_to(similarities[is_hit])
        hits = np.flatnonzero(is_hit)
        best = hits[np.argsort(-similarities[hits], kind="stable")[:count]]
        return [VectorHit(rows.ids[row], round(float(similarities[row]), 4)) for row in best]


def _unrelated_up_to(similarities: NDArray[np.float32]) -> float:
    """Return the highest similarity that texts without relation to a query have.

    Most texts have none, so their median and its deviation tell, which differ between models.
    """
    if len(similarities) < _MIN_SAMPLE:
        return 0.0
    median = float(np.median(similarities))
    deviation = _TO_STANDARD_DEVIATION * float(np.median(np.abs(similarities - median)))
    return median + max(_DEVIATIONS * deviation, _MIN_SHARE * (1 - median))


def block_keys(model: str) -> str:
    """Return the keys of the blocks of a model, with a wildcard."""
    return f"{_prefix(model)}.*"


def _prefix(model: str) -> str:
    """Return the beginning of the keys of a model: names of models may have any character."""
    return f"{PREFIX}.{hashlib.blake2b(model.encode(), digest_size=6).hexdigest()}"
