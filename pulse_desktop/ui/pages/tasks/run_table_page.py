"""The live table of runs, with charts and the details of one; its actions are in `runs_page`."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from PySide6.QtWidgets import QWidget

from pulse_desktop.fields.call_names import run_keys
from pulse_desktop.fields.run_fields import run_fields
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.model.time_range import last, range_to_text
from pulse_desktop.query.fields import FieldSet
from pulse_desktop.query.fingerprint import FAILURE_STATES
from pulse_desktop.query.parser import parse
from pulse_desktop.query.syntax import Query, Value, comparisons
from pulse_desktop.state.collection import Collection
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_span import run_span
from pulse_desktop.state.serialize import RUN_CELLS, run_to_cells, run_to_dict
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS, STATE_MEANINGS, decoded_call, run_count_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connection_phase import states_text
from pulse_desktop.ui.page.detail_splitter import DetailWidth
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.filter_bar import FilterBar
from pulse_desktop.ui.page.page import PageContext
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.cancel_action import CancelAction
from pulse_desktop.ui.pages.tasks.charts import FilteredRuns, TaskCharts
from pulse_desktop.ui.pages.tasks.columns import (
    ARGUMENTS,
    run_arrival_order,
    run_columns,
    value_column,
)
from pulse_desktop.ui.pages.tasks.detail import RunDetail
from pulse_desktop.ui.pages.tasks.rerun_action import RerunAction
from pulse_desktop.ui.query.cell_filter import CellValue, values_of_arguments
from pulse_desktop.ui.query.conditions import bar_query
from pulse_desktop.ui.query.saved_views import SavedView
from pulse_desktop.ui.query.value_counts import count_codes
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.export import ExportFormat

_ONLY_ENQUEUED: Final = frozenset({RunState.QUEUED, RunState.OVERDUE})
_RARE_STATES: Final = frozenset({RunState.CANCELLED, RunState.RESULT_UNREADABLE})


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


_FAILURE_FIELDS: Final = frozenset({"error", "traceback", "group"})
"""Only runs with an error have them."""


def _is_about_failures(query: Query, fields: FieldSet[TaskRun]) -> bool:
    """Return whether a query asks for failed runs, perhaps among others."""
    state = fields.get("state")
    names = state.choices if state is not None else {}
    for each, negated in comparisons(query):
        typed = (value.text.casefold() for value in each.values if isinstance(value, Value))
        is_about = each.field == "state" and any(
            names.get(text) in FAILURE_STATES for text in typed
        )
        if not negated and (is_about or each.field in _FAILURE_FIELDS):
            return True
    return False


def is_failed_run(run: TaskRun) -> bool:
    """Return whether a run failed, also if it only said so in its result."""
    return run.state in FAILURE_STATES


class RunTablePage(TablePage[TaskRun, RunDetail]):
    """The table of task runs, and the details of one."""

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
    facet_columns = ("state",)
    shows_states = True
    time_fields = ("queued", "seen")
    row_menu = actions.ROW_MENU
    detail_width = DetailWidth(minimum=356, maximum=600, percent=40)
    update_interval_s = 0.25
    height_for_charts = 520
    even_charts = True

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._awaited = ""  # id of a run to show as soon as it is known
        self.rerun_action = RerunAction(context)
        self.cancel_action = CancelAction(context)
        self.charts.times.task_chosen.connect(self.filter_by_task)
        self.table.is_failure = is_failed_run
        self.filter.applied.connect(self._favor_errors)
        self.table.rows_model.arrival_order = run_arrival_order(context.state.runs)
        self.table.selection_changed.connect(
            lambda: self.detail.header.set_selected(self.table.selected_count())
        )
        self.detail.rerun_requested.connect(self._rerun_shown)
        self.detail.cancel_requested.connect(self._cancel_shown)
        self.detail.edit_requested.connect(self._edit_shown)
        self.detail.result_requested.connect(self._read_result)
        self.detail.target_requested.connect(context.navigate)

    def _favor_errors(self) -> None:
        """Keep the column of errors while the filter is about failures."""
        query = self.filter.query
        is_about = not self.filter_bar.checked_facets.isdisjoint(FAILURE_STATES)
        is_about = is_about or _is_about_failures(parse(query.text), query.fields)
        self.table.column_layout.set_favored(frozenset({"error"} if is_about else ()))

    # Table page

    def collection(self) -> Collection[TaskRun]:
        """Return the runs."""
        return self.context.state.runs

    def columns(self) -> Sequence[Column[TaskRun]]:
        """Return the columns of the table."""
        state = self.context.state
        workers = state.workers
        label = state.runs.names.label
        column, *others = run_columns(label, workers.names.label, workers.task_schemas)
        return self._known_state(column), *others

    def _known_state(self, column: Column[TaskRun]) -> Column[TaskRun]:
        """Return the column of states; events that are not read yet may tell another one."""
        connection, text = self.context.connection, column.text

        def known_text(run: TaskRun, now: float) -> str:
            is_unknown = run.state in _ONLY_ENQUEUED and states_text(connection)
            return _("reading…") if is_unknown else text(run, now)

        return replace(column, text=known_text)

    def make_detail(self) -> RunDetail:
        """Create the detail panel."""
        return RunDetail(self.context.state)

    def make_filter_bar(self) -> FilterBar:
        """Create a filter bar with exact counts."""
        return FilterBar(self.facets, hint=self.filter_hint, format_count=formats.count)

    def row_times(self, row: TaskRun) -> tuple[float, float]:
        """Return the first and the last time of a run; see `run_span`."""
        return run_span(row)

    def make_charts(self) -> Sequence[QWidget]:
        """Create the chart of outcomes and the table of waits and run times."""
        runs = self.context.state.runs
        self.charts = TaskCharts(runs, runs.names.label)
        return self.charts.outcomes, self.charts.times

    def on_show(self, now: float) -> None:
        """Catch up with what happened while another page was visible."""
        self.charts.reset()
        super().on_show(now)

    def update_charts(self, now: float) -> None:
        """Update the charts up to a time, Unix seconds; they show the runs that the table shows."""
        shown = None
        if self.filter_bar.checked_facets or self.filter.query.matcher is not None:
            model = self.table.rows_model
            found, is_complete = model.positions(), not model.filter_pending
            shown = FilteredRuns(self.filter.effective_query, found, is_complete)
        self.charts.update(
            self.time_range,
            now,
            filtered=shown,
            shows_all=not self.context.time.range.limits_rows,
        )

    def rows_ahead(self, end: float) -> int:
        """Return how many runs ended at a time (Unix seconds) or later: a clock may be ahead."""
        return self.charts.columns.ahead_of(end)

    def bar_query(self, start: float, end: float) -> str:
        """Return the query for the runs that a bar counts: they ended in it."""
        return bar_query(start, end)

    def filter_by_task(self, name: str) -> None:
        """Show only the runs of a task; all again if they are shown already."""
        self.filter.toggle_condition("task", name)

    def export_format(self) -> ExportFormat[TaskRun]:
        """Return how runs are exported: with exact values, as on the command line."""
        return ExportFormat(RUN_CELLS, run_to_cells, run_to_dict)

    def count_text(self, count: int) -> str:
        """Return a number of runs as text."""
        return run_count_text(count)

    def facet_counts(self) -> Mapping[str, int]:
        """Return the number of runs in each state."""
        return {state.value: count for state, count in self.context.state.runs.counts.items()}

    def value_counters(self) -> Mapping[str, Callable[[], Mapping[str, int]]]:
        """Return the counters of states, tasks and workers."""
        rows, columns = self.context.state.runs.rows, self.context.state.runs.columns
        by_column = {
            name: functools.partial(count_codes, columns, name, rows) for name in ("task", "worker")
        }
        return {"state": self.facet_counts, **by_column}

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
        return run_fields(self.context.state.parameter_names, group_id, self._profile_name)

    def _profile_name(self) -> str:
        """Return what `profile:` compares with: a profile can be renamed while it is shown."""
        return self.context.profile_name() or self.context.profile.query_name

    def facets_of(self, row: TaskRun) -> Sequence[str]:
        """Return the state of a run."""
        return (row.state.value,)

    def keys_of(self, field: str, row: TaskRun) -> Iterable[str]:
        """Return the names of the arguments or labels of a run."""
        return run_keys(field, row, self.context.state.parameter_names(row.name))

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
        names = self.context.state.parameter_names(row.name)
        return values_of_arguments(self.filter.query.fields, args, kwargs.items(), names)

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

    # One run

    def open_run(self, task_id: str) -> None:
        """Select a run and show its details; widen filter and time range if they hide it."""
        runs = self.context.state.runs
        position = runs.position(task_id)
        if position is not None:
            self.open_row(position)

    def await_run(self, task_id: str) -> None:
        """Show a run as soon as it is known."""
        self._awaited = task_id
        self.show_awaited_run()

    def show_awaited_run(self) -> None:
        """Show the awaited run if it is known by now."""
        if self._awaited and self.context.state.runs.get(self._awaited) is not None:
            task_id, self._awaited = self._awaited, ""
            self.open_run(task_id)

    def _rerun_shown(self) -> None:
        if self.detail.run is not None:
            self.rerun_action.trigger([self.detail.run])

    def _cancel_shown(self) -> None:
        if self.detail.run is not None:
            self.cancel_action.confirm([self.detail.run])

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
