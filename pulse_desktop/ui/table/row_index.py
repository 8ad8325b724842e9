"""The rows that a live table shows, their order, and the changes from one frame to the next.

Without Qt, so that it can be tested against a naive model. The newest row is first unless the
table is sorted. Between two frames thousands of rows may be appended, evicted or changed; they are
merged into a handful of changes, because a view pays for every insertion and removal.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

from pulse_desktop.ui.table.model_change import ModelChange
from pulse_desktop.ui.table.row_filter import (
    SLICE,
    Delta,
    FilterDelta,
    Positions,
    contiguous_ranges,
    matching_positions,
    newest_matching,
    without,
)
from pulse_desktop.ui.table.row_source import RowSource

if TYPE_CHECKING:
    from pulse_desktop.ui.table.sort_keys import SortKeys

RowT = TypeVar("RowT")

_MAX_CHANGES: Final = 8
"""More insertions and removals than this are made as one layout change."""
_AT_ONCE: Final = 4 * SLICE
"""So many rows are filtered at once when a table catches up."""
_CHECKED: Final = 64
"""Rows in a row that are still accepted before the rest is believed to be."""
_EMPTY: Final[Positions] = np.empty(0, np.int64)


class RowIndex(Generic[RowT]):
    """The filtered and sorted part of a row source.

    Methods that return changes make them while they are iterated: iterate to the end, and call
    `apply` on each.

    Attributes:
        rows: the live rows.
        source: the rows shown: `rows`, or a snapshot while paused.
        accepts: the filter, None for all rows.
        sort_keys: the sort order, None for newest first.
    """

    def __init__(self, rows: RowSource[RowT]) -> None:
        self.rows = rows
        self.source: RowSource[RowT] = rows
        self.accepts: Callable[[RowT], bool] | None = None
        self.sort_keys: SortKeys[RowT] | None = None
        self._first = rows.start
        self._end = rows.stop
        self._shown: Positions | None = None  # positions that match, ascending; None: no filter
        self._order: Positions | None = None  # positions as shown; None: newest first
        self._snapshot: RowSource[RowT] | None = None  # at the last sort, with rows since evicted
        self._changed: set[int] = set()  # since the last sort
        self._filtered_to = self._first  # the filter has been applied from here to the end
        self._found = False  # matching rows were found that are not sorted in yet
        self._checked_to = self._first  # what is shown is right from here to the end

    def __len__(self) -> int:
        if self._order is not None:
            return len(self._order)
        return self._end - self._first if self._shown is None else len(self._shown)

    @property
    def filter_pending(self) -> bool:
        """Whether the filter has not been applied to every row yet."""
        return self.accepts is not None and self._filtered_to > self.source.start

    @property
    def filtering(self) -> bool:
        """Whether `filter_next_slice` has something to do."""
        return self.filter_pending or (
            self.accepts is not None and self._checked_to > self.source.start
        )

    @property
    def stale(self) -> bool:
        """Whether a sorted table has changes that are not sorted in yet."""
        span = (self._first, self._end)
        is_same = span == (self.source.start, self.source.stop)
        return bool(self._changed) or self._found or not is_same

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

    def replace_rows(self, rows: RowSource[RowT]) -> None:
        """Show another row source with the same filter and order; reset the view around it."""
        self.rows = self.source = rows
        self._first, self._end = rows.start, rows.stop
        self._changed.clear()
        self._shown = self._matching()
        self._order = None
        if self.sort_keys is not None:
            self.sort_keys.clear()
            self._order = self.sort_keys.order(rows, self._newest_first(self._shown))
            self._snapshot = rows.snapshot(self._end)

    def pause(self) -> Iterator[ModelChange]:
        """Keep showing the present rows."""
        if self.sort_keys is None:
            yield from self._remove_evicted()
            yield from self._append_older()
        self.source = self.rows.snapshot(self._end)

    def resume(self) -> Iterator[ModelChange]:
        """Show the live rows again."""
        self.source = self.rows
        yield from self.catch_up()

    def oldest_not_accepted(self) -> set[int]:
        """Return the positions of the oldest shown rows that the filter does not accept any more.

        It looks no further than the first of them need: rows are roughly in the order of time.
        """
        accepts, shown = self.accepts, self._shown
        if accepts is None or shown is None or self.source is not self.rows:
            return set()
        found: set[int] = set()
        for start in range(0, len(shown), _CHECKED):
            positions = shown[start : start + _CHECKED].tolist()
            kept = [p for p in positions if p >= self.source.start]
            leaving = [p for p in kept if not accepts(self.source[p])]
            found.update(leaving)
            if kept and not leaving:
                break
        return found

    def mark_changed(self, dirty: Collection[int]) -> None:
        """Remember changed rows for the next `sort`."""
        self._changed.update(dirty)

    def apply_changes(self, dirty: Collection[int]) -> Iterator[ModelChange]:
        """Update a table that is not sorted: evicted, changed and new rows.

        Args:
            dirty: positions of changed rows.
        """
        yield from self._remove_evicted()
        yield from self._append_older()
        staying: Iterable[int] = dirty
        if dirty and self.accepts is not None and self._shown is not None:
            filtered = {position for position in dirty if position >= self._filtered_to}
            delta = FilterDelta(self.source, self.accepts, self._shown, filtered, self._end)
            yield from self._apply_delta(delta)
            staying = delta.staying.tolist()
        yield from self._repaint(staying)
        yield from self._insert_new()

    def sort(self) -> Iterator[ModelChange]:
        """Update a sorted table: evicted, new and changed rows in one reordering."""
        source, keys, shown = self.source, self.sort_keys, self._shown
        if keys is None or self._order is None:
            return
        keys.invalidate(self._changed)
        if shown is not None and self.accepts is not None:
            shown = shown[np.searchsorted(shown, source.start) :]
            filtered = {each for each in self._changed if each >= self._filtered_to}
            shown = FilterDelta(source, self.accepts, shown, filtered, self._end).apply(shown)
            new = matching_positions(source, self.accepts, self._end, source.stop)
            shown = np.concatenate((shown, new))
        self._found = False
        self._changed.clear()
        self._end = source.stop
        self._reach_down()
        order = keys.order(source, self._newest_first(shown))
        yield from self._transform(self._order, order, shown, order)

    def filter_next_slice(self) -> Iterator[ModelChange]:
        """Apply a new filter to the next slice of older rows.

        A sorted table shows what was found when all rows are filtered, or with the next `sort`.
        """
        shown, accepts = self._shown, self.accepts
        if accepts is None or shown is None:
            return
        if self.filter_pending:
            found, self._filtered_to = newest_matching(self.source, accepts, self._filtered_to)
            yield from self._show_found(found)
        elif self._checked_to > self.source.start:
            yield from self._check_next_slice(shown, accepts)

    def update_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Replace the filter by another for which mostly the same rows match.

        What is shown stays, until `filter_next_slice` finds that it does not match.
        """
        self.accepts = accepts
        self._checked_to = self._end

    def _check_next_slice(
        self, shown: Positions, accepts: Callable[[RowT], bool]
    ) -> Iterator[ModelChange]:
        """Correct what is shown of the next slice of older rows."""
        stop = min(self._checked_to, self._end)
        found, self._checked_to = newest_matching(self.source, accepts, stop)
        first, last = np.searchsorted(shown, (self._checked_to, stop)).tolist()
        delta = Delta.between(shown[first:last], found)
        if not delta:
            return
        if self.sort_keys is None:
            yield from self._apply_delta(delta)
            return
        self._shown = delta.apply(shown)
        self._found = True
        if not self.filtering:
            yield from self.sort()

    def _show_found(self, found: Positions) -> Iterator[ModelChange]:
        """Show older rows that were found to match, below those shown."""
        shown = self._shown
        if shown is None:
            return
        together = np.concatenate((found, shown))
        if self.sort_keys is not None:
            self._shown = together
            self._found = self._found or bool(len(found))
            if self._found and not self.filter_pending:
                yield from self.sort()
        elif len(found):
            last = len(together) - 1
            yield ModelChange("insert", len(shown), last, self._set_shown(together))

    def catch_up(self) -> Iterator[ModelChange]:
        """Update a table that was not told what changed.

        Of many rows what was shown stays, until `filter_next_slice` finds that it does not match.
        """
        if (
            self._shown is None
            or self.sort_keys is not None
            or self.source.stop - self.source.start <= _AT_ONCE
        ):
            yield from self.rebuild()
        elif self.source.stop - self._end > _AT_ONCE:
            yield from self.rebuild(incremental=True)
        else:
            yield from self._remove_evicted()
            yield from self._append_older()
            yield from self._insert_new()
            self._checked_to = self._end
            if len(self):
                yield ModelChange("repaint", 0, len(self) - 1)

    def rebuild(self, *, incremental: bool = False) -> Iterator[ModelChange]:
        """Recompute the shown rows: after a new filter or order, or after having been hidden.

        Args:
            incremental: apply the filter to the newest rows only, `filter_next_slice` to the rest.
        """
        source, keys = self.source, self.sort_keys
        self._changed.clear()
        self._found = False
        if self.accepts is None and keys is None and self._order is self._shown is None:
            yield from self._remove_evicted()
            yield from self._append_older()
            yield from self._insert_new()
        else:
            before = self._newest_first(self._shown) if self._order is None else self._order
            self._first, self._end = source.start, source.stop
            shown = self._matching(incremental=incremental)
            after = self._newest_first(shown)
            order = None
            if keys is not None:
                keys.clear()
                after = order = keys.order(source, after)
            yield from self._transform(before, after, shown, order)
        if len(self):
            yield ModelChange("repaint", 0, len(self) - 1)

    # Steps

    def _matching(self, *, incremental: bool = False) -> Positions | None:
        source, accepts = self.source, self.accepts
        self._filtered_to = self._checked_to = source.start
        if accepts is None:
            return None
        if not incremental:
            return matching_positions(source, accepts, source.start, source.stop)
        found, self._filtered_to = newest_matching(source, accepts, source.stop)
        return found

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
        """Reach to the oldest row of the source; older rows than before are to be filtered."""
        first = self.source.start
        if self._checked_to <= self._first:
            self._checked_to = first
        self._filtered_to = max(self._filtered_to, first)
        self._first = first

    def _insert_new(self) -> Iterator[ModelChange]:
        """Insert new rows at the top."""
        end, shown = self.source.stop, self._shown
        new = _EMPTY
        count = end - self._end
        if self.accepts is not None and count:
            new = matching_positions(self.source, self.accepts, self._end, end)
            count = len(new)

        def apply() -> None:
            if shown is not None:
                self._shown = np.concatenate((shown, new))
            self._end = end

        if count:
            yield ModelChange("insert", 0, count - 1, apply)
        else:
            self._end = end

    def _apply_delta(self, delta: Delta) -> Iterator[ModelChange]:
        """Insert and remove changed rows that entered or left the filter."""
        shown = self._shown
        if shown is None:
            return
        leaving = contiguous_ranges(delta.leaving.tolist())
        entering = contiguous_ranges(delta.entering.tolist())
        if len(leaving) + len(entering) > _MAX_CHANGES:
            after = delta.apply(shown)
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
        """Change to other positions in at most three model changes.

        New positions are appended, all are reordered with the removed ones last, and those are
        removed.
        """
        added, removed = without(after, before), without(before, after)
        extended = np.concatenate((before, added))
        reordered = np.concatenate((after, removed))

        def finish() -> None:
            self._shown, self._order = shown, order
            self._snapshot = None if order is None else self.source.snapshot(self._end)

        self._order = before
        if len(added):
            yield ModelChange("insert", len(before), len(extended) - 1, self._set_order(extended))
        if not np.array_equal(reordered, extended):
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
