"""Sort keys of live rows, worked out once per row, kept as numbers.

A hundred thousand rows are put in order every second while thousands change: comparing Python
objects would stop the window for a tenth of a second each time, sorting an array does not.
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
    """The order of rows by a key; of equals the newest comes first, rows without a key last.

    Keys are numbers, or anything that can be compared with its like. Keys that cannot be compared
    with each other are compared as text.

    Attributes:
        descending: whether the largest comes first.
    """

    def __init__(self, key: Callable[[RowT], Any], *, descending: bool) -> None:
        self.descending = descending
        self._key = key
        self._base = 0  # position of the first element of the arrays
        self._values: NDArray[np.float64] = np.empty(0)
        self._known: NDArray[np.bool_] = np.empty(0, bool)
        self._codes: dict[Any, int] | None = None  # number given to each key that is no number

    def clear(self) -> None:
        """Forget all keys."""
        self._known[:] = False
        if self._codes is not None:
            self._codes.clear()

    def forget(self, positions: Iterable[int]) -> None:
        """Forget the keys of rows that look different now."""
        stop = self._base + len(self._known)
        places = [p - self._base for p in positions if self._base <= p < stop]
        if places:
            self._known[places] = False

    def order(self, source: RowSource[RowT], newest_first: Positions) -> Positions:
        """Return positions, given from the newest to the oldest, in the order of their keys."""
        if not len(newest_first):
            return newest_first
        self._make_room(int(newest_first[-1]), int(newest_first[0]) + 1)
        places = newest_first - self._base
        fresh = newest_first[~self._known[places]]
        if self._codes is not None and len(self._codes) > 2 * len(places) + _SPARE:
            self.clear()
            fresh = newest_first
        if not self._learn(source, fresh):
            self._learn(source, newest_first)
        values = self._values[places]
        if self._codes is not None:
            values = self._ranks(self._codes)[np.nan_to_num(values, nan=-1).astype(np.int64)]
        # NaN, which stands for no key, is sorted behind everything either way.
        return newest_first[np.argsort(-values if self.descending else values, kind="stable")]

    def _make_room(self, first: int, end: int) -> None:
        base, values, known = self._base, self._values, self._known
        if base <= first and end <= base + len(values):
            return
        size = (end - first) * 3 // 2 + _SPARE
        self._base = first
        self._values, self._known = np.full(size, np.nan), np.zeros(size, bool)
        low, high = max(base, first), min(base + len(values), end)
        if low < high:
            self._values[low - first : high - first] = values[low - base : high - base]
            self._known[low - first : high - first] = known[low - base : high - base]

    def _learn(self, source: RowSource[RowT], positions: Positions) -> bool:
        """Take the keys of some rows; False when all have to be taken anew, as no numbers."""
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
        places = positions - self._base
        self._values[places] = numbers
        self._known[places] = True
        return True

    def _ranks(self, codes: dict[Any, int]) -> NDArray[np.float64]:
        """Return the rank of every code, and NaN behind them for the code -1."""
        try:
            rising = sorted(codes)
        except TypeError:
            # What foreign systems send is mixed.
            rising = sorted(codes, key=str)
        ranks = np.full(len(codes) + 1, np.nan)
        ranks[[codes[key] for key in rising]] = np.arange(len(codes))
        return ranks
