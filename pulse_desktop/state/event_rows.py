"""Events by position: older ones in compact blocks, the newest and the oldest as they are."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from pulse_desktop.protocol.event import Event
from pulse_desktop.query.dictionary_columns import NO, YES, DictionaryColumn, PayloadSearch
from pulse_desktop.state.event_block import EventBlock, EventCodes, OpenBlock
from pulse_desktop.state.event_ids import id_hash

if TYPE_CHECKING:
    from pulse_desktop.state.code_table import CodeTable

UNREADABLE: Final = "unreadable"
"""The column of unreadable events, and its value for these; it is empty for all others."""
_MAX_OPEN: Final = 8


class _Part(NamedTuple):
    """Consecutive events that are kept in the same way.

    Attributes:
        start: position of the first event.
        stop: position after the last event.
        block: the block that they are in, None if they are in none.
    """

    start: int
    stop: int
    block: EventBlock | None


class EventRows:
    """Events in three parts: those prepended since the last block, the blocks, the newest.

    Attributes:
        start: position of the oldest event.
        stop: position after the newest event.
    """

    def __init__(self) -> None:
        self.start = 0
        self.stop = 0
        self._oldest: list[Event] = []  # the oldest of them last
        self._blocks: list[EventBlock] = []
        self._firsts: list[int] = []  # position of the first event of each block
        self._recent: list[Event | None] = []  # None before `start`
        self._recent_start = 0
        self._codes = EventCodes()
        self._open: dict[int, OpenBlock] = {}  # by position of the first event, used last is last
        # What was found in the block that was searched in part last.
        self._scanned: tuple[PayloadSearch, EventBlock, bytes] | None = None

    def __getitem__(self, position: int) -> Event:
        """Return the event at a position. Raises IndexError when it is not kept."""
        if not self.start <= position < self.stop:
            raise IndexError(position)
        if position >= self._recent_start:
            return self._recent[position - self._recent_start]  # type: ignore[return-value]
        if position < self._blocks_start:
            return self._oldest[self._blocks_start - 1 - position]
        block = self._blocks[bisect_right(self._firsts, position) - 1]
        return self._opened(block).event(position - block.first)

    def span(self, start: int, stop: int) -> list[Event]:
        """Return the events at positions `start` to `stop` - 1, without those already evicted."""
        found: list[Event] = []
        for part in self._parts(start, stop):
            found += self._events(part)
        return found

    def newest_first(self, limit: int | None = None) -> Iterator[Event]:
        """Iterate over a snapshot of the events, newest first, at most `limit` of them."""
        start = self.start if limit is None else max(self.start, self.stop - limit)
        snapshot = self.snapshot(self.stop)
        for part in reversed(snapshot._parts(start, self.stop)):  # noqa: SLF001
            yield from reversed(snapshot._events(part))  # noqa: SLF001

    def __iter__(self) -> Iterator[Event]:
        """Iterate over a snapshot of the events, oldest first."""
        snapshot = self.snapshot(self.stop)
        for part in snapshot._parts(self.start, self.stop):  # noqa: SLF001
            yield from snapshot._events(part)  # noqa: SLF001

    def snapshot(self, stop: int) -> "EventRows":
        """Return the present events below a position; later changes do not affect it.

        It shares the blocks, so that it takes next to no time and memory.
        """
        copy = EventRows()
        copy.start, copy.stop = min(self.start, stop), min(self.stop, stop)
        copy._oldest, copy._blocks = self._oldest.copy(), self._blocks.copy()
        copy._firsts = self._firsts.copy()
        copy._recent, copy._recent_start = self._recent.copy(), self._recent_start
        copy._codes = self._codes
        return copy

    def column(self, name: str) -> DictionaryColumn | None:
        """Return the column "topic", "type", "source" or `UNREADABLE`, None for others."""
        if name == UNREADABLE:
            return ProblemColumn(self)
        return EventColumn(self, name) if name in EventColumn.NAMES else None

    @property
    def payloads(self) -> "EventRows":
        """The payloads of the events, which `search` searches."""
        return self

    def search(
        self, search: PayloadSearch, start: int, stop: int, wanted: bytes | None = None
    ) -> bytes:
        """Return a mark of `dictionary_columns` for the payload of each event of a span.

        A block is decompressed only if an event in it may match.

        Args:
            search: what to search for.
            start: position of the first event.
            stop: position after the last event; all events between exist.
            wanted: a byte per event, 0 where the result does not matter; None if it always does.
        """
        hashed = id_hash(search.task_id) if search.task_id else None
        found: list[bytes] = []
        for part in reversed(self._parts(start, stop)):
            block, wanted_here = part.block, None
            if wanted is not None:
                wanted_here = wanted[part.start - start : part.stop - start]
                if not wanted_here.strip(b"\0"):
                    found.append(wanted_here)
                    continue
            if block is None:
                found.append(_marks(search, self._events(part), wanted_here))
            elif not search.may_match(block.escaping) or (
                hashed is not None and not block.may_be_of(hashed)
            ):
                found.append(bytes(part.stop - part.start))
            else:
                found.append(self._scan(search, part, block, wanted_here))
        return b"".join(reversed(found))

    def _scan(
        self, search: PayloadSearch, part: _Part, block: EventBlock, wanted: bytes | None
    ) -> bytes:
        """Search the payloads of a part that is in a block, or use what was found there before."""
        first, last = part.start - block.first, part.stop - block.first
        if self._scanned is not None and self._scanned[:2] == (search, block):
            return self._scanned[2][first:last]
        opened = self._opened(block, keep=False)
        if wanted is None and last - first < block.count:
            # A search in slices, the newest first, asks for the rest of the block next.
            found = opened.scan(search, 0, block.count)
            self._scanned = search, block, found
            return found[first:last]
        return opened.scan(search, first, last, wanted)

    def times(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the timestamps of all events, as doubles, and their codes of `column("topic")`.

        They come part by part, oldest to newest, and no event is decompressed.
        """
        topics = self._codes.topics
        for part in self._parts(self.start, self.stop):
            block = part.block
            if block is None:
                events = self._events(part)
                times = array("d", [event.timestamp for event in events]).tobytes()
                yield times, bytes([topics[event.topic] for event in events])
            else:
                first, stop = part.start - block.first, part.stop - block.first
                size = len(block.timestamps) // block.count
                yield block.timestamps[first * size : stop * size], block.topics[first:stop]

    @property
    def _blocks_start(self) -> int:
        return self._firsts[0] if self._firsts else self._recent_start

    def _parts(self, start: int, stop: int) -> Sequence[_Part]:
        """Return the parts of a span, in order."""
        start, stop = max(start, self.start), min(stop, self.stop)
        parts: list[_Part] = []
        if start >= stop:
            return parts
        if start < self._blocks_start:
            parts.append(_Part(start, min(stop, self._blocks_start), None))
        first = max(0, bisect_right(self._firsts, start) - 1)
        last = bisect_right(self._firsts, stop - 1)
        for block in self._blocks[first:last]:
            low, high = max(start, block.first), min(stop, block.first + block.count)
            if low < high:
                parts.append(_Part(low, high, block))
        if stop > self._recent_start:
            parts.append(_Part(max(start, self._recent_start), stop, None))
        return parts

    def _events(self, part: _Part) -> list[Event]:
        start, stop, block = part
        if block is not None:
            whole = stop - start == block.count
            opened = self._opened(block, keep=not whole)
            return opened.events(start - block.first, stop - block.first)
        if start >= self._recent_start:
            first = self._recent_start
            return self._recent[start - first : stop - first]  # type: ignore[return-value]
        end = self._blocks_start
        return self._oldest[end - stop : end - start][::-1]

    def _opened(self, block: EventBlock, *, keep: bool = True) -> OpenBlock:
        """Return a block decompressed, and keep it so unless all events are read once."""
        opened = self._open.pop(block.first, None)
        if opened is None:
            opened = block.open()
            if not keep:
                return opened
            if len(self._open) >= _MAX_OPEN:
                del self._open[next(iter(self._open))]
        self._open[block.first] = opened
        return opened


def _marks(search: PayloadSearch, events: Sequence[Event], wanted: bytes | None) -> bytes:
    """Search the payloads of events one by one."""
    matches = search.matches
    if wanted is None:
        return bytes([YES * matches(each.raw) for each in events])
    pairs = zip(events, wanted, strict=True)
    return bytes([YES if ask and matches(each.raw) else NO for each, ask in pairs])


class EventColumn:
    """A field of all events as a `DictionaryColumn` of the query."""

    NAMES: Final = {"topic": "topics", "type": "types", "source": "sources"}

    def __init__(self, rows: EventRows, name: str) -> None:
        """Take a field of some events.

        Args:
            rows: the events.
            name: one of `NAMES`.
        """
        self._rows = rows
        self._field = name
        self._name = self.NAMES[name]
        self._table: CodeTable = getattr(rows._codes, self._name)  # noqa: SLF001

    @property
    def values(self) -> Sequence[str]:
        """The values by code."""
        return self._table.by_code

    def codes(self, start: int, stop: int) -> bytes:
        """Return the codes of the events at positions `start` to `stop` - 1."""
        rows, table, field = self._rows, self._table, self._field
        found: list[bytes] = []
        for part in rows._parts(start, stop):  # noqa: SLF001
            if part.block is not None:
                first = part.block.first
                codes: bytes = getattr(part.block, self._name)
                found.append(codes[part.start - first : part.stop - first])
            else:
                events = rows._events(part)  # noqa: SLF001
                found.append(bytes([table[getattr(event, field)] for event in events]))
        return b"".join(found)


class ProblemColumn:
    """Whether events are unreadable, as codes: see `query.dictionary_columns.DictionaryColumn`."""

    values: Final = ("", UNREADABLE)

    def __init__(self, rows: EventRows) -> None:
        """Take some events."""
        self._rows = rows

    def codes(self, start: int, stop: int) -> bytes:
        """Return the codes of the events at positions `start` to `stop` - 1."""
        rows = self._rows
        found: list[bytes] = []
        for part in rows._parts(start, stop):  # noqa: SLF001
            if part.block is not None:
                first = part.block.first
                found.append(part.block.problems()[part.start - first : part.stop - first])
            else:
                events = rows._events(part)  # noqa: SLF001
                found.append(bytes([bool(event.problem) for event in events]))
        return b"".join(found)
