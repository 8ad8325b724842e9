"""Comparisons of the failures of groups with the successes of their tasks, a slice at a time.

To read the values of a run takes some ten microseconds, and a group may have thousands of runs to
look at: 200 failures, and 200 successes of each of 20 tasks. So each slice reads a bounded number
of runs, and the values of a task's successes are counted once for all its groups.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.group_members import COMPARED, GroupMembers, TaskSuccesses
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.shared_values import (
    MIN_MEMBERS,
    RunValues,
    SharedCounts,
    SharedValue,
    shared_values,
)

_RECOUNT_S: Final = 60.0
"""Seconds after which the successes of a busy task are counted again."""


class GroupComparisons:
    """The groups that have changed, and what is counted of them.

    Attributes:
        values: reads the values of runs.
    """

    def __init__(
        self,
        runs: RingBuffer[TaskRun],
        successes: Mapping[str, TaskSuccesses],
        values: RunValues,
        publish: Callable[[GroupMembers], None],
    ) -> None:
        """Start with no groups.

        Args:
            runs: the runs, by position.
            successes: those of each task.
            values: reads the values of runs.
            publish: called with a group whose shared values have changed.
        """
        self.values = values
        self._runs = runs
        self._successes = successes
        self._publish = publish
        self._changed: dict[GroupMembers, None] = {}
        self._current: Iterator[None] = iter(())
        self._now = 0.0
        # Ends of comparisons until all groups that had changed at one time are compared.
        self._due = 0

    def put(self, group: GroupMembers) -> None:
        """Note that a group has changed; the latest is compared first."""
        self._changed.pop(group, None)
        self._changed[group] = None

    def discard(self, group: GroupMembers) -> None:
        """Forget a group that is no more."""
        self._changed.pop(group, None)

    def tick(self, now: float, count: int) -> None:
        """Read the values of at most about `count` runs. `now` is Unix seconds."""
        if self._due <= 0:
            self._due = len(self._changed) + 1  # and the one that has begun
        self._read(now, count)

    def tick_more(self, now: float, count: int) -> bool:
        """Read values as `tick` does, until as many groups are compared as had changed.

        Groups that change in the meantime are for the next `tick`: failures that go on would keep
        this from ever ending. Returns whether there is more to read.
        """
        if self._due > 0:
            self._read(now, count)
        return self._due > 0

    def _read(self, now: float, count: int) -> None:
        self._now = now
        for _number in range(count):
            # An end of a comparison counts as a run: it finds and shows what is shared.
            if next(self._current, self) is self:
                self._due -= 1
                if not self._changed:
                    self._due = 0
                    break
                self._current = self._compare(self._changed.popitem()[0])

    def tick_all(self, now: float) -> None:
        """Compare all groups with the successes as they are now."""
        self._now = now
        for each in self._successes.values():
            each.counted = None
        for _run in self._current:
            pass
        while self._changed:
            for _run in self._compare(self._changed.popitem()[0]):
                pass

    def _compare(self, group: GroupMembers) -> Iterator[None]:
        """Find what the failures of a group share; yield after each run that was read."""
        members = list(islice(group.positions(), COMPARED))
        shared = yield from self._find_shared(members, list(group.tasks))
        if shared != group.shared and not group.absorbed and group.count:
            group.shared = shared
            self._publish(group)

    def shared_by(self, members: Iterable[int], tasks: Iterable[str]) -> tuple[SharedValue, ...]:
        """Return at once what some failures share, which takes some milliseconds.

        Args:
            members: positions of their runs.
            tasks: their tasks.
        """
        reading = self._find_shared(list(islice(members, COMPARED)), list(tasks))
        while True:
            try:
                next(reading)
            except StopIteration as end:
                found: tuple[SharedValue, ...] = end.value
                return found

    def _find_shared(
        self, members: Sequence[int], tasks: Sequence[str]
    ) -> Generator[None, None, tuple[SharedValue, ...]]:
        """Find what some failures share; yield after each run that was read."""
        failed: SharedCounts = Counter()
        number = 0
        if len(members) >= MIN_MEMBERS:
            for run in self._runs_at(members):
                self.values.count_run(run, failed)
                number += 1
                yield
        succeeded: list[SharedCounts] = []
        for task in tasks if number >= MIN_MEMBERS else ():
            successes = self._successes.get(task)
            if successes is None:
                continue
            if not successes.is_counted(self._now, _RECOUNT_S):
                yield from self._count(successes)
            if successes.counted is not None:
                succeeded.append(successes.counted[0])
        return shared_values(failed, succeeded)

    def _count(self, successes: TaskSuccesses) -> Iterator[None]:
        counts: SharedCounts = Counter()
        number, changes = 0, successes.changes
        for run in self._runs_at(list(successes.positions)):
            if run.state is RunState.SUCCEEDED:
                self.values.count_run(run, counts)
                number += 1
                yield
        successes.set_counted(counts, number, changes, self._now)

    def _runs_at(self, positions: Iterable[int]) -> Iterator[TaskRun]:
        """Yield the runs at some positions that are retained when it comes to them."""
        runs = self._runs
        for position in positions:
            if runs.start <= position < runs.stop:
                yield runs[position]
