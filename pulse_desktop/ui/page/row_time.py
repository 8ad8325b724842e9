"""Test of rows against the time range of the window."""

from collections.abc import Callable
from typing import Generic, TypeVar

RowT = TypeVar("RowT")


class RowTimeFilter(Generic[RowT]):
    """Accepts the rows in a time range, whose bounds move on with the clock while it is live.

    The test stays the same object, so that a table need not be filtered anew for each second.

    Attributes:
        start: Unix seconds of the first time in the range.
        end: Unix seconds of the last time in it.
    """

    def __init__(self, times: Callable[[RowT], tuple[float, float]]) -> None:
        """Create a filter of everything.

        Args:
            times: returns the first and the last time of a row, Unix seconds.
        """
        self._times = times
        self.start = float("-inf")
        self.end = float("inf")

    def accepts(self, row: RowT) -> bool:
        """Return whether any part of the time of a row is in the range."""
        first, last = self._times(row)
        return first <= self.end and last >= self.start

    def limited(self, accepts: Callable[[RowT], bool] | None) -> Callable[[RowT], bool]:
        """Return a test that a row passes if another test accepts it too, None for no other."""
        if accepts is None:
            return self.accepts
        times = self._times

        def accepts_both(row: RowT) -> bool:
            first, last = times(row)
            return first <= self.end and last >= self.start and accepts(row)

        return accepts_both
