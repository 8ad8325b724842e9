"""Time ranges of charts: what part of time they show, and how finely."""

import math
from dataclasses import dataclass
from typing import Final

from pulse_desktop.model.time_range import TimeRange

_DAY: Final = 86_400.0
WIDTHS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0),
    *(_DAY, 2 * _DAY, 7 * _DAY, 30 * _DAY),
)
"""Round numbers of seconds that a point may be wide."""
_MAX_POINTS: Final = 90
_MIN_LIVE_S: Final = 120.0
_STEP_POINTS: Final = 5
"""A live range grows with the history by so many points at once."""
_SLACK: Final = 1.25


@dataclass(frozen=True)
class ChartRange:
    """The part of time that charts show.

    Attributes:
        seconds: its length.
    """

    seconds: float

    @property
    def bucket_s(self) -> float:
        """Seconds per point."""
        return point_width(self.seconds)

    def bounds(self, end: float) -> tuple[float, float]:
        """Return start and end, Unix seconds."""
        return end - self.seconds, end


def point_width(seconds: float) -> float:
    """Return a round number of seconds per point, for a range of so many seconds."""
    least = seconds / _MAX_POINTS
    return next((width for width in WIDTHS if width >= least), WIDTHS[-1])


def chart_range(time_range: TimeRange, history_start: float, now: float) -> ChartRange:
    """Return what the charts show of a time range.

    A live range is shortened to the recorded history, which may be much shorter; a frozen one is
    shown as it is, blank before the history.

    Args:
        time_range: that of the window.
        history_start: Unix seconds before which nothing is known, infinity for no history.
        now: Unix seconds.
    """
    if not time_range.is_live:
        return ChartRange(time_range.end - time_range.start)
    start, _end = time_range.bounds(now)
    known = max(now - history_start, 0.0) if math.isfinite(history_start) else 0.0
    known = max(known, _MIN_LIVE_S)
    wanted = now - start
    if wanted <= known * _SLACK:
        return ChartRange(wanted)
    step = point_width(known) * _STEP_POINTS
    return ChartRange(min(math.ceil(known / step) * step, wanted))
