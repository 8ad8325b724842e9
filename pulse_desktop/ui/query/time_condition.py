"""The time range of the window as conditions of a query."""

from typing import Final

from pulse_desktop.model.time_range import RangeKind, TimeRange
from pulse_desktop.query.quoting import local_time_text

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def time_condition(time_range: TimeRange, fields: tuple[str, str]) -> str:
    """Return the conditions for rows that are in a time range at least in part.

    Args:
        time_range: the range.
        fields: names of the fields with the first and the last time of a row; may be the same.
    """
    first, last = fields
    match time_range.kind:
        case RangeKind.LAST:
            return f"{last}:{_length(time_range.seconds)}"
        case RangeKind.SINCE:
            return f"{last}>={local_time_text(time_range.start)}"
        case RangeKind.FIXED:
            start = local_time_text(time_range.start)
            end = local_time_text(time_range.end, is_end=True)
            return f"{last}>={start} {first}<={end}"
        case _:
            return ""


def _length(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and not seconds % size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"
