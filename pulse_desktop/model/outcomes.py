"""Results of commands to workers, as codes. The values are those of the command line's JSON."""

import enum
from typing import Final

import msgspec


class CancelStatus(enum.StrEnum):
    """Result of cancelling one task."""

    CANCELLED = "cancelled"
    CANCEL_REQUESTED = "asked_to_stop"
    """the task goes on until it checks for cancellation, as one that runs in a thread does"""
    REMOVED = "removed"
    """from the queue, before it started"""
    ALREADY_ENDED = "ended"
    RUNNING = "in_work"
    """on a worker that accepts no commands"""
    NOT_FOUND = "not_found"
    """neither in the queue nor on a worker that responded"""
    NO_RESPONSE = "nobody"
    REFUSED = "refused"
    NOT_PERSISTED = "not_kept"
    """a core subject keeps no tasks, so there is nothing to remove"""


class CommandStatus(enum.StrEnum):
    """Result of one command to one worker."""

    DONE = "done"
    REFUSED = "refused"
    TIMED_OUT = "silent"
    """the worker is online and did not respond in time"""
    NO_RESPONDERS = "nobody"
    """nothing subscribes to the worker's control subject: it is offline"""
    NO_CONTROL = "no_control"
    """the worker accepts no commands"""


CANCEL_DONE: Final = frozenset(
    {CancelStatus.CANCELLED, CancelStatus.CANCEL_REQUESTED, CancelStatus.REMOVED}
)


class CancelOutcome(msgspec.Struct, frozen=True, gc=False):
    """Result of cancelling one task.

    Attributes:
        task_id: id of the task.
        status: what happened.
        worker: identity of the worker that responded, empty when none was involved.
        detail: one sentence more, for the operator.
    """

    task_id: str
    status: CancelStatus
    worker: str = ""
    detail: str = ""

    @property
    def done(self) -> bool:
        """Whether the task is cancelled, or about to be."""
        return self.status in CANCEL_DONE


class CommandOutcome(msgspec.Struct, frozen=True, gc=False):
    """Result of one command to one worker.

    Attributes:
        worker: its identity; empty when the command went to all workers and none responded.
        command: `pause`, `resume`, `drain` or `log_level`.
        status: what happened.
        detail: the level that `log_level` set; else one sentence more, for the operator.
    """

    worker: str
    command: str
    status: CommandStatus
    detail: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.status is CommandStatus.DONE
