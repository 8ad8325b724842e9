"""The members of failure groups, and the successes that they are compared to."""

from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from pulse_desktop.query.fingerprint import Fingerprint
from pulse_desktop.state.failure_times import FailureTimes
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.success_minutes import SuccessMinutes

if TYPE_CHECKING:
    from pulse_desktop.state.shared_values import SharedCounts, SharedValue

COMPARED: Final = 200
"""Failures, and successes of each task, that are compared."""
MIN_QUIET_S: Final = 900.0
MAX_QUIET_S: Final = 86_400.0
QUIET_GAPS: Final = 4

_MAX_TASKS: Final = 20
"""Tasks kept of one group."""
_MAX_MESSAGE: Final = 300


class GroupMembers:
    """The failures of one group while they come and go; `FailureGroup` is the row made of it.

    Attributes:
        fingerprint: what makes the group.
        position: of its row among the groups.
        count: failures seen, also of runs that are no longer retained.
        retained: failures whose runs are retained.
        example: task id of the latest failure that is retained, empty for none.
        example_position: of its run, None for none.
        message: of the latest failure, in one line.
        first_seen: Unix seconds of the earliest failure.
        last_seen: Unix seconds of the latest failure.
        regressed_at: Unix seconds when it first failed again after it had recovered, None if never.
        shared: what its failures share, most telling first.
        tasks: failures of each task; of a few tasks only.
        times: of its failures.
        newer: time of each failure by the position of its run, in order of arrival.
        older: the same for runs read from history, which are before the others; newest first.
        absorbed: whether its failures count as "other", because there were too many groups.
    """

    __slots__ = (
        "absorbed", "count", "example", "example_position", "fingerprint", "first_seen",
        "last_seen", "message", "newer", "older", "position", "regressed_at", "retained",
        "shared", "tasks", "times",
    )  # fmt: skip

    def __init__(self, fingerprint: Fingerprint, position: int) -> None:
        self.fingerprint = fingerprint
        self.position = position
        self.count = self.retained = 0
        self.example_position: int | None = None
        self.first_seen = self.last_seen = 0.0
        self.regressed_at: float | None = None
        self.message = self.example = ""
        self.shared: tuple[SharedValue, ...] = ()
        self.tasks: dict[str, int] = {}
        self.times = FailureTimes()
        self.newer: dict[int, float] = {}
        self.older: dict[int, float] = {}
        self.absorbed = False

    def positions(self) -> Iterator[int]:
        """Iterate over the positions of the runs, from the last one on."""
        return chain(reversed(self.newer), self.older)

    def at(self, position: int) -> float | None:
        """Return when the run at a position failed, None if it is no member."""
        at = self.newer.get(position)
        return self.older.get(position) if at is None else at

    def add(self, position: int, run: TaskRun, at: float) -> bool:
        """Add a failed run; return whether it is the latest failure.

        Args:
            position: of the run among the runs.
            run: the run.
            at: Unix seconds when it failed.
        """
        is_older = bool(self.newer) and position < next(iter(self.newer))
        (self.older if is_older else self.newer)[position] = at
        self.first_seen = min(self.first_seen, at) if self.count else at
        self.count += 1
        self.retained += 1
        self.times.add(at)
        self._add_task(run.name)
        is_latest = at >= self.last_seen
        if is_latest or self.example_position is None:
            self._set_example(position, run)
        if is_latest:
            self.last_seen = at
        return is_latest

    def forget(self, position: int, runs: RingBuffer[TaskRun]) -> None:
        """Forget the run at a position, which is no longer retained or no failure."""
        if self.newer.pop(position, None) is None:
            self.older.pop(position, None)
        if self.example_position == position:
            self.example, self.example_position = "", None
            recent = islice(self.positions(), COMPARED)
            latest = max(recent, key=lambda each: self.at(each) or 0.0, default=None)
            if latest is not None and runs.start <= latest < runs.stop:
                self._set_example(latest, runs[latest])

    def remove_task(self, name: str) -> None:
        """Count one failure less of a task."""
        count = self.tasks.get(name, 0)
        if count > 1:
            self.tasks[name] = count - 1
        else:
            self.tasks.pop(name, None)

    def rename_task(self, former: str, name: str) -> bool:
        """Count a failure for another task, as which it is known now; return whether that is one.

        Args:
            former: its task as it was known before.
            name: its task.
        """
        if former == name:
            return False
        self.remove_task(former)
        self._add_task(name)
        return True

    def renew_example(self, position: int, run: TaskRun) -> bool:
        """Take over what is known now of the example; return whether its message is another one.

        Args:
            position: of a member, which may be the example.
            run: the member as it is now.
        """
        if position != self.example_position:
            return False
        before = self.message
        self._set_example(position, run)
        return self.message != before

    def _add_task(self, name: str) -> None:
        if name in self.tasks or len(self.tasks) < _MAX_TASKS:
            self.tasks[name] = self.tasks.get(name, 0) + 1

    def remove_time(self, at: float) -> None:
        """Remove the time of a run that is no failure, or failed at another time."""
        self.times.remove(at)
        bounds = self.times.bounds()
        if bounds is not None:
            self.first_seen = bounds[0] if at == self.first_seen else self.first_seen
            self.last_seen = bounds[1] if at == self.last_seen else self.last_seen
        if self.regressed_at is not None and self.last_seen < self.regressed_at:
            self.regressed_at = None  # that was this failure

    def take_over(self, group: "GroupMembers") -> None:
        """Count the failures of another group as those of this one."""
        group.absorbed = True
        self.first_seen = min(self.first_seen, group.first_seen) if self.count else group.first_seen
        self.last_seen = max(self.last_seen, group.last_seen)
        self.count += group.count
        self.retained += group.retained
        self.times.take_over(group.times)

    def _set_example(self, position: int, run: TaskRun) -> None:
        self.example, self.example_position = run.task_id, position
        self.message = first_line(run.reason)

    @property
    def quiet_s(self) -> float:
        """Seconds for which its tasks must run without a failure before it has recovered."""
        return quiet_seconds(self.first_seen, self.last_seen, self.count)


class TaskSuccesses:
    """The latest successes of one task.

    Attributes:
        minutes: when there were any.
        positions: of the runs, oldest first.
        changes: number that grows with each change.
        counted: how many have each value, and how many were counted, None if not counted yet.
        counted_at: Unix seconds at which they were counted.
        counted_changes: `changes` at that time.
    """

    __slots__ = (
        "changes", "counted", "counted_at", "counted_changes", "minutes", "positions",
    )  # fmt: skip

    def __init__(self) -> None:
        self.minutes = SuccessMinutes()
        self.positions: deque[int] = deque(maxlen=COMPARED)
        self.changes = self.counted_changes = 0
        self.counted: tuple[SharedCounts, int] | None = None
        self.counted_at = 0.0

    def is_counted(self, now: float, valid_s: float) -> bool:
        """Return whether `counted` is right, or about so and at most `valid_s` seconds old."""
        if self.counted is None:
            return False
        is_full = self.counted[1] >= COMPARED
        is_recent = 0 <= now - self.counted_at < valid_s
        return self.changes == self.counted_changes or (is_full and is_recent)

    def set_counted(self, counts: "SharedCounts", number: int, changes: int, now: float) -> None:
        """Set `counted`, as of a number of changes and a time in Unix seconds."""
        self.counted, self.counted_changes, self.counted_at = (counts, number), changes, now

    def put(self, position: int, at: float) -> None:
        """Add a success at a time, Unix seconds."""
        self.changes += 1
        self.minutes.add(at)
        positions = self.positions
        if not positions or position > positions[-1]:
            positions.append(position)
        elif position < positions[0] and len(positions) < COMPARED:
            positions.appendleft(position)

    def take_back(self, at: float) -> None:
        """Forget that a run succeeded at a time: its result says otherwise, or its task is another.

        Its position may stay: the state and the task of the run say that it does not count.
        """
        self.changes += 1
        self.minutes.remove(at)


def quiet_seconds(first: float, last: float, count: int) -> float:
    """Return for how many seconds tasks must run without a failure before a group has recovered.

    Args:
        first: Unix seconds of the earliest failure.
        last: Unix seconds of the latest failure.
        count: number of failures.
    """
    gap = (last - first) / max(1, count - 1)
    return min(MAX_QUIET_S, max(MIN_QUIET_S, QUIET_GAPS * gap))


def first_line(text: str) -> str:
    """Return the first line of a text that is not blank, cut to what a row shows."""
    line = next((line for line in text[:4_000].splitlines() if line.strip()), "").strip()
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"
