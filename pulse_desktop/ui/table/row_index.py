"""Which rows a live table shows, in what order, and the few steps from one picture to the next.

Without Qt, so that it can be tested against a naive model. Newest on top unless sorted. Between
two frames thousands of rows may arrive, be forgotten or change; what comes out are a handful of
steps, because a view pays for every insertion and removal it is told of.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

from pulse_desktop.ui.table.model_change import ModelChange
from pulse_desktop.ui.table.row_filter import (
    FilterDelta,
    Positions,
    contiguous_ranges,
    matching_positions,
)
from pulse_desktop.ui.table.row_source import FrozenRows, RowSource

if TYPE_CHECKING:
    from pulse_desktop.ui.table.sort_keys import SortKeys

RowT = TypeVar("RowT")

_MOST_STEPS: Final = 8
"""More single insertions and removals than this are made as one change of layout."""
SLICE: Final = 4096
"""A new filter judges so many rows at a time, the newest first, for a hundred thousand at once
would be felt as a jerk while typing."""
_NONE: Final[Positions] = np.empty(0, np.int64)


class RowIndex(Generic[RowT]):
    """The shown part of a source of rows.

    Every method that returns steps makes its changes while they are walked: walk them all, and
    call `apply` on each.

    Attributes:
        rows: what is followed.
        source: what is shown of it: `rows`, or a frozen copy while paused.
        accepts: the filter, None for all rows.
        keys: the order, None while the newest is on top.
    """

    def __init__(self, rows: RowSource[RowT]) -> None:
        self.rows = rows
        self.source: RowSource[RowT] = rows
        self.accepts: Callable[[RowT], bool] | None = None
        self.keys: SortKeys[RowT] | None = None
        self._first = rows.start
        self._end = rows.stop
        self._shown: Positions | None = None  # positions that match, rising; None: no filter
        self._order: Positions | None = None  # positions as shown; None: newest on top
        self._held: FrozenRows[RowT] | None = None  # what forgotten rows of a sorted table said
        self._changed: set[int] = set()  # since the last sort
        self._judged = self._first  # from here on the filter has been applied

    def __len__(self) -> int:
        if self._order is not None:
            return len(self._order)
        return self._end - self._first if self._shown is None else len(self._shown)

    @property
    def searching(self) -> bool:
        """Whether the filter has not been applied to every row yet."""
        return self.accepts is not None and self._judged > self.source.start

    @property
    def stale(self) -> bool:
        """Whether a sorted table has something to be sorted in."""
        span = (self._first, self._end)
        return bool(self._changed) or span != (self.source.start, self.source.stop)

    def position_at(self, row: int) -> int:
        """Return the position of a view row. Raises IndexError when there is no such row."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self._order is not None:
            return int(self._order[row])
        return self._end - 1 - row if self._shown is None else int(self._shown[-1 - row])

    def view_row(self, position: int) -> int | None:
        """Return where a position is shown, or None."""
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
        for source in (self.source, self._held):
            # A row forgotten since the last sort is shown as it was until the next one.
            if source is not None and source.start <= position < source.stop:
                return source[position]
        return None

    def replace_rows(self, rows: RowSource[RowT]) -> None:
        """Show other rows with the same filter and order; the view is to be reset around this."""
        self.rows = self.source = rows
        self._first, self._end = rows.start, rows.stop
        self._changed.clear()
        self._shown = self._matching(rows.start)
        self._order = None
        if self.keys is not None:
            self.keys.clear()
            self._order = self.keys.order(rows, self._newest_first(self._shown))
            self._held = FrozenRows(rows, self._end)

    def freeze(self) -> Iterator[ModelChange]:
        """Stand still at what is shown now."""
        if self.keys is None:
            yield from self._forget()
        self.source = FrozenRows(self.rows, self._end)

    def thaw(self) -> Iterator[ModelChange]:
        """Go on after `freeze`."""
        self.source = self.rows
        yield from self.retake()

    def note(self, dirty: Collection[int]) -> None:
        """Remember changed rows for the next `sort`."""
        self._changed.update(dirty)

    def follow(self, dirty: Collection[int]) -> Iterator[ModelChange]:
        """Show what happened since the last time, newest on top.

        Args:
            dirty: positions of rows that were replaced or touched.
        """
        yield from self._forget()
        staying: Iterable[int] = dirty
        if dirty and self.accepts is not None and self._shown is not None:
            judged = {position for position in dirty if position >= self._judged}
            flips = FilterDelta(self.source, self.accepts, self._shown, judged, self._end)
            yield from self._flip(flips)
            staying = flips.staying.tolist()
        yield from self._repaint(staying)
        yield from self._grow()

    def sort(self) -> Iterator[ModelChange]:
        """Bring a sorted table up to date: rows gone, rows arrived, rows changed, all in one."""
        source, keys, shown = self.source, self.keys, self._shown
        if keys is None or self._order is None:
            return
        keys.forget(self._changed)
        if shown is not None and self.accepts is not None:
            shown = shown[np.searchsorted(shown, source.start) :]
            shown = FilterDelta(source, self.accepts, shown, self._changed, self._end).apply(shown)
            fresh = matching_positions(source, self.accepts, self._end, source.stop)
            shown = np.concatenate((shown, fresh))
        self._changed.clear()
        self._first, self._end = source.start, source.stop
        order = keys.order(source, self._newest_first(shown))
        yield from self._transform(self._order, order, shown, order)

    def search(self) -> Iterator[ModelChange]:
        """Apply the filter to the next older rows."""
        shown = self._shown
        if not self.searching or self.accepts is None or shown is None:
            return
        start = max(self._judged - SLICE, self.source.start)
        found = matching_positions(self.source, self.accepts, start, self._judged)
        self._judged = start
        if len(found):
            last = len(shown) + len(found) - 1
            yield ModelChange(
                "insert", len(shown), last, self._showing(np.concatenate((found, shown)))
            )

    def retake(self, *, whole: bool = True) -> Iterator[ModelChange]:
        """Work out afresh what is shown: after a new filter, a new order, or having been hidden.

        Args:
            whole: apply the filter to every row at once; else to the newest, and `search` goes on.
        """
        source, keys = self.source, self.keys
        start = source.start if whole or keys is not None else source.stop - SLICE
        self._changed.clear()
        if self.accepts is None and keys is None and self._order is self._shown is None:
            yield from self._forget()
            yield from self._grow()
        else:
            before = self._newest_first(self._shown) if self._order is None else self._order
            self._first, self._end = source.start, source.stop
            shown = self._matching(start)
            after = self._newest_first(shown)
            order = None
            if keys is not None:
                keys.clear()
                after = order = keys.order(source, after)
            yield from self._transform(before, after, shown, order)
        if len(self):
            yield ModelChange("repaint", 0, len(self) - 1)

    # How it is done

    def _matching(self, start: int) -> Positions | None:
        self._judged = max(start, self.source.start)
        if self.accepts is None:
            return None
        return matching_positions(self.source, self.accepts, self._judged, self.source.stop)

    def _newest_first(self, shown: Positions | None) -> Positions:
        if shown is not None:
            return shown[::-1]
        return np.arange(self._end - 1, self._first - 1, -1, dtype=np.int64)

    def _forget(self) -> Iterator[ModelChange]:
        """Drop what the source has forgotten: always the lowest rows of the table."""
        first, shown = self.source.start, self._shown
        if first == self._first:
            return
        if shown is None:
            gone = min(first, self._end) - self._first
        else:
            gone = int(np.searchsorted(shown, first))

        def apply() -> None:
            if shown is not None:
                self._shown = shown[gone:]
            self._first, self._end = first, max(self._end, first)

        if gone:
            yield ModelChange("remove", len(self) - gone, len(self) - 1, apply)
        else:
            apply()

    def _grow(self) -> Iterator[ModelChange]:
        """Put what has arrived on top."""
        end, shown = self.source.stop, self._shown
        fresh = _NONE
        count = end - self._end
        if self.accepts is not None and count:
            fresh = matching_positions(self.source, self.accepts, self._end, end)
            count = len(fresh)

        def apply() -> None:
            if shown is not None:
                self._shown = np.concatenate((shown, fresh))
            self._end = end

        if count:
            yield ModelChange("insert", 0, count - 1, apply)
        else:
            self._end = end

    def _flip(self, flips: FilterDelta) -> Iterator[ModelChange]:
        """Let changed rows enter and leave the filter."""
        shown = self._shown
        if shown is None:
            return
        leaving = contiguous_ranges(flips.leaving.tolist())
        entering = contiguous_ranges(flips.entering.tolist())
        if len(leaving) + len(entering) > _MOST_STEPS:
            after = flips.apply(shown)
            yield from self._transform(shown[::-1], after[::-1], after, None)
            return
        for low, high in leaving:
            at, stop = np.searchsorted(shown, (low, high + 1)).tolist()
            rows = len(shown) - stop, len(shown) - 1 - at
            shown = np.delete(shown, slice(at, stop))
            yield ModelChange("remove", *rows, self._showing(shown))
        for low, high in entering:
            at = int(np.searchsorted(shown, low))
            row = len(shown) - at
            shown = np.insert(shown, at, np.arange(low, high + 1))
            yield ModelChange("insert", row, row + high - low, self._showing(shown))

    def _showing(self, positions: Positions) -> Callable[[], None]:
        return lambda: setattr(self, "_shown", positions)

    def _ordered(self, positions: Positions) -> Callable[[], None]:
        return lambda: setattr(self, "_order", positions)

    def _transform(
        self,
        before: Positions,
        after: Positions,
        shown: Positions | None,
        order: Positions | None,
    ) -> Iterator[ModelChange]:
        """Change to another list of positions in three steps whatever the difference.

        What is new is put at the end, everything is brought into its new order with what is gone
        at the end, and that is removed.
        """
        fresh = after[np.isin(after, before, assume_unique=True, invert=True)]
        gone = before[np.isin(before, after, assume_unique=True, invert=True)]
        grown = np.concatenate((before, fresh))
        moved = np.concatenate((after, gone))

        def settle() -> None:
            self._shown, self._order = shown, order
            self._held = None if order is None else FrozenRows(self.source, self._end)

        self._order = before
        if len(fresh):
            yield ModelChange("insert", len(before), len(grown) - 1, self._ordered(grown))
        if not np.array_equal(moved, grown):
            yield ModelChange("layout", 0, len(moved) - 1, self._ordered(moved), grown, moved)
        if len(gone):
            yield ModelChange("remove", len(after), len(moved) - 1, settle)
        else:
            settle()

    def _repaint(self, positions: Iterable[int]) -> Iterator[ModelChange]:
        rows = (self.view_row(position) for position in positions)
        ranges = contiguous_ranges(sorted(row for row in rows if row is not None), gap=4)
        if len(ranges) > _MOST_STEPS:
            ranges = [(ranges[0][0], ranges[-1][1])]
        for low, high in ranges:
            yield ModelChange("repaint", low, high)
