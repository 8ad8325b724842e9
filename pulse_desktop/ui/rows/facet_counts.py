"""How many of the rows that match a query belong to each facet, counted in slices.

What a row counts for is kept per position, so that a row that changes, is evicted or appended
costs one test and not a scan.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

from pulse_desktop.query.dictionary_columns import OTHER, DictionaryColumns
from pulse_desktop.ui.rows.positions import Positions
from pulse_desktop.ui.rows.row_filter import matching_positions, newest_matching, oldest_rejected
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.rows.time_slice import CHANGES_S, TimeSlice

if TYPE_CHECKING:
    from numpy.typing import NDArray

RowT = TypeVar("RowT")

SLICE: Final = 4096
_SPARE: Final = 8192
_NO_MATCH: Final = 0
_FEW: Final = 16
"""So few rows are looked at one by one, even if columns tell their facets."""


class FacetCounts(Generic[RowT]):
    """Counts of the rows that a predicate accepts, by facet.

    Attributes:
        accepts: the predicate, without the facets that are checked.
    """

    def __init__(
        self,
        rows: Callable[[], RowSource[RowT]],
        facets_of: Callable[[RowT], Sequence[str]],
        *,
        columns: Callable[[], DictionaryColumns | None] = lambda: None,
        facet_columns: Sequence[str] = (),
        matches: Callable[[int, int], Positions | None] = lambda _low, _high: None,
    ) -> None:
        """Count nothing yet.

        Args:
            rows: returns the rows, live.
            facets_of: returns the keys of the facets that a row belongs to.
            columns: returns the dictionary columns of the rows, None if they have none.
            facet_columns: the columns that decide which facets a row belongs to, at most two.
            matches: returns the positions between two of the rows that are accepted, None if they
                are not known.
        """
        self.accepts: Callable[[RowT], bool] | None = None
        self._rows = rows
        self._facets_of = facets_of
        self._columns = columns
        self._facet_columns = tuple(facet_columns)
        self._matches = matches
        # By the combined codes of a row in these columns, -1 where that is not known yet.
        self._code_of_combined: NDArray[np.int16] = np.zeros(0, np.int16)
        self._facets: list[Sequence[str]] = []  # by code
        self._code_of: dict[Sequence[str], int] = {}
        self._totals: list[int] = []  # by code
        self._changed: set[int] = set()  # counted, and changed since
        self._first = self._stop = 0  # rows from here to there are counted
        self._base = 0  # position of the first code
        self._codes: NDArray[np.int16] = np.zeros(0, np.int16)
        self._reset()

    def set_filter(self, accepts: Callable[[RowT], bool] | None) -> None:
        """Count the rows that another predicate accepts; None stops counting."""
        self.accepts = accepts
        self._reset()

    @property
    def pending(self) -> bool:
        """Whether rows have not been counted yet."""
        has_older = self._first > self._rows().start
        return self.accepts is not None and (has_older or bool(self._changed))

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows of each facet, of those that have been counted."""
        result: dict[str, int] = {}
        for facets, total in zip(self._facets, self._totals, strict=True):
            for facet in facets:
                result[facet] = result.get(facet, 0) + total
        return result

    def count_next_slice(self) -> bool:
        """Count what has changed, or the next slice of older rows; return whether more remain."""
        if self._changed:
            self._count_changed()
        elif self.pending:
            low = max(self._first - SLICE, self._rows().start)
            positions = self._matches(low, self._first)
            if positions is None and self.accepts is not None:
                positions, low = newest_matching(self._rows(), self.accepts, self._first, low)
            self._count(low, self._first, positions)
            self._first = low
        return self.pending

    def move_on(self, accepts: Callable[[RowT], bool] | None) -> None:
        """Count by the same predicate for a later time; what was counted stays."""
        if self.accepts is not None and accepts is not None:
            self.accepts = accepts
            self.leave_behind()

    def leave_behind(self) -> None:
        """Count without the oldest rows that are not accepted any more, as time has moved on."""
        if self.accepts is None:
            return
        for position in oldest_rejected(self._rows(), self.accepts, self._counted()):
            self._totals[self._codes[position - self._base]] -= 1
            self._totals[_NO_MATCH] += 1
            self._codes[position - self._base] = _NO_MATCH

    def _counted(self) -> Iterator["NDArray[np.int64]"]:
        """Iterate over the positions of the rows that count, in chunks from the oldest on."""
        for low in range(self._first, self._stop, SLICE):
            high = min(low + SLICE, self._stop)
            yield np.flatnonzero(self._codes[low - self._base : high - self._base]) + low

    def update(self, changed: Collection[int]) -> None:
        """Follow the rows: evicted, changed and new ones.

        Args:
            changed: positions of changed rows.
        """
        if self.accepts is None:
            return
        start, stop = self._rows().start, self._rows().stop
        if start > self._first:
            self._subtract(self._first, min(start, self._stop))
            self._first = start
            self._stop = max(self._stop, start)
        self._changed.update(changed)
        self._count_changed()
        if stop > self._stop:
            self._count(self._stop, stop)
            self._stop = stop

    def _count_changed(self) -> None:
        """Count changed rows anew, until the time is up."""
        step = TimeSlice(CHANGES_S)
        while self._changed:
            position = self._changed.pop()
            if self._first <= position < self._stop:
                self._totals[self._codes[position - self._base]] -= 1
                self._count(position, position + 1)
                if step.is_over:
                    return

    def _reset(self) -> None:
        self._changed.clear()
        self._facets, self._code_of, self._totals = [()], {}, [0]
        self._first = self._stop = self._base = self._rows().stop
        self._codes = np.zeros(0, np.int16)
        self._code_of_combined = np.full(1 << 8 * len(self._facet_columns), -1, np.int16)

    def _count(self, low: int, high: int, positions: Positions | None = None) -> None:
        accepts = self.accepts
        if accepts is None or low >= high:
            return
        self._reserve(low, high)
        rows, base, totals = self._rows(), self._base, self._totals
        low = max(low, rows.start)
        self._codes[low - base : high - base] = _NO_MATCH
        if positions is None:
            positions = matching_positions(rows, accepts, low, high)
        totals[_NO_MATCH] += high - low - len(positions)
        if len(positions):
            codes = self._facet_codes(positions)
            self._codes[positions - base] = codes
            for code, count in enumerate(np.bincount(codes).tolist()):
                totals[code] += count

    def _facet_codes(self, positions: Positions) -> "NDArray[np.int16]":
        """Return the code of the facets of each row."""
        columns = self._columns() if self._facet_columns and len(positions) > _FEW else None
        if columns is None:
            return self._codes_of_rows(positions)
        low, high = int(positions[0]), int(positions[-1]) + 1
        combined: NDArray[np.int32] = np.zeros(len(positions), np.int32)
        is_other = np.zeros(len(positions), bool)
        for name in self._facet_columns:
            column = columns.column(name)
            if column is None:
                return self._codes_of_rows(positions)
            codes = np.frombuffer(column.codes(low, high), np.uint8)[positions - low]
            is_other |= codes == OTHER
            combined = combined * 256 + codes
        found: NDArray[np.int16] = self._code_of_combined[combined]
        found[is_other] = _NO_MATCH
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            new, firsts = np.unique(combined[unknown], return_index=True)
            self._code_of_combined[new] = self._codes_of_rows(positions[unknown[firsts]])
            found[unknown] = self._code_of_combined[combined[unknown]]
        if is_other.any():
            found[is_other] = self._codes_of_rows(positions[is_other])
        return found

    def _codes_of_rows(self, positions: Positions) -> "NDArray[np.int16]":
        """Return the code of the facets of each row, from the rows themselves."""
        facets_of, code_of, rows = self._facets_of, self._code_of, self._rows()
        codes = []
        for position in positions.tolist():
            facets = tuple(facets_of(rows[position]))
            code = code_of.get(facets)
            if code is None:
                code = code_of[facets] = len(self._totals)
                self._facets.append(facets)
                self._totals.append(0)
            codes.append(code)
        return np.array(codes, np.int16)

    def _subtract(self, low: int, high: int) -> None:
        codes = self._codes[low - self._base : high - self._base]
        for code, count in enumerate(np.bincount(codes, minlength=len(self._totals)).tolist()):
            self._totals[code] -= count

    def _reserve(self, low: int, high: int) -> None:
        base, codes = self._base, self._codes
        if base <= low and high <= base + len(codes):
            return
        first, stop = self._first, self._stop
        wanted_low, wanted_high = min(low, first), max(high, stop)
        spare = (wanted_high - wanted_low) // 2 + _SPARE
        new_base = wanted_low - spare
        grown = np.zeros(wanted_high + spare - new_base, np.int16)
        if stop > first and len(codes):
            grown[first - new_base : stop - new_base] = codes[first - base : stop - base]
        self._base, self._codes = new_base, grown
