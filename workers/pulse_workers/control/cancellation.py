"""Tasks that are not wanted any more: who said so, when, and which ids those are.

A cancelled id is remembered for a while, since the task may be anywhere: running, waiting for its
next attempt, or on its way to another worker.
"""

import asyncio
import collections
import dataclasses
from typing import Final

REMEMBERED_FOR_S: Final = 3_600.0
MAX_REMEMBERED: Final = 10_000


@dataclasses.dataclass(frozen=True)
class Cancellation:
    """Somebody's wish that a task shall not go on.

    Attributes:
        who: `user@host`.
        reason: in that person's words, may be empty.
    """

    who: str
    reason: str = ""

    def __str__(self) -> str:
        said = f": {self.reason}" if self.reason else ""
        return f"cancelled by {self.who or 'somebody'}{said}"

    def error(self) -> asyncio.CancelledError:
        """Return what the task's result is to hold."""
        return asyncio.CancelledError(str(self))


class CancelledIds:
    """Ids of cancelled tasks, each kept for an hour, the oldest forgotten first."""

    def __init__(self, most: int = MAX_REMEMBERED, seconds: float = REMEMBERED_FOR_S) -> None:
        self._most = most
        self._seconds = seconds
        self._known: collections.OrderedDict[str, tuple[float, Cancellation]] = (
            collections.OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._known)

    def add(self, task_id: str, cancellation: Cancellation, now: float) -> None:
        """Remember an id. `now` is in seconds of any clock that only goes forward."""
        self._known.pop(task_id, None)
        self._known[task_id] = (now + self._seconds, cancellation)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def get(self, task_id: str, now: float) -> Cancellation | None:
        """Return why a task shall not run, or None."""
        found = self._known.get(task_id)
        if found is None:
            return None
        until, cancellation = found
        if now >= until:
            del self._known[task_id]
            return None
        return cancellation
