"""What can be wrong with a schedule, said so that it stands in a list beside it."""

from pulse_workers.errors import WorkerError


class InvalidScheduleError(WorkerError):
    """The schedule cannot be used. `str()` says why."""


class ScheduleNotFoundError(WorkerError):
    """There is no schedule of this id."""


class ScheduleBusyError(WorkerError):
    """Others change the schedule faster than we can."""
