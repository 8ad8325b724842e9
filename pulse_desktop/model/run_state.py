"""The state of a task run."""

import enum
from typing import Final


class RunState(enum.StrEnum):
    """The state of a task run. The values are those of the command line and its JSON."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    """failed, waiting for its next attempt"""
    SUCCEEDED = "succeeded"
    SOFT_FAILED = "soft_failed"
    """raised nothing, but its return value reports a failure"""
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVERDUE = "overdue"
    """no result by its deadline"""
    RESULT_UNREADABLE = "answered"
    """a result is stored that has not been, or cannot be, decoded"""


OPEN_STATES: Final = frozenset(
    {RunState.QUEUED, RunState.RUNNING, RunState.RETRYING, RunState.OVERDUE}
)
"""States of runs that have not ended."""

UNHEALTHY_STATES: Final = frozenset({RunState.FAILED, RunState.SOFT_FAILED, RunState.OVERDUE})
"""States of runs that need attention."""
