"""Joins small blocks of vectors, and deletes those that are not used.

Messages that arrive one at a time have a block each. After an edit, or with another model, a record
names another block.
"""

import contextlib
import dataclasses
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from pulse_workers.chat.records import Stage
from pulse_workers.chat.store.store import Store
from pulse_workers.chat.store.vectors import (
    PREFIX,
    VectorBlock,
    block_keys,
    read_block,
)
from pulse_workers.runtime.provisioning import EMBEDDINGS

_SMALL_BLOCK: Final = 64
"""Blocks with fewer vectors are joined, unless they are as large as a block may be."""
_JOINED_BLOCK: Final = 256
_LARGE_BLOCKS_PER_READ: Final = 8
_KEY: Final = "compaction"
_LENGTH_KEY: Final = "vector_length"


logger = logging.getLogger("pulse.workers.vectors")


@dataclasses.dataclass(frozen=True)
class _Block:
    key: str
    sequence: int
    block: VectorBlock


async def join_blocks(store: Store, model: str, before: datetime) -> int:
    """Join small blocks of a model, and delete those that were joined.

    One caller at a time. A joined block is stored first, then the records of the messages name it,
    then the small ones are deleted: an interruption leaves what the next call deletes.

    Args:
        store: of the worker.
        model: embedding model.
        before: blocks that were stored later are left: their messages may have no record yet.

    Returns:
        Number of blocks that were deleted.

    Raises:
        StoreFullError: the bucket has reached its limit.
        TimeoutError: the server stopped responding before everything was read.
    """
    known = await _progress(store, _KEY, model)
    start = position = int(known.get("position", 0))
    small: dict[int, list[_Block]] = defaultdict(list)  # by dimensions: a model may change them
    deleted = 0

    def full(dimensions: int) -> int:
        """Return the number of vectors from which a block is not small."""
        return min(_SMALL_BLOCK, store.vectors.rows_per_block(dimensions))

    entries = store.read_since(EMBEDDINGS, start, block_keys(model), batch=_SMALL_BLOCK)
    async with contextlib.aclosing(entries):
        async for stored in entries:
            if stored.stored_at > before:
                break
            position = stored.sequence
            block = read_block(stored.key, stored.value)
            if block is None:
                continue
            read = _Block(stored.key, stored.sequence, block)
            dimensions = read.block.dimensions
            if len(read.block.ids) < full(dimensions):
                small[dimensions].append(read)
            if _rows(small[dimensions]) >= _JOINED_BLOCK:
                deleted += await _join(store, model, small.pop(dimensions))
    for dimensions in list(small):
        if _rows(small[dimensions]) >= full(dimensions):
            deleted += await _join(store, model, small.pop(dimensions))
    position = min([position, *(each[0].sequence - 1 for each in small.values() if each)])
    if position != start:
        await store.state.put(_KEY, known | {"position": position})
    return deleted


async def delete_other_lengths(store: Store, model: str) -> int:
    """Delete the blocks of a model that are not as long as its last one; return their number.

    The model was replaced under the same name, so its vectors cannot be compared with earlier ones.
    The messages of the deleted blocks have to be embedded again.

    Args:
        store: of the worker.
        model: embedding model.

    Raises:
        StoreFullError: the bucket has reached its limit.
        TimeoutError: the server stopped responding before everything was read.
    """
    known = await _progress(store, _LENGTH_KEY, model)
    start = position = int(known.get("position", 0))
    length = int(known.get("dimensions", 0))
    lengths = {length} - {0}
    entries = store.read_since(EMBEDDINGS, start, block_keys(model), batch=_LARGE_BLOCKS_PER_READ)
    async with contextlib.aclosing(entries):
        async for stored in entries:
            position = stored.sequence
            if block := read_block(stored.key, stored.value):
                length = block.dimensions
                lengths.add(length)
    other: dict[str, int] = {}
    if len(lengths) > 1:
        entries = store.read_since(EMBEDDINGS, 0, block_keys(model), batch=_LARGE_BLOCKS_PER_READ)
        async with contextlib.aclosing(entries):
            async for stored in entries:
                block = read_block(stored.key, stored.value)
                if block is not None and block.dimensions != length:
                    other[stored.key] = stored.sequence
    deleted = await store.vectors.delete(other)
    if deleted:
        logger.warning(
            "%s returns vectors of %d dimensions now; %d blocks of others are embedded again",
            model,
            length,
            len(deleted),
        )
    if position != start:
        await store.state.put(_LENGTH_KEY, known | {"position": position, "dimensions": length})
    return len(deleted)


async def delete_unused_blocks(store: Store, before: datetime) -> int:
    """Delete the blocks of all models that no record names; return their number.

    Args:
        store: of the worker.
        before: blocks that were stored later are left: their messages may have no record yet.

    Raises:
        StoreFullError: the bucket has reached its limit.
        TimeoutError: the server stopped responding before everything was read.
    """
    unused: dict[str, int] = {}
    entries = store.read_since(EMBEDDINGS, 0, f"{PREFIX}.>", batch=_LARGE_BLOCKS_PER_READ)
    async with contextlib.aclosing(entries):
        async for stored in entries:
            block = read_block(stored.key, stored.value)
            if block is None or stored.stored_at > before:
                continue
            records = await store.stages.get_many(block.ids, [Stage.EMBEDDED])
            named = {record.block for found in records.values() for record in found.values()}
            if stored.key not in named:
                unused[stored.key] = stored.sequence
    return len(await store.vectors.delete(unused))


async def _progress(store: Store, key: str, model: str) -> dict[str, Any]:
    """Return the stored progress, without a position after a change of the model or the bucket."""
    scope = {"model": model, "bucket": await store.created_at(EMBEDDINGS)}
    found, _ = await store.state.get(key)
    is_same = isinstance(found, dict) and scope.items() <= found.items()
    return found if is_same else scope


def _rows(blocks: Sequence[_Block]) -> int:
    return sum(len(each.block.ids) for each in blocks)


async def _join(store: Store, model: str, blocks: Sequence[_Block]) -> int:
    """Store the vectors that records name in one block; return the number of deleted blocks."""
    records = await store.stages.get_many(
        [key for each in blocks for key in each.block.ids], [Stage.EMBEDDED]
    )
    hashes: dict[str, str] = {}
    vectors = []
    sequences: list[int] = []
    old: dict[str, str] = {}
    for each in blocks:
        rows = zip(
            each.block.ids, each.block.matrix, each.block.sequences_at(each.sequence), strict=True
        )
        for message_id, vector, sequence in rows:
            record = records[message_id].get(Stage.EMBEDDED)
            if record is not None and record.block == each.key and message_id not in old:
                hashes[message_id] = record.content_hash
                vectors.append(vector.astype(np.float32))
                sequences.append(sequence)
                old[message_id] = each.key
    kept: set[str] = set()
    new: dict[str, str] = {}
    if old:
        new = await store.vectors.put(
            list(hashes), list(hashes.values()), np.stack(vectors), model, sequences=sequences
        )
        moved = await store.stages.replace_blocks(
            {message_id: (key, new[message_id]) for message_id, key in old.items()}
        )
        kept = {key for message_id, key in old.items() if message_id not in moved}
    kept.update(new.values())  # one with all the vectors that are left is stored again as it was
    joined = {each.key: each.sequence for each in blocks if each.key not in kept}
    return len(await store.vectors.delete(joined))
