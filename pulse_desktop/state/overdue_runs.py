"""Overdue runs by task, kept as they come and go."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

_HEAP_SLACK: Final = 64


@dataclass(frozen=True, slots=True)
class OverdueGroup:
    """The overdue runs of one task.

    Attributes:
        task_name: the task.
        count: number of runs.
        earliest: Unix seconds when the first of them was enqueued.
        positions: of the latest ones among the runs, the latest first.
    """

    task_name: str
    count: int
    earliest: float
    positions: list[int]


class _TaskGroup:
    """The overdue runs of one task: when each was enqueued, by position."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def add(self, position: int, at: float) -> None:
        self.times[position] = at
        heapq.heappush(self._heap, (at, position))

    def remove(self, position: int) -> None:
        del self.times[position]
        if len(self._heap) > 2 * len(self.times) + _HEAP_SLACK:
            self._heap = [(at, position) for position, at in self.times.items()]
            heapq.heapify(self._heap)

    def earliest(self) -> float:
        heap = self._heap
        while heap and self.times.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)  # removed, or added again with another time
        return heap[0][0] if heap else 0.0


class OverdueRuns:
    """The overdue runs by task."""

    def __init__(self) -> None:
        self._groups: dict[str, _TaskGroup] = {}
        self._names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def put(self, position: int, task_name: str, at: float) -> None:
        """Add an overdue run, or move it: its task may become known later.

        Args:
            position: of the run among the runs.
            task_name: empty if unknown.
            at: Unix seconds when it was enqueued.
        """
        known = self._names.get(position)
        if known is not None:
            if known == task_name and self._groups[known].times[position] == at:
                return
            self.remove(position)
        self._names[position] = task_name
        group = self._groups.get(task_name)
        if group is None:
            group = self._groups[task_name] = _TaskGroup()
        group.add(position, at)

    def remove(self, position: int) -> None:
        """Remove a run if it is one of these."""
        name = self._names.pop(position, None)
        if name is not None:
            group = self._groups[name]
            group.remove(position)
            if not group.times:
                del self._groups[name]

    def groups(self, max_positions: int) -> Iterator[OverdueGroup]:
        """Iterate over the tasks with overdue runs, with some of their positions."""
        for name, group in list(self._groups.items()):
            positions = list(islice(reversed(group.times), max_positions))
            yield OverdueGroup(name, len(group.times), group.earliest(), positions)
