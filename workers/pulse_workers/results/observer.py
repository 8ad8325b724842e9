"""Observer of another project's result backend: the progress of its tasks, and lost results.

TaskIQ calls no middleware for either. The two methods of the backend object are wrapped; what they
do, and what they raise, stays the same.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from taskiq import AsyncResultBackend, TaskiqResult
from taskiq.depends.progress_tracker import TaskProgress

from pulse_workers.errors import ResultNotStoredError
from pulse_workers.results.progress import ProgressReport, ProgressReports

logger = logging.getLogger("pulse.workers.results")


class ResultObserver:
    """Reports progress and lost results of a backend.

    Attributes:
        on_progress: called with the progress that tasks report, a few times a second.
        on_not_stored: called with task id and error when a result could not be stored.
    """

    def __init__(self, backend: AsyncResultBackend[Any]) -> None:
        """Wrap the methods of a backend, until `close`."""
        self.on_progress: Callable[[ProgressReport], None] | None = None
        self.on_not_stored: Callable[[str, ResultNotStoredError], None] | None = None
        self._backend = backend
        self._set_progress = backend.set_progress
        self._set_result = backend.set_result
        self._reports = ProgressReports(self._publish)
        vars(backend).update(set_progress=self._observe_progress, set_result=self._observe_result)

    def flush_progress(self, task_id: str) -> None:
        """Publish the last report of an attempt that has ended, if it is still held back."""
        report = self._reports.finish(task_id)
        if report is not None:
            self._publish(report)

    def close(self) -> None:
        """Give the backend its own methods back."""
        for name in ("set_progress", "set_result"):
            vars(self._backend).pop(name, None)

    async def _observe_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        with _log_errors(task_id):
            report = self._reports.add(task_id, progress)
            if report is not None:
                self._publish(report)
        await self._set_progress(task_id, progress)

    async def _observe_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        try:
            await self._set_result(task_id, result)
        except (Exception, asyncio.CancelledError) as error:
            if self.on_not_stored is not None:
                text = f"the result backend failed: {type(error).__name__}: {error}"
                self.on_not_stored(task_id, ResultNotStoredError(text))
            raise

    def _publish(self, report: ProgressReport) -> None:
        if self.on_progress is not None:
            self.on_progress(report)


@contextlib.contextmanager
def _log_errors(task_id: str) -> Iterator[None]:
    """Log an error instead of failing the task that reports progress."""
    try:
        yield
    except Exception:
        logger.exception("the progress of %s was not published", task_id)
