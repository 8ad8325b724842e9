"""A bounded buffer of rows whose positions never move, for display in a live table.

A row gets its position when it is added and keeps it: appended rows count up from 0, rows read from
history count down from -1, and evicting the oldest row moves `start`. A view can therefore refer to
a row across any number of arrivals, and learns what changed from a set of positions instead of a
signal per row.
"""

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

Row = TypeVar("Row")


class RowsAsOf(Protocol[Row]):
    """Rows as they were at one time: see `RingBuffer.snapshot`."""

    @property
    def start(self) -> int:
        """Position of the oldest row."""

    @property
    def stop(self) -> int:
        """Position after the newest row."""

    def __getitem__(self, position: int) -> Row:
        """Return a row. Raises IndexError when it is not among them."""

    def span(self, start: int, stop: int) -> list[Row]:
        """Return the rows from start to stop - 1, as far as they exist."""

    def snapshot(self, stop: int) -> "RowsAsOf[Row]":
        """Return those below a position."""


class RingBuffer(Generic[Row]):
    """Rows oldest to newest, bounded by number and by weight.

    Attributes:
        capacity: maximum number of rows.
        max_weight: maximum sum of weights in bytes, 0 for no such bound.
        start: position of the oldest row; negative once older rows were prepended.
        stop: position after the newest row; the buffer holds `stop - start` rows.
        weight: sum of the weights of the rows, in bytes.
        evicted: number of rows dropped to stay within the bounds.
        refused: number of older rows for which there was no room.
        dirty: positions replaced since `drain_dirty()`, without appended rows.
    """

    def __init__(
        self,
        capacity: int,
        *,
        max_weight: int = 0,
        weigh: Callable[[Row], int] | None = None,
        on_evict: Callable[[Row], None] | None = None,
    ) -> None:
        """Create an empty buffer.

        Args:
            capacity: maximum number of rows.
            max_weight: maximum sum of weights in bytes, 0 for no such bound.
            weigh: returns the bytes that a row keeps alive.
            on_evict: called with every row that a bound evicts.

        Raises:
            ValueError: the capacity is less than one row.
        """
        if capacity < 1:
            raise ValueError("capacity is at least one row")
        self.capacity = capacity
        self.max_weight = max_weight
        self._weigh = weigh
        self._on_evict = on_evict
        # The row at a position is stored at index `position % capacity`, None once it is evicted.
        self._ring: list[Row | None] = []
        self.start = 0
        self.stop = 0
        self.weight = 0
        self.evicted = 0
        self.refused = 0
        self._ends_here = False  # rows older than the oldest existed and were not kept
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        return self.stop - self.start

    def __bool__(self) -> bool:
        return self.stop > self.start

    def __getitem__(self, position: int) -> Row:
        """Return the row at a position. Raises IndexError when the buffer does not hold it."""
        if not self.start <= position < self.stop:
            raise IndexError(position)
        return self._ring[position % self.capacity]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Row]:
        """Iterate over a snapshot of the rows, oldest first."""
        return iter(self.span(self.start, self.stop))

    def newest_first(self, limit: int | None = None) -> Iterator[Row]:
        """Iterate over a snapshot of the rows, newest first, at most `limit` of them."""
        start = self.start if limit is None else max(self.start, self.stop - limit)
        return reversed(self.span(start, self.stop))

    def span(self, start: int, stop: int) -> list[Row]:
        """Return the rows at positions `start` to `stop` - 1, without those already evicted."""
        start, stop = max(start, self.start), min(stop, self.stop)
        if start >= stop:
            return []
        ring, begin, end = self._ring, start % self.capacity, (stop - 1) % self.capacity + 1
        # Between `start` and `stop` no index of the ring is empty.
        return ring[begin:end] if begin < end else ring[begin:] + ring[:end]  # type: ignore[return-value]

    def snapshot(self, stop: int) -> "RowsAsOf[Row]":
        """Return the present rows below a position; later changes do not affect them."""
        start = min(self.start, stop)
        return RowSnapshot(start, self.span(start, stop))

    def append(self, row: Row) -> int:
        """Add a row as the newest and return its position."""
        position = self.stop
        capacity, weigh = self.capacity, self._weigh
        if position - self.start == capacity:
            self._evict_oldest()
        if len(self._ring) < capacity:
            self._ring.append(row)
        else:
            self._ring[position % capacity] = row
        self.stop = position + 1
        if weigh is not None:
            self.weight += weigh(row)
            if self.weight > self.max_weight > 0:
                self._evict_before(position)
        return position

    def prepend(self, row: Row) -> int | None:
        """Add a row as the oldest and return its position, None if there is no room for it.

        No newer row gives way to it. Once a row was evicted or refused, all older ones are refused:
        what is kept has no gaps.
        """
        weight = self.weight if self._weigh is None else self.weight + self._weigh(row)
        ring, capacity, position = self._ring, self.capacity, self.start - 1
        has_room = not self._ends_here and self.stop - position <= capacity
        if not has_room or weight > self.max_weight > 0:
            self.refused += 1
            self._ends_here = True
            return None
        if len(ring) < capacity:
            ring += [None] * (capacity - len(ring))
        self.weight, self.start = weight, position
        ring[position % capacity] = row
        return position

    @property
    def takes_older(self) -> bool:
        """Whether there may be room for older rows."""
        return not self._ends_here and self.stop - self.start < self.capacity

    def replace(self, position: int, row: Row, *, same_weight: bool = False) -> None:
        """Replace the row at a position and mark it dirty. Ignores an evicted position.

        Args:
            position: of the row.
            row: its new value.
            same_weight: whether the caller knows that its weight is the same.
        """
        if not self.start <= position < self.stop:
            return
        index, weigh = position % self.capacity, self._weigh
        before = self._ring[index]
        self._ring[index] = row
        self.dirty.add(position)
        if weigh is not None and not same_weight:
            self.weight += weigh(row) - weigh(before)  # type: ignore[arg-type]
            if self.weight > self.max_weight > 0:
                self._evict_before(position)

    def drain_dirty(self) -> set[int]:
        """Return the dirty positions and reset them. Some may have been evicted since."""
        drained = self.dirty
        if drained:
            self.dirty = set()
        return drained

    def clear(self) -> None:
        """Remove every row. No position is used again, not even by rows that are prepended."""
        self._ring = [None] * len(self._ring)
        self.start = self.stop = self.stop + self.capacity
        self.weight = 0
        self._ends_here = False
        self.dirty.clear()

    def _evict_before(self, position: int) -> None:
        """Evict older rows than the one at a position until the rest is within the bound."""
        while self.weight > self.max_weight and self.start < position:
            self._evict_oldest()

    def _evict_oldest(self) -> None:
        index = self.start % self.capacity
        row: Row = self._ring[index]  # type: ignore[assignment]
        self._ring[index] = None
        self.start += 1
        self.evicted += 1
        self._ends_here = True
        if self._weigh is not None:
            self.weight -= self._weigh(row)
        if self._on_evict is not None:
            self._on_evict(row)


class RowSnapshot(Generic[Row]):
    """Rows as they were at one time.

    Attributes:
        start: position of the oldest row.
        stop: position after the newest row.
    """

    def __init__(self, start: int, rows: list[Row]) -> None:
        self.start = start
        self.stop = start + len(rows)
        self._rows = rows

    def __getitem__(self, position: int) -> Row:
        """Return a row. Raises IndexError when it is not in the snapshot."""
        if not self.start <= position < self.stop:
            raise IndexError(position)
        return self._rows[position - self.start]

    def span(self, start: int, stop: int) -> list[Row]:
        """Return the rows from start to stop - 1, as far as the snapshot has them."""
        return self._rows[max(start, self.start) - self.start : max(stop, self.start) - self.start]

    def snapshot(self, stop: int) -> "RowSnapshot[Row]":
        """Return those below a position."""
        return RowSnapshot(self.start, self.span(self.start, stop))
