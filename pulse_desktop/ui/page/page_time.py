"""The time range of a page with a table: which rows are in it, and which ones have left it."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from pulse_desktop.model.time_range import ALL_RETAINED, RangeKind
from pulse_desktop.text.time_range_text import not_past_text
from pulse_desktop.ui.query.conditions import time_condition
from pulse_desktop.ui.rows.row_filter import RowFilter
from pulse_desktop.ui.time.window_time import WindowTime

RowT = TypeVar("RowT")

_MAX_LAG_S: Final = 10.0
"""How long a row may be shown after a live range has moved past it."""


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


class PageTime(Generic[RowT]):
    """The time range of the window, applied to the rows of a page."""

    def __init__(
        self,
        time: WindowTime,
        row_times: Callable[[RowT], tuple[float, float]],
        fields: tuple[str, str],
        *,
        has_times: bool,
        shows_past: bool = False,
    ) -> None:
        """Show all rows.

        Args:
            time: the time range of the window.
            row_times: returns the first and the last time of a row, Unix seconds.
            fields: query fields with these times.
            has_times: whether rows belong to a time; if not, they are the present state of
                something.
            shows_past: whether rows without a time are shown as at the end of a frozen range.
        """
        self._time = time
        self._fields = fields
        self._has_times = has_times
        self._shows_past = has_times or shows_past
        self._rows: RowTimeFilter[RowT] = RowTimeFilter(row_times)
        self._applied = ALL_RETAINED
        self._moved_at = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether rows may be outside of the time range."""
        return self._has_times and self._time.range.limits_rows

    @property
    def has_changed(self) -> bool:
        """Whether the window has another range than the one that was applied last."""
        return self._time.range != self._applied

    def apply(self, now: float) -> None:
        """Take the range of the window as it is at a time."""
        self._applied = self._time.range
        self._moved_at = now
        self._rows.start, self._rows.end = self._applied.bounds(now)

    def limited(self, accepts: Callable[[RowT], bool] | None) -> Callable[[RowT], bool] | None:
        """Return a test that also rejects the rows outside of the range."""
        if not self.is_limited:
            return accepts
        if isinstance(accepts, RowFilter):
            return accepts.limited(self._rows.accepts)
        return self._rows.limited(accepts)

    def includes(self, row: RowT) -> bool:
        """Return whether a row is in the range."""
        return not self.is_limited or self._rows.accepts(row)

    def query(self) -> str:
        """Return the range as a condition of a query, empty for all that is retained."""
        return time_condition(self._time.range, self._fields) if self.is_limited else ""

    def shown_time(self, now: float) -> float:
        """Return the time that ages are relative to, Unix seconds: the end of a frozen range."""
        return min(self._time.range.end_or(now), now) if self._shows_past else now

    def not_past_text(self) -> str:
        """Return that the rows are of now, and the range is not; empty if they follow the range.

        Those of a recording are of its end.
        """
        if self._shows_past or self._time.is_recording():
            return ""
        return not_past_text(self._time.range)

    def move_on(self, now: float) -> bool:
        """Move a live range on, not too often; return whether it has left rows behind."""
        applied = self._applied
        if applied.kind is not RangeKind.LAST or not self.is_limited:
            return False
        if abs(now - self._moved_at) < min(_MAX_LAG_S, applied.seconds / 100):
            return False
        self._moved_at = now
        self._rows.start, self._rows.end = applied.bounds(now)
        return True
