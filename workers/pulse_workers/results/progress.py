"""How far a task has come, how fast it goes, and when it will be done.

Tasks report through TaskIQ's `ProgressTracker`, as often as they like: what is told is limited to
five reports a second for each task, and the last one is always told.
"""

import asyncio
import collections
import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any, Final

from taskiq.depends.progress_tracker import TaskProgress

INTERVAL: Final = 0.2
WINDOW: Final = 30.0
"""The rate is that of the last so many seconds."""
_SOONEST: Final = 0.05
"""After less than this, in seconds, nothing is said about the rate."""
_MOST_SAMPLES: Final = 64
_MOST_TASKS: Final = 10_000


@dataclasses.dataclass(frozen=True)
class Report:
    """One report of a task.

    Attributes:
        task_id: whose.
        progress: as it was reported.
        done, total: in the task's own units; None when not said, or not as numbers.
        message: in the task's words, else the state's name.
        rate: units per second, None as long as there is nothing to measure it by.
        eta_s: seconds until `total` at this rate, None when that cannot be said.
    """

    task_id: str
    progress: TaskProgress[Any]
    done: float | None
    total: float | None
    message: str
    rate: float | None = None
    eta_s: float | None = None

    def told(self) -> dict[str, Any]:
        """Return what an event says about it."""
        return {
            "task_id": self.task_id,
            "done": self.done,
            "total": self.total,
            "message": self.message,
            "rate": self.rate,
            "eta_s": self.eta_s,
        }


class Rate:
    """Units per second over the last while. Going back starts the measurement anew."""

    def __init__(self) -> None:
        self._samples: collections.deque[tuple[float, float]] = collections.deque()

    def add(self, done: float, now: float) -> float | None:
        """Take a sample and return the rate, None while it cannot be said.

        Args:
            done: units done so far.
            now: seconds of a clock that only goes forward.
        """
        samples = self._samples
        if samples and done < samples[-1][1]:
            samples.clear()
        if len(samples) > 1 and now - samples[-2][0] < WINDOW / _MOST_SAMPLES:
            samples.pop()  # close to the one before: the newer of two is enough
        samples.append((now, done))
        while len(samples) > 2 and now - samples[1][0] >= WINDOW:
            samples.popleft()
        began, done_then = samples[0]
        if now - began < _SOONEST:
            return None
        return float(f"{(done - done_then) / (now - began):.6g}")


class _Task:
    __slots__ = ("rate", "timer", "told_at", "untold")

    def __init__(self) -> None:
        self.rate = Rate()
        self.told_at = -math.inf
        self.untold: Report | None = None
        self.timer: asyncio.TimerHandle | None = None


class ProgressReports:
    """Decides which reports are told, and measures."""

    def __init__(
        self, tell_late: Callable[[Report], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with no tasks.

        Args:
            tell_late: called with a report that was held back and is due now.
            clock: seconds, only going forward.
        """
        self._tell_late = tell_late
        self._clock = clock
        self._tasks: collections.OrderedDict[str, _Task] = collections.OrderedDict()

    def report(self, task_id: str, progress: TaskProgress[Any]) -> Report | None:
        """Take a report. Returns it, measured, if it is to be told now."""
        now = self._clock()
        task = self._tasks.get(task_id)
        if task is None:
            task = self._tasks[task_id] = _Task()
            if len(self._tasks) > _MOST_TASKS:  # ids that no task of ours belongs to
                self.end(next(iter(self._tasks)))
        report = _measured(_read(task_id, progress), task.rate, now)
        wait = task.told_at + INTERVAL - now
        if wait <= 0:
            self._forget_timer(task)
            task.untold = None
            task.told_at = now
            return report
        task.untold = report
        if task.timer is None:
            task.timer = asyncio.get_running_loop().call_later(wait, self._due, task)
        return None

    def untold(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the newest report if it is still held back."""
        task = self._tasks.get(task_id)
        return task.untold.progress if task is not None and task.untold is not None else None

    def end(self, task_id: str) -> Report | None:
        """Forget a task. Returns its last report if that was not told yet."""
        task = self._tasks.pop(task_id, None)
        if task is None:
            return None
        self._forget_timer(task)
        return task.untold

    def _due(self, task: _Task) -> None:
        task.timer = None
        report, task.untold = task.untold, None
        if report is not None:
            task.told_at = self._clock()
            self._tell_late(report)

    def _forget_timer(self, task: _Task) -> None:
        if task.timer is not None:
            task.timer.cancel()
            task.timer = None


def _read(task_id: str, progress: TaskProgress[Any]) -> Report:
    meta = progress.meta
    told = meta if isinstance(meta, dict) else {"message": meta}
    message = told.get("message")
    state = getattr(progress.state, "value", str(progress.state))
    return Report(
        task_id,
        progress,
        _number(told.get("done")),
        _number(told.get("total")),
        str(message) if message else state,
    )


def _measured(report: Report, rate: Rate, now: float) -> Report:
    if report.done is None:
        return report
    per_second = rate.add(report.done, now)
    eta = None
    if report.total is not None and report.done >= report.total:
        eta = 0.0
    elif report.total is not None and per_second:
        eta = round((report.total - report.done) / per_second, 2)
    return dataclasses.replace(report, rate=per_second, eta_s=eta)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None
