"""Apply a filter to rows, and find what changes in its result when rows change."""

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pulse_desktop.ui.table.row_source import RowSource

RowT = TypeVar("RowT")
Positions = NDArray[np.int64]


def matching_positions(
    source: RowSource[RowT], accepts: Callable[[RowT], bool], start: int, stop: int
) -> Positions:
    """Return the positions from `start` to `stop` - 1 whose rows are accepted, ascending."""
    start = max(start, source.start)
    rows = source.span(start, stop)
    return np.array([p for p, row in enumerate(rows, start) if accepts(row)], np.int64)


class FilterDelta:
    """The effect of changed rows on the result of a filter.

    Attributes:
        leaving: positions that were shown and no longer match, ascending.
        entering: positions that match now and were not shown, ascending.
        staying: positions that were shown and still match, ascending.
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
        first = source.start
        existing = np.array(sorted(p for p in changed if first <= p < end), np.int64)
        indices = np.searchsorted(shown, existing)
        before = np.zeros(len(existing), bool)
        inside = indices < len(shown)
        before[inside] = shown[indices[inside]] == existing[inside]
        after = np.array([accepts(source[p]) for p in existing.tolist()], bool)
        self.leaving = existing[before & ~after]
        self.entering = existing[after & ~before]
        self.staying = existing[before & after]

    def apply(self, shown: Positions) -> Positions:
        """Return the positions shown after the change, ascending."""
        if len(self.leaving):
            shown = np.delete(shown, np.searchsorted(shown, self.leaving))
        if len(self.entering):
            shown = np.insert(shown, np.searchsorted(shown, self.entering), self.entering)
        return shown


def contiguous_ranges(numbers: Iterable[int], *, gap: int = 0) -> list[tuple[int, int]]:
    """Merge ascending numbers into ranges, first and last included.

    Args:
        numbers: ascending.
        gap: how many missing numbers a range may span.
    """
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number <= ranges[-1][1] + 1 + gap:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def indices_of(wanted: Positions, positions: Positions) -> Positions:
    """Return the index of each wanted position in an array that contains all of them."""
    if len(wanted) <= 4:
        return np.array([np.flatnonzero(positions == p)[0] for p in wanted.tolist()], np.int64)
    sorter = np.argsort(positions)
    return sorter[np.searchsorted(positions, wanted, sorter=sorter)]
