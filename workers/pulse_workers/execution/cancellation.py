"""Cancelled tasks: the request to cancel, and the ids that must not run.

A cancelled id is kept for a while, since the task may be anywhere: running, waiting for its next
attempt, or being delivered to another worker.
"""

import asyncio
import collections
import dataclasses
from typing import Final

RETENTION_S: Final = 3_600.0
MAX_IDS: Final = 10_000


@dataclasses.dataclass(frozen=True)
class Cancellation:
    """A request to cancel a task.

    Attributes:
        who: `user@host`.
        reason: given by that user, may be empty.
    """

    who: str
    reason: str = ""

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"cancelled by {self.who or 'an unknown user'}{reason}"

    def error(self) -> asyncio.CancelledError:
        """Return the error to store in the task's result."""
        return asyncio.CancelledError(str(self))


class CancelledIds:
    """Ids of cancelled tasks, each kept for an hour; beyond the limit the oldest is dropped."""

    def __init__(self, max_ids: int = MAX_IDS, retention: float = RETENTION_S) -> None:
        self._max_ids = max_ids
        self._retention = retention
        self._known: collections.OrderedDict[str, tuple[float, Cancellation]] = (
            collections.OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._known)

    def add(self, task_id: str, cancellation: Cancellation, now: float) -> None:
        """Keep an id. `now` is in seconds of a monotonic clock."""
        self._known.pop(task_id, None)
        self._known[task_id] = (now + self._retention, cancellation)
        while len(self._known) > self._max_ids:
            self._known.popitem(last=False)

    def get(self, task_id: str, now: float) -> Cancellation | None:
        """Return the cancellation of a task, or None."""
        found = self._known.get(task_id)
        if found is None:
            return None
        until, cancellation = found
        if now >= until:
            del self._known[task_id]
            return None
        return cancellation
