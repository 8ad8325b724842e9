"""What a page may ask the program to do, and how it is told that it cannot be done.

The window never sees NATS. The composition root gives it an object that fulfils `Operations`;
everything in it may be refused with a reason for the operator.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pulse_desktop.model.outcomes import CancelOutcome, CommandOutcome
from pulse_desktop.state.run import TaskRun


class OperationError(Exception):
    """Something that was asked for cannot be done, for a reason the operator can understand.

    Attributes:
        title: what failed, a few words.
        detail: what happened, one sentence.
        advice: what to do about it, empty when nothing can be done.
        can_force: whether it makes sense to do it all the same.
    """

    def __init__(
        self, title: str, detail: str = "", advice: str = "", *, can_force: bool = False
    ) -> None:
        super().__init__(title, detail, advice)
        self.title = title
        self.detail = detail
        self.advice = advice
        self.can_force = can_force


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of a request to enqueue.

    Attributes:
        task_ids: of the new tasks, in the order asked for.
        durable: whether a stream keeps them until a worker takes them.
    """

    task_ids: tuple[str, ...]
    durable: bool


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A stored result, read and decoded without running any of it.

    Attributes:
        raw: the bytes as stored.
        format: "json", "pickle", ...
        value: what was stored as the return value, as plain data.
        readable: whether `value` could be decoded.
        note: why not, or what was left out.
        around: what is stored beside the return value: error, execution time, labels, ...
    """

    raw: bytes
    format: str
    value: Any
    readable: bool
    note: str = ""
    around: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The task queue as of the latest look.

    Attributes:
        mode: "jetstream", "core" or "unknown".
        durable: whether a stream keeps tasks until a worker takes them.
        where: stream and consumer, or the subject.
        pending: tasks that wait, None when unknown.
        in_work: tasks delivered and not acknowledged, None when unknown.
        redelivered: tasks delivered more than once, None when unknown.
        oldest_at: Unix seconds since when the oldest task waits, None when none does or unknown.
        listeners: who would take the next task, None when unknown.
        problem: why something is unknown, empty when nothing is.
    """

    mode: str
    durable: bool
    where: str
    pending: int | None = None
    in_work: int | None = None
    redelivered: int | None = None
    oldest_at: float | None = None
    listeners: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BucketFigures:
    """A bucket of results.

    Attributes:
        name: of the bucket.
        objects: how many it holds, None when unknown.
        size: bytes, None when unknown.
        ttl_s: seconds after which an object goes, None when never.
        max_bytes: most bytes it holds, None for no limit.
        watched: whether its results are the ones that are shown.
    """

    name: str
    objects: int | None = None
    size: int | None = None
    ttl_s: float | None = None
    max_bytes: int | None = None
    watched: bool = False


class Operations(Protocol):
    """What the pages can have done. Every `async` method may raise `OperationError`."""

    async def rerun(self, runs: Sequence[TaskRun], *, force: bool = False) -> Enqueued:
        """Enqueue runs again, exactly as captured, each under a new id.

        Args:
            runs: what to repeat; each has a complete request.
            force: also while no worker listens.
        """

    async def enqueue(
        self,
        task_name: str,
        args: bytes,
        kwargs: bytes,
        labels: Mapping[str, Any],
        *,
        force: bool = False,
        rerun_of: str = "",
    ) -> Enqueued:
        """Enqueue a task by name.

        Args:
            task_name: as registered with the workers.
            args: JSON array.
            kwargs: JSON object.
            labels: of the task.
            force: also while no worker listens.
            rerun_of: task id of the run that this one repeats with changes, empty for none.
        """

    async def cancel(self, task_ids: Sequence[str]) -> Sequence[CancelOutcome]:
        """Cancel tasks, waiting or running; return what became of each, in this order."""

    async def order(
        self, command: str, worker: str = "", level: str = ""
    ) -> Sequence[CommandOutcome]:
        """Give a worker, or all that take orders, an order; return what each made of it.

        Args:
            command: `pause`, `resume`, `drain` or `log_level`.
            worker: its identity, empty for all.
            level: of `log_level`: DEBUG, INFO, WARNING or ERROR.
        """

    async def read_result(self, task_id: str) -> StoredValue:
        """Read a stored result."""

    async def save_result(self, task_id: str, path: Path) -> int:
        """Save the bytes of a stored result to a file and return how many they are."""

    async def result_buckets(self) -> Sequence[BucketFigures]:
        """Return the buckets that may hold results; the watched one with its figures."""

    async def watch_bucket(self, name: str) -> None:
        """Show the results of another bucket from now on."""

    def queue(self) -> QueueFigures | None:
        """Return the task queue as of the latest look, None before the first."""
