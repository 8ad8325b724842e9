"""The event log: every event and task message that arrived, bounded by number and by bytes.

The newest events are kept as they are. Older ones are put into blocks (`state.event_block`), in
which an event takes a tenth of the memory, and are made again on access.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from pulse_desktop.protocol.event import HEARTBEAT, Event
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.event_block import MAX_BYTES, MAX_EVENTS, SLOT_MASK, encode_block
from pulse_desktop.state.event_ids import id_hash
from pulse_desktop.state.event_rows import EventRows
from pulse_desktop.state.ring_buffer import RingBuffer

RECENT: Final = 1_024
_RECENT_BYTES: Final = 32 << 20
_OVERHEAD: Final = 400  # bytes an Event takes beside its payload
_BLOCK_OVERHEAD: Final = 4 << 10  # at most so many bytes does a block take more than its events


class EventLog(Collection[Event], EventRows, RingBuffer[Event]):
    """Events oldest to newest. The log is its own `rows`.

    An event is never replaced. `weight` is the memory that the events take, not their size.

    Attributes:
        first_evicted_at: Unix seconds of the first event that was evicted, infinity for none.
    """

    name = "log"

    def __init__(
        self,
        capacity: int,
        max_bytes: int,
        *,
        recent: int = RECENT,
        block_events: int = MAX_EVENTS,
    ) -> None:
        """Create an empty log.

        Args:
            capacity: maximum number of events.
            max_bytes: maximum memory of the events.
            recent: how many of the newest events are in no block, unless they are large.
            block_events: maximum number of events in a block.
        """
        RingBuffer.__init__(self, capacity, max_weight=max_bytes, weigh=_weight)
        EventRows.__init__(self)
        self._max_recent = recent + block_events
        self._block_events = block_events
        self._recent_weight = 0
        self._oldest_weight = 0
        self.first_evicted_at = math.inf
        self.rows = self
        self.columns = self

    def append(self, row: Event) -> int:
        """Add an event as the newest and return its position."""
        position, weight = self.stop, len(row.raw) + _OVERHEAD
        self._recent.append(row)
        self.stop = position + 1
        self.weight += weight
        self._recent_weight += weight
        if len(self._recent) >= self._max_recent or self._recent_weight > _RECENT_BYTES:
            self._move_to_block()
        if self.stop - self.start > self.capacity or self.weight > self.max_weight > 0:
            self._evict_before(position)
        return position

    def append_all(self, rows: Sequence[Event]) -> None:
        """Add events as the newest, the oldest of them first."""
        at = 0
        while at < len(rows):
            part = rows[at : at + max(1, self._max_recent - len(self._recent))]
            at += len(part)
            weight = sum([len(row.raw) for row in part]) + _OVERHEAD * len(part)
            if (
                self.stop + len(part) - self.start > self.capacity
                or self.weight + weight > self.max_weight > 0
                or self._recent_weight + weight > _RECENT_BYTES
            ):
                for row in part:
                    self.append(row)
                continue
            self._recent += part
            self.stop += len(part)
            self.weight += weight
            self._recent_weight += weight
            if len(self._recent) >= self._max_recent:
                self._move_to_block()
                if self.weight > self.max_weight > 0:  # the block weighs something, too
                    self._evict_before(self.stop - 1)

    def prepend_all(self, rows: Sequence[Event]) -> None:
        """Add events as the oldest, the newest of them first, as far as there is room."""
        at = 0
        while at < len(rows):
            part = rows[at : at + self._block_events - len(self._oldest)]
            at += len(part)
            weight = sum([len(row.raw) for row in part]) + _OVERHEAD * len(part)
            if (
                self._ends_here
                or self.stop + len(part) - self.start > self.capacity
                or self.weight + weight + _BLOCK_OVERHEAD > self.max_weight > 0
                or self._oldest_weight + weight > MAX_BYTES
            ):
                for row in part:
                    self.prepend(row)
                continue
            self._oldest += part
            self.start -= len(part)
            self.weight += weight
            self._oldest_weight += weight
            if len(self._oldest) >= self._block_events:
                self._move_oldest_to_block()

    def prepend(self, row: Event) -> int | None:
        """Add an event as the oldest and return its position, None if there is no room for it."""
        weight, oldest = len(row.raw) + _OVERHEAD, self._oldest
        total = self.weight + weight
        if (
            self._ends_here
            or self.stop - self.start >= self.capacity
            or total + _BLOCK_OVERHEAD > self.max_weight > 0
        ):
            self.refused += 1
            self._ends_here = True
            return None
        oldest.append(row)
        self.start = position = self.start - 1
        self.weight = total
        self._oldest_weight = weight = self._oldest_weight + weight
        if len(oldest) >= self._block_events or weight > MAX_BYTES:
            self._move_oldest_to_block()
        return position

    def clear(self) -> None:
        """Remove every event. No position is used again."""
        super().clear()
        self._oldest, self._blocks, self._firsts, self._recent = [], [], [], []
        self._recent_start = self.stop
        self._recent_weight = self._oldest_weight = 0
        self._open.clear()

    def replace(self, *_arguments: object, **_options: object) -> None:
        """Raise TypeError: events do not change."""
        raise TypeError("events do not change")

    def mentions(self, task_id: str, start: int, stop: int) -> Iterator[tuple[int, str]]:
        """Yield position and type of the events that mention a task id, the latest to arrive first.

        Heartbeats are left out. Older events are found by the fields that hold a task id. A million
        events take a few milliseconds if ids like this one are indexed (see `id_hash`), else half a
        second.

        Args:
            task_id: the id to look for.
            start: position of the first event to look at.
            stop: position after the last one.
        """
        needle, hashed = task_id.encode("utf-8", "surrogatepass"), id_hash(task_id)
        if stop > self._recent_start:
            yield from self._mentions_in(max(start, self._recent_start), stop, needle)
        first = max(0, bisect_right(self._firsts, start) - 1)
        blocks = self._blocks[first : bisect_right(self._firsts, stop - 1)]
        if hashed is not None:
            slot = hashed & SLOT_MASK
            blocks = [b for b in blocks if b.id_slots[slot] and b.may_mention(hashed)]
        for block in reversed(blocks):
            opened = self._opened(block, keep=hashed is not None)
            for index in reversed(opened.mentioning(needle)):
                if max(start, self.start) <= block.first + index < stop:
                    yield block.first + index, opened.type_of(index)
        if self._oldest:
            yield from self._mentions_in(start, min(stop, self._blocks_start), needle)

    def _mentions_in(self, start: int, stop: int, needle: bytes) -> Iterator[tuple[int, str]]:
        """Yield position and type of the events in no block that contain some bytes."""
        start = max(start, self.start)
        events = enumerate(self.span(start, stop), start)
        found = [(at, event.type) for at, event in events if needle in event.raw]
        return ((at, type_) for at, type_ in reversed(found) if type_ != HEARTBEAT)

    def _move_to_block(self) -> None:
        """Put the oldest of the recent events into a block, but for the newest one."""
        self._drop_evicted()
        weight = count = 0
        for event in self._recent[: min(self._block_events, len(self._recent) - 1)]:
            weight += _weight(event)  # type: ignore[arg-type]
            count += 1
            if weight > MAX_BYTES:
                break
        if not count:
            return
        events: list[Event] = self._recent[:count]  # type: ignore[assignment]
        block = encode_block(self._recent_start, events, self._codes)
        self._blocks.append(block)
        self._firsts.append(block.first)
        del self._recent[:count]
        self._recent_start += count
        self._recent_weight -= weight
        self.weight += block.weight - weight

    def _move_oldest_to_block(self) -> None:
        """Put the oldest events, which are in no block yet, into one."""
        block = encode_block(self.start, self._oldest[::-1], self._codes)
        self._blocks.insert(0, block)
        self._firsts.insert(0, self.start)
        self.weight += block.weight - self._oldest_weight
        self._oldest, self._oldest_weight = [], 0

    def _drop_evicted(self) -> None:
        count = max(0, self.start - self._recent_start)
        del self._recent[:count]
        self._recent_start += count

    def _evict_before(self, position: int) -> None:
        """Evict older events than the one at a position until the rest is within the bounds."""
        if not self.evicted and self.start < position:
            self.first_evicted_at = self[self.start].timestamp
        while self.start < position:
            if self.stop - self.start > self.capacity:
                self._evict(1)
            elif self.weight > self.max_weight > 0:
                self._evict(self._block_events)
            else:
                break

    def _evict(self, count: int) -> None:
        """Evict at least one of the oldest events, and at most `count`, all from one part."""
        self._ends_here = True
        if self._oldest:
            weight = _weight(self._oldest.pop())
            self._oldest_weight -= weight
            self.weight -= weight
            self.start += 1
            self.evicted += 1
        elif self._blocks:
            block = self._blocks[0]
            end = block.first + block.count
            stop = min(self.start + count, end)
            self.evicted += stop - self.start
            self.start = stop
            if stop == end:
                self.weight -= block.weight
                del self._blocks[0], self._firsts[0]
                self._open.pop(block.first, None)
        else:
            index = self.start - self._recent_start
            weight = _weight(self._recent[index])  # type: ignore[arg-type]
            self._recent[index] = None
            self._recent_weight -= weight
            self.weight -= weight
            self.start += 1
            self.evicted += 1
            if index >= self._block_events:
                self._drop_evicted()


def _weight(event: Event) -> int:
    return len(event.raw) + _OVERHEAD
