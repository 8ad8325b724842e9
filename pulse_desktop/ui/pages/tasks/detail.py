"""One run in full, beside the table: what was asked, how it went, why it failed, what it gave."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
)

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.deadlines import Deadline
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.state.run import OPEN_STATES, RunState, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.deadline_text import deadline_text
from pulse_desktop.text.run_text import (
    STATE_LABELS,
    attempts,
    decoded_call,
    short_name,
    timeline_events,
)
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.pages.tasks.copy_button import CopyRunButton
from pulse_desktop.ui.pages.tasks.error_view import ErrorView
from pulse_desktop.ui.pages.tasks.event_columns import RUN_EVENT_COLUMNS
from pulse_desktop.ui.pages.tasks.progress_row import ProgressRow
from pulse_desktop.ui.pages.tasks.timeline_bar import TimelineBar
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

ERROR, ARGUMENTS, RESULT, EVENTS = range(4)
_TABS: Final = ("Error", "Arguments", "Result", "Events")
_MARGIN: Final = 14
_ROOMY: Final = 440
_TICK_S: Final = 0.25


class RunDetail(QFrame):
    """The panel of one run.

    Attributes:
        run: what is shown, None before the first.
        progress: how far it has come, while it has not ended.
        tabs: Error, Arguments, Result, Events.
        error: why it failed.
        arguments: what it was called with.
        result: what it returned.
        events: what was said about it.

    Signals:
        closed: the operator wants the panel gone.
        rerun_asked: run it again.
        cancel_asked: end it, or take it out of the queue.
        edit_asked: run it again with other arguments.
        result_wanted: task id whose stored result should be read.
        run_wanted: task id of another run to show.
    """

    closed = Signal()
    rerun_asked = Signal()
    cancel_asked = Signal()
    edit_asked = Signal()
    result_wanted = Signal(str)
    run_wanted = Signal(str)

    def __init__(
        self,
        events_of: Callable[[str], Sequence[Event]],
        deadline_of: Callable[[TaskRun, float], Deadline],
    ) -> None:
        """Make an empty panel.

        Args:
            events_of: finds the events that mention a task id, oldest first. May be slow.
            deadline_of: says how long a run may go unanswered at a time, Unix seconds.
        """
        super().__init__()
        self.setProperty("card", "true")
        self.setAccessibleName("Details of the run")
        self.run: TaskRun | None = None
        self._events_of = events_of
        self._deadline_of = deadline_of
        self._events_known = -1.0
        self._answer_read: tuple[str, int] | None = None
        self._ticked_at = 0.0
        self._usual_tab = ARGUMENTS
        self._sign = QLabel()
        self._state = QLabel()
        self._state.setProperty("role", "state")
        self._name = QLabel()
        self._name.setProperty("role", "heading")
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._facts = QLabel()
        self._facts.setProperty("role", "muted")
        self._facts.setWordWrap(True)
        self._limit = QLabel()
        self._limit.setProperty("role", "muted")
        self._limit.setWordWrap(True)
        for label in (self._name, self._facts, self._limit):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.rerun = QPushButton("Re-run")
        self.rerun.setProperty("kind", "primary")
        self.edit = QPushButton("Edit…")
        self.edit.setAccessibleName("Edit and re-run")
        self.edit.setToolTip("Edit the arguments and re-run (E)")
        self._copy = CopyRunButton(lambda: self.run)
        self._origin = QPushButton("Original")
        self._close = QPushButton()
        self._close.setProperty("kind", "ghost")
        self._close.setAccessibleName("Close details")
        self._close.setToolTip("Close (Esc)")
        self._close.setFixedWidth(30)
        self.progress = ProgressRow()
        self.progress.hide()
        self._timeline = TimelineBar()
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName("What to show of the run")
        self.error = ErrorView()
        self.arguments = JsonView("Arguments")
        self.result = JsonView("Result")
        self.events: LiveTable[Event] = LiveTable(
            RingBuffer[Event](1),
            RUN_EVENT_COLUMNS,
            name="Events of this run",
            empty_title="No events",
            empty_text="None of the events still kept mentions this run.",
        )
        self._stack = QStackedWidget()
        for title, view in zip(
            _TABS, (self.error, self.arguments, self.result, self.events), strict=True
        ):
            self.tabs.addTab(title)
            self._stack.addWidget(view)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(7)
        for widget in (self._sign, self._state):
            head.addWidget(widget)
        head.addWidget(self._name, 1)
        head.addWidget(self._close)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.rerun, self.edit, self._copy, self._origin):
            buttons.addWidget(button)
        buttons.addStretch(1)
        line = QFrame()
        line.setProperty("line", "true")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, 8, _MARGIN, _MARGIN)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._facts)
        layout.addSpacing(10)
        layout.addLayout(buttons)
        layout.addSpacing(12)
        layout.addWidget(self.progress)
        layout.addWidget(self._timeline)
        layout.addWidget(self._limit)
        layout.addSpacing(8)
        layout.addWidget(self.tabs)
        layout.addWidget(line)
        layout.addSpacing(10)
        layout.addWidget(self._stack, 1)

    def _connect(self) -> None:
        self._close.clicked.connect(self.closed)
        self.rerun.clicked.connect(self.rerun_asked)
        self.progress.cancel_asked.connect(self.cancel_asked)
        self.edit.clicked.connect(self.edit_asked)
        self._origin.clicked.connect(self._want_origin)
        self.tabs.currentChanged.connect(self._show_tab)
        self.tabs.tabBarClicked.connect(self._remember_tab)
        theme().changed.connect(self._tint)
        self._tint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say in full what the button does where there is room for it."""
        super().resizeEvent(event)
        self.edit.setText("Edit and re-run…" if self.width() >= _ROOMY else "Edit…")

    # What is shown

    def show_run(self, run: TaskRun, now: float) -> None:
        """Show a run, or the same run as it is now (Unix seconds)."""
        other = self.run is None or run.task_id != self.run.task_id
        if run is self.run and (run.state not in OPEN_STATES or now - self._ticked_at < _TICK_S):
            return
        changed = run is not self.run
        self.run, self._ticked_at = run, now
        self._timeline.set_moments(timeline_events(run, now))
        self._show_limit(run, now)
        self.progress.show_run(run, now)
        if not changed:
            return
        self._show_head(run)
        self.error.show_run(run)
        self._show_arguments(run)
        if other:
            self._answer_read = None
            self._events_known = -1.0
            self.tabs.setTabText(EVENTS, _TABS[EVENTS])
            self.tabs.setCurrentIndex(ERROR if run.reason else self._usual_tab)
        self._show_tab(self.tabs.currentIndex())

    def show_result(self, task_id: str, stored: DecodedResult) -> None:
        """Show a result that was read, if it is still wanted."""
        if self.run is None or task_id != self.run.task_id:
            return
        if stored.result is not None:
            self.result.set_data(stored.result.return_value, stored.raw)
        else:
            self.result.set_message(stored.problem or "This result cannot be read.", stored.raw)

    def show_refusal(self, task_id: str, refusal: UserFacingError) -> None:
        """Say why a result could not be read, if it is still wanted."""
        if self.run is not None and task_id == self.run.task_id:
            parts = (f"{refusal.title}: {refusal.detail}", refusal.advice)
            self.result.set_message("\n".join(filter(None, parts)))

    def _show_limit(self, run: TaskRun, now: float) -> None:
        """Say when the run counts as overdue: openly once it is, before that for who asks."""
        words = deadline_text(self._deadline_of(run, now)) if run.state in OPEN_STATES else ""
        self._limit.setVisible(run.state is RunState.OVERDUE)
        self._limit.setText(f"No sign of life within its limit of {words}." if words else "")
        self._state.setToolTip(f"Overdue after {words}." if words else "")

    def _show_head(self, run: TaskRun) -> None:
        word, glyph, color = STATE_LABELS[run.state]
        self._sign.setPixmap(icons.pixmap(glyph, color, 16, self.devicePixelRatioF()))
        self._state.setText(word)
        set_style_property(self._state, "color", color.value)
        self._name.setText(short_name(run.name) or "unknown task")
        self._name.setToolTip(plain_tooltip(run.name))
        facts = (run.task_id, f"attempt {attempts(run)}", run.worker)
        self._facts.setText(" · ".join(filter(None, facts)))
        repeatable = run.request is not None and run.request.complete
        self.rerun.setEnabled(repeatable)
        self.rerun.setToolTip(
            "Enqueue it again with the same arguments, under a new id (R)"
            if repeatable
            else "Its arguments were never seen, so it cannot be repeated"
        )
        self._origin.setVisible(bool(run.rerun_of))
        self._origin.setToolTip(plain_tooltip(f"A re-run of {run.rerun_of}: show that one"))
        self.tabs.setTabTextColor(
            ERROR, theme().color(SemanticColor.BAD if run.reason else SemanticColor.MUTED)
        )

    def _show_arguments(self, run: TaskRun) -> None:
        call = decoded_call(run)
        if call is None:
            self.arguments.set_message(
                "The arguments of this run were never seen: it was enqueued before this program "
                "listened, and no history keeps it."
            )
        elif not call:
            self.arguments.set_message("Called without arguments.")
        else:
            self.arguments.set_data(call)

    def _show_tab(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        run = self.run
        if run is None:
            return
        if index == RESULT:
            self._want_result(run)
        elif index == EVENTS and run.last_seen > self._events_known:
            self._events_known = run.last_seen
            found = self._events_of(run.task_id)
            rows = RingBuffer[Event](max(1, len(found)))
            for event in found:
                rows.append(event)
            self.events.rows_model.set_rows(rows)
            self.tabs.setTabText(EVENTS, f"{_TABS[EVENTS]} {len(found)}")

    def _want_result(self, run: TaskRun) -> None:
        if run.stored_outcome is None:
            open_ = run.state in OPEN_STATES
            self.result.set_message(
                "No result yet: the run has not ended."
                if open_
                else "No result is stored: it has expired, or this task keeps none."
            )
        elif self._answer_read != (run.task_id, run.stored_outcome.sequence):
            self._answer_read = (run.task_id, run.stored_outcome.sequence)
            self.result.set_message(f"Reading {formats.size(run.stored_outcome.size)}…")
            self.result_wanted.emit(run.task_id)

    def _remember_tab(self, index: int) -> None:
        if index not in (-1, ERROR):
            self._usual_tab = index

    def _want_origin(self) -> None:
        if self.run is not None:
            self.run_wanted.emit(self.run.rerun_of)

    def _tint(self) -> None:
        icons.set_button_icon(self.rerun, "retry", "on_accent")
        icons.set_button_icon(self._origin, "arrow-right", SemanticColor.MUTED, 12)
        self._close.setIcon(icons.icon("close", SemanticColor.MUTED, 12))
        self._facts.setFont(theme().number_font(step=-1))
        if self.run is not None:
            self._show_head(self.run)
