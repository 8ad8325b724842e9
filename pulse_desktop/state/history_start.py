"""Start of what is known: charts leave earlier time blank instead of drawing zero."""

import math

from pulse_desktop.state.system import SystemState


def oldest_time(state: SystemState) -> float:
    """Return the time of the oldest event or run that is kept, Unix seconds; infinity for none."""
    oldest = math.inf
    if state.log:
        oldest = state.log[state.log.start].timestamp
    runs = state.runs.rows
    if runs:
        run = runs[runs.start]
        oldest = min(oldest, run.queued_at or run.finished_at or run.last_seen or math.inf)
    return oldest
