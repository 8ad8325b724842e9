"""A listing of task runs, latest first, that reads no more of what is stored than it needs.

Some runs are known from history, others only from their results, and many have both. Both are read
from the newest on, whichever has been read less far back. A run can be listed as soon as everything
stored after its start has been read: its own messages and its result are among them, and no run
that is still unknown can have started later.
"""

import heapq
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.history_extent import (
    FIRST_WIDENING,
    MAX_LOOK_BACK_S,
    MAX_WIDENING,
    START_MARGIN_S,
)
from pulse_desktop.session.history_backfill import HistoryBackfill
from pulse_desktop.session.result_loader import ResultLoader
from pulse_desktop.session.result_pages import ResultPage
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_merge import derive_state
from pulse_desktop.state.task_runs import TaskRuns

STORING_MARGIN_S: Final = 10.0
"""How long after the end of a run its result may be stored."""


class RunListing:
    """Lists the runs of a state, the newest part of whose history has been loaded, and of results.

    Attributes:
        read: how many results have been read.
        unread: about how many have not been.
        problem: why the results could not be read, empty if they could.
        is_history_missing: whether history that such runs may be in could not be read.
    """

    def __init__(
        self,
        runs: TaskRuns,
        results: ResultLoader,
        backfill: HistoryBackfill,
        since: float,
        *,
        on_widened: Callable[[], None] = lambda: None,
    ) -> None:
        """Describe a listing.

        Args:
            runs: known from history; their results are added.
            results: reads the results.
            backfill: reads older history into `runs`.
            since: Unix seconds; runs that were not active afterwards are left out.
            on_widened: called whenever more of history has been read.
        """
        self._runs = runs
        self._results = results
        self._backfill = backfill
        self._since = since
        self._on_widened = on_widened
        self._order: list[tuple[float, str]] = []
        self._found: set[str] = set()
        self._listed: set[str] = set()  # of those whose messages may be read later
        self._only_results: dict[str, TaskRun] = {}
        self._unresolved: list[str] = []
        self._is_blocked = False
        self._start = self._stop = runs.rows.stop
        self._widening = FIRST_WIDENING
        self._history_read = False
        self._results_since = math.inf
        self._add_history()
        self.read = self.unread = 0
        self.problem = ""
        self.is_history_missing = False

    async def latest_first(self, first_page: int) -> AsyncGenerator[list[TaskRun], None]:
        """Yield the runs, some at a time, ordered by when they were queued or first seen.

        Args:
            first_page: about how many results are read before the first runs are listed.
        """
        async with aclosing(self._results.newest_first(first_page, since=self._since)) as pages:
            while True:
                if runs := list(self._take()):
                    yield runs
                if self._is_blocked or self._needed_since > self._results_since:
                    await self._widen()
                elif self._results_since > -math.inf:
                    await self._read_results(pages)
                elif self._unresolved:
                    await self._widen()
                else:
                    return

    def remaining(self) -> Iterator[TaskRun]:
        """Return the runs that have been found and not been listed."""
        self._history_read, self._results_since = True, -math.inf
        self._push(self._unresolved)
        return self._take()

    @property
    def is_unread_of_found(self) -> bool:
        """Whether results that were not read may be those of runs that have been found."""
        return self.unread > 0 and any(run.stored_outcome is None for run in self._runs.rows)

    @property
    def _history_since(self) -> float:
        """Unix seconds from which on history was read; -inf if no more of it can be."""
        return -math.inf if self._history_read else self._backfill.complete_since

    @property
    def _needed_since(self) -> float:
        """Unix seconds from which on history was read, -inf if no more of it is needed.

        That is the case when it was read back to the time since which runs are wanted.
        """
        since = self._history_since
        return since if since >= self._since else -math.inf

    async def _widen(self) -> None:
        """Read more of history back."""
        count = self._widening
        self._widening = min(MAX_WIDENING, 2 * count)
        if not await self._backfill.widen(count):
            self._history_read = True
            self.is_history_missing = self._backfill.complete_since >= self._since
        self._add_history()
        # What has become known of the others may have changed their order.
        known, self._order, self._unresolved = list(self._found), [], []
        self._push(known)
        self._is_blocked = False
        self._on_widened()

    async def _read_results(self, pages: AsyncGenerator[ResultPage, None]) -> None:
        """Read the next page of results."""
        self._results_since = -math.inf
        try:
            async for page in pages:
                self.read += len(page.updates)
                self.unread = page.unread
                for update in page.updates:
                    self._add(update)
                self._results_since = page.since
                return
        except UserFacingError as error:
            self.problem = error.detail or error.title

    def _add_history(self) -> None:
        """Add the runs that were found in history since the last call."""
        rows = self._runs.rows
        new = []
        for run in rows.span(rows.start, self._start):
            result = self._only_results.pop(run.task_id, None)
            if result is not None:
                self._runs.put(result)
            new.append(run.task_id)
        self._start = min(self._start, rows.start)
        self._push(new)

    def _add(self, update: TaskRun) -> None:
        """Add what a result says of its run."""
        position = self._runs.position(update.task_id)
        if position is not None:
            self._runs.put(update)
            if position >= self._stop:  # its messages arrived after the listing was begun
                self._push([update.task_id])
        else:
            self._only_results[update.task_id] = derive_state(update)
            self._push([update.task_id])

    def _get(self, task_id: str) -> TaskRun | None:
        return self._runs.get(task_id) or self._only_results.get(task_id)

    def _push(self, task_ids: Sequence[str]) -> None:
        for task_id in task_ids:
            if (run := self._get(task_id)) is not None and task_id not in self._listed:
                self._found.add(task_id)
                heapq.heappush(self._order, (-run.began_at, task_id))

    def _take(self) -> Iterator[TaskRun]:
        """Remove and return the runs before which nothing can be listed any more, latest first."""
        order, history, needed = self._order, self._history_since, self._needed_since
        after = max(needed, self._results_since)
        while order and -order[0][0] >= after:
            start, task_id = heapq.heappop(order)
            run = self._get(task_id)
            if run is None or task_id not in self._found:
                continue  # replaced, or listed already
            if run.began_at < -start:  # more of it has become known
                heapq.heappush(order, (-run.began_at, task_id))
            elif run.last_activity < self._since:
                self._forget(task_id)
            elif _is_resolved(run, history):
                self._forget(task_id)
                yield run
            elif self._has_no_events(run, history):
                self._listed.add(task_id)
                self._forget(task_id)
                yield run
            elif needed == -math.inf or task_id in self._only_results:
                heapq.heappush(order, (start, task_id))
                self._is_blocked = True
                return
            else:
                self._unresolved.append(task_id)

    def _has_no_events(self, run: TaskRun, read_since: float) -> bool:
        """Return whether history was read to before the start of a run known from its result alone.

        Its worker publishes no events. How long it had waited before is not known.
        """
        ran_s = run.run_s or 0.0
        is_read = read_since <= run.last_seen - ran_s - STORING_MARGIN_S
        return is_read and run.task_id in self._only_results

    def _forget(self, task_id: str) -> None:
        self._found.discard(task_id)
        self._only_results.pop(task_id, None)


def _is_resolved(run: TaskRun, read_since: float) -> bool:
    """Return whether the start of a run was found by reading history back to a time."""
    if read_since == -math.inf:
        return True
    start = run.queued_at or run.started_at
    if start is not None and start - START_MARGIN_S >= read_since:
        return True
    return read_since <= run.last_activity - MAX_LOOK_BACK_S
