"""Failed and overdue runs, grouped by fingerprint as they come and go.

The list of attention items is computed every other second, while tens of thousands of runs are
kept. Iterating over all of them would take longer than a frame; updating the groups with each
change costs almost nothing, since nearly all runs succeed.
"""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Final

from pulse_desktop.model.run_state import UNHEALTHY_STATES, RunState
from pulse_desktop.query.fingerprint import Fingerprint, fingerprint
from pulse_desktop.state.run import TaskRun

_OVERDUE: Final = RunState.OVERDUE
_HEAP_SLACK: Final = 64
_MAX_EXPIRED_AT_ONCE: Final = 2_000
"""Old failures removed by one call: a burst of them an hour ago must not delay a frame."""


class FailureGroup:
    """Runs with the same fingerprint.

    Attributes:
        times: Unix seconds by position of the run, in the order in which they were added: of the
            end of a failed run, of the enqueuing of an overdue one.
    """

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self.times)

    def add(self, position: int, at: float) -> None:
        """Add a run as the newest."""
        self.times[position] = at
        heapq.heappush(self._heap, (at, position))

    def remove(self, position: int) -> None:
        """Remove a run."""
        del self.times[position]
        if len(self._heap) > 2 * len(self.times) + _HEAP_SLACK:
            self._heap = [(at, position) for position, at in self.times.items()]
            heapq.heapify(self._heap)

    def newest(self, limit: int) -> list[int]:
        """Return the positions of the runs added last, newest first."""
        return list(islice(reversed(self.times), limit))

    def earliest(self) -> tuple[float, int] | None:
        """Return time and position of the earliest run, None if the group is empty."""
        heap = self._heap
        while heap and self.times.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)  # removed, or added again with another time
        return heap[0] if heap else None


class FailureGroups:
    """Failed, soft-failed and overdue runs by fingerprint.

    Attributes:
        groups: the groups by fingerprint; none is empty.
    """

    def __init__(self) -> None:
        self.groups: dict[Fingerprint, FailureGroup] = {}
        self._fingerprints: dict[int, Fingerprint] = {}

    @property
    def size(self) -> int:
        """Number of runs in all groups."""
        return len(self._fingerprints)

    def update(self, position: int, run: TaskRun) -> None:
        """Add, move or remove a run according to its state.

        Args:
            position: the run's position among the runs.
            run: the run, in any state.
        """
        if run.state not in UNHEALTHY_STATES:
            self.remove(position)
            return
        key = fingerprint(run)
        overdue = run.state is _OVERDUE
        at = (run.queued_at or run.last_seen) if overdue else (run.finished_at or 0.0)
        known = self._fingerprints.get(position)
        if known == key and self.groups[key].times[position] == at:
            return
        if known is not None:
            self.remove(position)
        self._fingerprints[position] = key
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = FailureGroup()
        group.add(position, at)

    def remove(self, position: int) -> None:
        """Remove a run if it is in a group."""
        key = self._fingerprints.pop(position, None)
        if key is not None:
            group = self.groups[key]
            group.remove(position)
            if not group:
                del self.groups[key]

    def since(self, earliest: float) -> Iterator[tuple[Fingerprint, FailureGroup]]:
        """Iterate over overdue groups, and over groups with failures since `earliest`.

        Removes older failures, a limited number per call. `earliest` is Unix seconds.
        """
        budget = _MAX_EXPIRED_AT_ONCE
        for key, group in list(self.groups.items()):
            if key.state is not _OVERDUE:
                while budget and (first := group.earliest()) and first[0] < earliest:
                    self.remove(first[1])
                    budget -= 1
            if group:
                yield key, group
