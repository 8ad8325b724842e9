"""Compare two selected runs, or one with the last good run of its task."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from pulse_desktop.state.good_runs import last_good_run
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import argument_names, compare_runs
from pulse_desktop.text.translation import _
from pulse_desktop.ui.lineage.comparison_window import ComparisonWindow
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import Page, PageContext, unique_name

_LARGE: Final = 64 << 10
"""More bytes of arguments and results are compared in a thread: that can take a second."""


class CompareAction:
    """Opens the window, and fills in the results when they have been read.

    Attributes:
        windows: those that are open, the newest last.
    """

    def __init__(self, context: PageContext, page: Page) -> None:
        """Prepare the action.

        Args:
            context: of the page.
            page: on which the runs are selected.
        """
        self._context = context
        self._page = page
        self.windows: list[ComparisonWindow] = []

    def compare(self, runs: list[TaskRun]) -> None:
        """Compare two runs, the later one first; of a single run the last good one is the other."""
        if len(runs) == 1:
            good = last_good_run(self._context.state.runs, runs[0])
            if good is None:
                self._context.notify(
                    Notification(
                        _("Nothing to compare with"),
                        _("No other retained run of this task has succeeded."),
                        _("Select two runs to compare them with each other."),
                        "warning",
                        key="compare",
                        passes=True,
                    )
                )
                return
            self._open(runs[0], good, is_last_good=True)
        elif len(runs) == 2:
            earlier, later = sorted(runs, key=lambda run: run.began_at)
            self._open(later, earlier)

    def _open(self, first: TaskRun, second: TaskRun, *, is_last_good: bool = False) -> None:
        context = self._context
        window = ComparisonWindow(self._page.window(), context.state.runs.names.label)
        window.target_requested.connect(context.navigate)
        self.windows.append(window)
        window.finished.connect(lambda _code: self._forget(window))
        context.close_with_session(window)
        has_results = any(run.stored_outcome is not None for run in (first, second))
        names = self._names(first, second)
        is_large = _arguments_size(first, second) > _LARGE
        known = [without_arguments(run) for run in (first, second)] if is_large else [first, second]
        note = ""
        if has_results or is_large:
            note = _("reading the results…") if has_results else _("comparing the arguments…")
        window.show_comparison(compare_runs(known[0], known[1], names=names), note)
        window.show()
        window.table.setFocus()
        if note:
            work = self._read(window, first, second, is_last_good=is_last_good)
            context.run_in_background(unique_name("compare"), work)

    def _forget(self, window: ComparisonWindow) -> None:
        if window in self.windows:
            self.windows.remove(window)

    def _names(self, first: TaskRun, second: TaskRun) -> Sequence[str]:
        return argument_names(first, second, self._context.state.workers.task_schemas)

    async def _read(
        self, window: ComparisonWindow, first: TaskRun, second: TaskRun, *, is_last_good: bool
    ) -> None:
        """Read both results and compare again, unless the window was closed meanwhile."""
        results, notes = self._context.results, list[str]()
        one = await results.return_value(first)
        if is_last_good:
            found = await results.last_good_run(first)
            if found is None:
                notes.append(_("no run was found whose stored result is a success too"))
            second = found or second
        other = await results.return_value(second)
        problems = list(filter(None, (one.problem, other.problem)))
        if problems:
            notes.append(_("result not read: {problem}").format(problem="; ".join(problems)))
        first, second = self._current(first), self._current(second)
        outcomes = (run.stored_outcome for run in (first, second))
        sizes = (outcome.size for outcome in outcomes if outcome is not None)
        size = _arguments_size(first, second) + sum(sizes)
        names = self._names(first, second)
        compare = partial(compare_runs, first, second, one.value, other.value, names)
        comparison = await asyncio.to_thread(compare) if size > _LARGE else compare()
        if window in self.windows:
            window.show_comparison(comparison, " · ".join(notes))

    def _current(self, run: TaskRun) -> TaskRun:
        return self._context.state.runs.get(run.task_id) or run


def without_arguments(run: TaskRun) -> TaskRun:
    """Return a run without what it was enqueued with."""
    return msgspec.structs.replace(run, request=None)


def _arguments_size(*runs: TaskRun) -> int:
    requests = [run.request for run in runs if run.request is not None]
    return sum(len(each.args) + len(each.kwargs) + len(each.labels) for each in requests)
