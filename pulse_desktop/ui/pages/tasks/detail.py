"""The detail panel of one run: progress, timeline, error, overview, arguments, result, events, log.

What takes long to find is looked for only while its tab is shown, in slices between frames.
"""

from typing import Final, cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QTabBar

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import OPEN_STATES, RunState
from pulse_desktop.protocol.task_result import DecodedResult
from pulse_desktop.state.event_search import EventSearch
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_log import LOG_EVENT, log_lines
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.text.deadline_text import deadline_text
from pulse_desktop.text.run_text import timeline_events
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.navigation import ShowItem
from pulse_desktop.ui.page.detail_panel import DetailPanel
from pulse_desktop.ui.pages.tasks.arguments_view import ArgumentsView
from pulse_desktop.ui.pages.tasks.error_view import ErrorView
from pulse_desktop.ui.pages.tasks.progress_row import ProgressRow
from pulse_desktop.ui.pages.tasks.run_events_view import RunEventsView
from pulse_desktop.ui.pages.tasks.run_header import RunHeader
from pulse_desktop.ui.pages.tasks.run_log_view import RunLogView
from pulse_desktop.ui.pages.tasks.run_overview import RunOverview
from pulse_desktop.ui.pages.tasks.timeline_bar import TimelineBar
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.throttle import Elapsed
from pulse_desktop.ui.widgets.lazy_stack import LazyStack

ERROR, OVERVIEW, ARGUMENTS, RESULT, EVENTS, LOG = range(6)
_TABS: Final = (
    _("Error"),
    _("Overview"),
    _("Arguments"),
    _("Result"),
    _("Events"),
    _("Log"),
)
_MARGIN: Final = 14
_WIDE: Final = 430
"""Width in pixels from which the tabs have their usual distance."""
_TICK_S: Final = 0.25
_OVERVIEW_S: Final = 1.0
"""How often the overview of an unchanged run follows its children and re-runs."""


class RunDetail(DetailPanel):
    """The panel of one run.

    Attributes:
        run: the run shown, None before the first.
        header: state, name and buttons.
        progress: progress of the run, while it has not ended.
        tabs: Error (of runs that have one), Overview, Arguments, Result, Events, Log.

    Signals:
        rerun_requested: re-run the run.
        cancel_requested: cancel it, running or queued.
        edit_requested: re-run it with other arguments.
        result_requested: task id whose stored result should be read.
        target_requested: the operator wants to go to a `Target`.
    """

    rerun_requested = Signal()
    cancel_requested = Signal()
    edit_requested = Signal()
    result_requested = Signal(str)
    target_requested = Signal(object)

    def __init__(self, state: SystemState) -> None:
        """Create an empty panel.

        Args:
            state: what is known of the system.
        """
        super().__init__(_("Details of the run"))
        self.run: TaskRun | None = None
        self._state = state
        task_label = state.runs.names.label
        self._search: EventSearch | None = None
        self._search_shown: tuple[EventSearch, int] | None = None
        self._now = 0.0
        self._requested_result: tuple[str, int] | None = None
        self._ticked_at = 0.0
        self._since_overview = Elapsed()
        self._default_tab = ARGUMENTS
        self.header = RunHeader(self.close_button, task_label, state.workers.names.label)
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
        self.tabs.setUsesScrollButtons(False)  # what does not fit ends in "…"
        self.tabs.setElideMode(Qt.TextElideMode.ElideRight)
        self.tabs.setAccessibleName(_("Parts of the run"))
        self._stack = LazyStack(
            (
                ErrorView,
                self._make_overview,
                ArgumentsView,
                lambda: JsonView(_("Result")),
                lambda: RunEventsView(task_label),
                RunLogView,
            )
        )
        for title in _TABS:
            self.tabs.addTab(title)
        self._searching = QTimer(self, interval=0)
        self._searching.setObjectName("search the events of a run")
        self._searching.timeout.connect(self._search_events)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        line = QFrame()
        line.setProperty("line", "true")
        self._set_margins(_MARGIN, 8, _MARGIN)
        layout = self._column
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

    def _make_overview(self) -> RunOverview:
        overview = RunOverview(self._state, self._state.runs.names.label)
        overview.target_requested.connect(self.target_requested)
        return overview

    # The tabs, each created when it is first shown

    @property
    def error(self) -> ErrorView:
        """Why the run failed."""
        return cast("ErrorView", self._stack.get(ERROR))

    @property
    def overview(self) -> RunOverview:
        """Attempts, run times, related runs, messages."""
        return cast("RunOverview", self._stack.get(OVERVIEW))

    @property
    def arguments(self) -> ArgumentsView:
        """What it was called with."""
        return cast("ArgumentsView", self._stack.get(ARGUMENTS))

    @property
    def result(self) -> JsonView:
        """What it returned."""
        return cast("JsonView", self._stack.get(RESULT))

    @property
    def events(self) -> RunEventsView:
        """The events that mention it."""
        return cast("RunEventsView", self._stack.get(EVENTS))

    @property
    def log(self) -> RunLogView:
        """What it logged."""
        return cast("RunLogView", self._stack.get(LOG))

    def _connect(self) -> None:
        self.header.rerun_requested.connect(self.rerun_requested)
        self.header.edit_requested.connect(self.edit_requested)
        self.header.original_requested.connect(self.show_run_requested)
        self.header.worker_requested.connect(
            lambda worker: self.target_requested.emit(ShowItem("monitoring", worker))
        )
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
        self._now = now
        if run is self.run and self.tabs.currentIndex() == OVERVIEW:
            self._refresh_overview(run, now)
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
        has_error = bool(run.reason)
        if self.tabs.isTabVisible(ERROR) != has_error:
            if not has_error and self.tabs.currentIndex() == ERROR:
                self.tabs.setCurrentIndex(self._default_tab)
            self.tabs.setTabVisible(ERROR, has_error)
        self._color_error_tab()
        if other:
            self._requested_result = self._search = None
            self._searching.stop()
            if self._stack.created(EVENTS) is not None:
                self.events.close_event()
            self.tabs.setTabText(EVENTS, _TABS[EVENTS])
            self.tabs.setCurrentIndex(ERROR if has_error else self._default_tab)
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
        text = (
            deadline_text(self._state.runs.deadline_of(run, now))
            if run.state in OPEN_STATES
            else ""
        )
        self._deadline.setVisible(run.state is RunState.OVERDUE)
        missed = _("No update within its deadline of {deadline}.").format(deadline=text)
        self._deadline.setText(missed if text else "")
        tooltip = _("Overdue after {deadline}.").format(deadline=text)
        self.header.set_state_tooltip(tooltip if text else "")

    def _show_tab(self, index: int) -> None:
        run = self.run
        if run is None:
            return
        self._stack.show_place(index)
        if index == ERROR:
            self.error.show_run(run)
        elif index == OVERVIEW:
            self._since_overview.restart(self._now)
            self.overview.show_run(run, self._now)
        elif index == ARGUMENTS:
            self.arguments.show_run(run)
        elif index == RESULT:
            self._request_result(run)
        elif index in (EVENTS, LOG):
            self._search_events()
            self._searching.start()

    def _search_events(self) -> None:
        """Look at the next slice of the events, and show what was found."""
        run, index = self.run, self.tabs.currentIndex()
        if run is None or index not in (EVENTS, LOG):
            self._searching.stop()
            return
        if self._search is None:
            self._search = EventSearch(self._state.log, run.task_id)
        search = self._search
        is_new = search.step() or self._search_shown != (search, index)
        if search.is_complete:
            self._searching.stop()
        elif not is_new:
            return
        self._search_shown = search, index
        if index == LOG:
            lines = log_lines(search.events(LOG_EVENT), run.task_id)
            self.log.show_lines(lines, is_complete=search.is_complete)
            return
        events = search.events()
        found = search.counts.total()
        self.events.show_events(events, is_cut=found > len(events))
        title = _("Events {count}").format(count=formats.count(found))
        self.tabs.setTabText(EVENTS, title if search.is_complete else f"{title}…")

    def _refresh_overview(self, run: TaskRun, now: float) -> None:
        """Show what has changed around a run that has not changed itself: children, re-runs."""
        self.overview.refresh(now)
        if self._since_overview.seconds(now) >= _OVERVIEW_S:
            self._since_overview.restart(now)
            self.overview.show_run(run, now)

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the tabs together where the panel is narrow."""
        super().resizeEvent(event)
        compact = "true" if self.width() < _WIDE else ""
        if (self.tabs.property("compact") or "") != compact:
            set_style_property(self.tabs, "compact", compact)

    def _apply_theme(self) -> None:
        self._color_error_tab()

    def _color_error_tab(self) -> None:
        failed = self.run is not None and bool(self.run.reason)
        color = theme().color(SemanticColor.BAD if failed else SemanticColor.MUTED)
        self.tabs.setTabTextColor(ERROR, color)
