"""Task runs, their counts by state, their durations and failure groups."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from pulse_desktop.model.run_state import OPEN_STATES, UNHEALTHY_STATES, RunState
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.task_names import task_name_forms
from pulse_desktop.query.fingerprint import FAILURE_STATES, fingerprint
from pulse_desktop.state.collection import MAX_ROWS_BYTES, ROW_OVERHEAD, Collection, Folded
from pulse_desktop.state.deadlines import DEFAULT_S, Deadline, Deadlines
from pulse_desktop.state.dictionary_column import DictionaryColumns
from pulse_desktop.state.failure_groups import FailureGroups
from pulse_desktop.state.lineage import Lineage
from pulse_desktop.state.overdue_runs import OverdueRuns
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_merge import derive_state, merge
from pulse_desktop.state.run_positions import RunPositions
from pulse_desktop.state.run_timings import RunTimes, RunTimings
from pulse_desktop.state.run_updates import update_from_event
from pulse_desktop.state.series import Reservoir, TimeBuckets
from pulse_desktop.state.short_names import ShortNames

_TICK_SLICE: Final = 5_000
_TICK_STEPS: Final = 2_000
"""Open runs that are checked in one tick; a change counts for `_CHANGE_STEPS` of them."""
_CHANGE_STEPS: Final = 20
MAX_NAMES: Final = 500  # senders choose the names
OUTCOME_BUCKET_S: Final = 5.0
OUTCOME_BUCKETS: Final = 24 * 720  # one day

_OVERDUE: Final = RunState.OVERDUE  # faster than looking it up
_SUCCEEDED: Final = RunState.SUCCEEDED


def _weight(run: TaskRun) -> int:
    """Return about how many bytes a run keeps alive."""
    weight, request = ROW_OVERHEAD, run.request
    if request is not None:
        weight += len(request.args) + len(request.kwargs) + len(request.labels)
    if run.state in UNHEALTHY_STATES and (error := run.error) is not None:
        weight += len(error.message) + len(error.traceback)
    return weight


def _no_tasks(_now: float) -> Iterable[str]:
    return ()


class TaskRuns(Collection[TaskRun]):
    """One row per run, merged from updates in any order.

    Attributes:
        rows: the runs in the order in which they became known.
        in_order: whether that is the order in which they arrived at the server. It is not once a
            later feed has told of an earlier run, as when results and events are read from history.
        timings: times of the ended runs, in columns.
        changes: how often a run was added or has changed, open ones included.
        counts: number of runs by state.
        ended: number of runs that ended per 5 s bucket, by state.
        durations: run times in seconds of ended runs, by task name.
        waits: seconds from enqueuing to start, of ended runs.
        failure_groups: failed runs by fingerprint.
        overdue: overdue runs by task.
        lineage: which runs enqueued or repeat which.
        names: short names of the tasks.
        columns: state, task and worker of the runs as one byte each, for filters.
    """

    name = "runs"
    topics = frozenset({"tasks", "monitoring"})
    columns: DictionaryColumns

    def __init__(
        self,
        capacity: int = 50_000,
        overdue_after_s: float = DEFAULT_S,
        busy_tasks: Callable[[float], Iterable[str]] = _no_tasks,
    ) -> None:
        """Create an empty collection.

        Args:
            capacity: maximum number of runs.
            overdue_after_s: deadline in seconds of runs for which nothing better is known.
            busy_tasks: returns the ids of the tasks that online workers report as running at a
                time (Unix seconds); these are never overdue.
        """
        self.rows = RingBuffer(
            capacity, max_weight=2 * MAX_ROWS_BYTES, weigh=_weight, on_evict=self._on_evicted
        )
        self.timings = RunTimings(capacity)
        self.changes = 0
        self.counts: Counter[RunState] = Counter()
        self.ended: dict[RunState, TimeBuckets] = {}
        self.durations: dict[str, Reservoir] = {}
        self.waits = Reservoir(500)
        self.failure_groups = FailureGroups(self.rows)
        self.overdue = OverdueRuns()
        self.lineage = Lineage()
        self.names = ShortNames(task_name_forms)
        self.columns = DictionaryColumns(capacity, ("state", "task", "worker"))
        self._states, self._tasks, self._workers = self.columns.by_name.values()
        self._busy_tasks = busy_tasks
        self._deadlines = Deadlines(self.durations, self.waits, overdue_after_s)
        self._positions = RunPositions()
        self.in_order = True
        self._span = math.inf, -math.inf  # of the times at which runs arrived
        self._checked = 0  # position up to which deadlines have been checked

    @property
    def ids(self) -> Iterable[str]:
        """The ids of all runs, those that were first seen last at the end."""
        return self._positions

    def get(self, task_id: str) -> TaskRun | None:
        """Return a run by its task id, or None."""
        position = self._positions.get(task_id)
        return None if position is None else self.rows[position]

    def position(self, task_id: str) -> int | None:
        """Return the position of a run in `rows`, or None."""
        return self._positions.get(task_id)

    def put(self, update: TaskRun, *, older: bool = False) -> TaskRun:
        """Merge an update into its run and return the merged run.

        Args:
            update: what became known; when it arrives does not matter.
            older: whether it is older than all that is known of other runs: a run that is not known
                becomes the oldest, if there is room for it.
        """
        position = self._positions.get(update.task_id)
        if position is None:
            run = derive_state(update)
            position = self._add(run, older=older)
            if position is None:
                return run
            self._positions[update.task_id] = position
            self._check_order(run.arrived_at, older=older)
            self.changes += 1
            self._states.set(position, run.state)
            self._tasks.set(position, run.name)
            self._workers.set(position, run.worker)
            self.counts[run.state] += 1
            self.names.add(run.name)
            if run.parent or run.rerun_of:
                self.lineage.put(run)
            if run.state not in OPEN_STATES:
                times = self.timings.put(position, run)
                if run.state in UNHEALTHY_STATES:
                    self._put_unhealthy(position, run)
                elif run.state is _SUCCEEDED:
                    self._put_success(position, run)
                self._count_end(run.state, times[0], 1)
                self._note_duration(run.name, times)
                self._note_wait(run.name, times)
            return run
        before = self.rows[position]
        run = merge(before, update)
        if run.last_seen == before.last_seen:
            if before.state is _OVERDUE and run.state in OPEN_STATES:
                run.state = _OVERDUE  # nothing new arrived; the next tick would set it again
            if run == before:
                return before
        self._replace(position, before, run)
        return run

    @property
    def overdue_after_s(self) -> float:
        """Default deadline in seconds, of runs for which nothing better is known."""
        return self._deadlines.default_s

    @overdue_after_s.setter
    def overdue_after_s(self, seconds: float) -> None:
        self._deadlines.default_s = seconds

    def deadline_of(self, run: TaskRun, now: float) -> Deadline:
        """Return the deadline of a run at a time (Unix seconds)."""
        return self._deadlines.of(run, now)

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold an event about a run."""
        update = update_from_event(event, body)
        if update is not None:
            self.put(update, older=older)

    def apply_all(self, batch: Sequence[Folded]) -> None:
        """Fold events and updates of runs in order."""
        updates = [
            (what if type(what) is TaskRun else update_from_event(what, body), older)
            for what, body, older in batch
        ]
        put = self.put
        for update, older in updates:
            if update is not None:
                put(update, older=older)

    def tick(self, now: float) -> None:
        """Mark some of the runs past their deadline as overdue."""
        running = set(self._busy_tasks(now))
        # A slice per tick, since checking many thousands of runs would delay a frame.
        first, start = self.rows.start, self._checked
        if not first <= start < self.rows.stop:
            start = first
        position, steps = start - 1, 0
        for position, run in enumerate(self.rows.span(start, start + _TICK_SLICE), start):
            if run.state not in OPEN_STATES:
                continue
            overdue = run.task_id not in running and self._deadlines.exceeded(run, now)
            steps += 1
            if overdue != (run.state is _OVERDUE):
                changed = merge(run, run)
                if overdue:
                    changed.state = _OVERDUE
                self._replace(position, run, changed)
                steps += _CHANGE_STEPS
            if steps >= _TICK_STEPS:
                break
        self._checked = position + 1

    def tick_more(self, now: float) -> bool:
        """Check a further slice of the runs; return whether there are more."""
        if self._checked < self.rows.stop:
            self.tick(now)
        return self._checked < self.rows.stop

    def tick_all(self, now: float) -> None:
        """Mark all runs past their deadline as overdue, for a list of them at one time."""
        self._checked = self.rows.start
        while self.rows:
            self.tick(now)
            if self._checked >= self.rows.stop:
                break

    def success_rate(self, now: float, seconds: float) -> tuple[int, int]:
        """Return the numbers of succeeded and of ended runs in the last seconds."""
        ended = {
            state: int(series.total(now, seconds))
            for state, series in self.ended.items()
            if state is not RunState.RESULT_UNREADABLE
        }
        return ended.get(RunState.SUCCEEDED, 0), sum(ended.values())

    def _check_order(self, at: float, *, older: bool) -> None:
        """Note whether a new run is in order that arrived at a time."""
        first, last = self._span
        if at > first if older else at < last:
            self.in_order = False
        if not first <= at <= last:
            self._span = min(first, at), max(last, at)

    def _replace(self, position: int, before: TaskRun, run: TaskRun) -> None:
        if self.in_order and run.first_seen and position > self.rows.start:
            # It may have arrived earlier than was known; the runs before it have not changed.
            self.in_order = self.rows[position - 1].arrived_at <= run.arrived_at
        unhealthy = run.state in UNHEALTHY_STATES or before.state in UNHEALTHY_STATES
        same_weight = run.request is before.request and not unhealthy
        self.changes += 1
        self.rows.replace(position, run, same_weight=same_weight)
        if run.parent or run.rerun_of:
            self.lineage.put(run)
        if before.name != run.name:
            self.names.add(run.name)
            self._tasks.set(position, run.name)
        if before.attempts is not run.attempts:
            self._workers.set(position, run.worker)
        was_open, is_open = before.state in OPEN_STATES, run.state in OPEN_STATES
        if before.state is not run.state:
            self.counts[before.state] -= 1
            self.counts[run.state] += 1
            self._states.set(position, run.state)
        if unhealthy:
            self._put_unhealthy(position, run, before.name)
        if before.state is _SUCCEEDED and run.state is not _SUCCEEDED:
            at = before.finished_at or before.last_seen
            self.failure_groups.take_back_success(before.name, at)
        if run.state is _SUCCEEDED and before.state is not _SUCCEEDED:
            self._put_success(position, run)
        elif run.state is _SUCCEEDED and before.name != run.name:
            self._put_success(position, run, before.name)
        if not (was_open and is_open):
            self._replace_end(before, run, self.timings.put(position, run))

    def _replace_end(self, before: TaskRun, run: TaskRun, times: RunTimes) -> None:
        """Count and measure the end of a run that has ended, or had ended before."""
        was_open, is_open = before.state in OPEN_STATES, run.state in OPEN_STATES
        at, ended_before = times[0], before.finished_at
        if at != ended_before or run.state is not before.state:
            if not was_open:
                self._count_end(before.state, ended_before, -1)
            if not is_open:
                self._count_end(run.state, at, 1)
        if not is_open:
            # Run time, name and start may arrive only after the end.
            if was_open or before.run_s is None or not before.name:
                self._note_duration(run.name, times)
                self._note_wait(run.name, times)
            elif before.wait_s is None:
                self._note_wait(run.name, times)

    def group_id(self, run: TaskRun) -> str:
        """Return the id of the failure group of a run, empty if it has not failed."""
        if run.state not in FAILURE_STATES:
            return ""
        position = self._positions.get(run.task_id)
        known = "" if position is None else self.failure_groups.group_id(position)
        return known or fingerprint(run).id

    def _put_unhealthy(self, position: int, run: TaskRun, former_name: str | None = None) -> None:
        """Group a run that has failed or is overdue, or was so before."""
        self.failure_groups.put(position, run, former_name)
        if run.state is _OVERDUE:
            self.overdue.put(position, run.name, run.began_at)
        else:
            self.overdue.remove(position)

    def _put_success(self, position: int, run: TaskRun, former_name: str | None = None) -> None:
        at = run.finished_at or run.last_seen
        self.failure_groups.put_success(position, run.name, at, former_name)

    def _count_end(self, state: RunState, at: float | None, amount: int) -> None:
        """Add to the number of ended runs, or subtract from it."""
        series = self.ended.get(state)
        if series is None:
            series = self.ended[state] = TimeBuckets(OUTCOME_BUCKET_S, OUTCOME_BUCKETS)
        if at is not None:
            series.add(at, amount)

    def _note_duration(self, name: str, times: RunTimes) -> None:
        at, seconds, _wait_s = times
        if at is None or seconds is None or not name:
            return
        durations = self.durations.get(name)
        if durations is None:
            if len(self.durations) >= MAX_NAMES:
                return
            durations = self.durations[name] = Reservoir()
        durations.add(at, seconds)

    def _note_wait(self, name: str, times: RunTimes) -> None:
        at, run_s, seconds = times
        if at is not None and seconds is not None and run_s is not None and name:
            self.waits.add(at, seconds)

    def _on_evicted(self, run: TaskRun) -> None:
        position = self._positions.pop(run.task_id)
        if position is not None:
            self.timings.remove(position)
            if run.state in UNHEALTHY_STATES:
                self.failure_groups.evict(position)
                self.overdue.remove(position)
        self.counts[run.state] -= 1
        if run.parent or run.rerun_of:
            self.lineage.remove(run.task_id)
