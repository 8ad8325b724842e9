"""Time ranges: which part of the past tables, charts, counts and failure groups show.

A live range ends now and moves on with the clock. A frozen range is a part of the past with two
fixed ends. The present time is always an argument.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from pulse_desktop.model.typed_time import (
    moment_from_iso,
    parse_moment,
    parse_time,
    seconds_from_text,
)

MIN_RANGE_S: Final = 0.001
"""The shortest range; times are shown in milliseconds."""
_STEPS: Final = (
    *((1.0, 0.001), (10.0, 0.1), (120.0, 1.0), (600.0, 10.0)),
    *((7200.0, 60.0), (172_800.0, 600.0), (math.inf, 3600.0)),
)
"""To what a length below a limit is rounded, seconds: above 10 ms it grows by a tenth at most."""
MAX_RANGE_S: Final = 10 * 366 * 86_400.0


class RangeKind(Enum):
    """Kinds of time ranges. The values are those in files."""

    ALL = "all"
    LAST = "last"
    SINCE = "since"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A time range; `ALL_RETAINED`, `last`, `since` and `fixed` make one.

    Attributes:
        kind: whether it is bounded, and by what.
        seconds: length of the last part of the past, for LAST.
        start: Unix seconds of the fixed beginning, for SINCE and FIXED.
        end: Unix seconds of the fixed end, for FIXED.
    """

    kind: RangeKind = RangeKind.ALL
    seconds: float = 0.0
    start: float = 0.0
    end: float = 0.0

    @property
    def is_live(self) -> bool:
        """Whether the range moves on with the clock, and new rows enter it."""
        return self.kind is not RangeKind.FIXED

    @property
    def limits_rows(self) -> bool:
        """Whether anything may be outside of the range."""
        return self.kind is not RangeKind.ALL

    def bounds(self, now: float) -> tuple[float, float]:
        """Return the first and last time in the range, Unix seconds; infinite where it is open.

        A live range has no end: the clock of a worker may be ahead.
        """
        match self.kind:
            case RangeKind.LAST:
                return now - self.seconds, math.inf
            case RangeKind.SINCE:
                return self.start, math.inf
            case RangeKind.FIXED:
                return self.start, self.end
            case _:
                return -math.inf, math.inf

    def end_or(self, now: float) -> float:
        """Return the end of a frozen range, or the present time, Unix seconds."""
        return self.end if self.kind is RangeKind.FIXED else now

    def contains(self, first: float, last: float, now: float) -> bool:
        """Return whether something that lasted from one time to another is in the range."""
        start, end = self.bounds(now)
        return first <= end and last >= start


ALL_RETAINED: Final = TimeRange()


def last(seconds: float) -> TimeRange:
    """Return the live range of the last seconds."""
    return TimeRange(RangeKind.LAST, seconds=min(max(seconds, MIN_RANGE_S), MAX_RANGE_S))


def since(start: float) -> TimeRange:
    """Return the live range from a time on, Unix seconds."""
    return TimeRange(RangeKind.SINCE, start=start)


def fixed(start: float, end: float) -> TimeRange:
    """Return the frozen range between two times (Unix seconds) in any order."""
    start, end = min(start, end), max(start, end)
    return TimeRange(RangeKind.FIXED, start=start, end=max(end, start + MIN_RANGE_S))


LIVE_RANGES: Final = (last(900.0), last(3600.0), last(21_600.0), last(86_400.0), ALL_RETAINED)
"""The live ranges that are offered."""


def moved(shown: tuple[float, float], fraction: float, now: float) -> TimeRange:
    """Return a frozen range of the same length, later or earlier by a fraction of it.

    A range that would end in the future becomes the live one of its length.

    Args:
        shown: Unix seconds at both ends of what is shown.
        fraction: negative for earlier.
        now: Unix seconds.
    """
    start, end = shown
    distance = (end - start) * fraction
    if end + distance >= now:
        return last(_rounded(end - start))
    return fixed(start + distance, end + distance)


def zoomed_out(shown: tuple[float, float], now: float) -> TimeRange:
    """Return a range of twice the length around what is shown.

    Args:
        shown: Unix seconds at both ends of what is shown.
        now: Unix seconds; a range that would end later becomes the live one of its length.
    """
    start, end = shown
    half = (end - start) / 2
    if end + half >= now:
        return last(_rounded(max(2 * (end - start), 2 * MIN_RANGE_S)))
    return fixed(start - half, end + half)


def selected(start: float, end: float, now: float) -> TimeRange:
    """Return the range between two times that were selected; up to the present it is live.

    Args:
        start: Unix seconds.
        end: Unix seconds; infinity for the present. It may be before the start.
        now: Unix seconds.
    """
    start, end = min(start, end), max(start, end)
    if end == math.inf or end >= now > start:
        return last(_rounded(now - start))
    return fixed(start, end)


def _rounded(seconds: float) -> float:
    """Return a length that was not typed as one that reads well, and is not shorter."""
    step = next((step for limit, step in _STEPS if seconds < limit), _STEPS[-1][1])
    return math.ceil(seconds / step - 1e-9) * step


def range_to_text(time_range: TimeRange) -> str:
    """Return a range as it is written to files and links; `range_from_text` reads it.

    Forms: `all`, `last 900s`, `since TIME` and `TIME..TIME` with times in UTC.
    """
    match time_range.kind:
        case RangeKind.LAST:
            return f"last {time_range.seconds:.12g}s"
        case RangeKind.SINCE:
            return f"since {_iso(time_range.start)}"
        case RangeKind.FIXED:
            return f"{_iso(time_range.start)}..{_iso(time_range.end)}"
        case _:
            return "all"


def range_from_text(text: str) -> TimeRange:
    """Return the range that a text of `range_to_text` stands for.

    Raises:
        ValueError: it is no such text, or a time is not within the years 1 to 9999 in UTC.
    """
    time_range = _range_from_text(text)
    range_to_text(time_range)
    return time_range


def _range_from_text(text: str) -> TimeRange:
    kind, _, rest = text.strip().partition(" ")
    if kind == "all" and not rest:
        return ALL_RETAINED
    if kind == "last":
        seconds = seconds_from_text(rest)
        if seconds is not None:
            return last(seconds)
    if kind == "since":
        return since(moment_from_iso(rest))
    start, dots, end = text.strip().partition("..")
    if not dots:
        raise ValueError(f"no time range: {text!r}")
    return fixed(moment_from_iso(start), moment_from_iso(end))


def _iso(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TypedRangeError(ValueError):
    """What was typed is no time range.

    Attributes:
        field: "start", "end", or "order" when the range would end before it starts.
    """

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def typed_range(start: str, end: str, now: float) -> TimeRange:
    """Return the range between two typed times.

    Without an end, or up to `now`, the range is live: `2h` is the last two hours, any other time
    is where it starts, and without a start it is everything retained. The end is included as far as
    it is typed, as in a query: `22:00` is that minute. An end that is not over yet is live.

    Args:
        start: see `parse_time`.
        end: see `parse_time`.
        now: Unix seconds.

    Raises:
        TypedRangeError: one of them is no time, or they are in the wrong order.
    """
    is_open = end.strip().lower() in ("", "now")
    if is_open and not start.strip():
        return ALL_RETAINED
    seconds = seconds_from_text(start.lower().removeprefix("last"))
    if is_open and seconds is not None:
        return last(seconds)
    first = parse_moment(start, now)
    if first is None:
        raise TypedRangeError("start")
    if is_open:
        if first >= now:
            raise TypedRangeError("order")
        return since(first)
    span = parse_time(end, now)
    if span is None:
        raise TypedRangeError("end")
    if span.last_stop <= first:
        raise TypedRangeError("order")
    if span.last_stop > now > first:
        return since(first)
    return fixed(first, span.last_stop)
