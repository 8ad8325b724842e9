"""All task runs that are known, their counts, and how long they take."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from pulse_desktop.state.rows import Rows
from pulse_desktop.state.run import OPEN_STATES, RunState, TaskRun
from pulse_desktop.state.run_join import join, with_state
from pulse_desktop.state.series import CountSeries, SampleSeries

DEFAULT_OVERDUE_S: Final = 300.0
"""How long a run may stay unanswered before it is called overdue, when nothing better is known."""

SWEEP_SLICE: Final = 2_000
MOST_NAMES: Final = 500  # task names are the sender's choice
OUTCOME_BUCKET_S: Final = 5.0
OUTCOME_BUCKETS: Final = 24 * 720  # a day


class TaskRuns:
    """One record per task id, folded from accounts in any order.

    Attributes:
        rows: the runs in the order in which they were first heard of.
        counts: how many kept runs are in each state.
        finished: ended runs per 5 s bucket, by state.
        durations: run times in seconds by task name, of runs that ended.
    """

    def __init__(self, capacity: int = 50_000, overdue_after_s: float = DEFAULT_OVERDUE_S) -> None:
        self.rows: Rows[TaskRun] = Rows(capacity, on_forget=self._forget)
        self.counts: Counter[RunState] = Counter()
        self.overdue_after_s = overdue_after_s
        self.finished: dict[RunState, CountSeries] = {}
        self.durations: dict[str, SampleSeries] = {}
        self._positions: dict[str, int] = {}
        self._open: set[str] = set()
        self._to_sweep: list[str] = []

    def get(self, task_id: str) -> TaskRun | None:
        """Return the run of a task id, or None."""
        position = self._positions.get(task_id)
        return None if position is None else self.rows[position]

    def position(self, task_id: str) -> int | None:
        """Return where the run stands in `rows`, or None."""
        return self._positions.get(task_id)

    def put(self, account: TaskRun) -> TaskRun:
        """Fold an account into its run and return the run as it is now."""
        position = self._positions.get(account.task_id)
        if position is None:
            run = with_state(account)
            self._positions[account.task_id] = self.rows.append(run)
            self.counts[run.state] += 1
            if run.state in OPEN_STATES:
                self._open.add(run.task_id)
            else:
                self._count_end(run, 1)
                self._measure(None, run)
            return run
        before = self.rows[position]
        run = join(before, account)
        if run.heard_at == before.heard_at:
            if before.state is RunState.OVERDUE and run.state in OPEN_STATES:
                run.state = RunState.OVERDUE  # nothing new was heard; the next sweep would say so
            if run == before:
                return before
        self._replace(position, before, run)
        return run

    def sweep(self, now: float, busy: Iterable[str] = ()) -> None:
        """Call runs overdue that have not been answered in time. Once a second is often enough.

        Args:
            now: Unix seconds.
            busy: task ids that a living worker says it is still running.
        """
        at_work = set(busy)
        if not self._to_sweep:
            self._to_sweep = list(self._open)
        # A slice at a time: a queue of many thousands must not cost a frame.
        part, self._to_sweep = self._to_sweep[:SWEEP_SLICE], self._to_sweep[SWEEP_SLICE:]
        for task_id in part:
            if task_id not in self._open:
                continue
            position = self._positions[task_id]
            run = self.rows[position]
            late = task_id not in at_work and now - run.heard_at > self.overdue_after_s
            if late != (run.state is RunState.OVERDUE):
                changed = join(run, run)
                if late:
                    changed.state = RunState.OVERDUE
                self._replace(position, run, changed)

    def success_rate(self, now: float, seconds: float) -> tuple[int, int]:
        """Return how many runs ended well, and how many ended at all, in the last seconds."""
        ended = {
            state: int(series.total(now, seconds))
            for state, series in self.finished.items()
            if state is not RunState.ANSWERED
        }
        return ended.get(RunState.SUCCEEDED, 0), sum(ended.values())

    def recent_durations(self, now: float, seconds: float) -> dict[str, list[float]]:
        """Return run times in seconds by task name, for runs that ended in the last seconds."""
        recent = {name: series.since(now - seconds) for name, series in self.durations.items()}
        return {name: values for name, values in recent.items() if values}

    def _replace(self, position: int, before: TaskRun, run: TaskRun) -> None:
        self.rows.replace(position, run)
        was_open = before.state in OPEN_STATES
        if before.state is not run.state:
            self.counts[before.state] -= 1
            self.counts[run.state] += 1
            if run.state in OPEN_STATES:
                self._open.add(run.task_id)
            elif was_open:
                self._open.discard(run.task_id)
        elif was_open:
            return
        self._count_end(before, -1)
        self._count_end(run, 1)
        self._measure(before, run)

    def _count_end(self, run: TaskRun, amount: int) -> None:
        """Count an ended run, or take it back. Does nothing for one that goes on."""
        at = run.finished_at
        if at is None:
            return
        series = self.finished.get(run.state)
        if series is None:
            series = self.finished[run.state] = CountSeries(OUTCOME_BUCKET_S, OUTCOME_BUCKETS)
        series.add(at, amount)

    def _measure(self, before: TaskRun | None, run: TaskRun) -> None:
        """Note the run time of a run once it has ended and its name and time are known."""
        if not _is_measured(run) or (before is not None and _is_measured(before)):
            return
        durations = self.durations.get(run.name)
        if durations is None:
            if len(self.durations) >= MOST_NAMES:
                return
            durations = self.durations[run.name] = SampleSeries()
        durations.add(run.finished_at or 0.0, run.run_s or 0.0)

    def _forget(self, run: TaskRun) -> None:
        self._positions.pop(run.task_id, None)
        self._open.discard(run.task_id)
        self.counts[run.state] -= 1


def _is_measured(run: TaskRun) -> bool:
    return bool(run.name) and run.finished_at is not None and run.run_s is not None
