"""Apply a filter to rows, and find what changes in its result when rows change."""

from collections.abc import Callable, Collection, Iterable
from typing import Final, Generic, TypeVar

import numpy as np

from pulse_desktop.query.dictionary_columns import NO, UNDECIDED, DictionaryColumns
from pulse_desktop.query.matcher import Matcher
from pulse_desktop.ui.rows.positions import Positions
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.rows.time_slice import CHANGES_S, TimeSlice

RowT = TypeVar("RowT")

SLICE: Final = 512
"""Rows that a filter looks at in one go, fewer if they take long: see `TimeSlice`."""
_DECIDED_SLICE: Final = 1 << 17
"""Rows that are decided by their columns in one go, without looking at them."""
_SEARCHED_SLICE: Final = 1 << 12
"""Rows whose payloads are searched in one go."""
_KEPT: Final = 64
"""Consecutive rows that are still accepted, after which the rest is taken to be as well."""
_NONE: Final[Positions] = np.empty(0, np.int64)
_SPARSE: Final = 4
"""Of a stretch of rows, fewer than one in so many are looked up one by one: to make events of a
block again takes longer than to find them."""


class RowFilter(Generic[RowT]):
    """A compiled query for live rows: a test per row, and what their columns tell at once.

    It is called with a row, as any other test.

    Attributes:
        rows: the rows that the columns belong to.
        accepts: the test of a row.
    """

    def __init__(
        self, matcher: Matcher[RowT], rows: RowSource[RowT], columns: DictionaryColumns | None
    ) -> None:
        """Create a filter.

        Args:
            matcher: the compiled query.
            rows: the live rows.
            columns: of the rows, None if they have none.
        """
        self.rows = rows
        self.accepts: Callable[[RowT], bool] = matcher.accepts
        self._matcher = matcher
        self._columns = columns
        self._is_limited = False  # rows have to pass another test besides

    def __call__(self, row: RowT) -> bool:
        """Return whether a row matches."""
        return self.accepts(row)

    @property
    def searches(self) -> bool:
        """Whether `candidates` searches payloads, which takes longer."""
        return self._matcher.searches

    def limited(self, test: Callable[[RowT], bool]) -> "RowFilter[RowT]":
        """Return a filter for the rows that match and pass another test."""
        matches = self.accepts
        both = RowFilter(self._matcher, self.rows, self._columns)
        both.accepts = lambda row: matches(row) and test(row)
        both._is_limited = True
        return both

    def candidates(self, start: int, stop: int) -> bytes | None:
        """Decide rows by their columns: see `Matcher.candidates`."""
        if self._columns is None:
            return None
        mask = self._matcher.candidates(self._columns, start, stop)
        return mask if mask is None or not self._is_limited else mask.translate(_ALL_UNDECIDED)


_ALL_UNDECIDED: Final = bytes((NO, UNDECIDED, UNDECIDED)) + bytes(253)
"""Translates a mask to one in which the rows that match have to be looked at."""


def matching_positions(
    source: RowSource[RowT], accepts: Callable[[RowT], bool], start: int, stop: int
) -> Positions:
    """Return the positions from `start` to `stop` - 1 whose rows are accepted, ascending."""
    start, stop = max(start, source.start), min(stop, source.stop)
    mask = _candidates(source, accepts, start, stop)
    if mask is not None:
        return _decided_positions(source, accepts, start, mask)
    accepts = _row_test(accepts)
    rows = source.span(start, stop)
    return np.array([p for p, row in enumerate(rows, start) if accepts(row)], np.int64)


def newest_matching(
    source: RowSource[RowT],
    accepts: Callable[[RowT], bool],
    stop: int,
    start: int | None = None,
    step: TimeSlice | None = None,
) -> tuple[Positions, int]:
    """Filter the newest rows below a position, as many as do not take long.

    Args:
        source: the rows.
        accepts: the test.
        stop: position after the newest row to filter.
        start: position of the oldest row to filter, by default that of the source.
        step: the time it may take, by default a new one.

    Returns:
        The positions of the rows that are accepted, ascending, and the position of the oldest row
        that the filter was applied to.
    """
    step = TimeSlice() if step is None else step
    start = source.start if start is None else max(start, source.start)
    stop = min(stop, source.stop)
    searches = isinstance(accepts, RowFilter) and accepts.searches
    size = SLICE if searches else _SEARCHED_SLICE
    end = stop - (_SEARCHED_SLICE if searches else _DECIDED_SLICE)
    left, found = SLICE, [_NONE]
    while stop > max(end, start) and left > 0:
        low = max(stop - size, end, start)
        mask = _candidates(source, accepts, low, stop)
        if mask is None:  # older rows that the columns tell nothing of
            accepted, stop = _newest_accepted(source, accepts, max(stop - left, start), stop, step)
            found.append(accepted)
            break
        undecided = np.flatnonzero(np.frombuffer(mask, np.uint8) == UNDECIDED)
        skipped = int(undecided[-left]) if len(undecided) > left else 0
        low, mask = low + skipped, mask[skipped:]
        accepted, stop = _newest_decided(source, accepts, low, mask, step)
        found.append(accepted)
        if stop > low or step.is_over:
            break
        left -= len(undecided)
        size *= 2  # few rows are left open
    return np.concatenate(found[::-1]), stop


def _newest_accepted(
    source: RowSource[RowT],
    accepts: Callable[[RowT], bool],
    start: int,
    stop: int,
    step: TimeSlice,
) -> tuple[Positions, int]:
    """Look at rows from the newest on until the time is up; see `newest_matching`."""
    accepts = _row_test(accepts)
    found = []
    for position, row in step.newest_first(source, start, stop):
        if accepts(row):
            found.append(position)
        stop = position
    return np.array(found[::-1], np.int64), stop


def _newest_decided(
    source: RowSource[RowT],
    accepts: Callable[[RowT], bool],
    start: int,
    mask: bytes,
    step: TimeSlice,
) -> tuple[Positions, int]:
    """Look at the rows that a mask leaves open, from the newest on, until the time is up."""
    decided = np.frombuffer(mask, np.uint8)
    open_rows = np.flatnonzero(decided == UNDECIDED)
    matching, low = decided > UNDECIDED, 0
    accepts = _row_test(accepts)
    is_sparse = len(open_rows) * _SPARSE < len(mask)
    if is_sparse:
        for index in open_rows[::-1].tolist():
            matching[index] = accepts(source[start + index])
            if step.is_over:
                low = index
                break
    elif len(open_rows):
        first, last = int(open_rows[0]), int(open_rows[-1])
        for position, row in step.newest_first(source, start + first, start + last + 1):
            low = position - start
            if decided[low] == UNDECIDED:
                matching[low] = accepts(row)
        low = 0 if low == first else low
    return np.flatnonzero(matching[low:]).astype(np.int64) + (start + low), start + low


def _row_test(accepts: Callable[[RowT], bool]) -> Callable[[RowT], bool]:
    return accepts.accepts if isinstance(accepts, RowFilter) else accepts


def _candidates(
    source: RowSource[RowT], accepts: Callable[[RowT], bool], start: int, stop: int
) -> bytes | None:
    """Decide rows by their columns; None if there are no columns, or they tell nothing."""
    # The columns are those of the live rows: a snapshot may hold other values.
    if not isinstance(accepts, RowFilter) or source is not accepts.rows:
        return None
    return accepts.candidates(start, stop)


def _decided_positions(
    source: RowSource[RowT], accepts: Callable[[RowT], bool], start: int, mask: bytes
) -> Positions:
    """Return the positions whose rows match, looking only at the rows that a mask leaves open."""
    accepts = _row_test(accepts)
    decided = np.frombuffer(mask, np.uint8)
    matching = decided > UNDECIDED
    open_rows = np.flatnonzero(decided == UNDECIDED)
    if len(open_rows):
        indices = open_rows.tolist()
        if len(indices) * _SPARSE < len(mask):
            accepted = [accepts(source[start + index]) for index in indices]
        else:
            first, last = indices[0], indices[-1]
            rows = source.span(start + first, start + last + 1)
            accepted = [accepts(rows[index - first]) for index in indices]
        matching[open_rows] = accepted
    return np.flatnonzero(matching).astype(np.int64) + start


def oldest_rejected(
    source: RowSource[RowT], accepts: Callable[[RowT], bool], chunks: Iterable[Positions]
) -> list[int]:
    """Return the oldest rows that were accepted and are not any more, as time has moved on.

    It looks no further than the first rows that still are: rows are roughly in the order of time.

    Args:
        source: the rows.
        accepts: the test.
        chunks: positions of rows that were accepted, ascending; those evicted since are skipped.
    """
    found: list[int] = []
    kept = 0
    for positions in chunks:
        for position in positions.tolist():
            if position < source.start:
                continue
            if not accepts(source[position]):
                found.append(position)
                kept = 0
                continue
            kept += 1
            if kept == _KEPT:
                return found
    return found


class FilterChange:
    """A change of the result of a filter.

    Attributes:
        leaving: positions that were shown and no longer match, ascending.
        entering: positions that match now and were not shown, ascending.
    """

    def __init__(self, leaving: Positions, entering: Positions) -> None:
        self.leaving = leaving
        self.entering = entering

    def __bool__(self) -> bool:
        return bool(len(self.leaving) or len(self.entering))

    @classmethod
    def between(cls, before: Positions, after: Positions) -> "FilterChange":
        """Return the change from some positions to others, both ascending."""
        return cls(
            before[np.isin(before, after, assume_unique=True, invert=True)],
            after[np.isin(after, before, assume_unique=True, invert=True)],
        )

    def apply(self, shown: Positions) -> Positions:
        """Return the positions shown after the change, ascending."""
        if len(self.leaving):
            shown = np.delete(shown, np.searchsorted(shown, self.leaving))
        if len(self.entering):
            shown = np.insert(shown, np.searchsorted(shown, self.entering), self.entering)
        return shown


class RowChange(FilterChange):
    """The effect of changed rows on the result of a filter.

    Attributes:
        staying: positions that were shown and still match, ascending.
        unfiltered: positions for which there was no time, ascending.
    """

    def __init__(
        self,
        source: RowSource[RowT],
        accepts: Callable[[RowT], bool],
        shown: Positions,
        changed: Collection[int],
        end: int,
    ) -> None:
        """Filter the changed positions below `end`; those above have not been shown yet."""
        first, step = source.start, TimeSlice(CHANGES_S)
        existing = np.array(sorted(p for p in changed if first <= p < end), np.int64)
        after = []
        for position in existing[::-1].tolist():
            after.append(accepts(source[position]))
            if step.is_over:
                break
        count = len(existing) - len(after)
        self.unfiltered, existing = existing[:count], existing[count:]
        indices = np.searchsorted(shown, existing)
        before = np.zeros(len(existing), bool)
        inside = indices < len(shown)
        before[inside] = shown[indices[inside]] == existing[inside]
        matches = np.array(after[::-1], bool)
        super().__init__(existing[before & ~matches], existing[matches & ~before])
        self.staying = existing[before & matches]
