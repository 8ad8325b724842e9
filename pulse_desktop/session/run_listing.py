"""A listing of task runs, latest first, that reads no more of the stored results than it needs.

Some runs are known from history, others only from their results, and many have both. Results are
read from the newest on. A run can be listed as soon as all results stored after its start have been
read: its own is one of them, and no run that is still unknown can have started later.
"""

import heapq
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.session.result_loader import ResultLoader
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.state.task_runs import TaskRuns


class RunListing:
    """Lists the runs of a state, whose history has been loaded, and those of stored results.

    Attributes:
        unread: about how many results have not been read.
        problem: why the results could not be read, empty if they could.
    """

    def __init__(self, runs: TaskRuns, results: ResultLoader, since: float) -> None:
        """Describe a listing.

        Args:
            runs: known from history; their results are added.
            results: reads the results.
            since: Unix seconds; runs that were not active afterwards are left out.
        """
        self._runs = runs
        self._results = results
        self._since = since
        self._from_history = {run.task_id for run in runs.rows}
        self._waiting = [(-start_of(run), run.task_id, run) for run in runs.rows]
        heapq.heapify(self._waiting)
        self.unread = 0
        self.problem = ""

    async def latest_first(self, first_page: int) -> AsyncGenerator[list[TaskRun], None]:
        """Yield the runs, some at a time, ordered by when they were queued or first seen.

        Args:
            first_page: about how many results are read before the first runs are listed.
        """
        async with aclosing(self._results.newest_first(first_page, since=self._since)) as pages:
            try:
                async for page in pages:
                    self.unread = page.unread
                    for update in page.updates:
                        self._add(update)
                    if runs := list(self._take(page.updates[-1].last_seen)):
                        yield runs
            except UserFacingError as error:
                self.problem = error.detail or error.title
        if runs := list(self._take(0.0)):
            yield runs

    def remaining(self) -> Iterator[TaskRun]:
        """Return the runs that have been found and not been listed."""
        return self._take(0.0)

    def _add(self, update: TaskRun) -> None:
        """Add what a result says of its run."""
        if update.task_id in self._from_history:
            self._runs.put(update)
        else:
            run = derive_state(update)
            heapq.heappush(self._waiting, (-start_of(run), run.task_id, run))

    def _take(self, after: float) -> Iterator[TaskRun]:
        """Remove and return the runs that started at a time or later, latest first."""
        waiting = self._waiting
        while waiting and -waiting[0][0] >= after:
            _start, task_id, run = heapq.heappop(waiting)
            run = self._runs.get(task_id) or run
            if _last_activity(run) >= self._since:
                yield run


def start_of(run: TaskRun) -> float:
    """Return when a run was queued or started, or else when it was first seen."""
    return run.queued_at or run.started_at or run.last_seen


def _last_activity(run: TaskRun) -> float:
    return max(start_of(run), run.started_at or 0.0, run.finished_at or 0.0, run.last_seen)
