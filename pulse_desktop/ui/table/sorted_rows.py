"""The order of the rows that a live table shows: the newest first, or sorted by a column."""

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from pulse_desktop.ui.rows.positions import Positions
from pulse_desktop.ui.rows.row_filter import RowChange, matching_positions
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.filter_progress import FilterProgress
from pulse_desktop.ui.table.model_change import ModelChange
from pulse_desktop.ui.table.order_change import OrderChange, reorder_in_slices
from pulse_desktop.ui.table.shown_rows import ShownRows

if TYPE_CHECKING:
    from pulse_desktop.ui.table.sort_keys import SortKeys

RowT = TypeVar("RowT")


class SortedRows(ShownRows[RowT], Generic[RowT]):
    """Rows that pass a filter, in an order that is made in slices if it takes long.

    Attributes:
        accepts: the filter, None for all rows.
        sort_keys: the sort order, None for newest first.
    """

    def __init__(self, rows: RowSource[RowT]) -> None:
        super().__init__(rows)
        self.accepts: Callable[[RowT], bool] | None = None
        self.sort_keys: SortKeys[RowT] | None = None
        # Positions of rows that changed: in a sorted table since its last sort, in one that is not
        # sorted since they were last filtered.
        self._changed: set[int] = set()
        self._unfiltered: set[int] = set()
        self._progress = FilterProgress(self._first)
        # Makes the next order.
        self._sorting: Generator[None, None, OrderChange[RowT]] | None = None

    def sort(self) -> Iterator[ModelChange]:
        """Update a sorted table: evicted, new and changed rows in one reordering.

        If that takes long, `filter_next_slice` does it.
        """
        keys, order = self.sort_keys, self._order
        if keys is None or order is None or self._sorting is not None:
            return
        keys.invalidate(self._changed)
        self._fold_changes()
        yield from self._sort_to(keys, order)

    def set_order(self, keys: "SortKeys[RowT] | None") -> Iterator[ModelChange]:
        """Show the rows in another order.

        If that takes long, they are shown as before until `filter_next_slice` has made it.

        Args:
            keys: the new order, None for the newest first.
        """
        yield from self.show_found()
        order, first, end = self._order, self._first, self._end
        before = self._newest_first(self._shown) if order is None else order
        was_sorting = self._sorting is not None
        self.sort_keys, self._sorting = keys, None
        self._fold_changes()
        if keys is not None:
            self._order = before
            yield from self._sort_to(keys, before)
        elif self._shown is None and not was_sorting:
            after = self._newest_first(None)
            added = after[(after >= end) | (after < first)]
            removed = before[before < self._first]
            yield from self._change_to(before, after, added, removed, None, None, None)
        else:
            shown = self._shown
            yield from self._transform(before, self._newest_first(shown), shown, None)
        if len(self):
            yield ModelChange("repaint", 0, len(self) - 1)

    def _fold_changes(self) -> None:
        """Filter evicted, new and changed rows; the order is to be made anew after that."""
        source, shown = self.source, self._shown
        unfiltered: set[int] = set()
        if shown is not None and self.accepts is not None:
            shown = shown[np.searchsorted(shown, source.start) :]
            changed = self._changed | self._unfiltered
            filtered = {each for each in changed if each >= self._progress.filtered_to}
            change = RowChange(source, self.accepts, shown, filtered, self._end)
            shown, unfiltered = change.apply(shown), set(change.unfiltered.tolist())
            new = matching_positions(source, self.accepts, self._end, source.stop)
            shown = np.concatenate((shown, new))
        self._progress.is_unsorted = False
        # A table that is not sorted filters them in its next step, a sorted one with its next sort.
        is_sorted = self.sort_keys is not None
        self._changed = unfiltered if is_sorted else set()
        self._unfiltered = set() if is_sorted else unfiltered
        self._end = source.stop
        self._reach_down()
        self._shown = shown

    def _sort_to(self, keys: "SortKeys[RowT]", before: Positions) -> Iterator[ModelChange]:
        """Sort what is shown; if that takes long, `filter_next_slice` does it."""
        newest_first = self._newest_first(self._shown)
        order = self._sorted(keys, newest_first)
        if order is None:
            self._sort_in_slices(keys, before, newest_first)
        else:
            yield from self._transform(before, order, self._shown, order)

    def _sorted(self, keys: "SortKeys[RowT]", newest_first: Positions) -> Positions | None:
        """Return positions in the order of the keys, None if that takes long."""
        return keys.order(self.source, newest_first) if keys.is_fast(newest_first) else None

    def _sort_in_slices(
        self, keys: "SortKeys[RowT]", before: Positions, newest_first: Positions
    ) -> None:
        self._sorting = reorder_in_slices(keys, self.source, before, newest_first)

    def _sort_next_slice(
        self, sorting: Generator[None, None, OrderChange[RowT]]
    ) -> Iterator[ModelChange]:
        """Show the next order once it is made."""
        try:
            next(sorting)
        except StopIteration as finished:
            made: OrderChange[RowT] = finished.value
        else:
            return
        self._sorting = None
        shown = self._shown
        if shown is not None:
            shown = shown[np.searchsorted(shown, made.snapshot.start) :]
        yield from self._change_to(
            made.before, made.after, made.added, made.removed, shown, made.after, made.snapshot
        )

    def show_found(self) -> Iterator[ModelChange]:
        """Show older rows that were found to match, below those shown."""
        shown = self._shown
        if shown is None or (older := self._progress.take_unshown()) is None:
            return
        together = np.concatenate((older, shown))
        yield ModelChange("insert", len(shown), len(together) - 1, self._set_shown(together))
