"""Sort keys of table rows, computed once per row and cached as numbers.

A hundred thousand rows are sorted every second while thousands of them change. Comparing Python
objects would block the window for a tenth of a second each time; sorting an array does not.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pulse_desktop.ui.table.row_source import RowSource

RowT = TypeVar("RowT")
Positions = NDArray[np.int64]

_SPARE: Final = 4096


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
        self._values: NDArray[np.float64] = np.empty(0)
        self._cached: NDArray[np.bool_] = np.empty(0, bool)
        self._codes: dict[Any, int] | None = None  # key -> code, when keys are not numbers

    def clear(self) -> None:
        """Discard all cached keys."""
        self._cached[:] = False
        if self._codes is not None:
            self._codes.clear()

    def invalidate(self, positions: Iterable[int]) -> None:
        """Discard the cached keys of rows that changed."""
        stop = self._base + len(self._cached)
        indices = [p - self._base for p in positions if self._base <= p < stop]
        if indices:
            self._cached[indices] = False

    def order(self, source: RowSource[RowT], newest_first: Positions) -> Positions:
        """Return the positions, given newest first, in the order of their keys."""
        if not len(newest_first):
            return newest_first
        self._reserve(int(newest_first[-1]), int(newest_first[0]) + 1)
        indices = newest_first - self._base
        missing = newest_first[~self._cached[indices]]
        if self._codes is not None and len(self._codes) > 2 * len(indices) + _SPARE:
            self.clear()
            missing = newest_first
        if not self._compute(source, missing):
            self._compute(source, newest_first)
        values = self._values[indices]
        if self._codes is not None:
            values = self._ranks(self._codes)[np.nan_to_num(values, nan=-1).astype(np.int64)]
        # NaN means "no key" and is sorted last in both directions.
        return newest_first[np.argsort(-values if self.descending else values, kind="stable")]

    def _reserve(self, first: int, end: int) -> None:
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

    def _compute(self, source: RowSource[RowT], positions: Positions) -> bool:
        """Compute the keys of some rows; False if all must be recomputed as codes, not numbers."""
        key_of = self._key
        keys = [key_of(source[position]) for position in positions.tolist()]
        codes = self._codes
        if codes is None:
            if not all(key is None or isinstance(key, int | float) for key in keys):
                self._codes = {}
                return False
            numbers = [np.nan if key is None else key for key in keys]
        else:
            numbers = [np.nan if key is None else codes.setdefault(key, len(codes)) for key in keys]
        indices = positions - self._base
        self._values[indices] = numbers
        self._cached[indices] = True
        return True

    def _ranks(self, codes: dict[Any, int]) -> NDArray[np.float64]:
        """Return the rank of every code, followed by NaN for the code -1."""
        try:
            ascending = sorted(codes)
        except TypeError:
            # Other systems send mixed types.
            ascending = sorted(codes, key=str)
        ranks = np.full(len(codes) + 1, np.nan)
        ranks[[codes[key] for key in ascending]] = np.arange(len(codes))
        return ranks
