"""Tasks: every run, as it happens; why it failed; run it again."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Self

from PySide6.QtWidgets import QFrame, QVBoxLayout

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.run import RunState, TaskRun
from pulse_desktop.ui.navigation import FilterPage, FilterRuns, ShowRun, Target
from pulse_desktop.ui.pages.tasks import actions
from pulse_desktop.ui.pages.tasks.cancel_action import CancelAction, can_be_cancelled
from pulse_desktop.ui.pages.tasks.columns import RUN_COLUMNS
from pulse_desktop.ui.pages.tasks.detail import RunDetail
from pulse_desktop.ui.pages.tasks.filter_bar import RunFilterBar
from pulse_desktop.ui.pages.tasks.rerun_action import RerunAction
from pulse_desktop.ui.shell.actions import PageAction
from pulse_desktop.ui.shell.context_menu import show_context_menu
from pulse_desktop.ui.shell.page import Page, PageContext
from pulse_desktop.ui.table.detail_splitter import DetailSplitter
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.selection_bar import SelectionBar
from pulse_desktop.ui.theme.throttle import Throttle

_MARGIN: Final = 14
_AGE_S: Final = 10.0
"""How often runs that have become too old for the chosen span are let go."""


class TasksPage(Page):
    """Facets, filter, table, and the details of one run."""

    key: ClassVar[str] = "tasks"
    title: ClassVar[str] = "Tasks"
    icon: ClassVar[str] = "tasks"
    section: ClassVar[str] = "LIVE"

    def __init__(self, context: PageContext) -> None:
        super().__init__(context)
        self._now = 0.0
        self._cadence = Throttle()
        self._awaited = ""  # task id to show as soon as it is heard of
        self._rerunner = RerunAction(context)
        self._canceller = CancelAction(context)
        self.bar = RunFilterBar()
        self.strip = SelectionBar()
        self.table: LiveTable[TaskRun] = LiveTable(
            context.state.runs.rows,
            RUN_COLUMNS,
            name="Task runs",
            empty_title="No runs yet",
            empty_text="Every task enqueued on this server appears here within a moment, "
            "whoever enqueued it. Start one with Run task, or from your own program.",
        )
        self.detail = RunDetail(context.state.log.mentioning, context.state.runs.deadline_of)
        self.detail.hide()
        self._lay_out()
        self._connect()
        self.bar.set_counts(self.context.state.runs.counts)

    def _lay_out(self) -> None:
        card = QFrame()
        card.setProperty("card", "true")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.setSpacing(0)
        inside.addWidget(self.strip)
        inside.addWidget(self.table, 1)
        self._split = DetailSplitter(card, self.detail)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        whole.setSpacing(10)
        whole.addWidget(self.bar)
        whole.addWidget(self._split, 1)

    def _connect(self) -> None:
        self.bar.changed.connect(self._filter)
        self.bar.left.connect(self.table.setFocus)
        self.table.clear_filter_requested.connect(self.clear_filter)
        self.table.current_changed.connect(lambda _: self._show_current())
        self.table.row_activated.connect(lambda _: self._show_current(open_=True))
        self.table.clicked.connect(lambda _: self._show_current(open_=True))
        self.table.selection_changed.connect(self._show_selection)
        self.table.menu_requested.connect(
            lambda at: show_context_menu(self.context.actions, actions.ROW_MENU, self, at)
        )
        self.table.rows_model.counts_changed.connect(self._show_shown)
        self.table.rows_model.headerDataChanged.connect(lambda *_: self._show_selection())
        self.strip.rerun_asked.connect(self.rerun_selected)
        self.strip.cancel_asked.connect(self.cancel_selected)
        self.strip.copy_asked.connect(self.copy_selected)
        self.strip.all_asked.connect(self.table.selectAll)
        self.strip.none_asked.connect(self.table.clearSelection)
        self.detail.closed.connect(self.close_detail)
        self.detail.rerun_asked.connect(self._rerun_shown)
        self.detail.cancel_asked.connect(self._cancel_shown)
        self.detail.edit_asked.connect(self._edit_shown)
        self.detail.result_wanted.connect(self._read_result)
        self.detail.run_wanted.connect(lambda task_id: self.navigate(ShowRun(task_id)))

    # Following the state

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show new and changed runs with every frame, counts a few times a second."""
        self._now = now
        if self.bar.wanted.since_s and self._cadence.due("age", now, _AGE_S):
            self._renew_filter()
        self.table.refresh(now, changes.of(self.context.state.runs))
        if self._cadence.due("counts", now, 0.25):
            self.bar.set_counts(self.context.state.runs.counts)
        if self._awaited:
            self._look_for_awaited()
        if not self.detail.isHidden():
            self._refresh_detail(now)

    def on_show(self, now: float) -> None:
        """Catch up with what happened while another page was shown."""
        self._now = now
        self.table.catch_up(now)
        self.bar.set_counts(self.context.state.runs.counts)
        self._show_shown()
        self._show_selection()
        if not self.detail.isHidden():
            self._refresh_detail(now)

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the runs."""
        return (self.table,)

    def focus_filter(self) -> None:
        """Put the keyboard into the filter."""
        self.bar.focus_field()

    def navigate(self, target: Target) -> None:
        """Show a run, or filter the runs; a run that is unknown is searched for by its id."""
        match target:
            case ShowRun(task_id=task_id) if self.context.state.runs.get(task_id) is not None:
                self._open_run(task_id)
            case ShowRun(task_id=task_id, wait=True):
                self._await(task_id)
            case ShowRun(task_id=text) | FilterPage(text=text):
                self.bar.choose(text=text)
            case FilterRuns(states=states, text=text):
                self.bar.choose(tuple(states), text)

    def on_escape(self) -> bool:
        """Close the details, else clear selection and filter."""
        if not self.detail.isHidden():
            self.close_detail()
        elif self.table.selected_count() > 1:
            self.table.clearSelection()
        elif self.bar.wanted.active:
            self.clear_filter()
        else:
            return False
        return True

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions on runs."""
        return (
            PageAction(actions.RERUN, cls.rerun_selected, cls.has_selection),
            PageAction(actions.EDIT_RERUN, cls.edit_selected, cls.has_one),
            PageAction(actions.CANCEL, cls.cancel_selected, cls.has_open),
            PageAction(actions.SHOW_FAILED, cls.show_failed),
            PageAction(actions.COPY, cls.copy_selected, cls.has_selection),
            PageAction(actions.CLEAR_FILTER, cls.clear_filter),
        )

    def has_selection(self) -> bool:
        """Tell whether any run is selected."""
        return self.table.selected_count() > 0

    def rerun_selected(self) -> None:
        """Run the selected runs again."""
        self._rerunner.ask(self.table.selected_rows())

    def has_one(self) -> bool:
        """Tell whether exactly one run is selected."""
        return self.table.selected_count() == 1

    def edit_selected(self) -> None:
        """Change the arguments of the selected run, and run that."""
        for run in self.table.selected_rows():
            self.context.edit_run(run)

    def has_open(self) -> bool:
        """Tell whether any of the selected runs has not ended."""
        return any(map(can_be_cancelled, self.table.selected_rows()))

    def cancel_selected(self) -> None:
        """Cancel those of the selected runs that have not ended."""
        self._canceller.ask(self.table.selected_rows())

    def copy_selected(self) -> None:
        """Put the selected runs on the clipboard, tab-separated."""
        self.table.copy_selection()

    def show_failed(self) -> None:
        """Show only what failed, also softly."""
        self.bar.choose((RunState.FAILED, RunState.SOFT_FAILED))

    def clear_filter(self) -> None:
        """Show every run."""
        self.bar.choose()

    def close_detail(self) -> None:
        """Give the room back to the table."""
        self.detail.hide()
        self.table.setFocus()

    # Filter and counts

    def _filter(self) -> None:
        self.table.set_filter(self.bar.wanted.predicate(self._now))
        self._show_shown()

    def _renew_filter(self) -> None:
        accepts = self.bar.wanted.predicate(self._now)
        if accepts is not None:
            self.table.update_filter(accepts)
            self._show_shown()

    def _show_shown(self) -> None:
        model = self.table.rows_model
        self.bar.set_shown(model.shown_count, model.total_count)
        if self.table.selected_count() > 1:
            self._show_selection()

    def _show_selection(self) -> None:
        model = self.table.rows_model
        order = "Newest on top"
        if model.sort_key:
            title = next(column.title for column in model.columns if column.key == model.sort_key)
            order = f"Sorted by {title}, {'largest' if model.descending else 'smallest'} first"
        self.strip.show_selection(self.table.selected_count(), model.shown_count, order)

    # One run

    def _show_current(self, *, open_: bool = False) -> None:
        run = self.table.current_row()
        if run is None or (self.detail.isHidden() and not open_):
            return
        self._show_detail(run)

    def _show_detail(self, run: TaskRun) -> None:
        self.detail.show_run(run, self._now)
        self._split.show_detail()

    def _refresh_detail(self, now: float) -> None:
        shown = self.detail.run
        if shown is not None:
            # A run that is forgotten meanwhile stays as it was.
            self.detail.show_run(self.context.state.runs.get(shown.task_id) or shown, now)

    def _open_run(self, task_id: str) -> None:
        runs = self.context.state.runs
        run, position = runs.get(task_id), runs.position(task_id)
        if run is None or position is None:
            return
        if self.table.rows_model.view_row(position) is None:
            self.clear_filter()
        if self.table.rows_model.view_row(position) is None:
            self.table.set_paused(False)
            self.table.catch_up(self._now)
        self.table.select_position(position)
        self._show_detail(run)

    def _rerun_shown(self) -> None:
        if self.detail.run is not None:
            self._rerunner.ask([self.detail.run])

    def _cancel_shown(self) -> None:
        if self.detail.run is not None:
            self._canceller.ask([self.detail.run])

    def _edit_shown(self) -> None:
        if self.detail.run is not None:
            self.context.edit_run(self.detail.run)

    def _await(self, task_id: str) -> None:
        self._awaited = task_id
        self._look_for_awaited()

    def _look_for_awaited(self) -> None:
        if self.context.state.runs.get(self._awaited) is not None:
            task_id, self._awaited = self._awaited, ""
            self._open_run(task_id)

    def _read_result(self, task_id: str) -> None:
        self.context.run_in_background("read result", self._reading(task_id))

    async def _reading(self, task_id: str) -> None:
        try:
            stored = await self.context.results.read(task_id)
        except UserFacingError as refusal:
            self.detail.show_refusal(task_id, refusal)
        else:
            self.detail.show_result(task_id, stored)
