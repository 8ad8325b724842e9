"""The runs of tasks: their table, and the actions on the selected ones."""

from collections.abc import Sequence
from itertools import islice
from typing import Final, Self

from pulse_desktop.model.run_state import OPEN_STATES, UNHEALTHY_STATES, RunState
from pulse_desktop.model.time_range import ALL_RETAINED, last
from pulse_desktop.query.quoting import text_query
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.navigation import FilterRuns, ShowRun, Target
from pulse_desktop.ui.page.actions import Action, PageAction
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.selection_bar import SelectionBar, SelectionButton
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.cancel_action import can_be_cancelled
from pulse_desktop.ui.pages.tasks.compare_action import CompareAction
from pulse_desktop.ui.pages.tasks.run_table_page import RunTablePage
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.throttle import Throttle

_LOOKED_AT: Final = 1000
"""Selected runs that are looked at to offer actions, which is done at each key of the palette."""
_SELECTED_S: Final = 1.0
"""How often it is looked whether selected runs have ended."""


class RunsPage(RunTablePage):
    """The runs, what can be done with the selected ones, and links to them."""

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self.compare_action = CompareAction(context, self)
        self._selection_throttle = Throttle(_SELECTED_S)
        self.detail.header.allow_edit(allowed=not context.is_recording)

    def make_selection_bar(self) -> SelectionBar:
        """Create the bar to re-run, cancel and copy the selected runs."""
        return SelectionBar(
            _("R re-run · E edit · C cancel · Space pause · / filter · Ctrl+K all actions"),
            (
                SelectionButton(
                    lambda count: _("Re-run {count}").format(count=formats.count(count)),
                    "retry",
                    self.rerun_selected,
                    primary=True,
                    acts=True,
                ),
                SelectionButton(
                    lambda _count: _("Cancel…"),
                    "cancelled",
                    self.cancel_selected,
                    _("Cancel the selected runs that have not ended (C)"),
                    acts=True,
                    enabled=self.has_cancellable,
                ),
                SelectionButton(lambda _count: _("Copy"), "copy", self.copy_selected),
            ),
        )

    # Page

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show the changes of a frame, and the awaited run as soon as it is known."""
        super().refresh(changes, now)
        self.show_awaited_run()
        if self.table.selected_count() > 1:
            self._selection_throttle.run(now, self._counts.update_selection)

    def navigate(self, target: Target) -> None:
        """Show a run, or filter the runs. A run that is unknown is searched for by its id."""
        match target:
            case ShowRun(task_id=task_id) if self.context.state.runs.get(task_id) is not None:
                self.open_run(task_id)
            case ShowRun(task_id=task_id, wait=True):
                self.await_run(task_id)
            case ShowRun(task_id=text):
                self.filter.former.navigate(FilterState(text_query(text)))
            case FilterRuns(states=states, query=query, max_age_s=max_age_s, why=why):
                facets = frozenset(state.value for state in states)
                time_range = last(max_age_s) if max_age_s else self.context.time.range
                if target.everything:
                    time_range = ALL_RETAINED
                self.filter.former.navigate(FilterState(query, facets, time_range), why)
            case _:
                super().navigate(target)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on runs."""
        return (
            PageAction(actions.RERUN, cls.rerun_by_letter, cls.can_copy),
            PageAction(actions.EDIT_RERUN, cls.edit_selected, cls.has_one),
            PageAction(actions.RERUN_ELSEWHERE, cls.rerun_selected_elsewhere, cls.has_one),
            PageAction(actions.COMPARE, cls.compare_selected, cls.has_one_or_two),
            PageAction(actions.CANCEL, cls.cancel_selected, cls.has_cancellable),
            PageAction(actions.COPY, cls.copy_selected, cls.can_copy),
            PageAction(actions.CLEAR_FILTER, cls.clear_filter),
        )

    def likely_actions(self) -> Sequence[Action]:
        """Return what one most likely does with the selected runs: by their state."""
        selected = self._first_selected()
        if not selected:
            return (actions.SHOW_FAILED,)
        if any(run.state in OPEN_STATES for run in selected):
            return (actions.CANCEL, actions.RERUN, actions.EDIT_RERUN)
        if all(run.state in UNHEALTHY_STATES for run in selected):
            return (actions.RERUN, actions.EDIT_RERUN)
        return (actions.RERUN, actions.COMPARE, actions.EDIT_RERUN, actions.COPY)

    # Actions

    def has_one(self) -> bool:
        """Return whether exactly one run is selected."""
        return self.table.selected_count() == 1

    def has_one_or_two(self) -> bool:
        """Return whether one or two runs are selected."""
        return self.table.selected_count() in (1, 2)

    def has_cancellable(self) -> bool:
        """Return whether any selected run has not ended; so may those that are not looked at."""
        has_more = self.table.selected_count() > _LOOKED_AT
        return has_more or any(map(can_be_cancelled, self._first_selected()))

    def _first_selected(self) -> list[TaskRun]:
        """Return the first of the selected runs: they tell which actions to offer."""
        return list(islice(self.table.selected(), _LOOKED_AT))

    def rerun_selected(self) -> None:
        """Re-run the selected runs."""
        self.rerun_action.trigger(self.rows_to_act_on())

    def rerun_by_letter(self) -> None:
        """Re-run the selected runs; ask first about several: the letter may belong to a query."""
        runs = self.rows_to_act_on()
        self.rerun_action.trigger(runs, ask=len(runs) > 1)

    def edit_selected(self) -> None:
        """Open the run form with the arguments of the selected run."""
        for run in self.rows_to_act_on():
            self.context.edit_run(run)

    def rerun_selected_elsewhere(self) -> None:
        """Open the run form of another connection with the arguments of the selected run."""
        for run in self.rows_to_act_on():
            self.context.rerun_elsewhere(run)

    def compare_selected(self) -> None:
        """Compare the two selected runs, or the selected one with the last good run of its task."""
        self.compare_action.compare(self.rows_to_act_on())

    def cancel_selected(self) -> None:
        """Cancel the selected runs that have not ended."""
        self.cancel_action.confirm(self.rows_to_act_on())

    def show_failed(self) -> None:
        """Show only failed runs and soft failures; the operator's filter can be restored."""
        failed = frozenset((RunState.FAILED.value, RunState.SOFT_FAILED.value))
        self.filter.former.navigate(FilterState(facets=failed), _("Failed runs are shown."))
