"""The states of failure groups, from their failures, their marks and the successes of their tasks.

A group is *ongoing* until it *recovers*: since its last failure each of its tasks has succeeded in
four periods, each as long as the usual gap between failures (at least 15 minutes in all, at most a
day); the first such period after the failure does not count. Time in which a task does not run says
nothing, so it does not count either. A failure after it recovered, or after an operator resolved
it, makes it *regressed*. A resolved group without a later failure is *resolved*. History that is
read backwards changes when a group was first seen, and never makes it regressed. Until all has been
read that is later than its last failure, the state of a group is *unknown*.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

from pulse_desktop.model.group_marks import NO_GROUP_MARKS, GroupMarks
from pulse_desktop.state.failure_group import GroupState
from pulse_desktop.state.group_members import (
    QUIET_GAPS,
    GroupMembers,
    TaskSuccesses,
    quiet_seconds,
)
from pulse_desktop.state.unjudged_failures import CLOCK_GRACE_S

_MAX_SUCCESS_TASKS: Final = 500  # senders choose the names


class GroupStates:
    """Derives the states of groups.

    Attributes:
        successes: the latest successes of each task.
        marks: of the groups, by id.
        known_since: Unix seconds since when all runs are known; inf if nothing was read, -inf if
            everything was.
    """

    def __init__(self) -> None:
        """Start without successes and marks; everything was read."""
        self.successes: dict[str, TaskSuccesses] = {}
        self.marks: Mapping[str, GroupMarks] = {}
        self.known_since = -math.inf

    def put_success(self, position: int, task_name: str, at: float) -> None:
        """Note that a run succeeded.

        Args:
            position: the run's position among the runs.
            task_name: its task.
            at: Unix seconds.
        """
        successes = self.successes.get(task_name)
        if successes is None:
            if len(self.successes) >= _MAX_SUCCESS_TASKS:
                return
            successes = self.successes[task_name] = TaskSuccesses()
        successes.put(position, at)

    def take_back_success(self, task_name: str, at: float) -> None:
        """Note that a run did not succeed, as is known now.

        Args:
            task_name: the task that it was counted for.
            at: Unix seconds.
        """
        successes = self.successes.get(task_name)
        if successes is not None:
            successes.take_back(at)

    def marks_of(self, group: GroupMembers) -> GroupMarks:
        """Return the marks of a group."""
        return self.marks.get(group.fingerprint.id, NO_GROUP_MARKS)

    def is_known(self, last: float) -> bool:
        """Return whether all that is later than a failure at a time was read."""
        return self.known_since == -math.inf or last >= self.known_since + CLOCK_GRACE_S

    def state(self, group: GroupMembers, now: float) -> GroupState:
        """Return the state of a group at a time, Unix seconds, that is later than its failures."""
        if not self.is_known(group.last_seen):
            return GroupState.UNKNOWN
        resolved = self.marks_of(group).resolved
        if resolved is not None and group.last_seen <= resolved.at:
            return GroupState.RESOLVED
        if self.has_recovered(group, now):
            return GroupState.RECOVERED
        if group.regressed_at is not None or resolved is not None:
            return GroupState.REGRESSED
        return GroupState.ONGOING

    def state_as_of(self, group: GroupMembers, last: float, end: float) -> GroupState:
        """Return the state of a group at a time, when its latest failure was `last`."""
        if not self.is_known(last):
            return GroupState.UNKNOWN
        resolved = self.marks_of(group).resolved
        resolved_at = resolved.at if resolved is not None and resolved.at <= end else None
        if resolved_at is not None and last <= resolved_at:
            return GroupState.RESOLVED
        count = group.times.count(-math.inf, end) + group.times.dropped
        quiet_s = quiet_seconds(group.first_seen, last, count)
        if self._have_run(group.tasks, last, quiet_s, end):
            return GroupState.RECOVERED
        regressed_at = group.regressed_at
        if resolved_at is not None or (regressed_at is not None and regressed_at <= last):
            return GroupState.REGRESSED
        return GroupState.ONGOING

    def has_recovered(self, group: GroupMembers, now: float) -> bool:
        """Return whether a group had recovered at a time, before any later failure."""
        return self._have_run(group.tasks, group.last_seen, group.quiet_s, now)

    def is_regression_left(self, group: GroupMembers, at: float) -> bool:
        """Return whether a group had recovered before it regressed, given one failure more.

        It may have failed in between, as is known from history that is read later.
        """
        regressed_at = group.regressed_at
        if regressed_at is None or at >= regressed_at:
            return True
        count = group.times.count(-math.inf, at) + group.times.dropped + 1
        quiet_s = quiet_seconds(min(group.first_seen, at), at, count)
        return self._have_run(group.tasks, at, quiet_s, regressed_at)

    def had_recovered(self, group: GroupMembers, last: float, at: float) -> bool:
        """Return whether a group had recovered from one failure before another."""
        count = group.times.count(-math.inf, last) + group.times.dropped
        quiet_s = quiet_seconds(group.first_seen, last, count)
        return self._have_run(group.tasks, last, quiet_s, at)

    def _have_run(self, tasks: Iterable[str], last: float, quiet_s: float, now: float) -> bool:
        """Return whether tasks have run and succeeded for long enough since the last failure."""
        if now - last < quiet_s:
            return False
        # A gap as long as the first period after the failure is usual: that period does not count.
        period_s = quiet_s / QUIET_GAPS
        start = last + period_s
        successes = (self.successes.get(task) for task in tasks)
        return all(
            each is not None and each.minutes.has_periods(start, now, period_s, QUIET_GAPS)
            for each in successes
        )
