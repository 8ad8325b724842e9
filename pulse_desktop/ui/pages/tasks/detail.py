"""The detail panel of one run: progress, timeline, error, arguments, result, events and log."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.deadlines import Deadline
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_log import log_lines
from pulse_desktop.text import formats
from pulse_desktop.text.deadline_text import deadline_text
from pulse_desktop.text.log_text import log_text
from pulse_desktop.text.run_text import arguments_source_text, decoded_call, timeline_events
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.pages.tasks.columns import event_columns
from pulse_desktop.ui.pages.tasks.error_view import ErrorView
from pulse_desktop.ui.pages.tasks.progress_row import ProgressRow
from pulse_desktop.ui.pages.tasks.run_header import RunHeader
from pulse_desktop.ui.pages.tasks.timeline_bar import TimelineBar
from pulse_desktop.ui.table.detail_panel import DetailPanel
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme.plain_text import Label, extend_plain_text
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

ERROR, ARGUMENTS, RESULT, EVENTS, LOG = range(5)
_TABS: Final = (_("Error"), _("Arguments"), _("Result"), _("Events"), _("Log"))
_MARGIN: Final = 14
_TICK_S: Final = 0.25


class RunDetail(DetailPanel):
    """The panel of one run.

    Attributes:
        run: the run shown, None before the first.
        header: state, name and buttons.
        progress: progress of the run, while it has not ended.
        tabs: Error, Arguments, Result, Events, Log.
        error: why it failed.
        arguments: what it was called with.
        arguments_source: where the arguments are known from.
        result: what it returned.
        events: the events that mention it.
        log: what it logged.

    Signals:
        rerun_requested: re-run the run.
        cancel_requested: cancel it, running or queued.
        edit_requested: re-run it with other arguments.
        result_requested: task id whose stored result should be read.
    """

    rerun_requested = Signal()
    cancel_requested = Signal()
    edit_requested = Signal()
    result_requested = Signal(str)

    def __init__(
        self,
        events_of: Callable[[str], Sequence[Event]],
        log_events_of: Callable[[str], Sequence[Event]],
        deadline_of: Callable[[TaskRun, float], Deadline],
        task_label: Callable[[str], str],
    ) -> None:
        """Create an empty panel.

        Args:
            events_of: returns the events that mention a task id, oldest first. May be slow.
            log_events_of: returns those with its log lines. May be slow.
            deadline_of: returns the deadline of a run at a time, Unix seconds.
            task_label: returns the short name of a task.
        """
        super().__init__(_("Details of the run"))
        self.run: TaskRun | None = None
        self._events_of = events_of
        self._log_events_of = log_events_of
        self._deadline_of = deadline_of
        self._events_as_of = -1.0
        self._log_as_of = -1.0
        self._requested_result: tuple[str, int] | None = None
        self._ticked_at = 0.0
        self._default_tab = ARGUMENTS
        self.header = RunHeader(self.close_button, task_label)
        self._deadline = Label()
        self._deadline.setProperty("role", "muted")
        self._deadline.setWordWrap(True)
        self._deadline.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = ProgressRow()
        self.progress.hide()
        self._timeline = TimelineBar()
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(_("Parts of the run"))
        self.error = ErrorView()
        self.arguments = JsonView(_("Arguments"))
        self.arguments_source = Label()
        self.arguments_source.setWordWrap(True)
        arguments = QWidget()
        arguments_layout = QVBoxLayout(arguments)
        arguments_layout.setContentsMargins(0, 0, 0, 0)
        arguments_layout.addWidget(self.arguments_source)
        arguments_layout.addWidget(self.arguments, 1)
        self.result = JsonView(_("Result"))
        self.events: LiveTable[Event] = LiveTable(
            RingBuffer[Event](1),
            event_columns(task_label),
            name=_("Events of this run"),
            empty_title=_("No events"),
            empty_text=_("None of the retained events mentions this run."),
        )
        self.log = QPlainTextEdit()
        self.log.setProperty("kind", "plain")
        self.log.setReadOnly(True)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setAccessibleName(_("Log"))
        self._stack = QStackedWidget()
        for title, view in zip(
            _TABS, (self.error, arguments, self.result, self.events, self.log), strict=True
        ):
            self.tabs.addTab(title)
            self._stack.addWidget(view)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        line = QFrame()
        line.setProperty("line", "true")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, 8, _MARGIN, _MARGIN)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addSpacing(12)
        layout.addWidget(self.progress)
        layout.addWidget(self._timeline)
        layout.addWidget(self._deadline)
        layout.addSpacing(8)
        layout.addWidget(self.tabs)
        layout.addWidget(line)
        layout.addSpacing(10)
        layout.addWidget(self._stack, 1)

    def _connect(self) -> None:
        self.header.rerun_requested.connect(self.rerun_requested)
        self.header.edit_requested.connect(self.edit_requested)
        self.header.original_requested.connect(self.show_run_requested)
        self.progress.cancel_requested.connect(self.cancel_requested)
        self.tabs.currentChanged.connect(self._show_tab)
        self.tabs.tabBarClicked.connect(self._remember_tab)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    @property
    def deadline_text(self) -> str:
        """The line about a missed deadline, empty while it is hidden."""
        return "" if self._deadline.isHidden() else self._deadline.text()

    def show_run(self, run: TaskRun, now: float) -> None:
        """Show a run, or update the same run, at a time (Unix seconds)."""
        other = self.run is None or run.task_id != self.run.task_id
        if run is self.run and (
            run.state not in OPEN_STATES or abs(now - self._ticked_at) < _TICK_S
        ):
            return
        changed = run is not self.run
        self.run, self._ticked_at = run, now
        self._timeline.set_events(timeline_events(run, now))
        self._show_deadline(run, now)
        self.progress.show_run(run, now)
        if not changed:
            return
        self.header.show_run(run)
        self._color_error_tab()
        self.error.show_run(run)
        self._show_arguments(run)
        if other:
            self._requested_result = None
            self._events_as_of = self._log_as_of = -1.0
            self.tabs.setTabText(EVENTS, _TABS[EVENTS])
            self.tabs.setCurrentIndex(ERROR if run.reason else self._default_tab)
        self._show_tab(self.tabs.currentIndex())

    def set_stale(self, *, stale: bool) -> None:
        """Show the run without the colors that judge it, or with those again."""
        super().set_stale(stale=stale)
        self.header.set_stale(stale=stale)

    def show_result(self, task_id: str, stored: DecodedResult) -> None:
        """Show a result that was read, if its run is still shown."""
        if self.run is None or task_id != self.run.task_id:
            return
        if stored.result is not None:
            self.result.set_data(stored.result.return_value, stored.raw)
        else:
            self.result.set_message(stored.problem or _("This result cannot be read."), stored.raw)

    def show_result_error(self, task_id: str, error: UserFacingError) -> None:
        """Show why a result could not be read, if its run is still shown."""
        if self.run is not None and task_id == self.run.task_id:
            problem = _("{title}: {detail}").format(title=error.title, detail=error.detail)
            self.result.set_message("\n".join(filter(None, (problem, error.advice))))

    def _show_deadline(self, run: TaskRun, now: float) -> None:
        """Show the deadline of an overdue run below the timeline, else in the state's tooltip."""
        text = deadline_text(self._deadline_of(run, now)) if run.state in OPEN_STATES else ""
        self._deadline.setVisible(run.state is RunState.OVERDUE)
        missed = _("No update within its deadline of {deadline}.").format(deadline=text)
        self._deadline.setText(missed if text else "")
        tooltip = _("Overdue after {deadline}.").format(deadline=text)
        self.header.set_state_tooltip(tooltip if text else "")

    def _show_arguments(self, run: TaskRun) -> None:
        call = decoded_call(run)
        source = arguments_source_text(run)
        self.arguments_source.setText(f"{source[:1].upper()}{source[1:]}.")
        self.arguments_source.setVisible(bool(source))
        from_event = run.request is not None and not run.request.captured
        color = SemanticColor.WARNING if from_event else SemanticColor.MUTED
        set_style_property(self.arguments_source, "color", color.value)
        if call is None:
            self.arguments.set_message(
                _(
                    "The arguments of this run are unknown: it was enqueued before this program "
                    "connected, and it is not in the history."
                )
            )
        elif not call:
            self.arguments.set_message(_("Called without arguments."))
        else:
            self.arguments.set_data(call)

    def _show_tab(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        run = self.run
        if run is None:
            return
        if index == RESULT:
            self._request_result(run)
        elif index == EVENTS and run.last_seen > self._events_as_of:
            self._events_as_of = run.last_seen
            found = self._events_of(run.task_id)
            rows = RingBuffer[Event](max(1, len(found)))
            for event in found:
                rows.append(event)
            self.events.rows_model.set_rows(rows)
            title = _("Events {count}").format(count=formats.count(len(found)))
            self.tabs.setTabText(EVENTS, title)
        elif index == LOG and run.last_seen > self._log_as_of:
            self._log_as_of = run.last_seen
            lines = log_lines(self._log_events_of(run.task_id), run.task_id)
            extend_plain_text(self.log, log_text(lines) or _("This run has logged nothing."))

    def _request_result(self, run: TaskRun) -> None:
        if run.stored_outcome is None:
            self.result.set_message(
                _("No result yet: the run has not ended.")
                if run.state in OPEN_STATES
                else _("No result is stored: it has expired, or this task stores none.")
            )
        elif self._requested_result != (run.task_id, run.stored_outcome.sequence):
            self._requested_result = (run.task_id, run.stored_outcome.sequence)
            size = formats.size(run.stored_outcome.size)
            self.result.set_message(_("Reading {size}…").format(size=size))
            self.result_requested.emit(run.task_id)

    def _remember_tab(self, index: int) -> None:
        if index not in (-1, ERROR):
            self._default_tab = index

    def _apply_theme(self) -> None:
        self.log.setFont(theme().number_font())
        self._color_error_tab()

    def _color_error_tab(self) -> None:
        failed = self.run is not None and bool(self.run.reason)
        color = theme().color(SemanticColor.BAD if failed else SemanticColor.MUTED)
        self.tabs.setTabTextColor(ERROR, color)
