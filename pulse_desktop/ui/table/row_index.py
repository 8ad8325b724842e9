"""The rows that a live table shows, their order, and the changes from one frame to the next.

Without Qt, so that it can be tested against a naive model. The newest row is first unless the
table is sorted. Of many rows a filter is applied to the newest first, and to the others in slices;
a new order is made in slices too.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain
from typing import Final, Generic, TypeVar

import numpy as np

from pulse_desktop.ui.rows.positions import Positions
from pulse_desktop.ui.rows.row_filter import (
    SLICE,
    FilterChange,
    RowChange,
    matching_positions,
    newest_matching,
    oldest_rejected,
)
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.rows.time_slice import TimeSlice
from pulse_desktop.ui.table.filter_progress import FilterStep
from pulse_desktop.ui.table.model_change import ModelChange
from pulse_desktop.ui.table.sorted_rows import SortedRows

RowT = TypeVar("RowT")

_AT_ONCE: Final = 4 * SLICE
"""So many rows are filtered at once when a table catches up."""
_AT_ONCE_S: Final = 0.1
"""And no longer than that, however large they are."""
_AT_ONCE_SHOWN: Final = 256
"""So many matches are shown as soon as they are found: more than fit on a screen."""
_MAX_ON_TOP: Final = 512
"""So many new rows are inserted at the top of a sorted table; with more it is sorted anew."""
_CHUNK: Final = 256
"""Positions that are read in one go."""
_EMPTY: Final[Positions] = np.empty(0, np.int64)


class RowIndex(SortedRows[RowT], Generic[RowT]):
    """The filtered and sorted part of a row source."""

    @property
    def filter_pending(self) -> bool:
        """Whether not every row that matches is shown yet."""
        return self._filter_step in (FilterStep.SEARCHING, FilterStep.SHOWING)

    @property
    def _filter_step(self) -> FilterStep:
        return self._progress.next_step(self.source.start, is_filtered=self.accepts is not None)

    @property
    def filtering(self) -> bool:
        """Whether `filter_next_slice` has something to do."""
        has_more = self._sorting is not None or bool(self._unfiltered)
        return has_more or self._filter_step is not FilterStep.DONE

    @property
    def stale(self) -> bool:
        """Whether a sorted table has changes that are not sorted in yet."""
        span = (self._first, self._end)
        is_same = span == (self.source.start, self.source.stop)
        return bool(self._changed) or self._progress.is_unsorted or not is_same

    def replace_rows(self, rows: RowSource[RowT]) -> None:
        """Show another row source with the same filter and order; reset the view around it."""
        self.rows = self.source = rows
        self._first, self._end = rows.start, rows.stop
        self._changed.clear()
        self._unfiltered.clear()
        self._progress.forget_found()
        self._shown = self._matching(math.inf)
        self._order = self._sorting = None
        if self.sort_keys is not None:
            self.sort_keys.clear()
            newest_first = self._newest_first(self._shown)
            self._order = self._sorted(self.sort_keys, newest_first)
            if self._order is None:
                self._order = newest_first
                self._sort_in_slices(self.sort_keys, newest_first, newest_first)
            self._snapshot = rows.snapshot(self._end)

    def pause(self) -> Iterator[ModelChange]:
        """Keep showing the present rows."""
        yield from self.show_found()
        if self.sort_keys is None:
            yield from self._remove_evicted()
            yield from self._append_older()
        self.source = self.rows.snapshot(self._end)
        keys, order = self.sort_keys, self._order
        if self._sorting is not None and keys is not None and order is not None:
            self._sort_in_slices(keys, order, self._newest_first(self._shown))

    def resume(self) -> Iterator[ModelChange]:
        """Show the live rows again."""
        self.source = self.rows
        yield from self.catch_up()

    def oldest_not_accepted(self) -> set[int]:
        """Return the positions of the oldest shown rows that the filter does not accept any more.

        See `oldest_rejected`.
        """
        accepts, shown = self.accepts, self._shown
        if accepts is None or shown is None or self.source is not self.rows:
            return set()
        chunks = (shown[start : start + _CHUNK] for start in range(0, len(shown), _CHUNK))
        return set(oldest_rejected(self.source, accepts, chunks))

    def matches_between(self, low: int, high: int) -> Positions | None:
        """Return the positions from `low` to `high` - 1 of live rows that match the filter.

        None if that is not known for each of them, or if a sorted table has changes there that
        are not sorted in. Without a sort they may be those of the frame before: the caller counts
        the rows again that have changed in this one.
        """
        shown = self._shown
        if self.accepts is None or shown is None or self.source is not self.rows or self.filtering:
            return None
        if low < self._first or high > self._end or self._progress.is_unsorted:
            return None
        if any(low <= position < high for position in chain(self._changed, self._unfiltered)):
            return None
        first, stop = np.searchsorted(shown, (low, high)).tolist()
        return shown[first:stop]

    def mark_changed(self, dirty: Collection[int]) -> None:
        """Remember changed rows for the next `sort`."""
        self._changed.update(dirty)

    def mark_moved(self, dirty: Collection[int]) -> None:
        """Remember, of changed rows, those for the next `sort` that it may move."""
        keys = self.sort_keys
        if self.accepts is not None or keys is None:
            self._changed.update(dirty)
        else:
            self._changed.update(keys.changed(self.source, dirty))

    def insert_on_top(self) -> Iterator[ModelChange]:
        """Insert new rows at the top of a sorted table, if they are not too many.

        Those that do not belong there get their places with the next `sort`.
        """
        source, order, keys, shown = self.source, self._order, self.sort_keys, self._shown
        start, end = max(self._end, source.start), source.stop
        if order is None or keys is None or self._sorting is not None:
            return
        if not start < end <= start + _MAX_ON_TOP:
            return
        new = np.arange(start, end, dtype=np.int64)
        if self.accepts is not None:
            new = matching_positions(source, self.accepts, start, end)
        if not len(new):
            self._end = end
            return
        keys.reserve(min(source.start, self._first), end)
        top = keys.order(source, new[::-1])
        if len(order) and keys.is_before(int(order[0]), int(top[-1])):
            self._progress.is_unsorted = True

        def apply() -> None:
            self._order = np.concatenate((top, order))
            self._shown = None if shown is None else np.concatenate((shown, new))
            self._end = end

        yield ModelChange("insert", 0, len(new) - 1, apply)

    def apply_changes(self, dirty: Collection[int]) -> Iterator[ModelChange]:
        """Update a table that is not sorted: evicted, changed and new rows.

        Args:
            dirty: positions of changed rows.
        """
        yield from self.show_found()
        yield from self._remove_evicted()
        yield from self._append_older()
        staying: Iterable[int] = dirty
        changed = self._unfiltered.union(dirty)
        if changed and self.accepts is not None and self._shown is not None:
            filtered = {position for position in changed if position >= self._progress.filtered_to}
            change = RowChange(self.source, self.accepts, self._shown, filtered, self._end)
            self._unfiltered = set(change.unfiltered.tolist())
            yield from self._apply_change(change)
            staying = [*change.staying.tolist(), *self._unfiltered]
        yield from self._repaint(staying)
        yield from self._insert_new()

    def filter_next_slice(self) -> Iterator[ModelChange]:
        """Make the next slice of a new order, or filter the next slice of older rows.

        What was found is shown when all rows are filtered, or with `show_found`: a view takes
        longer to show some more rows than to find them. A sorted table shows it with the next
        `sort`.
        """
        if self._sorting is not None:
            yield from self._sort_next_slice(self._sorting)
            return
        shown, accepts = self._shown, self.accepts
        if accepts is None or shown is None:
            self._unfiltered.clear()
            return
        if self._unfiltered:
            yield from self.apply_changes(())
            return
        match self._filter_step:
            case FilterStep.SEARCHING:
                yield from self._search_next_slice(shown, accepts)
            case FilterStep.SHOWING:
                yield from self.show_found()
            case FilterStep.CHECKING:
                yield from self._check_next_slice(shown, accepts)

    def update_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Replace the filter by another for which mostly the same rows match.

        What is shown stays, until `filter_next_slice` finds that it does not match.
        """
        self.accepts = accepts
        self._progress.checked_to = self._end

    def _check_next_slice(
        self, shown: Positions, accepts: Callable[[RowT], bool]
    ) -> Iterator[ModelChange]:
        """Correct what is shown of the next slice of older rows."""
        stop = min(self._progress.checked_to, self._end)
        found, start = newest_matching(self.source, accepts, stop)
        self._progress.checked_to = start
        first, last = np.searchsorted(shown, (start, stop)).tolist()
        change = FilterChange.between(shown[first:last], found)
        if not change:
            return
        if self.sort_keys is None:
            yield from self._apply_change(change)
            return
        self._shown = change.apply(shown)
        self._progress.is_unsorted = True
        if not self.filtering:
            yield from self.sort()

    def _search_next_slice(
        self, shown: Positions, accepts: Callable[[RowT], bool]
    ) -> Iterator[ModelChange]:
        """Filter the next slice of older rows; the first that match are shown at once."""
        progress = self._progress
        found, progress.filtered_to = newest_matching(self.source, accepts, progress.filtered_to)
        searches = self._filter_step is FilterStep.SEARCHING
        if self.sort_keys is not None:
            self._shown = np.concatenate((found, shown))
            progress.is_unsorted = progress.is_unsorted or bool(len(found))
            if progress.is_unsorted and not searches:
                yield from self.sort()
            return
        progress.keep(found)
        if not searches or len(shown) < _AT_ONCE_SHOWN:
            yield from self.show_found()

    def catch_up(self) -> Iterator[ModelChange]:
        """Update a table that was not told what changed.

        Of many rows what was shown stays, until `filter_next_slice` finds that it does not match.
        """
        yield from self.show_found()
        is_short = self.source.stop - self.source.start <= _AT_ONCE
        if self.sort_keys is not None:
            self.sort_keys.clear()
            yield from self._catch_up_sorted(is_short=is_short)
        elif self._shown is None or is_short:
            yield from self.rebuild(within_s=_AT_ONCE_S)
        elif self.source.stop - self._end > _AT_ONCE:
            yield from self.rebuild(within_s=0.0)
        else:
            yield from self._remove_evicted()
            yield from self._append_older()
            yield from self._insert_new()
            self._progress.checked_to = self._end
            if len(self):
                yield ModelChange("repaint", 0, len(self) - 1)

    def _catch_up_sorted(self, *, is_short: bool) -> Iterator[ModelChange]:
        """Sort anew what is shown; of many rows, `filter_next_slice` corrects what that is."""
        if is_short or self.source.stop - self._end > _AT_ONCE:
            yield from self.rebuild(within_s=_AT_ONCE_S if is_short else 0.0)
            return
        self._sorting = None
        self._changed.clear()
        if self.accepts is not None:
            self._progress.checked_to = self._end
        yield from self.sort()
        if len(self):
            yield ModelChange("repaint", 0, len(self) - 1)

    def rebuild(self, *, within_s: float = math.inf) -> Iterator[ModelChange]:
        """Recompute the shown rows: after a new filter or order, or after having been hidden.

        Args:
            within_s: seconds of processor time after which the rest is left to
                `filter_next_slice`; some of the newest rows are filtered in any case.
        """
        source, keys = self.source, self.sort_keys
        if keys is not None:
            keys.invalidate(self._changed)
        self._changed.clear()
        self._unfiltered.clear()
        self._progress.forget_found()
        self._sorting = None
        if self.accepts is None and keys is None and self._order is self._shown is None:
            yield from self._remove_evicted()
            yield from self._append_older()
            yield from self._insert_new()
        else:
            before = self._newest_first(self._shown) if self._order is None else self._order
            self._first, self._end = source.start, source.stop
            shown = self._matching(within_s)
            after = self._newest_first(shown)
            order = None
            if keys is not None:
                order = self._sorted(keys, after)
                if order is None:
                    self._sort_in_slices(keys, after, after)
                    order = after
                after = order
            yield from self._transform(before, after, shown, order)
        if len(self):
            yield ModelChange("repaint", 0, len(self) - 1)

    # Steps

    def _matching(self, within_s: float) -> Positions | None:
        source, accepts = self.source, self.accepts
        if accepts is None:
            self._progress.restart(source.start, source.start)
            return None
        step = TimeSlice(within_s)
        found, low = newest_matching(source, accepts, source.stop)
        parts = [found]
        while low > source.start and not step.is_over:
            found, low = newest_matching(source, accepts, low)
            parts.append(found)
        self._progress.restart(source.start, low)
        return np.concatenate(parts[::-1])

    def _reach_down(self) -> None:
        """Reach to the oldest row of the source; older rows than before are to be filtered."""
        self._progress.reach_down(self._first, self.source.start)
        super()._reach_down()

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
