"""The time span of a run: which time ranges it is part of."""

import math

from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.state.run import TaskRun


def run_span(run: TaskRun) -> tuple[float, float]:
    """Return the first and the last time of a run, Unix seconds.

    A run that has not ended is part of every range since it was enqueued. An overdue one ends when
    it was last seen: it was probably lost then.
    """
    first = run.began_at
    if run.state in OPEN_STATES:
        return first, run.last_seen if run.state is RunState.OVERDUE else math.inf
    ended = run.finished_at
    last = run.last_seen if ended is None else ended
    return min(first, last), last
