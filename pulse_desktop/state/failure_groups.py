"""Runs that ended badly or are late, kept in groups as they come and go.

What needs attention is asked for every other second, while tens of thousands of runs are kept. To
walk them each time would cost a frame; to be told of each change costs next to nothing, since
nearly all runs end well.
"""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Final

from pulse_desktop.state.run import RunState, TaskRun

Key = tuple[RunState, str, str]
"""State, cause, task name."""

UNHEALTHY_STATES: Final = frozenset({RunState.FAILED, RunState.SOFT_FAILED, RunState.OVERDUE})
_OVERDUE: Final = RunState.OVERDUE
_SOFT_FAILED: Final = RunState.SOFT_FAILED
_SLACK: Final = 64
_MOST_AT_ONCE: Final = 2_000
"""Old failures forgotten by one look: a burst of them an hour ago must not cost a frame."""


def failure_cause(run: TaskRun) -> str:
    """Return what failed runs are grouped by: the exception's type, or the soft failure."""
    if run.state is _SOFT_FAILED:
        return "soft failure"
    error = run.error
    return error.type if error is not None else "failure"


class FailureGroup:
    """Runs with one thing in common.

    Attributes:
        times: by position, in the order in which they came: Unix seconds of the end of a failed
            run, of the last sign of an overdue one.
    """

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        self._by_time: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self.times)

    def add(self, position: int, at: float) -> None:
        """Add a run as the newest."""
        self.times[position] = at
        heapq.heappush(self._by_time, (at, position))

    def remove(self, position: int) -> None:
        """Remove a run."""
        del self.times[position]
        if len(self._by_time) > 2 * len(self.times) + _SLACK:
            self._by_time = [(at, position) for position, at in self.times.items()]
            heapq.heapify(self._by_time)

    def newest(self, most: int) -> list[int]:
        """Return the positions of those that came last, newest first."""
        return list(islice(reversed(self.times), most))

    def earliest(self) -> tuple[float, int] | None:
        """Return time and position of the earliest, None when there are none."""
        by_time = self._by_time
        while by_time and self.times.get(by_time[0][1]) != by_time[0][0]:
            heapq.heappop(by_time)  # removed, or added again with another time
        return by_time[0] if by_time else None


class FailureGroups:
    """Failed, soft-failed and overdue runs by what they have in common.

    Attributes:
        groups: by state, cause and task name.
    """

    def __init__(self) -> None:
        self.groups: dict[Key, FailureGroup] = {}
        self._keys: dict[int, Key] = {}

    def note(self, position: int, run: TaskRun) -> None:
        """Take note of a run as it is now.

        Args:
            position: where it stands among the runs.
            run: in any state.
        """
        if run.state not in UNHEALTHY_STATES:
            self.forget(position)
            return
        key: Key
        if run.state is _OVERDUE:
            key = (run.state, "", run.name)
            at = run.queued_at or run.last_seen
        else:
            key = (run.state, failure_cause(run), run.name)
            at = run.finished_at or 0.0
        known = self._keys.get(position)
        if known == key and self.groups[key].times[position] == at:
            return
        if known is not None:
            self.forget(position)
        self._keys[position] = key
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = FailureGroup()
        group.add(position, at)

    def forget(self, position: int) -> None:
        """Forget a run, if it was any trouble."""
        key = self._keys.pop(position, None)
        if key is not None:
            group = self.groups[key]
            group.remove(position)
            if not group:
                del self.groups[key]

    def since(self, moment: float) -> Iterator[tuple[Key, FailureGroup]]:
        """Walk the groups with what is late, or failed at a moment (Unix seconds) or later.

        Failures from before are forgotten, in portions.
        """
        portion = _MOST_AT_ONCE
        for key, group in list(self.groups.items()):
            if key[0] is not _OVERDUE:
                while portion and (earliest := group.earliest()) and earliest[0] < moment:
                    self.forget(earliest[1])
                    portion -= 1
            if group:
                yield key, group
