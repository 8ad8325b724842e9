"""The query for exactly the runs of a failure group that failed within a time."""

import math

from pulse_desktop.query.query_edit import with_condition
from pulse_desktop.query.quoting import exact_time_text


def group_query(group_id: str, start: float = 0.0, end: float = math.inf) -> str:
    """Return the query.

    Args:
        group_id: of the group.
        start: Unix seconds of the first failure, 0 for any.
        end: Unix seconds of the last failure, infinity for any.
    """
    query = with_condition("", "group", group_id)
    first = exact_time_text(start) if start > 0 else ""
    last = exact_time_text(end, is_end=True) if end < math.inf else ""
    return f"{query} finished:{first}..{last}" if first or last else query
