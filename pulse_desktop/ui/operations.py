"""What a page may ask the program to do, and how it is told that it cannot be done.

The window never sees NATS. The composition root gives it an object that fulfils `Operations`;
everything in it may be refused with a reason for the operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pulse_desktop.state.run import TaskRun


class RefusedError(Exception):
    """Something that was asked for cannot be done, for a reason the operator can understand.

    Attributes:
        title: what failed, a few words.
        detail: what happened, one sentence.
        advice: what to do about it, empty when nothing can be done.
        anyway: whether it makes sense to do it nevertheless.
    """

    def __init__(
        self, title: str, detail: str = "", advice: str = "", *, anyway: bool = False
    ) -> None:
        super().__init__(title, detail, advice)
        self.title = title
        self.detail = detail
        self.advice = advice
        self.anyway = anyway


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
    """

    raw: bytes
    format: str
    value: Any
    readable: bool
    note: str = ""


class Operations(Protocol):
    """What the pages can have done. Every method may raise `RefusedError`."""

    async def rerun(self, runs: Sequence[TaskRun], *, anyway: bool = False) -> Enqueued:
        """Enqueue runs again, exactly as captured, each under a new id.

        Args:
            runs: what to repeat; each has a complete request.
            anyway: also while no worker listens.
        """

    async def read_result(self, task_id: str) -> StoredValue:
        """Read a stored result."""
