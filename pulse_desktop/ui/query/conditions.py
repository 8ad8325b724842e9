"""Queries for what is chosen otherwise: a time range, chips, a bar of a chart, a failure group."""

import math
from collections.abc import Collection, Iterable
from typing import Final

from pulse_desktop.model.time_range import RangeKind, TimeRange
from pulse_desktop.query.query_edit import with_condition
from pulse_desktop.query.quoting import exact_time_text, local_time_text, quote

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


def facet_query(field: str, checked: Collection[str], known: Iterable[str], other: str = "") -> str:
    """Return a query for the rows of the checked facets; empty if there are none, or no field.

    Args:
        field: query field whose values the facets are.
        checked: keys of the checked facets.
        known: keys of all facets.
        other: key of the facet of all rows that belong to no other one.
    """
    if not field:
        return ""
    values = sorted(key for key in checked if key != other)
    parts = [f"{field}:{_value_list(values)}"] if values else []
    if other and other in checked:
        parts.append(f"not {field}:{_value_list(sorted(key for key in known if key != other))}")
    return " or ".join(parts)


def bar_query(start: float, end: float) -> str:
    """Return the query for the runs that ended in a bar; its end belongs to the next one.

    Args:
        start: Unix seconds.
        end: Unix seconds.
    """
    last = exact_time_text(end, is_end=True, is_excluded=True)
    return f"finished>={exact_time_text(start)} finished<{last}"


def group_query(group_id: str, start: float = 0.0, end: float = math.inf) -> str:
    """Return the query for exactly the runs of a failure group that failed within a time.

    Args:
        group_id: of the group.
        start: Unix seconds of the first failure, 0 for any.
        end: Unix seconds of the last failure, infinity for any.
    """
    query = with_condition("", "group", group_id)
    first = exact_time_text(start) if start > 0 else ""
    last = exact_time_text(end, is_end=True) if end < math.inf else ""
    return f"{query} finished:{first}..{last}" if first or last else query


def _length(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= size and not seconds % size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"


def _value_list(values: Iterable[str]) -> str:
    return ",".join(map(quote, values))
