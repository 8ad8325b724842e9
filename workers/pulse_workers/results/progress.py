"""Progress of tasks: rate, time left, and a limit on how often it is published.

Tasks report through TaskIQ's `ProgressTracker`, as often as they like. At most five reports a
second are published for each task, and the last one always is.
"""

import asyncio
import collections
import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, Final

from taskiq.depends.progress_tracker import TaskProgress

PUBLISH_INTERVAL_S: Final = 0.2
RATE_WINDOW_S: Final = 30.0
"""The rate is measured over this time."""
_MIN_RATE_TIME_S: Final = 0.05
"""Below this time no rate is given."""
_MAX_SAMPLES: Final = 64
_MAX_TASKS: Final = 10_000


@dataclasses.dataclass(frozen=True)
class ProgressReport:
    """Progress of a task.

    Attributes:
        task_id: the task's id.
        progress: as reported.
        done, total: in the task's own units; None when missing or not numbers.
        message: given by the task, else the state's name.
        rate: units per second, None while there is too little to measure.
        eta_s: seconds until `total` at this rate, None when unknown.
    """

    task_id: str
    progress: TaskProgress[Any]
    done: float | None
    total: float | None
    message: str
    rate: float | None = None
    eta_s: float | None = None

    def event_data(self) -> dict[str, Any]:
        """Return the data of a `task.progress` event."""
        return {
            "task_id": self.task_id,
            "done": self.done,
            "total": self.total,
            "message": self.message,
            "rate": self.rate,
            "eta_s": self.eta_s,
        }


class Rate:
    """Units per second over the last `RATE_WINDOW_S`. A decrease restarts the measurement."""

    def __init__(self) -> None:
        self._samples: collections.deque[tuple[float, float]] = collections.deque()

    def __len__(self) -> int:
        """Return the number of samples kept."""
        return len(self._samples)

    def add(self, done: float, now: float) -> float | None:
        """Add a sample and return the rate, None while it is unknown.

        Args:
            done: units done so far.
            now: seconds of a monotonic clock.
        """
        samples = self._samples
        if samples and done < samples[-1][1]:
            samples.clear()
        if len(samples) > 1 and now - samples[-2][0] < RATE_WINDOW_S / _MAX_SAMPLES:
            samples.pop()  # close to the one before: the newer of two is enough
        samples.append((now, done))
        while len(samples) > 2 and now - samples[1][0] >= RATE_WINDOW_S:
            samples.popleft()
        began, done_then = samples[0]
        if now - began < _MIN_RATE_TIME_S:
            return None
        return float(f"{(done - done_then) / (now - began):.6g}")


class _TaskReports:
    __slots__ = ("pending", "published_at", "rate", "timer")

    def __init__(self) -> None:
        self.rate = Rate()
        self.published_at = -math.inf
        self.pending: ProgressReport | None = None
        self.timer: asyncio.TimerHandle | None = None


class ProgressReports:
    """Measures progress and limits how often it is published."""

    def __init__(
        self,
        on_due: Callable[[ProgressReport], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without tasks.

        Args:
            on_due: called with a report that was held back and is to be published now.
            clock: monotonic seconds.
        """
        self._on_due = on_due
        self._clock = clock
        self._tasks: collections.OrderedDict[str, _TaskReports] = collections.OrderedDict()

    def add(self, task_id: str, progress: TaskProgress[Any]) -> ProgressReport | None:
        """Add a report. Returns it, with its rate, if it is to be published now."""
        now = self._clock()
        task = self._tasks.get(task_id)
        if task is None:
            task = self._tasks[task_id] = _TaskReports()
            if len(self._tasks) > _MAX_TASKS:  # ids that belong to no task of this worker
                self.finish(next(iter(self._tasks)))
        report = _with_rate(_parse(task_id, progress), task.rate, now)
        wait = task.published_at + PUBLISH_INTERVAL_S - now
        if wait <= 0:
            _cancel_timer(task)
            task.pending = None
            task.published_at = now
            return report
        task.pending = report
        if task.timer is None:
            task.timer = asyncio.get_running_loop().call_later(wait, self._publish_pending, task)
        return None

    def pending(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the newest report if it is still held back."""
        task = self._tasks.get(task_id)
        return task.pending.progress if task is not None and task.pending is not None else None

    def finish(self, task_id: str) -> ProgressReport | None:
        """Drop a task. Returns its last report if that was not published yet."""
        task = self._tasks.pop(task_id, None)
        if task is None:
            return None
        _cancel_timer(task)
        return task.pending

    def _publish_pending(self, task: _TaskReports) -> None:
        task.timer = None
        report, task.pending = task.pending, None
        if report is not None:
            task.published_at = self._clock()
            self._on_due(report)


def _cancel_timer(task: _TaskReports) -> None:
    if task.timer is not None:
        task.timer.cancel()
        task.timer = None


def _parse(task_id: str, progress: TaskProgress[Any]) -> ProgressReport:
    meta = progress.meta
    fields = meta if isinstance(meta, dict) else {"message": meta}
    message = fields.get("message")
    state = getattr(progress.state, "value", str(progress.state))
    return ProgressReport(
        task_id,
        progress,
        _finite(fields.get("done")),
        _finite(fields.get("total")),
        str(message) if message else state,
    )


def _with_rate(report: ProgressReport, rate: Rate, now: float) -> ProgressReport:
    if report.done is None:
        return report
    per_second = rate.add(report.done, now)
    eta = None
    if report.total is not None and report.done >= report.total:
        eta = 0.0
    elif report.total is not None and per_second:
        eta = round((report.total - report.done) / per_second, 2)
    return dataclasses.replace(report, rate=per_second, eta_s=eta)


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None
