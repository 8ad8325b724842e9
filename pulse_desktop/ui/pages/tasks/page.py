"""The Tasks page: live table of runs, details of one, actions on the selected."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import OPEN_STATES, UNHEALTHY_STATES, RunState
from pulse_desktop.model.time_range import ALL_RETAINED, last, range_to_text
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.query.run_fields import run_fields
from pulse_desktop.state.collection import Collection, DirtyRows
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_times import run_times
from pulse_desktop.state.serialize import RUN_CELLS, run_to_cells, run_to_dict
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS, STATE_MEANINGS, decoded_call
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.navigation import (
    FilterPage,
    FilterRuns,
    OpenView,
    ShowGroups,
    ShowPage,
    ShowRun,
    Target,
)
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.cancel_action import CancelAction, can_be_cancelled
from pulse_desktop.ui.pages.tasks.charts import TaskCharts
from pulse_desktop.ui.pages.tasks.columns import ARGUMENTS, run_columns, value_column
from pulse_desktop.ui.pages.tasks.compare_action import CompareAction
from pulse_desktop.ui.pages.tasks.detail import RunDetail
from pulse_desktop.ui.pages.tasks.groups_page import GroupsPage
from pulse_desktop.ui.pages.tasks.rerun_action import RerunAction
from pulse_desktop.ui.query.call_names import argument_names, label_names
from pulse_desktop.ui.query.cell_filter import CellValue, quoted, values_of_arguments
from pulse_desktop.ui.query.filter_state import FilterState
from pulse_desktop.ui.query.saved_views import SavedView
from pulse_desktop.ui.query.value_counts import count_codes
from pulse_desktop.ui.shell.actions import Action, PageAction
from pulse_desktop.ui.shell.page import PageContext
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.detail_splitter import DetailWidth
from pulse_desktop.ui.table.export import ExportFormat
from pulse_desktop.ui.table.facet import Facet
from pulse_desktop.ui.table.filter_bar import FilterBar
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.page import TablePage
from pulse_desktop.ui.table.selection_bar import SelectionBar, SelectionButton

_RARE_STATES: Final = frozenset({RunState.CANCELLED, RunState.RESULT_UNREADABLE})


_RUNS, _GROUPS = range(2)
_TAB_MARGIN: Final = 14


def _state_facet(state: RunState) -> Facet:
    label, glyph, color = STATE_LABELS[state]
    return Facet(
        state.value,
        label,
        glyph,
        color,
        tooltip=_("{meaning}. Press to show only these.").format(meaning=STATE_MEANINGS[state]),
        hide_when_empty=state in _RARE_STATES,
    )


def is_failed_run(run: TaskRun) -> bool:
    """Return whether a run failed, also if it only said so in its result."""
    return run.state in (RunState.FAILED, RunState.SOFT_FAILED)


class TasksPage(TablePage[TaskRun, RunDetail]):
    """Page with the table of task runs."""

    key = "tasks"
    sources = ("tasks", "events", "results")
    title = _("Tasks")
    icon = "tasks"
    section = _("LIVE")
    filter_hint = _("Filter by task, argument, id, worker or error")
    empty_title = _("No runs yet")
    empty_text = _(
        "Every task enqueued on this server appears here within a moment, whichever program "
        "enqueued it. Start one with Run task, or from your own program."
    )
    facets: ClassVar[tuple[Facet, ...]] = tuple(map(_state_facet, STATE_LABELS))
    facet_field = "state"
    time_fields = ("queued", "seen")
    row_menu = actions.ROW_MENU
    detail_width = DetailWidth(minimum=356, maximum=600, percent=40)
    update_interval_s = 0.25
    height_for_charts = 520
    even_charts = True

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._awaited = ""  # id of a run to show as soon as it is known
        self._rerun = RerunAction(context)
        self._cancel = CancelAction(context)
        self.compare_action = CompareAction(context, self)
        self.charts.times.task_chosen.connect(self.filter_by_task)
        self.filter_bar.submitted.connect(self.table.setFocus)
        self.table.is_failure = is_failed_run
        self.table.selection_changed.connect(
            lambda: self.detail.header.set_selected(self.table.selected_count())
        )
        self.detail.rerun_requested.connect(self._rerun_shown)
        self.detail.cancel_requested.connect(self._cancel_shown)
        self.detail.edit_requested.connect(self._edit_shown)
        self.detail.result_requested.connect(self._read_result)
        self.detail.target_requested.connect(context.navigate)
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

    # Table page

    def collection(self) -> Collection[TaskRun]:
        """Return the runs."""
        return self.context.state.runs

    def columns(self) -> Sequence[Column[TaskRun]]:
        """Return the columns of the table."""
        state = self.context.state
        workers = state.workers
        return run_columns(state.runs.names.label, workers.names.label, workers.task_schemas)

    def make_detail(self) -> RunDetail:
        """Create the detail panel."""
        return RunDetail(self.context.state)

    def make_filter_bar(self) -> FilterBar:
        """Create a filter bar with exact counts."""
        return FilterBar(self.facets, hint=self.filter_hint, format_count=formats.count)

    def row_times(self, row: TaskRun) -> tuple[float, float]:
        """Return when a run was enqueued and when it ended, or the present while it is open."""
        return run_times(row)

    def make_charts(self) -> Sequence[QWidget]:
        """Create the chart of outcomes and the table of waits and run times."""
        runs = self.context.state.runs
        self.charts = TaskCharts(runs, runs.names.label)
        return self.charts.outcomes, self.charts.times

    def update_charts(self, now: float) -> None:
        """Update the charts up to a time, Unix seconds."""
        self.charts.update(self.time_range, now, is_live=self.context.time.is_live)

    def filter_by_task(self, name: str) -> None:
        """Show only the runs of a task; all again if they are shown already."""
        self.filter.toggle_condition("task", name)

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

    def export_format(self) -> ExportFormat[TaskRun]:
        """Return how runs are exported: with exact values, as on the command line."""
        return ExportFormat(RUN_CELLS, run_to_cells, run_to_dict)

    def count_text(self, count: int) -> str:
        """Return a number of runs as text."""
        return ngettext("{count} run", "{count} runs", count).format(count=formats.count(count))

    def facet_counts(self) -> Mapping[str, int]:
        """Return the number of runs in each state."""
        return {state.value: count for state, count in self.context.state.runs.counts.items()}

    def value_counters(self) -> Mapping[str, Callable[[], Mapping[str, int]]]:
        """Return the counters of states, tasks and workers."""
        rows, columns = self.context.state.runs.rows, self.context.state.runs.columns
        coded = {
            name: functools.partial(count_codes, columns, name, rows) for name in ("task", "worker")
        }
        return {"state": self.facet_counts, **coded}

    @classmethod
    def system_views(cls) -> Sequence[SavedView]:
        """Return the views of the questions that an operator asks most."""
        failed = [RunState.FAILED.value, RunState.SOFT_FAILED.value]
        hour = range_to_text(last(3600.0))

        def view(name: str, **parts: Any) -> SavedView:
            return SavedView(cls.key, name, is_system=True, **parts)

        return (
            view(_("All runs")),
            view(_("Failures of the last hour"), facets=failed, time_range=hour),
            view(_("Running now"), facets=[RunState.RUNNING.value]),
            view(_("Waiting"), facets=[RunState.QUEUED.value, RunState.RETRYING.value]),
            view(_("Soft failures"), facets=[RunState.SOFT_FAILED.value]),
            view(_("Overdue"), facets=[RunState.OVERDUE.value]),
            view(_("Slow runs"), query="ran>1m", columns={"sort": ["ran", True]}),
        )

    def make_fields(self) -> FieldSet[TaskRun]:
        """Return the query fields of runs."""
        group_id = self.context.state.runs.group_id
        return run_fields(self._parameters, group_id, self.context.profile_label)

    def facets_of(self, row: TaskRun) -> Sequence[str]:
        """Return the state of a run."""
        return (row.state.value,)

    def keys_of(self, field: str, row: TaskRun) -> Iterable[str]:
        """Return the names of the arguments or labels of a run."""
        if field == "label":
            return label_names(row)
        return argument_names(row, self._parameters(row.name))

    def extra_columns(self) -> Sequence[Column[TaskRun]]:
        """Return columns with the labels and arguments that runs have."""
        names = [name for kind in ("label", "args") for name in self.filter.field_names(kind)]
        columns = (self.extra_column(name) for name in names)
        return [column for column in columns if column is not None]

    def extra_column(self, key: str) -> Column[TaskRun] | None:
        """Return the column of a label, `label.NAME`, or of an argument, `args.NAME`."""
        fields = self.filter.query.fields
        found = fields.get(key) if key.startswith(("label.", "args.")) else None
        return None if found is None else value_column(key, found)

    def argument_values(self, row: TaskRun, key: str) -> Sequence[CellValue]:
        """Return each argument of a run."""
        if key != ARGUMENTS.key:
            return ()
        call = decoded_call(row) or {}
        args, kwargs = call.get("args", []), call.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            return ()
        names = self._parameters(row.name)
        return values_of_arguments(self.filter.query.fields, args, kwargs.items(), names)

    def _parameters(self, task_name: str) -> Sequence[str]:
        schema = self.context.state.workers.task_schemas.get(task_name)
        return () if schema is None else [argument.name for argument in schema.arguments]

    def show_row(self, row: TaskRun) -> None:
        """Show a run in the detail panel."""
        self.detail.show_run(row, self.now)

    def update_detail(self, now: float) -> None:
        """Update the run in the open detail panel, also when it is not the current row."""
        shown = self.detail.run
        if shown is not None and not self.detail.isHidden():
            # An evicted run stays as it was.
            self._shown_row = self.context.state.runs.get(shown.task_id) or shown
            self.detail.show_run(self._shown_row, now)

    # Page

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show the changes of a frame."""
        self.now = now
        if self.shows_groups:
            self.groups.refresh(changes, now)
        else:
            super().refresh(changes, now)
        if self._awaited:
            self._show_awaited_run()

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
        (self.groups if self.shows_groups else self).table.setFocus(Qt.FocusReason.OtherFocusReason)

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
                self._open_run(task_id)
            case ShowRun(task_id=task_id, wait=True):
                self._await_run(task_id)
            case OpenView():
                super().navigate(target)
            case ShowRun(task_id=text):
                self.filter.navigate(FilterState(quoted(text)))
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
        return (self.groups if self.shows_groups else self).table.selected_count() > 0

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
            self._rerun.trigger(self.rows_to_act_on())

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
        self._cancel.confirm(self.rows_to_act_on())

    def copy_selected(self) -> None:
        """Copy the selected runs to the clipboard, tab-separated."""
        (self.groups if self.shows_groups else self).table.copy_selection()

    def show_failed(self) -> None:
        """Show only failed runs and soft failures."""
        self.show_runs()
        self.filter_bar.set_filter((RunState.FAILED.value, RunState.SOFT_FAILED.value))

    def clear_filter(self) -> None:
        """Show all runs, or all failure groups."""
        (self.groups if self.shows_groups else self).filter_bar.set_filter()

    # One run

    def _open_run(self, task_id: str) -> None:
        runs = self.context.state.runs
        run, position = runs.get(task_id), runs.position(task_id)
        if run is None or position is None:
            return
        accepts = self.filter.predicate()
        if accepts is not None and not accepts(run):
            in_range = self.context.time.range.contains(*run_times(run), self.now)
            everything = FilterState(time_range=None if in_range else ALL_RETAINED)
            why = _("Your filter hides this run, so all runs are shown.")
            if not in_range:
                why = _("This run is not in your filter and time range, so all runs are shown.")
            self.filter.navigate(everything, why)
        if self.table.rows_model.view_row(position) is None:
            self.table.set_paused(False)
            self.table.catch_up(self.now)
        self.table.select_position(position)
        self.open_detail(run)

    def _await_run(self, task_id: str) -> None:
        self._awaited = task_id
        self._show_awaited_run()

    def _show_awaited_run(self) -> None:
        if self.context.state.runs.get(self._awaited) is not None:
            task_id, self._awaited = self._awaited, ""
            self._open_run(task_id)

    def _rerun_shown(self) -> None:
        if self.detail.run is not None:
            self._rerun.trigger([self.detail.run])

    def _cancel_shown(self) -> None:
        if self.detail.run is not None:
            self._cancel.confirm([self.detail.run])

    def _edit_shown(self) -> None:
        if self.detail.run is not None:
            self.context.edit_run(self.detail.run)

    def _read_result(self, task_id: str) -> None:
        self.context.run_in_background("read result", self._read_shown_result(task_id))

    async def _read_shown_result(self, task_id: str) -> None:
        try:
            stored = await self.context.results.read(task_id)
        except UserFacingError as error:
            self.detail.show_result_error(task_id, error)
        else:
            self.detail.show_result(task_id, stored)


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
