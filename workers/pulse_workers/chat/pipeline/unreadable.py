"""Search for stored values that cannot be read, so that the stages which stored them run again."""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from nats.js.errors import NotFoundError

from pulse_workers.chat.records import Stage
from pulse_workers.chat.store.atom_index import read_atom, read_evidence
from pulse_workers.chat.store.knowledge import read_topic
from pulse_workers.chat.store.kv_reader import KeyValueEntry
from pulse_workers.chat.store.messages import read_score
from pulse_workers.chat.store.store import Store
from pulse_workers.chat.store.value_decoder import ValueDecoder
from pulse_workers.chat.store.vectors import PREFIX, read_block
from pulse_workers.runtime.provisioning import EMBEDDINGS, KNOWLEDGE, SCORES

_KEY: Final = "readable"
_BLOCKS_PER_READ: Final = 8
_VALUES_PER_READ: Final = 500


@dataclasses.dataclass
class UnreadableValues:
    """Values that cannot be read.

    Attributes:
        names: their buckets and keys.
        blocks: keys of the blocks of vectors.
        messages: IDs of the messages that the others were made of, by the stage that made them.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    blocks: set[str] = dataclasses.field(default_factory=set)
    messages: dict[Stage, set[str]] = dataclasses.field(default_factory=lambda: defaultdict(set))


class UnreadableSearch:
    """Reads scores, vectors and knowledge that were stored since the last completed search."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._positions: dict[str, dict[str, Any]] = {}
        self._found = UnreadableValues()

    async def run(self) -> UnreadableValues:
        """Return what cannot be read.

        Raises:
            TimeoutError: the server stopped responding before everything was read.
        """
        known, _ = await self._store.state.get(_KEY)
        self._positions = known if isinstance(known, dict) else {}
        self._found = UnreadableValues()
        for read_bucket in (self._read_scores, self._read_blocks, self._read_knowledge):
            with contextlib.suppress(NotFoundError):  # without a bucket, its stages fail and say so
                await read_bucket()
        return self._found

    async def _read_scores(self) -> None:
        after = await self._start(SCORES)
        async for stored in self._unreadable(SCORES, after, ">", read_score):
            self._found.messages[Stage.SCORED].add(stored.key)

    async def _read_blocks(self) -> None:
        after = await self._start(EMBEDDINGS)
        async for stored in self._unreadable(EMBEDDINGS, after, f"{PREFIX}.>", read_block):
            self._found.blocks.add(stored.key)

    async def _read_knowledge(self) -> None:
        after = await self._start(KNOWLEDGE)
        messages = self._found.messages[Stage.EXTRACTED]
        async for stored in self._unreadable(KNOWLEDGE, after, "source.>", read_evidence):
            messages.update(_message_ids(stored))
        async for stored in self._unreadable(KNOWLEDGE, after, "atom.*", read_atom):
            messages |= await self._messages_at(stored.key.replace("atom.", "source.", 1))
        async for stored in self._unreadable(KNOWLEDGE, after, "topic.*", read_topic):
            messages |= await self._messages_at(stored.key.replace("topic.", "member.", 1))

    async def complete(self) -> None:
        """Store up to where everything is read, when the stages that are due have been enqueued."""
        await self._store.state.put(_KEY, self._positions)

    async def _start(self, bucket: str) -> int:
        """Return the sequence after which a bucket is read, and set the one for the next search."""
        created = await self._store.created_at(bucket)
        known = self._positions.get(bucket)
        is_same = isinstance(known, dict) and known.get("created") == created
        after = known.get("position") if isinstance(known, dict) and is_same else 0
        last = await self._store.last_sequence(bucket)
        self._positions[bucket] = {"created": created, "position": last}
        return after if isinstance(after, int) else 0

    async def _unreadable(
        self, bucket: str, after: int, key_filter: str, read: ValueDecoder[Any]
    ) -> AsyncIterator[KeyValueEntry]:
        batch = _BLOCKS_PER_READ if bucket == EMBEDDINGS else _VALUES_PER_READ
        entries = self._store.read_since(bucket, after, key_filter, batch=batch)
        async with contextlib.aclosing(entries):
            async for stored in entries:
                if stored.value and read(stored.key, stored.value) is None:
                    self._found.names.append(f"{bucket} {stored.key}")
                    yield stored

    async def _messages_at(self, prefix: str) -> set[str]:
        """Return the messages of the keys that begin with a kind and an ID."""
        entries = self._store.read_since(KNOWLEDGE, 0, f"{prefix}.>")
        async with contextlib.aclosing(entries):
            return {key async for stored in entries if stored.value for key in _message_ids(stored)}


def _message_ids(stored: KeyValueEntry) -> Iterator[str]:
    """Yield the ID of the message of a source or member."""
    parts = stored.key.split(".", 2)
    if len(parts) > 2:
        yield parts[2]
