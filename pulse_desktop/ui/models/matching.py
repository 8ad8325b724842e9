"""Which rows a live table shows and in what order, worked out without Qt.

Filtering and sorting live here, next to the rows, because a proxy model between them and the view
costs hundreds of milliseconds at ten thousand rows a second.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

RowT = TypeVar("RowT")


class Source(Protocol[RowT]):
    """Rows by position: `pulse_desktop.state.rows.Rows`, or a frozen copy of it."""

    @property
    def first(self) -> int:
        """Position of the oldest row."""

    @property
    def end(self) -> int:
        """Position after the newest row."""

    def __getitem__(self, position: int) -> RowT:
        """Return a row. Raises IndexError when it is not kept."""

    def span(self, start: int, stop: int) -> list[RowT]:
        """Return the rows from start to stop - 1, as far as they are kept."""


class FrozenRows(Generic[RowT]):
    """The rows as they were at one moment, whatever is appended or forgotten after it."""

    def __init__(self, source: Source[RowT], end: int) -> None:
        """Keep the rows below the position `end`."""
        self.first = min(source.first, end)
        self.end = end
        self._kept = source.span(source.first, end)

    def __getitem__(self, position: int) -> RowT:
        """Return a row. Raises IndexError when it was not kept."""
        if not self.first <= position < self.end:
            raise IndexError(position)
        return self._kept[position - self.first]

    def span(self, start: int, stop: int) -> list[RowT]:
        """Return the rows from start to stop - 1, as far as they were kept."""
        return self._kept[max(start, self.first) - self.first : max(stop, self.first) - self.first]


def matching_positions(
    source: Source[RowT], accepts: Callable[[RowT], bool], start: int
) -> list[int]:
    """Return the positions from `start` on whose rows are accepted, rising."""
    start = max(start, source.first)
    rows = source.span(start, source.end)
    return [position for position, row in enumerate(rows, start) if accepts(row)]


class Flips:
    """Which of the changed rows a filter now judges differently.

    Attributes:
        leaving: positions that were shown and no longer match, rising.
        entering: positions that match now and were not shown, rising.
        staying: positions that are shown and stay so, rising.
    """

    def __init__(
        self,
        source: Source[RowT],
        accepts: Callable[[RowT], bool],
        shown: Sequence[int],
        changed: Collection[int],
        end: int,
    ) -> None:
        """Judge the changed positions below `end`; what is above has not been shown yet."""
        self.leaving: list[int] = []
        self.entering: list[int] = []
        self.staying: list[int] = []
        for position in sorted(changed):
            if not source.first <= position < end:
                continue
            at = bisect_left(shown, position)
            was_shown = at < len(shown) and shown[at] == position
            if accepts(source[position]):
                (self.staying if was_shown else self.entering).append(position)
            elif was_shown:
                self.leaving.append(position)

    def apply(self, shown: Sequence[int]) -> list[int]:
        """Return the positions shown after the change, rising."""
        leaving = set(self.leaving)
        kept = [position for position in shown if position not in leaving]
        if self.entering:
            kept += self.entering
            kept.sort()  # two rising runs: a merge
        return kept


class SortKeys(Generic[RowT]):
    """Sort keys that are worked out once per row and again only when the row changes.

    Attributes:
        descending: whether the largest comes first. Of equals the newest always does.
    """

    def __init__(self, key: Callable[[RowT], Any], *, descending: bool) -> None:
        self.descending = descending
        self._key = key
        self._keys: dict[int, tuple[Any, int]] = {}
        self._missing: set[int] = set()
        self._as_text = False

    def clear(self) -> None:
        """Drop all keys."""
        self._keys.clear()
        self._missing.clear()

    def forget(self, positions: Iterable[int]) -> None:
        """Drop the keys of rows that changed or are gone."""
        for position in positions:
            self._keys.pop(position, None)
            self._missing.discard(position)

    def order(self, source: Source[RowT], hint: Iterable[int]) -> list[int]:
        """Return the given positions in order. A hint that is nearly in order is sorted faster."""
        self._learn(source, positions := list(hint))
        missing = self._missing
        absent: list[int] = []
        if missing:
            absent = sorted((p for p in positions if p in missing), reverse=True)
            positions = [p for p in positions if p not in missing]
        try:
            positions.sort(key=self._keys.__getitem__, reverse=self.descending)
        except TypeError:
            # Keys that cannot be compared with each other: what foreign systems send is mixed.
            self._as_text = True
            self._keys = {p: (str(key), tie) for p, (key, tie) in self._keys.items()}
            positions.sort(key=self._keys.__getitem__, reverse=self.descending)
        return positions + absent

    def _learn(self, source: Source[RowT], positions: list[int]) -> None:
        keys, missing, key_of = self._keys, self._missing, self._key
        for position in [p for p in positions if p not in keys]:
            if position in missing:
                continue
            key = key_of(source[position])
            if key is None or key != key:  # NaN has no place in an order
                missing.add(position)
            else:
                tie = position if self.descending else -position
                keys[position] = (str(key) if self._as_text else key, tie)


def runs_of(numbers: Iterable[int], *, gap: int = 0) -> list[tuple[int, int]]:
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
