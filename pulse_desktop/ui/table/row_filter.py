"""Which rows a filter accepts, and what of it changes when some of them do."""

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
    """Return the positions from `start` to `stop` - 1 whose rows are accepted, rising."""
    start = max(start, source.start)
    rows = source.span(start, stop)
    return np.array([p for p, row in enumerate(rows, start) if accepts(row)], np.int64)


class FilterDelta:
    """Which of the changed rows a filter now judges differently.

    Attributes:
        leaving: positions that were shown and no longer match, rising.
        entering: positions that match now and were not shown, rising.
        staying: positions that are shown and stay so, rising.
    """

    def __init__(
        self,
        source: RowSource[RowT],
        accepts: Callable[[RowT], bool],
        shown: Positions,
        changed: Collection[int],
        end: int,
    ) -> None:
        """Judge the changed positions below `end`; what is above has not been shown yet."""
        first = source.start
        known = np.array(sorted(p for p in changed if first <= p < end), np.int64)
        places = np.searchsorted(shown, known)
        was = np.zeros(len(known), bool)
        inside = places < len(shown)
        was[inside] = shown[places[inside]] == known[inside]
        now = np.array([accepts(source[p]) for p in known.tolist()], bool)
        self.leaving = known[was & ~now]
        self.entering = known[now & ~was]
        self.staying = known[was & now]

    def apply(self, shown: Positions) -> Positions:
        """Return the positions shown after the change, rising."""
        if len(self.leaving):
            shown = np.delete(shown, np.searchsorted(shown, self.leaving))
        if len(self.entering):
            shown = np.insert(shown, np.searchsorted(shown, self.entering), self.entering)
        return shown


def contiguous_ranges(numbers: Iterable[int], *, gap: int = 0) -> list[tuple[int, int]]:
    """Fold rising numbers into ranges, first and last included.

    Args:
        numbers: rising.
        gap: how many missing numbers a range may bridge.
    """
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number <= ranges[-1][1] + 1 + gap:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def indices_of(wanted: Positions, positions: Positions) -> Positions:
    """Return where each wanted position stands in a list of positions that holds them all."""
    if len(wanted) <= 4:
        return np.array([np.flatnonzero(positions == p)[0] for p in wanted.tolist()], np.int64)
    sorter = np.argsort(positions)
    return sorter[np.searchsorted(positions, wanted, sorter=sorter)]
