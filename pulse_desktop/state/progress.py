"""Progress of a run: units done, rate and remaining time.

Our workers send progress events; any TaskIQ worker stores objects `progress:<task id>` with
contents of the task's choice. Fields of these that seem to be counts are read as counts.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_result import TaskProgress
from pulse_desktop.protocol.timestamps import elapsed_since
from pulse_desktop.state.coerce import to_float, to_seconds, to_text

MAX_PENDING: Final = 1_000
_EVENT_DELAY_S: Final = 2.0
_DONE: Final = ("done", "current", "completed", "processed", "position", "n")
_TOTAL: Final = ("total", "all", "count", "of", "max")
_PERCENT: Final = ("percent", "percentage", "progress")
_MESSAGE: Final = ("message", "status", "step", "stage", "description")


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Progress of a run at one time.

    Attributes:
        at: Unix seconds.
        done: units done.
        total: units in total, 0 if unknown.
        message: the task's own message.
        rate: units per second as measured by the worker, None if unknown.
        eta_s: remaining seconds as estimated by the worker, None if unknown.
    """

    at: float
    done: float
    total: float
    message: str = ""
    rate: float | None = None
    eta_s: float | None = None

    @property
    def priority(self) -> tuple[object, ...]:
        """Sort key: of two the larger wins. The latest first, the rest breaks ties."""
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
        """Fraction done, 0 to 1, None if the total is unknown."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else None

    def rate_since(self, started_at: float | None) -> float | None:
        """Return units per second: as measured by the worker, else the mean since the start."""
        if self.rate is not None:
            return self.rate
        if started_at is None or self.done <= 0 or self.at <= started_at:
            return None
        return self.done / (self.at - started_at)

    def remaining_s(
        self, started_at: float | None, now: float, seen_at: float | None = None
    ) -> float | None:
        """Return the remaining seconds, None if they cannot be estimated.

        Args:
            started_at: Unix seconds when the attempt started, None if unknown.
            now: Unix seconds.
            seen_at: Unix seconds at which the progress arrived, None if unknown.
        """
        if self.total <= 0:
            return None
        remaining = self.eta_s
        rate = self.rate_since(started_at)
        if remaining is None and rate:
            remaining = max(0.0, self.total - self.done) / rate
        since = self.at if seen_at is None else elapsed_since(self.at, max(seen_at, self.at))
        return None if remaining is None else max(0.0, remaining - max(0.0, now - since))


def progress_from_event(data: dict[str, Any], at: float) -> Progress:
    """Return the progress in the data of a `task.progress` event."""
    return Progress(
        at,
        to_float(data.get("done")) or 0.0,
        to_float(data.get("total")) or 0.0,
        to_text(data.get("message")),
        _not_negative(data.get("rate")),
        to_seconds(data.get("eta_s")),
    )


def progress_from_object(stored: TaskProgress, at: float) -> Progress:
    """Return the progress that a task stored with `set_progress(state, meta)`; meta is anything."""
    meta = stored.meta
    if not isinstance(meta, dict):
        return Progress(at, 0.0, 0.0, ": ".join(filter(None, (stored.state, to_text(meta)))))
    done, total = _first(meta, _DONE, to_float), _first(meta, _TOTAL, to_float)
    percent = _first(meta, _PERCENT, to_float)
    if done is None and percent is not None:
        done, total = percent, 100.0
    message = _first(meta, _MESSAGE, to_text) or stored.state
    return Progress(
        at,
        done or 0.0,
        total or 0.0,
        message,
        _not_negative(meta.get("rate")),
        to_seconds(meta.get("eta_s")),
    )


class PendingProgress:
    """Stored progress objects that have not been read yet, the latest of each task.

    They are read only for runs that are open, and only if no event reported the same progress.
    """

    def __init__(self) -> None:
        self._pending: dict[str, StoredObject] = {}

    def put(self, stored: StoredObject) -> None:
        """Add a stored progress object, or remove it if it was deleted."""
        task_id = stored.key.removeprefix(PROGRESS_PREFIX)
        self._pending.pop(task_id, None)
        if stored.deleted:
            return
        if len(self._pending) >= MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[task_id] = stored

    def take_due(self, reported_at: Callable[[str], float | None]) -> list[StoredObject]:
        """Remove and return the objects that should be read now.

        Args:
            reported_at: returns for a task id when its progress was last reported, Unix seconds, 0
                for never; infinity if the run has ended, None if the run is unknown.
        """
        due: list[StoredObject] = []
        for task_id, stored in list(self._pending.items()):
            at = reported_at(task_id)
            if at is None:
                continue
            del self._pending[task_id]
            if stored.stored_at > at + _EVENT_DELAY_S:  # else an event has reported it
                due.append(stored)
        return due


def _first(meta: dict[Any, Any], names: tuple[str, ...], read: Callable[[object], Any]) -> Any:
    return next((read(meta[name]) for name in names if name in meta), None)


def _not_negative(value: object) -> float | None:
    number = to_float(value)
    return number if number is not None and number >= 0 else None
