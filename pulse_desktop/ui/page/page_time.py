"""The time range of a page with a table: which rows are in it, and which ones have left it."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from pulse_desktop.model.time_range import ALL_RETAINED, RangeKind
from pulse_desktop.ui.page.row_time import RowTimeFilter
from pulse_desktop.ui.query.time_condition import time_condition
from pulse_desktop.ui.rows.row_filter import RowFilter
from pulse_desktop.ui.time.window_time import WindowTime

RowT = TypeVar("RowT")

_MAX_LAG_S: Final = 10.0
"""How long a row may be shown after a live range has moved past it."""


class PageTime(Generic[RowT]):
    """The time range of the window, applied to the rows of a page."""

    def __init__(
        self,
        time: WindowTime,
        row_times: Callable[[RowT], tuple[float, float]],
        fields: tuple[str, str],
        *,
        has_times: bool,
    ) -> None:
        """Show all rows.

        Args:
            time: the time range of the window.
            row_times: returns the first and the last time of a row, Unix seconds.
            fields: query fields with these times.
            has_times: whether rows belong to a time; if not, they are the present state of
                something.
        """
        self._time = time
        self._fields = fields
        self._has_times = has_times
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
        return min(self._time.range.end_or(now), now) if self._has_times else now

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
