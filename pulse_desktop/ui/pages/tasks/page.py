"""The Tasks page: runs and failure groups as tabs, links to them, actions on the selected."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from pulse_desktop.model.run_state import OPEN_STATES, UNHEALTHY_STATES, RunState
from pulse_desktop.model.time_range import ALL_RETAINED, last
from pulse_desktop.query.quoting import text_query
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.navigation import (
    FilterPage,
    FilterRuns,
    OpenView,
    ShowGroups,
    ShowPage,
    ShowRun,
    Target,
)
from pulse_desktop.ui.page.actions import Action, PageAction
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.selection_bar import SelectionBar, SelectionButton
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.cancel_action import can_be_cancelled
from pulse_desktop.ui.pages.tasks.compare_action import CompareAction
from pulse_desktop.ui.pages.tasks.groups_page import GroupsPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.table.live_table import LiveTable

_RUNS, _GROUPS = range(2)
_TAB_MARGIN: Final = 14


class TasksPage(RunsPage):
    """Page with the table of task runs and, on a second tab, that of failure groups."""

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self.compare_action = CompareAction(context, self)
        self.tabs.currentChanged.connect(self._show_tab)

    # Tabs

    def make_content(self) -> QWidget:
        """Create the tabs of the page; return the widget of the first, the runs."""
        self._groups: GroupsPage | None = None
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(_("Parts of the page"))
        self._stack = QStackedWidget()
        runs = QWidget()
        for title in (_("Runs"), GroupsPage.title):
            self.tabs.addTab(title)
        self._stack.addWidget(runs)
        row = QHBoxLayout()
        row.setContentsMargins(_TAB_MARGIN, 4, _TAB_MARGIN, 0)
        row.addWidget(self.tabs)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self._stack, 1)
        return runs

    @property
    def groups(self) -> GroupsPage:
        """The failure groups, created when they are first shown."""
        if self._groups is None:
            self._groups = GroupsPage(self.context)
            self._stack.addWidget(self._groups)
        return self._groups

    @property
    def shows_groups(self) -> bool:
        """Whether the failure groups are shown, and not the runs."""
        return self.tabs.currentIndex() == _GROUPS

    @property
    def shown_page(self) -> TablePage[Any, Any]:
        """The failure groups while they are shown, else this page with its runs."""
        return self.groups if self.shows_groups else self

    def show_groups(self) -> None:
        """Show the failure groups."""
        self.tabs.setCurrentIndex(_GROUPS)

    def show_runs(self) -> None:
        """Show the runs."""
        self.tabs.setCurrentIndex(_RUNS)

    def _show_tab(self, index: int) -> None:
        if index == _GROUPS:
            self._stack.setCurrentWidget(self.groups)
        else:
            self._stack.setCurrentIndex(index)
        if self.isVisible():
            self.on_show(self.context.connection.data_time or self.context.connection.now())
        self.take_focus()

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
                ),
                SelectionButton(lambda _count: _("Copy"), "copy", self.copy_selected),
            ),
        )

    # Page

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show the changes of a frame."""
        self.now = now
        if self.shows_groups:
            self.groups.refresh(changes, now)
        else:
            super().refresh(changes, now)
        self.show_awaited_run()

    def on_show(self, now: float) -> None:
        """Catch up with what happened while the page, or this tab of it, was not visible."""
        self.now = now
        if self.shows_groups:
            self.groups.on_show(now)
        else:
            super().on_show(now)

    def on_time_range(self, now: float) -> None:
        """Show another time range in the tab that is visible; the other one follows when shown."""
        self.now = now
        if self.shows_groups:
            self.groups.on_time_range(now)
        else:
            super().on_time_range(now)

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the tables of both tabs."""
        groups = self._groups.tables() if self._groups is not None else ()
        return (*super().tables(), *groups)

    def take_focus(self) -> None:
        """Give the keyboard focus to the table that is shown."""
        self.shown_page.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def can_export(self) -> bool:
        """Return whether any row of the tab is shown."""
        return self.groups.can_export() if self.shows_groups else super().can_export()

    def export(self, suffix: str = ".csv") -> None:
        """Ask for a file, and write the rows of the tab to it."""
        if self.shows_groups:
            self.groups.export(suffix)
        else:
            super().export(suffix)

    def focus_filter(self) -> None:
        """Give the keyboard focus to the filter that is shown."""
        if self.shows_groups:
            self.groups.focus_filter()
        else:
            super().focus_filter()

    def on_escape(self) -> bool:
        """Close what Esc closes in the tab that is shown."""
        return self.groups.on_escape() if self.shows_groups else super().on_escape()

    def navigate(self, target: Target) -> None:
        """Show a run, filter the runs, or show a failure group.

        A run that is unknown is searched for by its id.
        """
        if isinstance(target, ShowGroups):
            self.show_groups()
            if target.group_id:
                self.groups.open_group(target.group_id)
            return
        if not isinstance(target, ShowPage):
            self.show_runs()
        match target:
            case ShowRun(task_id=task_id) if self.context.state.runs.get(task_id) is not None:
                self.open_run(task_id)
            case ShowRun(task_id=task_id, wait=True):
                self.await_run(task_id)
            case OpenView():
                super().navigate(target)
            case ShowRun(task_id=text):
                self.filter.navigate(FilterState(text_query(text)))
            case FilterPage(text=text):
                self.filter.navigate(FilterState(text))
            case FilterRuns(states=states, query=query, max_age_s=max_age_s, why=why):
                facets = frozenset(state.value for state in states)
                time_range = last(max_age_s) if max_age_s else self.context.time.range
                if target.everything:
                    time_range = ALL_RETAINED
                self.filter.navigate(FilterState(query, facets, time_range), why)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on runs."""
        return (
            PageAction(actions.RERUN, cls.rerun_selected, cls.has_selection),
            PageAction(actions.EDIT_RERUN, cls.edit_selected, cls.has_one),
            PageAction(actions.RERUN_ELSEWHERE, cls.rerun_selected_elsewhere, cls.has_one),
            PageAction(actions.COMPARE, cls.compare_selected, cls.has_one_or_two),
            PageAction(actions.CANCEL, cls.cancel_selected, cls.has_cancellable),
            PageAction(actions.SHOW_FAILED, cls.show_failed),
            PageAction(actions.COPY, cls.copy_selected, cls.has_selection),
            PageAction(actions.CLEAR_FILTER, cls.clear_filter),
            PageAction(actions.SHOW_GROUPS, cls.show_groups),
            *GROUP_ACTIONS,
        )

    def likely_actions(self) -> Sequence[Action]:
        """Return what one most likely does with the selected runs: by their state."""
        selected = self.table.selected_rows()
        if not selected:
            return (actions.SHOW_FAILED,)
        if any(run.state in OPEN_STATES for run in selected):
            return (actions.CANCEL, actions.RERUN, actions.EDIT_RERUN)
        if all(run.state in UNHEALTHY_STATES for run in selected):
            return (actions.RERUN, actions.EDIT_RERUN)
        return (actions.COPY, actions.RERUN, actions.EDIT_RERUN)

    # Actions

    def has_selection(self) -> bool:
        """Return whether any run is selected."""
        return self.shown_page.table.selected_count() > 0

    def has_one(self) -> bool:
        """Return whether exactly one run is selected."""
        return not self.shows_groups and self.table.selected_count() == 1

    def has_one_or_two(self) -> bool:
        """Return whether one or two runs are selected."""
        return not self.shows_groups and self.table.selected_count() in (1, 2)

    def has_cancellable(self) -> bool:
        """Return whether any selected run has not ended."""
        return not self.shows_groups and any(map(can_be_cancelled, self.table.selected_rows()))

    def rerun_selected(self) -> None:
        """Re-run the selected runs, or those of the selected failure groups."""
        if self.shows_groups:
            self.groups.rerun_selected()
        else:
            self.rerun_action.trigger(self.rows_to_act_on())

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

    def copy_selected(self) -> None:
        """Copy the selected runs to the clipboard, tab-separated."""
        self.shown_page.table.copy_selection()

    def show_failed(self) -> None:
        """Show only failed runs and soft failures."""
        self.show_runs()
        self.filter_bar.set_filter((RunState.FAILED.value, RunState.SOFT_FAILED.value))

    def clear_filter(self) -> None:
        """Show all runs, or all failure groups."""
        self.shown_page.filter_bar.set_filter()


def _group_action(action: Action, run: Callable[[GroupsPage], object]) -> PageAction[TasksPage]:
    """Return an action on failure groups, available while they are shown."""
    return PageAction(
        action,
        lambda page: run(page.groups),
        lambda page: page.shows_groups and page.groups.has_group(),
    )


GROUP_ACTIONS: Final = (
    _group_action(actions.GROUP_RUNS, GroupsPage.show_runs),
    _group_action(actions.MUTE_GROUP, GroupsPage.toggle_muted),
    _group_action(actions.RESOLVE_GROUP, GroupsPage.toggle_resolved),
    _group_action(actions.NOTE_GROUP, GroupsPage.edit_note),
)
