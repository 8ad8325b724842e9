"""Sort keys of table rows, computed once per row and cached as numbers.

A million rows are sorted while thousands of them change. Comparing Python objects would block the
window for a second each time; sorting an array takes a tenth of that, and is done in slices.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulse_desktop.ui.rows.positions import run_to_end
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.key_ranks import KeyRanks

RowT = TypeVar("RowT")
Positions = NDArray[np.int64]
Numbers = NDArray[np.float64]

_SPARE: Final = 4096
_COMPUTED: Final = 1024
"""Rows whose keys are computed in one go."""
_SORTED: Final = 1 << 15
"""About how many numbers are sorted in one go."""
_GATHERED: Final = 1 << 18
"""Numbers that are looked up in one go."""
_SAMPLES: Final = 64
"""Numbers of a sample for each slice: enough that none becomes much larger than the others."""


class SortKeys(Generic[RowT]):
    """Sorts rows by a key: among equals the newest is first, rows without a key are last.

    Keys are numbers or any comparable values. Keys of mixed types that cannot be compared are
    compared as text.

    Attributes:
        descending: whether the largest key is first.
    """

    def __init__(self, key: Callable[[RowT], Any], *, descending: bool) -> None:
        self.descending = descending
        self._key = key
        self._base = 0  # position of the first element of the arrays
        self._values: Numbers = np.empty(0)
        self._cached: NDArray[np.bool_] = np.empty(0, bool)
        self._ranks: KeyRanks | None = None  # of keys that are not numbers

    def clear(self) -> None:
        """Discard all cached keys."""
        self._cached[:] = False
        if self._ranks is not None:
            self._ranks = KeyRanks(as_text=self._ranks.as_text)

    def invalidate(self, positions: Iterable[int]) -> None:
        """Discard the cached keys of rows that changed."""
        stop = self._base + len(self._cached)
        indices = [p - self._base for p in positions if self._base <= p < stop]
        if indices:
            self._cached[indices] = False

    def changed(self, source: RowSource[RowT], positions: Iterable[int]) -> list[int]:
        """Return which of the rows have another key than the one that is cached, if one is."""
        stop = self._base + len(self._cached)
        return [
            p
            for p in positions
            if max(self._base, source.start) <= p < min(stop, source.stop)
            and self._cached[p - self._base]
            and self._values[p - self._base] != self._key(source[p])
        ]

    def reserve(self, first: int, end: int) -> None:
        """Make room for the keys of all rows from one position up to another."""
        base, values, cached = self._base, self._values, self._cached
        if base <= first and end <= base + len(values):
            return
        size = (end - first) * 3 // 2 + _SPARE
        self._base = first
        self._values, self._cached = np.full(size, np.nan), np.zeros(size, bool)
        low, high = max(base, first), min(base + len(values), end)
        if low < high:
            self._values[low - first : high - first] = values[low - base : high - base]
            self._cached[low - first : high - first] = cached[low - base : high - base]

    def is_before(self, position: int, other: int) -> bool:
        """Return whether the cached key of one row is before that of another, if both are known."""
        at = [position - self._base, other - self._base]
        if not all(0 <= each < len(self._cached) and self._cached[each] for each in at):
            return False
        first, second = self._values[at].tolist()
        return bool(first > second if self.descending else first < second)

    def is_fast(self, newest_first: Positions) -> bool:
        """Return whether `order` takes no longer than a few milliseconds."""
        if not len(newest_first):
            return True
        self.reserve(int(newest_first[-1]), int(newest_first[0]) + 1)
        return len(newest_first) <= _SORTED and len(self._missing(newest_first)) <= 2 * _COMPUTED

    def order(self, source: RowSource[RowT], newest_first: Positions) -> Positions:
        """Return the positions, given newest first, in the order of their keys."""
        return run_to_end(self.order_in_slices(source, newest_first))

    def order_in_slices(
        self, source: RowSource[RowT], newest_first: Positions
    ) -> Generator[None, None, Positions]:
        """Return the positions, given newest first, in the order of their keys.

        Each step takes a few milliseconds. Rows that are evicted meanwhile are anywhere.
        """
        if not len(newest_first):
            return newest_first
        self.reserve(int(newest_first[-1]), int(newest_first[0]) + 1)
        if self._ranks is not None and len(self._ranks) > 2 * len(newest_first) + _SPARE:
            self.clear()
        missing = self._missing(newest_first)
        while len(missing):
            now = missing[:_COMPUTED]
            if self._compute(source, now[now >= source.start]):
                missing = missing[_COMPUTED:]
            else:
                self._cached[:] = False
                missing = newest_first
            if len(missing):
                yield
        if len(newest_first) <= _SORTED:
            numbers = self._numbers(newest_first, self._all_ranks())
            return newest_first[np.argsort(numbers, kind="stable")]
        yield
        ranks, parts = self._all_ranks(), []
        for start in range(0, len(newest_first), _GATHERED):
            parts.append(self._numbers(newest_first[start : start + _GATHERED], ranks))
            yield
        order = yield from _argsort_in_slices(np.concatenate(parts))
        ordered = np.empty_like(newest_first)
        for start in range(0, len(order), _GATHERED):
            yield
            span = slice(start, start + _GATHERED)
            ordered[span] = newest_first[order[span]]
        return ordered

    def _missing(self, newest_first: Positions) -> Positions:
        return newest_first[~self._cached[newest_first - self._base]]

    def _all_ranks(self) -> Numbers | None:
        return None if self._ranks is None else np.append(self._ranks.ranks(), np.nan)

    def _numbers(self, positions: Positions, ranks: Numbers | None) -> Numbers:
        """Return numbers by which positions are in ascending order.

        NaN means "no key" and is sorted last in both directions. Rows that were evicted before
        their keys were computed have none.
        """
        at = positions - self._base
        values = np.where(self._cached[at], self._values[at], np.nan)
        if ranks is not None:
            values = ranks[np.nan_to_num(values, nan=-1).astype(np.int64)]
        return -values if self.descending else values

    def _compute(self, source: RowSource[RowT], positions: Positions) -> bool:
        """Compute the keys of some rows; False if all must be computed anew in another way."""
        key_of, ranks = self._key, self._ranks
        keys = [key_of(source[position]) for position in positions.tolist()]
        if ranks is None:
            if not all(key is None or isinstance(key, int | float) for key in keys):
                self._ranks = KeyRanks(as_text=False)
                return False
            numbers = [np.nan if key is None else key for key in keys]
        else:
            known = [key for key in keys if key is not None]
            try:
                codes = iter(ranks.add(map(str, known) if ranks.as_text else known))
            except TypeError:
                # Other systems send mixed types.
                self._ranks = KeyRanks(as_text=True)
                return False
            numbers = [np.nan if key is None else next(codes) for key in keys]
        indices = positions - self._base
        try:
            self._values[indices] = numbers
        except OverflowError:  # an integer that no float holds
            self._ranks = KeyRanks(as_text=False)
            return False
        self._cached[indices] = True
        return True


def _argsort_in_slices(numbers: Numbers) -> Generator[None, None, Positions]:
    """Return the indices that sort numbers, equal ones as they are; each step sorts a part.

    The parts are divided by numbers of a sample, so that they only have to be put together.
    """
    count = len(numbers) // _SORTED + 1
    sample = np.sort(numbers[:: max(1, len(numbers) // (count * _SAMPLES))])
    limits = np.unique(sample[len(sample) // count :: max(1, len(sample) // count)])
    limits = limits[~np.isnan(limits)]
    part_of = np.empty(len(numbers), np.uint16)
    for start in range(0, len(numbers), _GATHERED // 4):
        span = slice(start, start + _GATHERED // 4)
        part_of[span] = np.searchsorted(limits, numbers[span])
        yield
    ordered = []
    for part in range(len(limits) + 1):
        indices = np.flatnonzero(part_of == part)
        ordered.append(indices[np.argsort(numbers[indices], kind="stable")])
        yield
    return np.concatenate(ordered)
