"""Parse and format timestamps on the wire."""

import math
from datetime import UTC, datetime

EARLIEST = 946_684_800.0  # 2000-01-01: an older "timestamp" is a counter, not a time
LATEST = 4_102_444_800.0  # 2100-01-01

MAX_SPAN_S = LATEST - EARLIEST
"""A longer duration is no measurement."""

MAX_CLOCK_SKEW_S = 2.0
"""Seconds by which a time may lie after its arrival.

It cannot: the clock of the sender is ahead, and the time of arrival is used instead. A time long
before its arrival may be right, as messages can be delayed.
"""


MAX_DELAY_S = 5.0
"""Seconds by which the delay of a message explains a time before its arrival.

With a larger difference the sender's clock may be behind: times until now count from the arrival.
"""


def elapsed_since(at: float, seen_at: float) -> float:
    """Return the time from which a span until now counts, on the clock that dates arrivals.

    Args:
        at: Unix seconds by the clock of the sender.
        seen_at: Unix seconds of the arrival of the message with this time.
    """
    return at if seen_at - MAX_DELAY_S <= at <= seen_at else seen_at


def parse_timestamp(value: object) -> float | None:
    """Return a timestamp from the wire as Unix seconds, None if it is not a timestamp.

    Accepts ISO 8601 text (UTC unless it has a zone) and Unix times in seconds, milliseconds,
    microseconds or nanoseconds. Times outside this century are rejected.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            seconds = moment.timestamp()
        except (ValueError, OverflowError):
            return None
        return seconds if EARLIEST <= seconds <= LATEST else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    if not math.isfinite(seconds):
        return None
    for scale in (1.0, 1e3, 1e6, 1e9):
        if EARLIEST <= seconds / scale <= LATEST:
            return seconds / scale
    return None


def format_timestamp(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 text in UTC with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
