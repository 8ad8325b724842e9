"""Blocks of older events: payloads compressed together, everything else in compact columns.

An `Event` takes some 700 bytes; in a block it takes a tenth of that. A block never changes. Its
events are made again when they are accessed, which takes about a microsecond each once the
payloads are decompressed.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress, repeat
from typing import Final

import msgspec

from pulse_desktop.protocol.event import HEARTBEAT, Event
from pulse_desktop.query.dictionary_columns import OTHER, PayloadSearch
from pulse_desktop.query.json_escaping import Escaping, escaping_of
from pulse_desktop.state.code_table import CodeTable
from pulse_desktop.state.event_ids import id_hashes, task_ids

MAX_EVENTS: Final = 512
MAX_BYTES: Final = 512 << 10
"""A block ends with the event that exceeds this: large events are in small blocks."""

SLOT_MASK: Final = 4095

_LEVEL: Final = 1
_CANONICAL_ID_AT: Final = len('{"id":"')
_MAX_BYTE: Final = 0xFF
_MAX_SHORT: Final = 0xFFFF
_MAX_LONG: Final = (1 << 64) - 1
_OVERHEAD: Final = 1_200  # bytes that the objects of a block take beside their contents
_RECEIVED: Final = 1  # the event is dated by its arrival
_UNUSUAL: Final = 2  # something of it is not in the columns
_SPARSE: Final = 2
"""Fewer payloads than one in so many are searched without the others between them."""


class EventCodes(msgspec.Struct):
    """The codes that the blocks of a log share.

    Attributes:
        topics: of topics.
        types: of types.
        sources: of senders.
    """

    topics: CodeTable = msgspec.field(default_factory=CodeTable)
    types: CodeTable = msgspec.field(default_factory=CodeTable)
    sources: CodeTable = msgspec.field(default_factory=CodeTable)


class EventBlock(msgspec.Struct, gc=False, eq=False):
    """Consecutive events, oldest to newest.

    Attributes:
        first: position of the first event.
        count: number of events.
        topics: a code per event.
        types: a code per event.
        sources: a code per event.
        weight: bytes of memory.
        escaping: of the payloads.
    """

    # Numbers are packed into bytes, which the garbage collector need not look at.
    first: int
    count: int
    topics: bytes
    types: bytes
    sources: bytes
    weight: int
    codes: EventCodes
    payloads: bytes  # compressed
    ends: bytes
    timestamps: bytes
    received: bytes
    sequences: bytes
    id_at: bytes
    id_lengths: bytes
    flags: bytes
    unusual: bytes  # compressed: the events with `_UNUSUAL`, without payload, by index
    id_hashes: bytes  # of the task ids, sorted
    escaping: Escaping
    id_slots: bytes  # 1 where an id has the lowest bits of its hash: tells most blocks apart

    def may_mention(self, hashed: int) -> bool:
        """Return whether an event may mention an id, given its `id_hash`."""
        if not self.id_slots[hashed & SLOT_MASK]:
            return False
        ids = memoryview(self.id_hashes).cast("q")
        at = bisect_left(ids, hashed)
        return at < len(ids) and ids[at] == hashed

    def may_be_of(self, hashed: int) -> bool:
        """Return whether the `task_id` of an event may be an id, in any letter case and escaped.

        Heartbeats are left out.
        """
        # The index does not have escaped ids.
        return self.escaping is Escaping.ESCAPED or self.may_mention(hashed)

    def problems(self) -> bytes:
        """Return a byte per event: 1 if it is unreadable, else 0."""
        found = bytearray(self.count)
        if self.unusual:
            for index, event in _decode_unusual(self.unusual).items():
                found[index] = bool(event.problem)
        return bytes(found)

    def open(self) -> "OpenBlock":
        """Decompress the block."""
        return OpenBlock(
            self,
            _decompress(self.payloads),
            memoryview(self.ends).cast("I"),
            memoryview(self.timestamps).cast("d"),
            memoryview(self.received).cast("d"),
            memoryview(self.sequences).cast("Q"),
            memoryview(self.id_at).cast("H"),
            _decode_unusual(self.unusual) if self.unusual else {},
        )


class OpenBlock(msgspec.Struct, gc=False, eq=False):
    """A block with decompressed payloads, from which events can be made."""

    block: EventBlock
    payloads: bytes
    ends: "memoryview[int]"
    timestamps: "memoryview[float]"
    received: "memoryview[float]"
    sequences: "memoryview[int]"
    id_at: "memoryview[int]"
    unusual: dict[int, Event]

    def event(self, index: int) -> Event:
        """Return an event; the first one has the index 0."""
        block, ends = self.block, self.ends
        raw = self.payloads[ends[index - 1] if index else 0 : ends[index]]
        flags = block.flags[index]
        if flags & _UNUSUAL:
            return msgspec.structs.replace(self.unusual[index], raw=raw)
        at, codes = self.id_at[index], block.codes
        return Event(
            codes.topics.by_code[block.topics[index]],
            codes.types.by_code[block.types[index]],
            self.timestamps[index],
            "received" if flags & _RECEIVED else "event",
            self.received[index],
            raw[at : at + block.id_lengths[index]].decode(),
            codes.sources.by_code[block.sources[index]],
            raw,
            self.sequences[index],
        )

    def events(self, start: int, stop: int) -> list[Event]:
        """Return the events with the indices `start` to `stop` - 1."""
        return [self.event(index) for index in range(start, stop)]

    def scan(
        self, search: PayloadSearch, start: int, stop: int, wanted: bytes | None = None
    ) -> bytes:
        """Search payloads; return `YES`, `NO` or `UNDECIDED` for each.

        Args:
            search: what to search for.
            start: index of the first event.
            stop: index after the last event.
            wanted: a byte per event, 0 where the result does not matter; None if it always does.
        """
        count, block = stop - start, self.block
        searched = count if wanted is None else count - wanted.count(0)
        if searched * _SPARSE > block.count:
            return bytes(search.scan(self.payloads, self.ends, block.escaping)[start:stop])
        ends, payloads = self.ends, self.payloads
        indices: Sequence[int] = range(start, stop)
        if wanted is not None:
            indices = [*compress(indices, wanted)]
        parts = [payloads[ends[at - 1] if at else 0 : ends[at]] for at in indices]
        marks = search.scan(b"".join(parts), [*accumulate(map(len, parts))], block.escaping)
        if wanted is None:
            return bytes(marks)
        found = bytearray(count)
        for at, mark in zip(indices, marks, strict=True):
            found[at - start] = mark
        return bytes(found)

    def type_of(self, index: int) -> str:
        """Return the type of an event."""
        code = self.block.types[index]
        return self.event(index).type if code == OTHER else self.block.codes.types.by_code[code]

    def mentioning(self, needle: bytes) -> list[int]:
        """Return the indices of the events that contain some bytes, heartbeats left out."""
        found: list[int] = []
        payloads, ends, types = self.payloads, self.ends, self.block.types
        heartbeat = self.block.codes.types.get(HEARTBEAT, OTHER)
        at = payloads.find(needle)
        while at >= 0:
            index = bisect_right(ends, at)
            end = ends[index]
            if at + len(needle) > end:
                at = payloads.find(needle, at + 1)  # it spans two payloads
                continue
            if types[index] != heartbeat:
                found.append(index)
            at = payloads.find(needle, end)
        return found


def encode_block(first: int, events: Sequence[Event], codes: EventCodes) -> EventBlock:
    """Put events into a block.

    Args:
        first: position of the first event.
        events: at least one.
        codes: of the log.
    """
    columns = tuple(zip(*map(msgspec.structs.astuple, events), strict=True))
    topics, types, timestamps, time_sources, received, ids, sources, raws = columns[:8]
    sequences: Sequence[int] = columns[8]
    topic_codes = bytes(map(codes.topics.__getitem__, topics))
    type_codes = bytes(map(codes.types.__getitem__, types))
    source_codes = bytes(map(codes.sources.__getitem__, sources))
    flags = bytes(map("received".__eq__, time_sources))
    id_at, id_lengths = _find_ids(raws, ids)
    described = b""
    if (
        any(columns[9])  # problems
        or any(columns[10])  # clock offsets
        or min(id_at) < 0
        or max(id_at) > _MAX_SHORT
        or max(id_lengths) > _MAX_BYTE
        or min(sequences) < 0
        or max(sequences) > _MAX_LONG
        or OTHER in topic_codes
        or OTHER in type_codes
        or OTHER in source_codes
    ):
        unusual = _unusual(events, id_at, (topic_codes, type_codes, source_codes))
        described = _encode_unusual(events, unusual)
        marked, sequences = bytearray(flags), [*sequences]
        for index in unusual:
            marked[index] |= _UNUSUAL
            id_at[index] = id_lengths[index] = sequences[index] = 0
        flags = bytes(marked)
    joined = b"".join(raws)
    payloads = _compress(joined)
    hashes = array("q", id_hashes(task_ids(raws, type_codes, codes.types)))
    slots = _used_slots(hashes)
    count = len(events)
    return EventBlock(
        first,
        count,
        topic_codes,
        type_codes,
        source_codes,
        len(payloads) + len(described) + 8 * len(hashes) + len(slots) + 35 * count + _OVERHEAD,
        codes,
        payloads,
        array("I", accumulate(map(len, raws))).tobytes(),
        array("d", timestamps).tobytes(),
        array("d", received).tobytes(),
        array("Q", sequences).tobytes(),
        array("H", id_at).tobytes(),
        bytes(id_lengths),
        flags,
        described,
        hashes.tobytes(),
        escaping_of(joined),
        slots,
    )


def _find_ids(raws: Sequence[bytes], ids: Sequence[str]) -> tuple["array[int]", list[int]]:
    """Return where the ids of events are in their payloads, -1 for nowhere, and their lengths."""
    try:
        encoded = [*map(str.encode, ids)]
    except UnicodeEncodeError:
        encoded = [id_.encode(errors="surrogatepass") for id_ in ids]
    if all(map(bytes.startswith, raws, encoded, repeat(_CANONICAL_ID_AT))):
        id_at = array("l", [_CANONICAL_ID_AT]) * len(raws)
    else:
        id_at = array("l", map(bytes.find, raws, encoded))
    return id_at, [*map(len, encoded)]


def _used_slots(hashes: Iterable[int]) -> bytes:
    """Return one byte per slot: whether the hash of any task id falls into it."""
    slots = bytearray(SLOT_MASK + 1)
    for hashed in hashes:
        slots[hashed & SLOT_MASK] = 1
    return bytes(slots)


def _unusual(
    events: Sequence[Event], id_at: Sequence[int], codes: tuple[bytes, bytes, bytes]
) -> list[int]:
    """Return the indices of the events that are not wholly in the columns."""
    return [
        index
        for index, (event, at, *row_codes) in enumerate(zip(events, id_at, *codes, strict=True))
        if event.problem
        or event.clock_offset_s
        or not 0 <= at <= _MAX_SHORT
        or not 0 <= event.sequence <= _MAX_LONG
        or OTHER in row_codes
        or len(event.id) > _MAX_BYTE // 4
        or not event.id.isascii()
    ]


class _Compression:
    """The compressor and decompressor, which are expensive to create."""

    def __init__(self) -> None:
        # Most commands of the command line never have so many events.
        import zstandard  # noqa: PLC0415

        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_compression: _Compression | None = None


def _get_compression() -> _Compression:
    global _compression  # noqa: PLW0603
    if _compression is None:
        _compression = _Compression()
    return _compression


def _compress(data: bytes) -> bytes:
    # The compressor's own result keeps the memory that incompressible data would need.
    return memoryview(_get_compression().compress(data)).tobytes()


def _decompress(data: bytes) -> bytes:
    return _get_compression().decompress(data)


_decoder: Final = msgspec.msgpack.Decoder(dict[int, Event])


def _encode_unusual(events: Sequence[Event], indices: Iterable[int]) -> bytes:
    bare = {index: msgspec.structs.replace(events[index], raw=b"") for index in indices}
    try:
        encoded = msgspec.msgpack.encode(bare)
    except UnicodeEncodeError:
        # A pickled task can have a name that is no text.
        for event in bare.values():
            for name in ("topic", "type", "id", "source", "problem"):
                setattr(event, name, getattr(event, name).encode(errors="replace").decode())
        encoded = msgspec.msgpack.encode(bare)
    return _compress(encoded)


def _decode_unusual(encoded: bytes) -> dict[int, Event]:
    return _decoder.decode(_decompress(encoded))
