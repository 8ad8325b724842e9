"""The attributes of a run that queries use; `pulse_desktop.state.run.TaskRun` has them."""

from collections.abc import Sequence
from typing import Protocol

from pulse_desktop.model.run_state import RunState


class RequestRow(Protocol):
    """The request to run a task."""

    @property
    def args(self) -> bytes:
        """JSON array of the positional arguments."""

    @property
    def kwargs(self) -> bytes:
        """JSON object of the keyword arguments."""

    @property
    def labels(self) -> bytes:
        """JSON object."""


class AttemptRow(Protocol):
    """An attempt of a run."""

    @property
    def started_at(self) -> float | None:
        """Unix seconds, None if unknown."""

    @property
    def result(self) -> object | None:
        """Its end, None while it runs."""


class ErrorRow(Protocol):
    """An exception."""

    @property
    def type(self) -> str:
        """Class name."""

    @property
    def message(self) -> str:
        """Message."""

    @property
    def traceback(self) -> str:
        """Traceback, empty if unknown."""


class OutcomeRow(Protocol):
    """The outcome in a stored result."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def format(self) -> str:
        """Format of the result, empty until it is known."""


class RunRow(Protocol):
    """A run of a task."""

    @property
    def task_id(self) -> str:
        """TaskIQ's id."""

    @property
    def name(self) -> str:
        """The task's name, empty if unknown."""

    @property
    def state(self) -> RunState:
        """The run's state."""

    @property
    def request(self) -> RequestRow | None:
        """Arguments and labels, None if unknown."""

    @property
    def worker(self) -> str:
        """Identity of the worker of the latest attempt, empty if unknown."""

    @property
    def reason(self) -> str:
        """Why the run did not succeed, empty if it did."""

    @property
    def error(self) -> ErrorRow | None:
        """The exception, None for none."""

    @property
    def last_seen(self) -> float:
        """Unix seconds of the latest message about the run."""

    @property
    def queued_at(self) -> float | None:
        """Unix seconds, None if unknown."""

    @property
    def started_at(self) -> float | None:
        """Start of the latest attempt, Unix seconds."""

    @property
    def running_since(self) -> float | None:
        """Start of the latest attempt by the clock that dates arrivals."""

    @property
    def finished_at(self) -> float | None:
        """Unix seconds, None while the run has not ended."""

    @property
    def attempt(self) -> int:
        """Number of the latest attempt."""

    @property
    def attempts(self) -> Sequence[AttemptRow]:
        """The attempts."""

    @property
    def wait_s(self) -> float | None:
        """Seconds from enqueuing to the first start."""

    @property
    def run_s(self) -> float | None:
        """Run time of the last ended attempt in seconds."""

    @property
    def stored_outcome(self) -> OutcomeRow | None:
        """The outcome in the stored result."""

    @property
    def rerun_of(self) -> str:
        """Id of the run that this one repeats, empty for none."""

    @property
    def parent(self) -> str:
        """Id of the run that enqueued this one, empty for none."""
