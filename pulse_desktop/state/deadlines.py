"""Deadlines: how long a run may go without a result before it is overdue.

One deadline for all tasks would be wrong for most: an import may take an hour, a score a
millisecond. So the deadline is the task's own timeout, else a multiple of what earlier runs took,
else a default. A run that has not started is compared with earlier waits instead.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Final, Literal

import msgspec

from pulse_desktop.protocol.task_message import decode_labels
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.series import Reservoir, percentile

DEFAULT_S: Final = 300.0
"""Deadline of tasks for which nothing better is known."""

MIN_S: Final = 60.0
"""Even a task that always took milliseconds may have to wait once."""

MULTIPLIER: Final = 5
"""A run is overdue when it takes this many times the 95th percentile."""

MIN_SAMPLES: Final = 5
"""With fewer measurements than this the default applies."""

GRACE_S: Final = 10.0
"""Time from a task's timeout until its result is stored and has arrived."""

_CACHED_S: Final = 30.0
_MAX_SAMPLES: Final = 200
_LABEL: Final = "timeout"
_LABEL_JSON: Final = b'"timeout"'

DeadlineSource = Literal["timeout", "runs", "waits", "default"]


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """The deadline of a run.

    Attributes:
        seconds: time without a result after which the run is overdue.
        source: what it is based on: "timeout" (the task's label), "runs" (run times of this task),
            "waits" (waits of all tasks for their start) or "default".
        sample_count: number of run times or waits it is based on, 0 for none.
        baseline_s: their 95th percentile; of "timeout" the timeout; 0 of "default".
    """

    seconds: float
    source: DeadlineSource
    sample_count: int = 0
    baseline_s: float = 0.0


class Deadlines:
    """Computes the deadline of any run, from measurements that continue to grow.

    Attributes:
        default_s: default deadline in seconds.
    """

    def __init__(
        self, durations: Mapping[str, Reservoir], waits: Reservoir, default_s: float
    ) -> None:
        """Take the measurements to compute deadlines from.

        Args:
            durations: run times in seconds by task name.
            waits: seconds from enqueuing to start, of all tasks.
            default_s: default deadline in seconds.
        """
        self._durations = durations
        self._waits = waits
        self.default_s = default_s
        self._cache: dict[str, tuple[float, Deadline | None]] = {}

    def of(self, run: TaskRun, now: float) -> Deadline:
        """Return the deadline of a run at a time (Unix seconds)."""
        running = timeout_of(run) or self._measured(run.name, self._durations.get(run.name), now)
        default = Deadline(self.default_s, "default")
        if is_running(run):
            return running or default
        candidates = (default, running, self._measured("", self._waits, now))
        return max(filter(None, candidates), key=lambda deadline: deadline.seconds)

    def exceeded(self, run: TaskRun, now: float) -> bool:
        """Return whether a run that has not ended is past its deadline."""
        request = run.request
        if request is None or _LABEL_JSON not in request.labels:
            # Asked of every open run again and again.
            silent_s = now - run.last_seen
            return silent_s > self._least_s and silent_s > self._seconds(run, now)
        deadline = self.of(run, now)
        since = run.last_seen
        if deadline.source == "timeout" and is_running(run):
            since = run.running_since or since  # progress does not extend a timeout
        return now - since > deadline.seconds

    @property
    def _least_s(self) -> float:
        """Seconds without a result that are within any deadline but a timeout."""
        return min(MIN_S, self.default_s)

    def _seconds(self, run: TaskRun, now: float) -> float:
        """Return the seconds of the deadline of a run without a timeout."""
        running = self._measured(run.name, self._durations.get(run.name), now)
        if is_running(run):
            return self.default_s if running is None else running.seconds
        waiting = self._measured("", self._waits, now)
        return max(
            self.default_s,
            0.0 if running is None else running.seconds,
            0.0 if waiting is None else waiting.seconds,
        )

    def _measured(self, name: str, series: Reservoir | None, now: float) -> Deadline | None:
        """Return the deadline from measurements, cached since it sorts them."""
        if series is None or len(series.samples) < MIN_SAMPLES:
            return None
        until, deadline = self._cache.get(name, (0.0, None))
        if not now < until <= now + _CACHED_S:
            values = [value for _, value in islice(reversed(series.samples), _MAX_SAMPLES)]
            baseline = percentile(values, 0.95)
            seconds = max(MIN_S, MULTIPLIER * baseline)
            deadline = Deadline(seconds, "runs" if name else "waits", len(values), baseline)
            self._cache[name] = (now + _CACHED_S, deadline)
        return deadline


def is_running(run: TaskRun) -> bool:
    """Return whether a run has started and its latest attempt has not ended."""
    last = run.attempts[-1] if run.attempts else None
    return last is not None and last.started_at is not None and last.result is None


def timeout_of(run: TaskRun) -> Deadline | None:
    """Return the deadline from a task's timeout label, None without a valid one."""
    request = run.request
    if request is None or _LABEL_JSON not in request.labels:
        return None
    try:
        seconds = float(decode_labels(request.labels)[_LABEL])
    except (KeyError, TypeError, ValueError):
        return None
    if not 0 < seconds < float("inf"):
        return None
    return Deadline(seconds + GRACE_S, "timeout", baseline_s=seconds)
