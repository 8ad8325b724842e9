"""Failed and soft-failed runs, grouped by fingerprint as they come and go.

Each change costs microseconds, since a window folds thousands of events a second: only a run that
failed has a fingerprint computed, at each of its changes, because any of them may say more of its
error. Everything that depends on time or compares runs is left to `tick`.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

from msgspec.structs import replace

from pulse_desktop.model.group_marks import GroupMarks
from pulse_desktop.query.fingerprint import (
    FAILURE_STATES,
    OTHER,
    Fingerprint,
    fingerprint,
)
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.failure_group import FailureGroup, GroupState
from pulse_desktop.state.failure_times import FailureTimes
from pulse_desktop.state.group_comparisons import GroupComparisons
from pulse_desktop.state.group_members import GroupMembers, first_line
from pulse_desktop.state.group_states import GroupStates
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.shared_values import RunValues, SharedValue
from pulse_desktop.state.unjudged_failures import CLOCK_GRACE_S, UnjudgedFailures

MAX_GROUPS: Final = 5_000
_LEAST_OF: Final = 32
_TICK_GROUPS: Final = 250
_TICK_RUNS: Final = 60
"""Runs of which one tick reads the values."""
_JUDGED_AT_ONCE: Final = 500
"""Failures that are grouped at once when nothing more can be read of them."""


class FailureGroups(Collection[FailureGroup]):
    """The failure groups: one row each, and one for all others once there are too many.

    Rows keep their position. A row whose `count` is 0 stands for no group: it is not to be shown.

    Attributes:
        rows: the groups.
    """

    name = "failure_groups"

    def __init__(
        self,
        runs: RingBuffer[TaskRun],
        values: RunValues | None = None,
        capacity: int = MAX_GROUPS,
    ) -> None:
        """Create an empty collection.

        Args:
            runs: the runs, by position.
            values: reads the values of runs that are compared.
            capacity: number of groups kept apart.
        """
        self.rows: RingBuffer[FailureGroup] = RingBuffer(capacity + 1)
        self._runs = runs
        self._capacity = capacity
        self._by_position: dict[int, GroupMembers] = {}
        # In the order of their last failure.
        self._groups: OrderedDict[str, GroupMembers] = OrderedDict()
        self._other: GroupMembers | None = None
        self._slots: list[GroupMembers | None] = []  # by row
        self._free: list[int] = []
        self._states = GroupStates()
        self._comparisons = GroupComparisons(
            runs, self._states.successes, values or RunValues(), self._publish
        )
        self._unjudged = UnjudgedFailures()
        self._checked = 0
        self._now = 0.0

    # Reading

    @property
    def values(self) -> RunValues:
        """Reads the values of runs that are compared."""
        return self._comparisons.values

    @values.setter
    def values(self, values: RunValues) -> None:
        self._comparisons.values = values

    @property
    def size(self) -> int:
        """Number of retained runs in all groups."""
        return len(self._by_position)

    def get(self, group_id: str) -> FailureGroup | None:
        """Return a group by its id, or None."""
        group = self._find(group_id)
        return None if group is None else self.rows[group.position]

    def position(self, group_id: str) -> int | None:
        """Return the position of a group in `rows`, or None."""
        group = self._find(group_id)
        return None if group is None else group.position

    def group_id(self, position: int) -> str:
        """Return the id of the group of the run at a position, empty for none."""
        group = self._by_position.get(position)
        if group is None:
            return ""
        return OTHER.id if group.absorbed else group.fingerprint.id

    def groups(self) -> Iterator[FailureGroup]:
        """Iterate over the groups, the one with the latest failure first."""
        yield from self.since(0.0)

    def since(self, earliest: float) -> Iterator[FailureGroup]:
        """Iterate over the groups with a failure since a time, Unix seconds; latest first."""
        found = [each for each in self._groups.values() if each.last_seen >= earliest]
        found.sort(key=lambda each: -each.last_seen)
        other = self._other
        if other is not None and other.count and other.last_seen >= earliest:
            found.append(other)
        yield from (self.rows[each.position] for each in found)

    def runs_of(self, group_id: str, since: float = 0.0) -> Iterator[TaskRun]:
        """Iterate over the retained runs of a group that ended since a time, Unix seconds.

        Those that became known last come first.
        """
        for position in self._members(group_id, since, math.inf):
            yield self._runs[position]

    def as_of(self, group_id: str, start: float, end: float) -> FailureGroup | None:
        """Return a group as it was at the end of a time, in which it failed; None if it did not.

        Its latest failure, and with it message and example, are those of that time, its state and
        marks those at its end. What its failures of that time share is left to `shared_between`.
        A mark that was removed since is not known.

        Args:
            group_id: id of the group.
            start: Unix seconds.
            end: Unix seconds.
        """
        group = self._find(group_id)
        last = None if group is None else group.times.latest(start, end)
        if group is None or last is None:
            return None
        members = self._members(group_id, start, end)
        run = next((self._runs[each] for each in members if self._at(each) == last), None)
        return replace(
            self.rows[group.position],
            last_seen=last,
            state=self._states.state_as_of(group, last, end),
            message="" if run is None else first_line(run.reason),
            example="" if run is None else run.task_id,
            shared=(),
        )

    def shared_between(
        self,
        group_id: str,
        start: float,
        end: float,
        accepts: Callable[[TaskRun], bool] | None = None,
    ) -> tuple[SharedValue, ...]:
        """Return what the failures of a group between two times share, most telling first.

        Args:
            group_id: of the group.
            start: Unix seconds.
            end: Unix seconds.
            accepts: which of the runs count, None for all.
        """
        group = self._find(group_id)
        if group is None or group is self._other:
            return ()
        members = self._members(group_id, start, end)
        if accepts is not None:
            members = (position for position in members if accepts(self._runs[position]))
        return self._comparisons.shared_by(members, group.tasks)

    def _members(self, group_id: str, start: float, end: float) -> Iterator[int]:
        """Iterate over the positions of a group's retained runs of a time, from the last one on."""
        group = self._find(group_id)
        if group is None:
            return
        members = (
            (position for position in reversed(self._by_position) if self._is_other(position))
            if group is self._other
            else group.positions()
        )
        for position in members:
            at = self._at(position)
            if at is not None and start <= at <= end:
                yield position

    def _at(self, position: int) -> float | None:
        return self._by_position[position].at(position)

    def _is_other(self, position: int) -> bool:
        group = self._by_position[position]
        return group.absorbed or group is self._other

    def _find(self, group_id: str) -> GroupMembers | None:
        return self._other if group_id == OTHER.id else self._groups.get(group_id)

    @property
    def unjudged_until(self) -> float:
        """Unix seconds of the latest failure that is in no group yet, -inf for none."""
        return self._unjudged.latest

    # Changes

    def set_known_since(self, since: float) -> None:
        """Say from when on all events were read as far as they can be, and group what waited.

        Before that time a failure that is known from its result alone is in no group: its event may
        be read yet, and puts it into another one. To be called again as long as
        `unjudged_until` is later than `since`, because few are grouped at once.

        Args:
            since: Unix seconds; inf if nothing was read, -inf if everything was.
        """
        self._unjudged.known_since = since
        for position in self._unjudged.take(_JUDGED_AT_ONCE):
            self.put(position, self._runs[position])

    def set_states_known_since(self, since: float, now: float) -> None:
        """Say from when on all runs are known, and publish the groups whose states are known now.

        Args:
            since: Unix seconds; inf if nothing was read, -inf if everything was.
            now: Unix seconds.
        """
        before, after = self._states.known_since, max(since, self._unjudged.latest)
        if after == before:
            return
        self._states.known_since, self._now = after, now
        for group in filter(None, self._slots):
            # As it was at the end of an earlier time it may be known only when all has been read.
            was_unknown = after == -math.inf and group.first_seen < before + CLOCK_GRACE_S
            is_shown = self.rows[group.position].state is not GroupState.UNKNOWN
            if was_unknown or is_shown is not self._states.is_known(group.last_seen):
                self._publish(group)

    def put(self, position: int, run: TaskRun, former_name: str | None = None) -> None:
        """Add, move or remove a run according to its state.

        Args:
            position: the run's position among the runs.
            run: the run, in any state.
            former_name: its task as it was known before, None for the same.
        """
        name = run.name if former_name is None else former_name
        if run.state not in FAILURE_STATES:
            self._unjudged.discard(position)
            self._remove(position, name)
            return
        at = run.finished_at or run.last_seen
        known = self._by_position.get(position)
        if known is None and self._unjudged.put(position, run, at):
            return
        key = fingerprint(run)
        if known is not None:
            if known.fingerprint.id == key.id and known.at(position) == at:
                self._renew(known, position, run, name)
                return
            self._remove(position, name)
        group = self._group(key, at)
        self._by_position[position] = group
        self._join(group, position, run, at)

    def _renew(self, group: GroupMembers, position: int, run: TaskRun, former_name: str) -> None:
        """Take over what has become known of a member that stays in its group."""
        if group.absorbed:
            return  # of the failures that are counted as "other", neither is shown
        is_renamed = group.rename_task(former_name, run.name)
        if is_renamed and group is not self._other:
            self._comparisons.put(group)  # with the successes of its task
        if group.renew_example(position, run) or is_renamed:
            self._publish(group)

    def put_success(
        self, position: int, task_name: str, at: float, former_name: str | None = None
    ) -> None:
        """Note that a run succeeded: its task may have recovered, and failures are compared to it.

        Args:
            position: the run's position among the runs.
            task_name: its task.
            at: Unix seconds.
            former_name: the task that it was counted for before, None for none.
        """
        if former_name is not None:
            self.take_back_success(former_name, at)
        self._states.put_success(position, task_name, at)

    def take_back_success(self, task_name: str, at: float) -> None:
        """Note that a run did not succeed, as is known now.

        Args:
            task_name: the task that it was counted for.
            at: Unix seconds.
        """
        self._states.take_back_success(task_name, at)

    def _remove(self, position: int, task_name: str) -> None:
        """Remove a run that is no failure of that kind, as is known now."""
        group = self._by_position.get(position)
        if group is None:
            return
        at = group.at(position)
        counted = self._leave(group, position)
        counted.count -= 1
        counted.remove_task(task_name)
        if at is not None:
            counted.remove_time(at)
        if not counted.count and counted is not self._other:
            del self._groups[counted.fingerprint.id]
            self._comparisons.discard(counted)
            self._slots[counted.position] = None
            self._free.append(counted.position)
        self._publish(counted)

    def evict(self, position: int) -> None:
        """Forget a run that is no longer retained; its group has still failed so often."""
        self._unjudged.discard(position)
        group = self._by_position.get(position)
        if group is not None:
            self._publish(self._leave(group, position))

    def set_marks(self, marks: Mapping[str, GroupMarks]) -> None:
        """Set the marks of all groups, by id; “other” is none and has no marks."""
        before = self._states.marks
        self._states.marks = {each: marks[each] for each in marks if each != OTHER.id}
        for group_id in {*before, *marks}:
            group = self._groups.get(group_id)
            if group is not None and before.get(group_id) != marks.get(group_id):
                self._publish(group)

    def tick(self, now: float) -> None:
        """Update the states of some groups, and find out a part of what their failures share."""
        self._check_states(now)
        self._comparisons.tick(now, _TICK_RUNS)

    def tick_more(self, now: float) -> bool:
        """Update the states of the next groups, then compare; return whether there is more."""
        if self._checked < len(self._slots):
            self._check_states(now)
            return True
        return self._comparisons.tick_more(now, _TICK_RUNS)

    def _check_states(self, now: float) -> None:
        self._now = now
        first = self._checked if self._checked < len(self._slots) else 0
        self._checked = first + _TICK_GROUPS
        for group in self._slots[first : self._checked]:
            if group is not None and self.rows[group.position].state is not self._states.state(
                group, now
            ):
                self._publish(group)

    def tick_all(self, now: float) -> None:
        """Update all groups at once, which `tick` does little by little. `now` is Unix seconds."""
        self._now = now
        for group in list(self._groups.values()):
            self._publish(group)
        self._comparisons.tick_all(now)

    # Groups

    def _group(self, key: Fingerprint, at: float) -> GroupMembers:
        """Return the group of a fingerprint; the least recent one makes room for a new one."""
        group = self._groups.get(key.id)
        if group is not None:
            return group
        if len(self._groups) >= self._capacity:
            # Only about in order, see `_join`.
            least = min(islice(self._groups.values(), _LEAST_OF), key=lambda each: each.last_seen)
            if at < least.last_seen:
                return self._other_group()
            self._absorb(least)
        group = GroupMembers(key, self._new_row(key))
        self._slots[group.position] = group
        self._groups[key.id] = group
        if any(at < each.last_seen for each in islice(reversed(self._groups.values()), 2)):
            self._groups.move_to_end(key.id, last=False)  # of history that is read backwards
        return group

    def _new_row(self, key: Fingerprint) -> int:
        """Return the position of a row for a new group."""
        if self._free:
            return self._free.pop()
        self._slots.append(None)
        empty = FailureGroup(key, (), 0, 0, 0.0, 0.0, GroupState.ONGOING, "", "", FailureTimes())
        return self.rows.append(empty)

    def _other_group(self) -> GroupMembers:
        if self._other is None:
            self._other = GroupMembers(OTHER, self._new_row(OTHER))
            self._slots[self._other.position] = self._other
        return self._other

    def _absorb(self, group: GroupMembers) -> None:
        """Count the failures of a group as "other" from now on."""
        del self._groups[group.fingerprint.id]
        self._comparisons.discard(group)
        self._slots[group.position] = None
        self._free.append(group.position)
        other = self._other_group()
        other.take_over(group)
        self._publish(other)

    def _join(self, group: GroupMembers, position: int, run: TaskRun, at: float) -> None:
        is_later = group.count and at >= group.last_seen
        if is_later and group.regressed_at is None and self._states.has_recovered(group, at):
            group.regressed_at = at
        elif not self._states.is_regression_left(group, at):
            before = group.times.latest(-math.inf, math.nextafter(at, -math.inf))
            has_recovered = before is not None and self._states.had_recovered(group, before, at)
            group.regressed_at = at if has_recovered else None
        is_latest = group.add(position, run, at)
        if group is not self._other:
            if is_latest and at >= next(reversed(self._groups.values())).last_seen:
                self._groups.move_to_end(group.fingerprint.id)
            self._comparisons.put(group)
        self._publish(group)

    def _counted(self, group: GroupMembers) -> GroupMembers:
        """Return the group that counts the failures of a group."""
        return self._other if group.absorbed and self._other is not None else group

    def _leave(self, group: GroupMembers, position: int) -> GroupMembers:
        """Forget the run at a position of a group; return the group that counted it."""
        del self._by_position[position]
        group.forget(position, self._runs)
        counted = self._counted(group)
        counted.retained -= 1
        return counted

    def _publish(self, group: GroupMembers) -> None:
        """Replace the row of a group, or clear that of a group that is no more."""
        if group.absorbed:
            return
        key = group.fingerprint
        row = FailureGroup(
            key,
            tuple(sorted(group.tasks, key=lambda name: -group.tasks[name])),
            group.count,
            group.retained,
            group.first_seen,
            group.last_seen,
            self._states.state(group, max(self._now, group.last_seen)),
            group.message,
            group.example,
            group.times,
            group.shared,
            self._states.marks_of(group),
        )
        self.rows.replace(group.position, row)
