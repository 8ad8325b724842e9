"""The rows that a live table shows, and the changes from what it shows to something else.

Between two frames thousands of rows may be appended, evicted or changed; they are merged into a
handful of changes, because a view pays for every insertion and removal.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

import numpy as np

from pulse_desktop.ui.rows.positions import Positions, contiguous_ranges, difference, without
from pulse_desktop.ui.rows.row_filter import FilterChange
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.model_change import ModelChange

RowT = TypeVar("RowT")

_COMPARED: Final = 1 << 12
"""Positions compared first: most orders differ early."""
_MAX_CHANGES: Final = 8
"""More insertions and removals than this are made as one layout change."""


class ShownRows(Generic[RowT]):
    """Positions of rows in the order in which they are shown.

    Methods that return changes make them while they are iterated: iterate to the end, and call
    `apply` on each.

    Attributes:
        rows: the live rows.
        source: the rows shown: `rows`, or a snapshot while paused.
    """

    def __init__(self, rows: RowSource[RowT]) -> None:
        self.rows = rows
        self.source: RowSource[RowT] = rows
        self._first = rows.start
        self._end = rows.stop
        self._shown: Positions | None = None  # positions that match, ascending; None: no filter
        self._order: Positions | None = None  # positions as shown; None: newest first
        self._snapshot: RowSource[RowT] | None = None  # at the last sort, with rows since evicted

    def __len__(self) -> int:
        if self._order is not None:
            return len(self._order)
        return self._end - self._first if self._shown is None else len(self._shown)

    def position_at(self, row: int) -> int:
        """Return the position of a view row. Raises IndexError when there is no such row."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self._order is not None:
            return int(self._order[row])
        return self._end - 1 - row if self._shown is None else int(self._shown[-1 - row])

    def positions(self) -> Positions:
        """Return the positions of all rows shown, from the top."""
        return self._newest_first(self._shown) if self._order is None else self._order

    @property
    def end(self) -> int:
        """Position after the newest row that is shown, or that the filter has rejected."""
        return self._end

    @property
    def oldest(self) -> int | None:
        """Position of the oldest row shown, None if there is none."""
        if not len(self):
            return None
        if self._order is not None:
            return int(self._order.min())
        return self._first if self._shown is None else int(self._shown[0])

    def count_from(self, position: int) -> int:
        """Return the number of rows shown that are at a position or newer."""
        if self._order is not None:
            return int(np.count_nonzero(self._order >= position))
        if self._shown is None:
            return self._end - max(position, self._first) if position < self._end else 0
        return len(self._shown) - int(np.searchsorted(self._shown, position))

    def view_row(self, position: int) -> int | None:
        """Return the view row of a position, None when it is not shown."""
        if self._order is not None:
            found = np.flatnonzero(self._order == position)
            return int(found[0]) if len(found) else None
        shown = self._shown
        if shown is None:
            return self._end - 1 - position if self._first <= position < self._end else None
        at = int(np.searchsorted(shown, position))
        return len(shown) - 1 - at if at < len(shown) and shown[at] == position else None

    def row_object(self, row: int) -> RowT | None:
        """Return the row shown at a view row, None when there is none."""
        if not 0 <= row < len(self):
            return None
        position = self.position_at(row)
        for source in (self.source, self._snapshot):
            # A row evicted since the last sort is shown as it was until the next one.
            if source is not None and source.start <= position < source.stop:
                return source[position]
        return None

    def _newest_first(self, shown: Positions | None) -> Positions:
        if shown is not None:
            return shown[::-1]
        return np.arange(self._end - 1, self._first - 1, -1, dtype=np.int64)

    def _remove_evicted(self) -> Iterator[ModelChange]:
        """Remove the rows that the source has evicted: always the last rows of the table."""
        first, shown = self.source.start, self._shown
        if first <= self._first:
            return
        if shown is None:
            evicted = min(first, self._end) - self._first
        else:
            evicted = int(np.searchsorted(shown, first))

        def apply() -> None:
            if shown is not None:
                self._shown = shown[evicted:]
            self._end = max(self._end, first)
            self._reach_down()

        if evicted:
            yield ModelChange("remove", len(self) - evicted, len(self) - 1, apply)
        else:
            apply()

    def _append_older(self) -> Iterator[ModelChange]:
        """Add the rows that were added to the source as its oldest, below all others.

        With a filter they are among the rows that it has not been applied to yet.
        """
        count = self._first - self.source.start
        if count <= 0:
            return

        if self._shown is None:
            last = len(self) + count - 1
            yield ModelChange("insert", len(self), last, self._reach_down)
        else:
            self._reach_down()

    def _reach_down(self) -> None:
        """Reach to the oldest row of the source."""
        self._first = self.source.start

    def _apply_change(self, change: FilterChange) -> Iterator[ModelChange]:
        """Insert and remove changed rows that entered or left the filter."""
        shown = self._shown
        if shown is None:
            return
        leaving = contiguous_ranges(change.leaving.tolist())
        entering = contiguous_ranges(change.entering.tolist())
        if len(leaving) + len(entering) > _MAX_CHANGES:
            after = change.apply(shown)
            yield from self._transform(shown[::-1], after[::-1], after, None)
            return
        for low, high in leaving:
            at, stop = np.searchsorted(shown, (low, high + 1)).tolist()
            rows = len(shown) - stop, len(shown) - 1 - at
            shown = np.delete(shown, slice(at, stop))
            yield ModelChange("remove", *rows, self._set_shown(shown))
        for low, high in entering:
            at = int(np.searchsorted(shown, low))
            row = len(shown) - at
            shown = np.insert(shown, at, np.arange(low, high + 1))
            yield ModelChange("insert", row, row + high - low, self._set_shown(shown))

    def _set_shown(self, positions: Positions) -> Callable[[], None]:
        return lambda: setattr(self, "_shown", positions)

    def _set_order(self, positions: Positions) -> Callable[[], None]:
        return lambda: setattr(self, "_order", positions)

    def _transform(
        self,
        before: Positions,
        after: Positions,
        shown: Positions | None,
        order: Positions | None,
    ) -> Iterator[ModelChange]:
        """Change to other positions."""
        if order is None and self._order is None:
            added, removed = difference(before, after)
        else:
            added, removed = without(after, before), without(before, after)
        snapshot = None if order is None else self.source.snapshot(self._end)
        yield from self._change_to(before, after, added, removed, shown, order, snapshot)

    def _change_to(
        self,
        before: Positions,
        after: Positions,
        added: Positions,
        removed: Positions,
        shown: Positions | None,
        order: Positions | None,
        snapshot: RowSource[RowT] | None,
    ) -> Iterator[ModelChange]:
        """Change to other positions in at most three model changes.

        New positions are appended, all are reordered with the removed ones last, and those are
        removed.
        """
        extended = np.concatenate((before, added)) if len(added) else before
        reordered = np.concatenate((after, removed)) if len(removed) else after

        def finish() -> None:
            self._shown, self._order, self._snapshot = shown, order, snapshot

        self._order = before
        if len(added):
            yield ModelChange("insert", len(before), len(extended) - 1, self._set_order(extended))
        if not _are_equal(reordered, extended):
            yield ModelChange(
                "layout", 0, len(reordered) - 1, self._set_order(reordered), extended, reordered
            )
        if len(removed):
            yield ModelChange("remove", len(after), len(reordered) - 1, finish)
        else:
            finish()

    def _repaint(self, positions: Iterable[int]) -> Iterator[ModelChange]:
        rows = (self.view_row(position) for position in positions)
        ranges = contiguous_ranges(sorted(row for row in rows if row is not None), gap=4)
        if len(ranges) > _MAX_CHANGES:
            ranges = [(ranges[0][0], ranges[-1][1])]
        for low, high in ranges:
            yield ModelChange("repaint", low, high)


def _are_equal(some: Positions, others: Positions) -> bool:
    """Return whether positions are equal; mostly they differ early."""
    if not np.array_equal(some[:_COMPARED], others[:_COMPARED]):
        return False
    return np.array_equal(some, others)
