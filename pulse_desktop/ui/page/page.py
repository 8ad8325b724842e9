"""Base class of the pages, and the context that a page gets from the window."""

import itertools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final, Protocol, Self

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QWidget

from pulse_desktop.model.errors import ReadOnlyError, RecordingShownError, UserFacingError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.state.attention import AttentionItem
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.history_start import retained_since
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.backend import (
    ConnectionBackend,
    GroupMarkBackend,
    ResultBackend,
    TaskBackend,
    WorkerBackend,
)
from pulse_desktop.ui.charts.colors import SeriesColors
from pulse_desktop.ui.charts.marks import ChartMarks, chart_marks, closed_marks
from pulse_desktop.ui.navigation import Target
from pulse_desktop.ui.page.actions import Action, ActionTable, PageAction
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.question import Question
from pulse_desktop.ui.query.saved_views import SavedView, SavedViews
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.time.window_time import WindowTime

NO_PROFILE: Final = Profile()
"""Of a window that has not shown a connection yet."""


class BackgroundRunner(Protocol):
    """Runs background work that the composition root supervises and ends with the session."""

    def __call__(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start the work. Work of the same name that still runs is cancelled first."""


FILE_WORK: Final = "file."
"""Begins the names of work that writes a file; a window that is closed asks about it."""

_numbers = itertools.count(1)


def unique_name(name: str) -> str:
    """Return a name for work that changes something: no other work replaces it."""
    return f"{name} {next(_numbers)}"


@dataclass(frozen=True, slots=True)
class PageContext:
    """State and services of the program that a page may use.

    Attributes:
        state: what is known of the server (`pulse_desktop.state`).
        tasks: enqueues, re-runs and cancels tasks.
        results: reads and saves results.
        workers: sends commands to workers.
        group_marks: keeps the marks of failure groups.
        connection: state of the connection.
        actions: the action table, to bind buttons to.
        run_in_background: starts background work.
        notify: shows a notification.
        navigate: changes to another page, or to something in particular on it.
        attention_items: returns what needs attention, at most seconds old.
        edit_run: opens the run form with a run's arguments.
        rerun_elsewhere: asks for another connection to enqueue a run on.
        ask_in_dialog: asks a question in a dialog; calls what it gets if the operator agrees.
        close_with_session: closes a dialog when the window shows another connection.
        on_details: called when the details of a row are opened.
        request_frame: asks for `refresh` soon, whether or not anything arrives.
        profile: of the connection, without secrets.
        profile_label: how it is called.
        profile_name: returns the name of the profile as it is now, empty if it has none.
        time: the time range that all pages show.
        colors: the colors of tasks, workers and other series in all charts.
        container: the widget that the page is going to be in. It is the parent of the page from
            the start: Qt styles all widgets of a page again when the page gets another parent.
        views: the saved views.
    """

    state: SystemState
    tasks: TaskBackend
    results: ResultBackend
    workers: WorkerBackend
    group_marks: GroupMarkBackend
    connection: ConnectionBackend
    actions: ActionTable
    run_in_background: BackgroundRunner
    notify: Callable[[Notification], None]
    navigate: Callable[[Target], None]
    attention_items: Callable[[], Sequence[AttentionItem]] = tuple
    edit_run: Callable[[TaskRun], None] = lambda _run: None
    rerun_elsewhere: Callable[[TaskRun], None] = lambda _run: None
    ask_in_dialog: Callable[[Question, Callable[[], object]], object] = lambda _question, _act: None
    close_with_session: Callable[[QDialog], object] = lambda _dialog: None
    on_details: Callable[[], object] = lambda: None
    request_frame: Callable[[], object] = lambda: None
    profile: Profile = NO_PROFILE
    profile_label: str = ""
    profile_name: Callable[[], str] = str
    time: WindowTime = field(default_factory=WindowTime)
    views: SavedViews = field(default_factory=SavedViews)
    colors: SeriesColors = field(default_factory=SeriesColors)
    container: QWidget | None = None

    @property
    def is_recording(self) -> bool:
        """Whether a recording is shown: nothing can be sent or marked."""
        return bool(self.connection.connection_status.recording)

    def chart_marks(self, now: float) -> ChartMarks:
        """Return the marks of all charts: outages, closed windows and deployments."""
        since = retained_since(self.state)
        closed = closed_marks(self.time.closed_spans, since, now)
        deployments = self.state.workers.deployments.all()
        return chart_marks(self.connection.outages, closed, deployments)

    def allows(self, action: str) -> bool:
        """Return whether the connection allows actions; notify the operator if it does not.

        A question whose answer would change nothing is not asked; the session refuses in any case.

        Args:
            action: what is about to be done, as an imperative.
        """
        if not self.connection.read_only:
            return True
        error: UserFacingError = ReadOnlyError(action, self.profile_label)
        if self.is_recording:
            error = RecordingShownError(action)
        self.notify(error_notification(error, key="read-only"))
        return False

    def ask(self, question: Question, act: Callable[[bool], object]) -> None:
        """Ask before an action, once: in a dialog where the connection asks about every action.

        Args:
            question: about the action.
            act: called if the operator agrees, with whether the session needs no other answer.
        """
        if self.profile.asks_before_acting:
            self.ask_in_dialog(question, partial(act, True))
        else:
            self.notify(question.notification(partial(act, False)))


class Page(QWidget):
    """A page of the window.

    Attributes:
        key: short name, also used by the page's actions.
        title: for the sidebar.
        icon: name of an icon.
        section: heading in the sidebar.

    Signals:
        part_created: a tab of the page that is about to be shown for the first time.
    """

    part_created = Signal(object)

    key: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    section: ClassVar[str] = ""

    def __init__(self, context: PageContext) -> None:
        super().__init__(context.container)
        self.context = context
        self.setObjectName("page")
        self.setAccessibleName(self.title)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions that are available while the page is shown."""
        return ()

    @classmethod
    def system_views(cls) -> Sequence[SavedView]:
        """Return the views of the page that belong to the program."""
        return ()

    @classmethod
    def part_kinds(cls) -> Sequence[type["Page"]]:
        """Return the classes of the pages that this one is made of: itself, or its tabs."""
        return (cls,)

    @property
    def shown_part(self) -> "Page":
        """The page that is shown: this one, or that of the tab of it that is shown."""
        return self

    def parts(self) -> Sequence["Page"]:
        """Return the pages that this one is made of: itself, or its tabs that were shown so far."""
        return (self,)

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show what changed. Called once per frame, only while visible.

        Args:
            changes: what the state changed in this frame.
            now: Unix seconds for which the state is true: not the present time while there is no
                connection, and while history is read.
        """

    def on_show(self, now: float) -> None:
        """Catch up with the state: the page has just become visible. `now` is Unix seconds."""

    def on_time_range(self, now: float) -> None:
        """Show another time range: that of the context. `now` is Unix seconds."""
        self.on_show(now)

    def on_go_again(self) -> None:
        """Follow the operator, who goes to the page while it is shown."""

    def on_hide(self) -> None:
        """Stop expensive work: the page is no longer visible."""

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the tables that pause together."""
        return ()

    def wall_time(self, now: float) -> float:
        """Return the present time, Unix seconds; `now` is older while there is no connection.

        Ages and clocks stand still then, but charts move on and show the gap.
        """
        connection = self.context.connection
        return now if connection.data_time is None else connection.now()

    def take_focus(self) -> None:
        """Give the keyboard focus to the first table."""
        for table in self.tables()[:1]:
            table.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_filter(self) -> None:
        """Give the keyboard focus to the filter, if there is one."""

    def navigate(self, target: Target) -> None:
        """Show something in particular, such as a run or a filter. The page is visible already."""

    def likely_actions(self) -> Sequence[Action]:
        """Return the actions that one most likely wants now, the most likely first."""
        return ()

    def can_export(self) -> bool:
        """Return whether there is a table whose rows can be exported."""
        return False

    def export(self) -> None:
        """Ask for a file, and write the rows of the table that are shown to it."""

    def can_copy(self) -> bool:
        """Return whether rows of a table are selected."""
        return any(table.selected_count() for table in self.tables())

    def copy_with_headings(self) -> None:
        """Copy the selected rows with the titles of the columns above them."""
        for table in self.tables():
            if table.selected_count():
                table.copy_selection(headings=True)
                return

    def close_details(self) -> bool:
        """Close the details of a row on Esc; return whether they were open."""
        return False

    def on_escape(self) -> bool:
        """Clear what Esc clears on this page besides; return whether there was anything."""
        return False
