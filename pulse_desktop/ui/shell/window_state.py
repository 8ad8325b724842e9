"""Window state: theme, geometry, page and columns, saved so that the window opens as it was closed.

One small JSON file. It is a convenience: a file that cannot be written is only logged, one that
cannot be read is kept beside the next.
Only what the operator has changed is saved, so that new defaults apply to everything else.
"""

import base64
import binascii
import logging
import os
from pathlib import Path
from typing import Any, Final

import msgspec
from PySide6.QtCore import QByteArray, QObject, QTimer

from pulse_desktop.atomic_file import write_atomic
from pulse_desktop.model.time_range import ALL_RETAINED, RangeKind, range_from_text, range_to_text
from pulse_desktop.query.syntax import MAX_LENGTH
from pulse_desktop.regular_file import check_regular, read_start
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.query.saved_views import SavedViews
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice

_log = logging.getLogger(__name__)

_SAVE_INTERVAL_MS: Final = 10_000
_MAX_BYTES: Final = 1 << 20
_MAX_PROFILES: Final = 100
_MAX_CLOSED: Final = 50
_MIN_CLOSED_S: Final = 60.0
"""A window that was closed for a shorter time was restarted."""
_LOOK_STEP_S: Final = 60.0
"""How often it is saved that the window is still open, for one that is not closed in order."""
_MAX_FILTER: Final = MAX_LENGTH


class ProfileState(msgspec.Struct, omit_defaults=True):
    """What was open on one connection. The names are those in the file.

    Attributes:
        page: key of the page that was shown.
        filters: texts in the filters of pages, by page.
        facets: chips that were chosen, by page.
        views: names of the saved views that were open, by page.
        geometry: position and size of its window, if that was not the first one; as below.
        time_range: the latest part that was shown, see `range_to_text`; empty for everything.
        looked_at: Unix seconds until which it was shown, 0 if unknown.
        closed: when it was not shown, as start and end in Unix seconds; the latest.
        charts: whether charts were shown or hidden by the operator, by page.
    """

    page: str = ""
    filters: dict[str, str] = {}
    facets: dict[str, list[str]] = {}
    views: dict[str, str] = {}
    geometry: str = ""
    time_range: str = ""
    looked_at: float = 0.0
    closed: list[tuple[float, float]] = []
    charts: dict[str, bool] = {}


class WindowState(msgspec.Struct, omit_defaults=True):
    """The saved state of the window. The names are those in the file.

    Attributes:
        connection: name of the profile that was chosen to open next time, empty for none.
        shown: name of the profile that the first window showed last.
        undecided: whether the first run has asked what to open, and nothing was chosen yet.
        theme: "dark", "light" or "system", empty when the operator chose none.
        geometry: position and size of the window in Qt's format, as base64.
        page: key of the page that was shown, on a connection that has no state of its own.
        rail_narrow: whether the sidebar is collapsed, None for automatic.
        tables: columns and sort order of tables that were changed, by page and number.
        profiles: what was open on each connection, by its name.
        windows: names of the profiles that had a window besides the first one.
    """

    connection: str = ""
    shown: str = ""
    undecided: bool = False
    theme: str = ""
    geometry: str = ""
    page: str = ""
    rail_narrow: bool | None = None
    tables: dict[str, dict[str, Any]] = {}
    profiles: dict[str, ProfileState] = {}
    windows: list[str] = []


class WindowStateFile:
    """The file with the window state.

    Attributes:
        state: its content; `WindowStateManager` updates it.
        is_new: whether there was no file.
        problem: why the file could not be read, empty if it could or is missing.
        views: the saved views, in a file beside it.
    """

    def __init__(self, path: Path) -> None:
        """Read the file, if it exists and can be read."""
        self._path = path
        self.views = SavedViews(path.with_name("views.json"))
        self._written = b""
        self._logged = False
        self._kept = False
        self.is_new = False
        self.problem = ""
        self.state = self._read()

    @property
    def theme(self) -> ThemeChoice:
        """The theme that the operator chose last, else that of the system."""
        try:
            return ThemeChoice(self.state.theme)
        except ValueError:
            return ThemeChoice.SYSTEM

    def save(self) -> None:
        """Write the state, if it differs from what was written last."""
        content = msgspec.json.format(msgspec.json.encode(self.state), indent=1)
        if content == self._written:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._keep_unread()
            write_atomic(self._path, content, follow_links=True)
        except OSError as error:
            if not self._logged:
                self._logged = True
                _log.warning("cannot save the window state in %s: %s", self._path, error)
        else:
            self._written = content

    def _keep_unread(self) -> None:
        """Rename a file that could not be read, before another takes its place.

        Raises:
            OSError: it cannot be renamed, or is no file.
        """
        if self.problem and not self._kept:
            path = Path(os.path.realpath(self._path))
            if check_regular(path) is not None:
                # At the end of a link: it may lead to another file system.
                kept = path.with_name(f"{path.name}.damaged")
                path.replace(kept)
                _log.warning("the window state that cannot be read is kept as %s", kept)
        self._kept = True

    def _read(self) -> WindowState:
        try:
            content = read_start(self._path, _MAX_BYTES, follow_links=True)
            state = msgspec.json.decode(content, type=WindowState)
        except FileNotFoundError:
            self.is_new = True
            return WindowState()
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
            _log.warning("cannot read the window state from %s: %s", self._path, error)
            reason = getattr(error, "strerror", None) or error
            self.problem = _("{file}: {reason}.").format(file=self._path, reason=reason)
            return WindowState()
        self._written = content
        return state


class WindowStateManager(QObject):
    """Restores the state of a window and keeps its file up to date.

    The windows of one application share the file. The first one keeps its position and size, the
    last page and the sidebar whatever it shows; a further one is there for one connection and
    keeps its position and size with it.
    """

    def __init__(self, window: MainWindow, file: WindowStateFile, *, is_first: bool = True) -> None:
        """Restore position and size now, each table when its page is created.

        Args:
            window: the window.
            file: where the state is kept.
            is_first: whether it is the first window; those of others are restored with a profile.
        """
        super().__init__(window)
        self._window = window
        self._file = file
        self._is_first = is_first
        self._defaults: dict[str, dict[str, Any]] = {}
        self._layouts: dict[str, dict[str, Any]] = {}
        self._profile = self._next_profile = ""
        self._closed: list[tuple[float, float]] = []
        state = file.state
        if is_first:
            self._restore_geometry(state.geometry)
        window.set_sidebar_collapsed(collapsed=state.rail_narrow)
        for page in window.page_stack.created:
            self._restore_tables(page)
        window.page_stack.page_created.connect(self._restore_tables)
        window.session_closing.connect(self._change_profile)
        window.theme_chosen.connect(self._set_theme)
        window.page_changed.connect(self._set_page)
        self._timer = QTimer(self)
        self._timer.setObjectName("save window state")
        self._timer.timeout.connect(self.save)
        self._timer.start(_SAVE_INTERVAL_MS)
        if file.problem and is_first:
            title = _("The settings of the window cannot be read")
            advice = _(
                "The defaults apply. Before they are saved, the file is renamed to *.damaged."
            )
            key = "window state"
            window.notify(
                Notification(title, file.problem, advice, "warning", key=key, outlives_session=True)
            )

    def first_page(self, default: str) -> str:
        """Return the page that was shown last on this connection, else anywhere, else the default.

        A page that no longer exists counts as none.
        """
        state = self._file.state
        for page in (self._profile_state().page, state.page):
            if page in self._window.page_stack:
                return page
        return default

    def _restore_geometry(self, saved: str) -> bool:
        try:
            geometry = base64.b64decode(saved, validate=True)
        except (ValueError, binascii.Error):
            return False
        return bool(geometry) and self._window.restoreGeometry(QByteArray(geometry))

    def place_window(self) -> bool:
        """Restore position and size of a further window; False if none were saved for its profile.

        It has no other place while it is shown for the first time.
        """
        return self._restore_geometry(self._profile_state().geometry)

    def show_profile(self, name: str) -> str:
        """Restore another connection with the next session.

        What is open until then is saved for the present one.

        Args:
            name: of the other connection.

        Returns:
            The page that was shown on it last, empty if it was not shown yet or is shown now.
        """
        self._next_profile = name
        if name == self._profile:
            return ""
        return self._file.state.profiles.get(name, ProfileState()).page

    def rename_profile(self, name: str) -> None:
        """Keep what is open on the present connection under its new name."""
        profiles = self._file.state.profiles
        profiles[name] = profiles.pop(self._profile, ProfileState())
        self._profile = self._next_profile = name

    def _change_profile(self) -> None:
        is_left = self._next_profile != self._profile
        self.save(is_leaving=is_left)
        self._profile = self._next_profile
        if is_left:
            self._restore_time()

    def _restore_time(self) -> None:
        """Show the time range of the connection, and note how long it was not shown."""
        profile, time = self._profile_state(), self._window.time
        try:
            time_range = range_from_text(profile.time_range or "all")
        except ValueError:
            time_range = ALL_RETAINED
        now = time.now()
        # The file may have been edited, or the clock of this computer have been wrong.
        closed = [span for span in profile.closed if 0 <= span[0] < span[1] <= now]
        if 0 < profile.looked_at <= now - _MIN_CLOSED_S:
            closed.append((profile.looked_at, now))
        self._closed = closed[-_MAX_CLOSED:]
        last_look = profile.looked_at if 0 < profile.looked_at <= now else None
        time.restore(time_range, last_look, self._closed)

    def save(self, *, is_leaving: bool = False) -> None:
        """Save the present state.

        Args:
            is_leaving: whether the operator leaves the connection now.
        """
        state = self._file.state
        if self._is_first:
            state.geometry = self._geometry()
            state.rail_narrow = self._window.sidebar_preference
        for page in self._window.page_stack.created:
            for key, table in _tables(page):
                self._save_layout(key, table.column_layout.state())
        if self._window.current is not None:
            self._save_profile(is_leaving=is_leaving)
        self._file.save()

    def close(self) -> None:
        """Save the state for the last time."""
        self._timer.stop()
        self.save(is_leaving=True)

    def _geometry(self) -> str:
        return base64.b64encode(self._window.saveGeometry().data()).decode()

    def _save_layout(self, key: str, layout: dict[str, Any]) -> None:
        """Keep the layout of a table if it changed in this window; another one has its own."""
        if layout == self._layouts.get(key):
            return
        self._layouts[key] = layout
        if layout == self._defaults.get(key):
            self._file.state.tables.pop(key, None)
        else:
            self._file.state.tables[key] = layout

    def _restore_tables(self, page: Page) -> None:
        for key, table in _tables(page):
            self._defaults[key] = table.column_layout.state()
            saved = self._file.state.tables.get(key)
            if saved:
                table.column_layout.restore(saved)
            self._layouts[key] = table.column_layout.state()
        profile = self._profile_state()
        if isinstance(page, TablePage):
            page.area.show_charts(shown=profile.charts.get(page.key))
            facets, text = profile.facets.get(page.key, ()), profile.filters.get(page.key, "")
            if facets or text:
                page.filter_bar.set_filter(facets, text)
            page.views.set_current(profile.views.get(page.key, ""))

    def _profile_state(self) -> ProfileState:
        return self._file.state.profiles.get(self._profile, ProfileState())

    def _save_profile(self, *, is_leaving: bool) -> None:
        """Keep what is open, for as many connections as a person has."""
        profiles = self._file.state.profiles
        before = profiles.pop(self._profile, ProfileState())
        pages = [page for page in self._window.page_stack.created if isinstance(page, TablePage)]
        created = {page.key for page in pages}
        # The others were not shown since the session was opened: what they had is still true.
        state = profiles[self._profile] = ProfileState(
            filters={key: text for key, text in before.filters.items() if key not in created},
            facets={key: facets for key, facets in before.facets.items() if key not in created},
            views={key: name for key, name in before.views.items() if key not in created},
            geometry=before.geometry if self._is_first else self._geometry(),
            charts={key: shown for key, shown in before.charts.items() if key not in created},
            closed=self._closed,
        )
        shown = self._window.time.live_range
        state.time_range = range_to_text(shown) if shown.kind is RangeKind.LAST else ""
        now = self._window.time.now()
        is_due = is_leaving or not 0 <= now - before.looked_at < _LOOK_STEP_S
        state.looked_at = round(now, 3) if is_due else before.looked_at
        current = self._window.current
        state.page = current.key if current is not None else ""
        for page in pages:
            if page.area.preference is not None:
                state.charts[page.key] = page.area.preference
            if text := page.filter_bar.text:
                state.filters[page.key] = text[:_MAX_FILTER]
            if facets := page.filter_bar.checked_facets:
                state.facets[page.key] = sorted(facets)
            if page.views.current is not page.views.system[0]:
                state.views[page.key] = page.views.current.name
        while len(profiles) > _MAX_PROFILES:
            del profiles[next(iter(profiles))]

    def _set_theme(self, choice: str) -> None:
        self._file.state.theme = choice
        self.save()

    def _set_page(self, key: str) -> None:
        if self._is_first:
            self._file.state.page = key


def _tables(page: Page) -> list[tuple[str, Any]]:
    return [(f"{page.key}.{number}", table) for number, table in enumerate(page.tables())]
