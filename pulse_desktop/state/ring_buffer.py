"""A bounded collection of rows whose positions never move, made to be shown in a live table.

A position is given once and stays: appending counts on, dropping the oldest moves `first`. A view
can therefore name a row across any number of arrivals, and learns what changed from a set of
positions instead of a signal per row.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Row = TypeVar("Row")


class RingBuffer(Generic[Row]):
    """Rows oldest to newest, bounded by number and by weight.

    Attributes:
        first: position of the oldest row kept.
        end: position after the newest row; `end - first` rows are kept.
        weight: sum of the weights of the rows kept, in bytes.
        forgotten: how many rows have been dropped to stay within the bounds.
        dirty: positions replaced since `take_dirty()`; appended rows are not in it.
    """

    def __init__(
        self,
        capacity: int,
        *,
        max_weight: int = 0,
        weigh: Callable[[Row], int] | None = None,
        on_forget: Callable[[Row], None] | None = None,
    ) -> None:
        """Make an empty collection.

        Args:
            capacity: most rows to keep.
            max_weight: most bytes to keep by `weigh`, 0 for no such bound.
            weigh: bytes that a row keeps alive.
            on_forget: told of every row dropped by a bound.
        """
        if capacity < 1:
            raise ValueError("capacity is at least one row")
        self.capacity = capacity
        self.max_weight = max_weight
        self._weigh = weigh
        self._on_forget = on_forget
        # A ring: the row at a position stands at `position % capacity`, None when forgotten.
        self._ring: list[Row | None] = []
        self.first = 0
        self.end = 0
        self.weight = 0
        self.forgotten = 0
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        return self.end - self.first

    def __bool__(self) -> bool:
        return self.end > self.first

    def __getitem__(self, position: int) -> Row:
        """Return the row at a position. Raises IndexError when it is not kept."""
        if not self.first <= position < self.end:
            raise IndexError(position)
        return self._ring[position % self.capacity]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[Row]:
        """Walk the rows from the oldest to the newest, as they are now."""
        return iter(self.span(self.first, self.end))

    def newest_first(self, limit: int | None = None) -> Iterator[Row]:
        """Walk the rows from the newest, at most `limit` of them, as they are now."""
        start = self.first if limit is None else max(self.first, self.end - limit)
        return reversed(self.span(start, self.end))

    def span(self, start: int, stop: int) -> list[Row]:
        """Return the rows at positions start to stop - 1, as far as they are kept."""
        start, stop = max(start, self.first), min(stop, self.end)
        if start >= stop:
            return []
        ring, begin, end = self._ring, start % self.capacity, (stop - 1) % self.capacity + 1
        # Between `first` and `end` no place of the ring is empty.
        return ring[begin:end] if begin < end else ring[begin:] + ring[:end]  # type: ignore[return-value]

    def append(self, row: Row) -> int:
        """Add a row as the newest and return its position."""
        position = self.end
        capacity, weigh = self.capacity, self._weigh
        if position - self.first == capacity:
            self._forget_oldest()
        if position < capacity:
            self._ring.append(row)
        else:
            self._ring[position % capacity] = row
        self.end = position + 1
        if weigh is not None:
            self.weight += weigh(row)
            if self.weight > self.max_weight > 0:
                while self.weight > self.max_weight and self.first < position:
                    self._forget_oldest()
        return position

    def replace(self, position: int, row: Row) -> None:
        """Put another row at a position. Does nothing when the position is forgotten."""
        if not self.first <= position < self.end:
            return
        if self._weigh is not None:
            self.weight += self._weigh(row) - self._weigh(self[position])
        self._ring[position % self.capacity] = row
        self.dirty.add(position)

    def touch(self, position: int) -> None:
        """Say that the row at a position looks different now."""
        if self.first <= position < self.end:
            self.dirty.add(position)

    def take_dirty(self) -> set[int]:
        """Return the changed positions and start a new set. Some may be forgotten by now."""
        taken = self.dirty
        if taken:
            self.dirty = set()
        return taken

    def clear(self) -> None:
        """Forget every row; positions go on from where they were."""
        self._ring = [None] * len(self._ring)
        self.first = self.end
        self.weight = 0
        self.dirty.clear()

    def _forget_oldest(self) -> None:
        place = self.first % self.capacity
        row: Row = self._ring[place]  # type: ignore[assignment]
        self._ring[place] = None
        self.first += 1
        self.forgotten += 1
        if self._weigh is not None:
            self.weight -= self._weigh(row)
        if self._on_forget is not None:
            self._on_forget(row)
