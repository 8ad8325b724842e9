"""A bounded collection of rows whose positions never move, made to be shown in a live table.

A position is given once and stays: appending counts on, dropping the oldest moves `first`. A view
can therefore name a row across any number of arrivals, and learns what changed from a set of
positions instead of a signal per row.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Rows(Generic[Row]):
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
        self._rows: list[Row] = []
        self._offset = 0  # rows of the list that are already forgotten
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
        return self._rows[position - self.first + self._offset]

    def __iter__(self) -> Iterator[Row]:
        """Walk the rows from the oldest to the newest."""
        rows = self._rows
        return (rows[i] for i in range(self._offset, len(rows)))

    def newest_first(self, limit: int | None = None) -> Iterator[Row]:
        """Walk the rows from the newest, at most `limit` of them."""
        rows = self._rows
        stop = self._offset - 1
        if limit is not None:
            stop = max(stop, len(rows) - 1 - limit)
        return (rows[i] for i in range(len(rows) - 1, stop, -1))

    def span(self, start: int, stop: int) -> list[Row]:
        """Return the rows at positions start to stop - 1, as far as they are kept."""
        shift = self._offset - self.first
        return self._rows[max(start, self.first) + shift : max(stop, self.first) + shift]

    def append(self, row: Row) -> int:
        """Add a row as the newest and return its position."""
        position = self.end
        self._rows.append(row)
        self.end = position + 1
        if self._weigh is not None:
            self.weight += self._weigh(row)
        if self.end - self.first > self.capacity or (
            self.max_weight and self.weight > self.max_weight
        ):
            self._forget_oldest()
        return position

    def replace(self, position: int, row: Row) -> None:
        """Put another row at a position. Does nothing when the position is forgotten."""
        if not self.first <= position < self.end:
            return
        index = position - self.first + self._offset
        if self._weigh is not None:
            self.weight += self._weigh(row) - self._weigh(self._rows[index])
        self._rows[index] = row
        self.dirty.add(position)

    def touch(self, position: int) -> None:
        """Say that the row at a position looks different now."""
        if self.first <= position < self.end:
            self.dirty.add(position)

    def take_dirty(self) -> set[int]:
        """Return the changed positions and start a new set."""
        taken = self.dirty
        if taken:
            self.dirty = set()
        return taken

    def clear(self) -> None:
        """Forget every row; positions go on from where they were."""
        self._rows.clear()
        self._offset = 0
        self.first = self.end
        self.weight = 0
        self.dirty.clear()

    def _forget_oldest(self) -> None:
        """Drop rows until both bounds hold; the newest always stays."""
        while len(self) > 1 and (
            len(self) > self.capacity or (self.max_weight and self.weight > self.max_weight)
        ):
            row = self._rows[self._offset]
            if self._weigh is not None:
                self.weight -= self._weigh(row)
            self._rows[self._offset] = None  # type: ignore[assignment]
            self._offset += 1
            self.first += 1
            self.forgotten += 1
            if self._on_forget is not None:
                self._on_forget(row)
        # Cutting the dead head only now and then keeps appending at constant cost.
        if self._offset > 4096 and self._offset * 2 > len(self._rows):
            del self._rows[: self._offset]
            self._offset = 0
