"""The query for exactly the runs that a bar of a chart counts."""

from pulse_desktop.query.quoting import exact_time_text


def bar_query(start: float, end: float) -> str:
    """Return the query for the runs that ended in a bar; its end belongs to the next one.

    Args:
        start: Unix seconds.
        end: Unix seconds.
    """
    last = exact_time_text(end, is_end=True)
    return f"finished>={exact_time_text(start)} finished<{last}"
