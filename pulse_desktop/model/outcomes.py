"""What became of a command to workers, in words for whoever gave it."""

from typing import Final, Literal

import msgspec

CancelEnd = Literal[
    "cancelled",
    "asked_to_stop",
    "removed",
    "ended",
    "in_work",
    "not_found",
    "nobody",
    "refused",
    "not_kept",
]
CommandEnd = Literal["done", "refused", "silent", "nobody", "no_control"]

CANCEL_DONE: Final = frozenset({"cancelled", "asked_to_stop", "removed"})


class CancelOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of the wish to cancel one task.

    Attributes:
        task_id: of the task.
        outcome: `cancelled`; `asked_to_stop`: it goes on until it heeds that, as in a thread;
            `removed` before it ran; `ended` before the wish came; `in_work` at a worker that takes
            no orders; `not_found` anywhere; `nobody` answered; `refused`; `not_kept`: a core
            subject keeps no tasks, so there is nothing to remove.
        worker: who answered, empty when it was done without a worker.
        detail: more, one sentence.
    """

    task_id: str
    outcome: CancelEnd
    worker: str = ""
    detail: str = ""

    @property
    def done(self) -> bool:
        """Whether it is cancelled, or about to be."""
        return self.outcome in CANCEL_DONE

    @property
    def words(self) -> str:
        """What happened, a few words without a full stop."""
        who = self.worker.partition("@")[0]
        match self.outcome:
            case "cancelled":
                return f"cancelled on {who}" if who else "cancelled"
            case "asked_to_stop":
                return f"asked to stop on {who}"
            case "removed":
                return "was still queued: removed from the queue"
            case "ended":
                return "had ended already"
            case "in_work":
                return "a worker that takes no orders has it"
            case "not_found":
                return "neither in the queue nor with a worker that answers"
            case "nobody":
                return "nobody answered"
            case "refused":
                return "refused"
            case "not_kept":
                return "no worker takes orders, and without a stream nothing can be removed"


class CommandOutcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a command to one worker.

    Attributes:
        worker: its identity; empty when all were asked and nobody is there.
        command: `pause`, `resume`, `drain` or `log_level`.
        outcome: `done`; `refused`; `silent`: it is there and did not answer in time; `nobody` hears
            its subject, so it is gone; `no_control`: it takes no orders.
        detail: more, one sentence.
    """

    worker: str
    command: str
    outcome: CommandEnd
    detail: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.outcome == "done"

    @property
    def words(self) -> str:
        """What happened, a few words without a full stop."""
        match self.outcome:
            case "done" if self.command == "log_level" and self.detail:
                return f"logs from {self.detail.lower()} on"
            case "done":
                return _DONE.get(self.command, "done")
            case "refused":
                return "refused"
            case "silent":
                return "did not answer in time"
            case "nobody":
                return "nobody answered: it is gone, or takes no orders"
            case "no_control":
                return "takes no orders"


_DONE: Final = {
    "pause": "paused: it finishes what it runs and takes no more",
    "resume": "takes tasks again",
    "drain": "draining: it finishes what it runs, gives back the rest and ends",
    "log_level": "log level set",
}
