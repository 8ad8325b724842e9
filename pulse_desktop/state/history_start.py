"""Start of what is known: of the rows that are retained, and of the counts of events.

Counts include evicted events, so they begin earlier once the log is full. Runs may be older than
the first event: their stored results say when they were enqueued.
"""

import math

from pulse_desktop.state.system import SystemState


def retained_since(state: SystemState) -> float:
    """Return the time of the oldest retained event or run, Unix seconds; infinity for none."""
    oldest = math.inf
    if state.log:
        oldest = state.log[state.log.start].timestamp
    runs = state.runs.rows
    if runs:
        oldest = min(oldest, runs[runs.start].began_at or math.inf)
    return oldest


def counted_since(state: SystemState) -> float:
    """Return since when events are counted, Unix seconds; infinity before the first one.

    Charts of counts leave earlier time blank instead of drawing zero.
    """
    log = state.log
    return min(log.first_evicted_at, log[log.start].timestamp if log else math.inf)
