"""The fingerprint of a failure: runs with the same fingerprint form one failure group."""

from typing import NamedTuple, Protocol

from pulse_desktop.model.run_state import RunState


class ExceptionType(Protocol):
    """The part of an exception that a fingerprint uses."""

    @property
    def type(self) -> str:
        """Class name."""


class UnhealthyRun(Protocol):
    """Attributes of a run that a fingerprint needs; `pulse_desktop.state.run.TaskRun` has them."""

    @property
    def state(self) -> RunState:
        """The run's state."""

    @property
    def name(self) -> str:
        """The task's name, empty if unknown."""

    @property
    def error(self) -> ExceptionType | None:
        """Why it failed, None if unknown."""


class Fingerprint(NamedTuple):
    """Properties that the runs of one failure group have in common.

    Attributes:
        state: the state of the runs.
        cause: type of the exception; empty if it is unknown, for soft failures and overdue runs.
        task_name: name of the task.
    """

    state: RunState
    cause: str
    task_name: str


def fingerprint(run: UnhealthyRun) -> Fingerprint:
    """Return the fingerprint of a run that failed or is overdue."""
    error = run.error if run.state is RunState.FAILED else None
    return Fingerprint(run.state, error.type if error is not None else "", run.name)
