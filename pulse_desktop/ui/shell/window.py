"""The main window: sidebar, top bar, one page at a time, status bar.

Once per frame it refreshes the visible page with what has changed. Pages are created when they are
first shown.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QIcon, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import SessionBackend
from pulse_desktop.ui.charts.colors import SeriesColors
from pulse_desktop.ui.charts.run_series import charted_since
from pulse_desktop.ui.connection_phase import connection_phase
from pulse_desktop.ui.navigation import OVERVIEW_PAGE, ShowAttention, ShowPage, Target
from pulse_desktop.ui.page.actions import ActionTable
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import BackgroundRunner, Page, PageContext
from pulse_desktop.ui.page.saved_view_actions import SavedViewActions
from pulse_desktop.ui.query.saved_views import SavedViews
from pulse_desktop.ui.run_form.draft import KeptDrafts
from pulse_desktop.ui.run_form.form import RunForm
from pulse_desktop.ui.shell import actions
from pulse_desktop.ui.shell.attention_monitor import AttentionMonitor
from pulse_desktop.ui.shell.confirmation import ConfirmingTasks, ConfirmingWorkers
from pulse_desktop.ui.shell.connection_banner import ConnectionBanner
from pulse_desktop.ui.shell.connection_menu import SWITCH_WORDS, ConnectionMenu
from pulse_desktop.ui.shell.copy_notice import CopyNotice
from pulse_desktop.ui.shell.found_entries import FoundEntries
from pulse_desktop.ui.shell.notifications import Notifications
from pulse_desktop.ui.shell.page_stack import PageStack
from pulse_desktop.ui.shell.palette import Palette
from pulse_desktop.ui.shell.read_only_switch import ReadOnlySwitch
from pulse_desktop.ui.shell.sidebar import COLLAPSED_WIDTH, Sidebar, SidebarItem
from pulse_desktop.ui.shell.status_bar import StatusBar
from pulse_desktop.ui.shell.top_bar import TopBar
from pulse_desktop.ui.shell.window_actions import (
    add_page_actions,
    add_window_actions,
    likely_actions,
)
from pulse_desktop.ui.shell.window_dialogs import WindowDialogs
from pulse_desktop.ui.shell.window_placement import fit_to_screen
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from pulse_desktop.ui.time.past_banner import PastBanner
from pulse_desktop.ui.time.window_time import WindowTime
from pulse_desktop.ui.widgets.profile_strip import ProfileStrip
from pulse_desktop.ui.window_title import connection_text, set_connection, set_title

MIN_SIZE: Final = (1024, 640)
_DEFAULT_SIZE: Final = QSize(1440, 900)
SIDEBAR_COLLAPSE_WIDTH: Final = 1180
"""Narrower windows collapse the sidebar to icons."""
_MIN_PAGE_WIDTH: Final = MIN_SIZE[0] - COLLAPSED_WIDTH
"""The width that every page fits into, also with its detail panel: that of the smallest window."""


class MainWindow(QMainWindow):
    """The frame around the pages of one session.

    Attributes:
        actions_table: all actions.
        dialogs: the dialogs of the window.
        read_only: the switch between read-only and acting.
        connections: the menu of connections.
        strip: the color of the profile.
        sidebar: the sidebar.
        top_bar: connection and commands.
        time: the time range of all pages.
        views: the saved views.
        past_banner: says that a part of the past is shown.
        banner: what is between the operator and live data.
        status_bar: figures.
        command_palette: the command palette.
        page_stack: the pages.
        drafts: what was typed in the run form.
        notifications: the notifications in the corner.
        sidebar_preference: whether the operator wants the sidebar collapsed, None for automatic.

    Signals:
        close_requested: the operator closes the window; the owner closes its session too.
        quit_requested: the operator wants to leave; the owner closes all windows.
        session_closing: the pages of the present session are about to be destroyed.
        session_opened: another session is shown.
        page_changed: key of the page that is shown now.
        diagnose_requested: the operator wants to know what is wrong with the connection.
        reconnect_requested: there is no server to try again; the owner may find one.
        names_chosen: the `TaskiqNames` that the operator wants to see on this server.
        rerun_elsewhere_requested: the `TaskRun` to enqueue on another connection.
        secret_requested: the operator wants to type the secret of the login again.
        theme_chosen: the theme that the operator chose.
        frame_requested: a page has something to draw, whether or not anything arrives.
    """

    close_requested = Signal()
    quit_requested = Signal()
    session_closing = Signal()
    session_opened = Signal()
    page_changed = Signal(str)
    theme_chosen = Signal(str)
    names_chosen = Signal(object)
    rerun_elsewhere_requested = Signal(object)
    secret_requested = Signal()
    diagnose_requested = Signal()
    reconnect_requested = Signal()
    frame_requested = Signal()

    def __init__(
        self,
        session: SessionBackend,
        pages: Sequence[type[Page]],
        *,
        run_in_background: BackgroundRunner,
        clock: Callable[[], float] | None = None,
        views: SavedViews | None = None,
    ) -> None:
        """Create the window; `show_page` shows its first page.

        Args:
            session: what is shown.
            pages: in the order of the sidebar.
            run_in_background: starts background work for the pages.
            clock: Unix seconds; that of the session by default.
            views: the saved views; by default they are kept in memory.
        """
        super().__init__()
        set_title(self, "")
        self.setMinimumSize(*MIN_SIZE)
        self.resize(_DEFAULT_SIZE)
        self._clock = clock
        self._profile = Profile()
        self._next_page = ""
        self.drafts = KeptDrafts()
        self._context: PageContext  # of the session
        self._profile_label = ""
        self.sidebar_preference: bool | None = None
        self._colors: dict[str, SeriesColors] = {}
        self.views = SavedViews() if views is None else views
        self.time = WindowTime(self._now, lambda: charted_since(self._session.state), self)
        self.time.is_recording = lambda: self._context.is_recording
        self._session = session
        self._run_form: RunForm | None = None
        self.actions_table = ActionTable(self)
        self.dialogs = WindowDialogs(self, self, self.actions_table, run_in_background)
        self.connections = ConnectionMenu(self.actions_table, self)
        self.strip = ProfileStrip()
        self.sidebar = Sidebar([SidebarItem(p.key, p.title, p.icon, p.section) for p in pages])
        self.top_bar = TopBar(self.actions_table, self.time)
        self.top_bar.set_connection_menu(self.connections.menu)
        self.past_banner = PastBanner(self.time)
        self.banner = ConnectionBanner()
        self.status_bar = StatusBar()
        self.page_stack = PageStack(pages)
        self.read_only = ReadOnlySwitch(
            lambda: self._session, self.top_bar, self.dialogs, (self.page_stack, self.top_bar)
        )
        self._lay_out()
        self.notifications = Notifications(self.page_stack)
        self.command_palette = Palette(
            self.actions_table,
            self,
            lambda text: FoundEntries(self._session.state, self.navigate, self._session.now).find(
                text
            ),
            lambda: likely_actions(self.current),
            self._focus_page,
        )
        self._copy_notice = CopyNotice(self, self.status_bar.show_message)
        self.status_bar.clicked.connect(self._open_figure)
        self._connect_banner()
        self._use_session(session, run_in_background)
        self.page_stack.paused_changed.connect(self._show_paused)
        self.page_stack.page_created.connect(self.read_only.show_on)
        self.actions_table.refused.connect(
            lambda action: self.notify(Notification(action.title, action.needs + ".", key="needs"))
        )
        add_window_actions(self)
        add_page_actions(self, pages)
        self._view_actions = SavedViewActions(
            self.actions_table, pages, self.views, self.navigate, lambda: self._profile.name
        )
        self.time.changed.connect(self._show_time_range)
        self._update_go_live()
        self.sidebar.chosen.connect(self.show_page)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _connect_banner(self) -> None:
        self.banner.secret_requested.connect(self.secret_requested)
        self.banner.try_requested.connect(self.try_now)
        self.banner.change_requested.connect(self.top_bar.open_connections)
        self.banner.diagnose_requested.connect(self.diagnose_requested)
        self.banner.guide_requested.connect(self.dialogs.show_events_guide)
        self.connections.history_requested.connect(self.dialogs.show_history)
        self.banner.focus_released.connect(self._focus_page)
        self.past_banner.live.clicked.connect(self._focus_page)
        self.session_closing.connect(self.banner.reset)
        self.session_closing.connect(self.dialogs.end_session)

    def _lay_out(self) -> None:
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.top_bar)
        right.addWidget(self.past_banner)
        right.addWidget(self.banner)
        right.addWidget(self.page_stack, 1)
        right.addWidget(self.status_bar)
        below = QHBoxLayout()
        below.setSpacing(0)
        below.addWidget(self.sidebar)
        below.addLayout(right, 1)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.strip)
        layout.addLayout(below, 1)
        self.setCentralWidget(whole)

    @property
    def connection_name(self) -> str:
        """How the connection is called, with its environment."""
        return connection_text(self._profile, self._profile_label)

    def fit_to_screen(self, available: QRect, *, restored: bool = False) -> None:
        """Shrink to what fits on a screen, and move onto it; see `fit_to_screen`."""
        fit_to_screen(self, available, restored=restored)

    # Profile and session

    def show_profile(self, profile: Profile, label: str, page: str = "") -> None:
        """Show which profile the session is of: in the title, the top bar and every question.

        Args:
            profile: without secrets.
            label: how it is called.
            page: key of the page to show with the next session, empty for the present one.
        """
        self._profile, self._profile_label = profile, label
        self._next_page = page
        self.strip.show_profile(profile)
        self.top_bar.show_profile(profile, label)
        self.banner.show_profile(profile)
        self.connections.show_current(profile, label)
        self.notifications.show_profile(profile, label)
        set_connection(self, connection_text(profile, label))
        self.dialogs.show_profile(profile, label)
        self._view_actions.update()

    def rename_profile(self, profile: Profile, label: str) -> None:
        """Show the profile of the session under another name; the session and its pages stay.

        Args:
            profile: without secrets.
            label: how it is called from now on.
        """
        former = self._context.profile_label
        self.drafts.rename(former, label)
        self._colors[label] = self._colors.pop(former, SeriesColors())
        previous = self.connections.previous_switch
        self.show_profile(profile, label, self._next_page)
        self.connections.previous_switch = previous  # no other connection was shown
        self._context = replace(self._context, profile=profile, profile_label=label)
        if self._run_form is not None:
            self._run_form.ui.badge.show_profile(profile, label)

    @property
    def session(self) -> SessionBackend:
        """The session that is shown."""
        return self._session

    def set_session(self, session: SessionBackend, run_in_background: BackgroundRunner) -> None:
        """Show another session: pages, form and notifications of the old one are gone.

        Args:
            session: what is shown from now on.
            run_in_background: starts background work for its pages.
        """
        shown = self.current.key if self.current is not None else ""
        if shown and self._next_page in self.page_stack:
            shown = self._next_page
        self._next_page = ""
        former, self._run_form = self._run_form, None
        self.drafts.leave(self._context.profile_label, former.shown if former else None)
        self.session_closing.emit()
        self.command_palette.hide()
        self.notifications.clear()
        if former is not None:
            former.cancel()
            former.deleteLater()
        self.page_stack.clear()
        self._use_session(session, run_in_background)
        self.read_only.show()
        if shown:
            self.show_page(shown)
        if (left := self.drafts.take_left(self._profile_label)) is not None:
            self.run_form.open_again(left)
        self.session_opened.emit()

    def _use_session(self, session: SessionBackend, run_in_background: BackgroundRunner) -> None:
        self._session = session
        self.dialogs.run_in_background = run_in_background
        self._attention = AttentionMonitor(session.state, session, self.sidebar, self.top_bar)
        self._context = PageContext(
            state=session.state,
            tasks=ConfirmingTasks(session.tasks, self.dialogs.confirm),
            results=session.results,
            workers=ConfirmingWorkers(session.workers, self.dialogs.confirm),
            group_marks=session.group_marks,
            connection=session,
            actions=self.actions_table,
            run_in_background=run_in_background,
            notify=self.notify,
            navigate=self.navigate,
            attention_items=lambda: self._attention.items,
            edit_run=self._edit_run,
            rerun_elsewhere=self.rerun_elsewhere_requested.emit,
            ask_in_dialog=self.dialogs.ask,
            close_with_session=self.dialogs.close_with_session,
            on_details=self.notifications.lower,
            request_frame=self.frame_requested.emit,
            profile=self._profile,
            profile_label=self._profile_label,
            profile_name=lambda: self._profile.name,
            time=self.time,
            colors=self._colors.setdefault(self._profile_label, SeriesColors()),
            views=self.views,
        )
        self._run_form = None

    # Pages

    def page(self, key: str) -> Page:
        """Return a page, created if necessary. Raises KeyError."""
        return self.page_stack.page(key, self._context)

    @property
    def current(self) -> Page | None:
        """The page that is shown."""
        return self.page_stack.current

    def navigate(self, target: Target) -> None:
        """Change to a page, and to something in particular on it. Raises KeyError."""
        self.show_page(target.page)
        page = self.page(target.page)
        if not isinstance(target, ShowPage):
            page.navigate(target)
        focused = self.focusWidget()
        if not (bool(focused) and page.isAncestorOf(focused)):
            page.take_focus()  # the button that was pressed may be gone

    def show_page(self, key: str) -> None:
        """Change to a page. Raises KeyError."""
        page = self.page(key)
        if page is not self.current:
            self.page_stack.set_current_page(page)
            if self._run_form is not None:
                self._run_form.reposition()
            self.notifications.place()
            self.sidebar.set_current_page(key)
            self.actions_table.show_page(key)
            self._update_go_live()
            set_title(self, page.title)
            now = self._shown_time(self._now())
            self._attention.update(now)
            page.on_show(now)
            page.take_focus()
            self._show_paused()
            self.page_changed.emit(key)

    @property
    def is_seen(self) -> bool:
        """Whether the window may be seen: it is neither hidden nor minimized nor covered."""
        is_open = self.isVisible() and not self.isMinimized()
        return is_open and self.windowHandle().isExposed()

    def catch_up(self, now: float) -> None:
        """Show what happened while the window could not be seen. `now` is Unix seconds."""
        if self.current is not None:
            self.current.on_show(self._shown_time(now))

    def frame(self, changes: DirtyRows, now: float) -> None:
        """Refresh the visible page. Called once per frame.

        Args:
            changes: the rows that changed since the frame before.
            now: Unix seconds.
        """
        if self.current is None or not self.isVisible():
            return
        self.banner.update_phase(self._session, now)
        self.top_bar.set_phase(connection_phase(self._session))
        shown = self._shown_time(now)
        self._attention.update(shown)
        self.current.refresh(changes, shown)

    def _now(self) -> float:
        """Return the present time, Unix seconds."""
        return (self._clock or self._session.now)()

    def _shown_time(self, now: float) -> float:
        """Return the time for which the state is true: clocks stand still without a connection."""
        data_time = self._session.data_time
        return now if data_time is None else data_time

    # Actions

    def open_palette(self) -> None:
        """Open the command palette, or close it."""
        self.command_palette.open()

    @property
    def run_form(self) -> RunForm:
        """Where a task is enqueued by name; it is created when it is first needed."""
        if self._run_form is None:
            drafts = self.drafts.of(self._context.profile_label)
            self._run_form = RunForm(self._context, self.page_stack, drafts)
            self._run_form.width_changed.connect(self._reserve_space)
        return self._run_form

    def run_task(self) -> None:
        """Open the run form."""
        self._edit_run(None)

    def _edit_run(self, run: TaskRun | None) -> None:
        if not self._context.is_recording or self._context.allows(_("Run a task")):
            self.run_form.open(run)

    def _reserve_space(self, width: int) -> None:
        """Reserve space for the run form: beside a wide page, over a narrow one."""
        beside = self.page_stack.width() - width >= _MIN_PAGE_WIDTH
        self.page_stack.setContentsMargins(0, 0, width if beside else 0, 0)
        self.notifications.set_right_margin(width)

    def _focus_page(self) -> None:
        if self.current is not None:
            self.current.take_focus()

    def try_now(self) -> None:
        """Try to connect at once; a typed secret that was refused is asked for again."""
        status = self._session.connection_status
        if status.is_login_refused and status.next_try_at == math.inf:
            self.secret_requested.emit()
        elif status.server:
            self._session.try_now()
        else:
            self.reconnect_requested.emit()

    def toggle_pause(self) -> None:
        """Pause or resume the tables of this page."""
        self.page_stack.set_paused(paused=not self.page_stack.paused)

    def choose_time_range(self) -> None:
        """Open the list of time ranges."""
        self.top_bar.time_range.open_picker()

    def go_live(self) -> None:
        """Leave the past and resume paused tables."""
        if self.page_stack.paused:
            self.page_stack.set_paused(paused=False)
        self.time.go_live()

    def _show_time_range(self) -> None:
        """Show another time range on the visible page; the others follow when they are shown."""
        self._update_go_live()
        if self.current is not None:
            now = self.time.now()
            self.current.on_time_range(self._shown_time(now))

    def _update_go_live(self) -> None:
        """Let End go live from everywhere in the past, and to the last row of a table otherwise."""
        in_past = not self.time.is_live or self.page_stack.paused
        self.actions_table.qt(actions.GO_LIVE).setEnabled(in_past)

    def show_attention(self) -> None:
        """Show what needs attention, with the keyboard focus on it."""
        if OVERVIEW_PAGE in self.page_stack:
            self.navigate(ShowAttention())

    def _open_figure(self, name: str) -> None:
        """Show what a figure of the status bar counts: events, or losses of the connection."""
        if name in ("topics", "rate") and "events" in self.page_stack:
            self.show_page("events")
        else:
            self.dialogs.show_connection()

    def switch_connection(self) -> None:
        """List the connections in the palette; Enter goes back to the one shown before."""
        self.connections.about_to_show.emit()
        self.command_palette.hide()
        self.command_palette.open(f"{SWITCH_WORDS} ", selected_id=self.connections.previous_switch)

    def focus_filter(self) -> None:
        """Give the keyboard focus to the filter of this page."""
        if self.current is not None:
            self.current.focus_filter()

    def use_theme(self, choice: ThemeChoice) -> None:
        """Show a theme, and save it as the operator's choice."""
        theme().choose(choice)
        self.theme_chosen.emit(choice.value)

    def toggle_sidebar(self) -> None:
        """Collapse or expand the sidebar."""
        self.set_sidebar_collapsed(collapsed=not self.sidebar.collapsed)

    def set_sidebar_collapsed(self, *, collapsed: bool | None) -> None:
        """Collapse or expand the sidebar; None for automatic, by the window's width."""
        self.sidebar_preference = collapsed
        self._update_sidebar()

    def toggle_full_screen(self) -> None:
        """Enter or leave full screen."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _update_sidebar(self) -> None:
        collapsed = (
            self.width() < SIDEBAR_COLLAPSE_WIDTH
            if self.sidebar_preference is None
            else self.sidebar_preference
        )
        if collapsed != self.sidebar.collapsed:
            self.sidebar.set_collapsed(collapsed)

    def _show_paused(self) -> None:
        self.top_bar.set_paused(self.page_stack.paused)
        self._update_go_live()

    def notify(self, notification: Notification) -> None:
        """Show a notification."""
        self.notifications.show(notification)

    def _apply_theme(self) -> None:
        icon = QIcon()
        for size in (16, 24, 32, 48, 64, 128, 256):
            icon.addPixmap(icons.pixmap("pulse", "accent", size))
        self.setWindowIcon(icon)

    # Overridden Qt methods

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc what was opened last: a notification, or the details below it."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self._run_form is not None and self._run_form.isVisible():
            self._run_form.cancel()
        else:
            self._close_newest()

    def _close_newest(self) -> bool:
        """Close or clear one thing; return whether there was any."""
        notices, page = self.notifications, self.current
        return (
            notices.dismiss_newest(only_above=True)
            or (page is not None and page.close_details())
            or notices.dismiss_newest()
            or (page is not None and page.on_escape())
            or notices.dismiss_newest(lasting=True)
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Collapse the sidebar in a narrow window."""
        super().resizeEvent(event)
        self._update_sidebar()
        if self.command_palette.isVisible():
            self.command_palette.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Request an orderly end from the owner: coroutines are still running."""
        event.ignore()
        self.close_requested.emit()
