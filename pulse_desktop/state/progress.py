"""How far a run has come, how fast it goes, and when it will be done.

Our workers send events; any TaskIQ worker stores objects `progress:<task id>`, whose contents are
the task's own. Of those, what looks like a count is read as one.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_result import TaskProgress
from pulse_desktop.state.coerce import to_float, to_text

MAX_WAITING: Final = 1_000
_SOON_S: Final = 2.0
_DONE: Final = ("done", "current", "completed", "processed", "position", "n")
_TOTAL: Final = ("total", "all", "count", "of", "max")
_PERCENT: Final = ("percent", "percentage", "progress")
_MESSAGE: Final = ("message", "status", "step", "stage", "description")


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far a run has come.

    Attributes:
        at: Unix seconds.
        done: units that are done.
        total: units there are, 0 when nobody knows.
        message: in the task's own words.
        rate: units per second as its worker measured, None when it did not say.
        eta_s: seconds left as its worker reckons, None when it did not say.
    """

    at: float
    done: float
    total: float
    message: str = ""
    rate: float | None = None
    eta_s: float | None = None

    @property
    def priority(self) -> tuple[object, ...]:
        """Order of preference: the latest, then anything that tells two apart."""
        return (
            self.at,
            self.done,
            self.total,
            self.message,
            -1.0 if self.rate is None else self.rate,
            -1.0 if self.eta_s is None else self.eta_s,
        )

    @property
    def fraction(self) -> float | None:
        """How much is done, 0 to 1, None when nobody knows how much there is."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else None

    def rate_since(self, started_at: float | None) -> float | None:
        """Return units per second: as the worker measured, else on average since the start."""
        if self.rate is not None:
            return self.rate
        if started_at is None or self.done <= 0 or self.at <= started_at:
            return None
        return self.done / (self.at - started_at)

    def remaining_s(self, started_at: float | None, now: float) -> float | None:
        """Return how many seconds are left, None when nobody can tell.

        Args:
            started_at: Unix seconds when the attempt began, None when unknown.
            now: Unix seconds.
        """
        if self.total <= 0:
            return None
        left = self.eta_s
        rate = self.rate_since(started_at)
        if left is None and rate:
            left = max(0.0, self.total - self.done) / rate
        return None if left is None else max(0.0, left - max(0.0, now - self.at))


def progress_of_event(data: dict[str, Any], at: float) -> Progress:
    """Read the data of a `task.progress` event."""
    return Progress(
        at,
        to_float(data.get("done")) or 0.0,
        to_float(data.get("total")) or 0.0,
        to_text(data.get("message")),
        _not_negative(data.get("rate")),
        _not_negative(data.get("eta_s")),
    )


def progress_of_object(told: TaskProgress, at: float) -> Progress:
    """Read what a task stored about itself: `set_progress(state, meta)`, meta being anything."""
    meta = told.meta
    if not isinstance(meta, dict):
        words = to_text(meta)
        return Progress(at, 0.0, 0.0, ": ".join(filter(None, (told.state, words))))
    done, total = _first(meta, _DONE, to_float), _first(meta, _TOTAL, to_float)
    percent = _first(meta, _PERCENT, to_float)
    if done is None and percent is not None:
        done, total = percent, 100.0
    message = _first(meta, _MESSAGE, to_text) or told.state
    return Progress(
        at,
        done or 0.0,
        total or 0.0,
        message,
        _not_negative(meta.get("rate")),
        _not_negative(meta.get("eta_s")),
    )


class PendingProgress:
    """Stored progress that is of interest when its run is: the latest of each task."""

    def __init__(self) -> None:
        self._waiting: dict[str, StoredObject] = {}

    def put(self, stored: StoredObject) -> None:
        """Take note of a stored progress object, or of its deletion."""
        task_id = stored.key.removeprefix(PROGRESS_PREFIX)
        self._waiting.pop(task_id, None)
        if stored.deleted:
            return
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[task_id] = stored

    def take_due(self, told_at: Callable[[str], float | None]) -> list[StoredObject]:
        """Return those that should be read now, each once.

        Args:
            told_at: tells for a task id when its progress was last told, Unix seconds, 0 for never;
                infinity when the run has ended, None when it is unknown.
        """
        due: list[StoredObject] = []
        for task_id, stored in list(self._waiting.items()):
            at = told_at(task_id)
            if at is None:
                continue
            del self._waiting[task_id]
            if stored.stored_at > at + _SOON_S:  # else an event has said it already
                due.append(stored)
        return due


def _first(meta: dict[Any, Any], names: tuple[str, ...], read: Callable[[object], Any]) -> Any:
    return next((read(meta[name]) for name in names if name in meta), None)


def _not_negative(value: object) -> float | None:
    number = to_float(value)
    return number if number is not None and number >= 0 else None
