"""Compare two selected runs, or one with the last good run of its task."""

from typing import Any

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import (
    UNKNOWN,
    argument_names,
    compare_runs,
    last_good_run,
    result_value,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.lineage.comparison_window import ComparisonWindow
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import Page, PageContext


class CompareAction:
    """Opens the window, and fills in the results when they have been read.

    Attributes:
        window: the window that was opened last, None before.
    """

    def __init__(self, context: PageContext, page: Page) -> None:
        """Prepare the action.

        Args:
            context: of the page.
            page: on which the runs are selected.
        """
        self._context = context
        self._page = page
        self.window: ComparisonWindow | None = None

    def compare(self, runs: list[TaskRun]) -> None:
        """Compare two runs, the later one first; of a single run the last good one is the other."""
        if len(runs) == 1:
            good = last_good_run(self._context.state.runs, runs[0])
            if good is None:
                self._context.notify(
                    Notification(
                        _("Nothing to compare with"),
                        _("No retained run of this task has succeeded."),
                        _("Select two runs to compare them with each other."),
                        "warning",
                        key="compare",
                    )
                )
                return
            self._open(runs[0], good)
        elif len(runs) == 2:
            earlier, later = sorted(runs, key=lambda run: run.began_at)
            self._open(later, earlier)

    def _open(self, first: TaskRun, second: TaskRun) -> None:
        context = self._context
        window = ComparisonWindow(self._page.window(), context.state.runs.names.label)
        window.target_requested.connect(context.navigate)
        self.window = window
        window.finished.connect(lambda _code: self._forget(window))
        has_results = any(run.stored_outcome is not None for run in (first, second))
        note = _("reading the results…") if has_results else ""
        names = argument_names(first, second, context.state.workers.task_schemas)
        window.show_comparison(compare_runs(first, second, names=names), note)
        window.show()
        window.table.setFocus()
        if has_results:
            context.run_in_background("compare results", self._read(window, first, second))

    def _forget(self, window: ComparisonWindow) -> None:
        if self.window is window:
            self.window = None

    async def _read(self, window: ComparisonWindow, first: TaskRun, second: TaskRun) -> None:
        """Read both results and compare again, unless the window was closed meanwhile."""
        values: list[Any] = []
        problems: list[str] = []
        for run in (first, second):
            value: Any = UNKNOWN
            if run.stored_outcome is not None:
                try:
                    stored = await self._context.results.read(run.task_id)
                except UserFacingError as error:
                    problems.append(error.detail or error.title)
                else:
                    if stored.result is not None:
                        value = result_value(stored.result)
                    else:
                        problems.append(stored.problem)
            values.append(value)
        if self.window is window:
            note = _("result not read: {problem}").format(problem="; ".join(problems))
            names = argument_names(first, second, self._context.state.workers.task_schemas)
            comparison = compare_runs(first, second, values[0], values[1], names)
            window.show_comparison(comparison, note if problems else "")
