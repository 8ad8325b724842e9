"""How long a run may go unanswered before somebody should look: the limit for that task.

One number for all tasks is wrong for most: an import may take an hour, a score a blink. So the
limit is what the task itself says, else what its earlier runs took, else a default. A run that has
not started waits in a queue; its wait is measured against waits, not against running times.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Final, Literal

import msgspec

from pulse_desktop.protocol.task_message import decode_labels
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.series import Reservoir, percentile

DEFAULT_S: Final = 300.0
"""When nothing better is known."""

MIN_S: Final = 60.0
"""A task that always took milliseconds may for once have had to wait for something."""

MULTIPLIER: Final = 5
"""A run is late when it takes so many times what 19 of 20 took."""

MIN_SAMPLES: Final = 5
"""With fewer runs than this nothing is known of a task."""

GRACE_S: Final = 10.0
"""From a task's timeout until its result is stored and has come here."""

_RENEWED_S: Final = 30.0
_SAMPLES: Final = 200
_LABEL: Final = "timeout"
_IN_LABELS: Final = b'"timeout"'

Source = Literal["timeout", "runs", "waits", "default"]


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """How long something may take.

    Attributes:
        seconds: so long.
        source: "timeout" (the task's own label), "runs" (what runs of this name took), "waits" (how
            long tasks waited for their start) or "default".
        measured: how many runs or waits it was reckoned from, 0 for none.
        usual_s: what 19 of 20 of those took, the timeout itself, or 0.
    """

    seconds: float
    source: Source
    sample_count: int = 0
    baseline_s: float = 0.0


class Deadlines:
    """The limits of all tasks, reckoned now and then.

    Attributes:
        default_s: seconds when nothing better is known.
    """

    def __init__(
        self, durations: Mapping[str, Reservoir], waits: Reservoir, default_s: float
    ) -> None:
        """Reckon from measurements that go on to grow.

        Args:
            durations: run times in seconds by task name.
            waits: seconds from queued to started, of all tasks.
            default_s: seconds when nothing better is known.
        """
        self._durations = durations
        self._waits = waits
        self.default_s = default_s
        self._known: dict[str, tuple[float, Deadline | None]] = {}

    def of(self, run: TaskRun, now: float) -> Deadline:
        """Return the limit of a run as it is at a time, Unix seconds."""
        running = timeout_of(run) or self._measured(run.name, self._durations.get(run.name), now)
        default = Deadline(self.default_s, "default")
        if is_at_work(run):
            return running or default
        candidates = (default, running, self._measured("", self._waits, now))
        return max(filter(None, candidates), key=lambda limit: limit.seconds)

    def exceeded(self, run: TaskRun, now: float) -> bool:
        """Tell whether a run that has not ended is over its limit."""
        limit = self.of(run, now)
        since = run.last_seen
        if limit.source == "timeout" and is_at_work(run):
            since = run.started_at or since  # a timeout does not care for signs of life
        return now - since > limit.seconds

    def _measured(self, name: str, series: Reservoir | None, now: float) -> Deadline | None:
        """Return the limit from measurements; they are sorted again only now and then."""
        if series is None or len(series.samples) < MIN_SAMPLES:
            return None
        until, limit = self._known.get(name, (0.0, None))
        if not now < until <= now + _RENEWED_S:
            values = [value for _, value in islice(reversed(series.samples), _SAMPLES)]
            usual = percentile(values, 0.95)
            limit = Deadline(
                max(MIN_S, MULTIPLIER * usual), "runs" if name else "waits", len(values), usual
            )
            self._known[name] = (now + _RENEWED_S, limit)
        return limit


def is_at_work(run: TaskRun) -> bool:
    """Tell whether a worker has begun with a run and has not said that it ended."""
    last = run.attempts[-1] if run.attempts else None
    return last is not None and last.started_at is not None and last.result is None


def timeout_of(run: TaskRun) -> Deadline | None:
    """Return the limit that a task's own timeout label sets, None without a usable one."""
    request = run.request
    if request is None or _IN_LABELS not in request.labels:
        return None
    try:
        seconds = float(decode_labels(request.labels)[_LABEL])
    except (KeyError, TypeError, ValueError):
        return None
    if not 0 < seconds < float("inf"):
        return None
    return Deadline(seconds + GRACE_S, "timeout", baseline_s=seconds)
