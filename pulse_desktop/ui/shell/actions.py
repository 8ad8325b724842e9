"""The actions of the window, whatever page is shown."""

from typing import Final

from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action

OPEN_PALETTE: Final = Action(
    "palette", _("Search or run a command"), "Ctrl+K", _("Window"), "search"
)
RUN_TASK: Final = Action(
    "run_task", _("Run a task…"), "Ctrl+N", _("Tasks"), "plus", _("enqueue start new")
)
TOGGLE_PAUSE: Final = Action("pause", _("Pause or resume the tables"), "Ctrl+P", _("View"), "pause")
SHOW_ATTENTION: Final = Action(
    "alerts", _("Show what needs attention"), "Ctrl+I", _("Go to"), "bell"
)
FOCUS_FILTER: Final = Action("filter", _("Filter this page"), "/|Ctrl+F", _("View"), "filter")
EXPORT: Final = Action(
    "export", _("Export what is shown…"), "Ctrl+Shift+E", _("View"), "save", _("csv ndjson file")
)
COPY_WITH_HEADINGS: Final = Action(
    "copy_with_headings",
    _("Copy with headings"),
    "Ctrl+Alt+C",
    _("View"),
    "copy",
    _("header"),
    needs=_("Select rows first"),
)
CHOOSE_TIME_RANGE: Final = Action(
    "time.choose", _("Time range…"), "Ctrl+T", _("Time"), "clock", _("period from to since past")
)
GO_LIVE: Final = Action(
    "time.live", _("Back to live"), "End", _("Time"), "play", _("now present newest")
)
PREVIOUS_RANGE: Final = Action(
    "time.back", _("Previous time range"), "Alt+Left", _("Time"), "arrow-left", _("back zoom")
)
NEXT_RANGE: Final = Action(
    "time.forward", _("Next time range"), "Alt+Right", _("Time"), "arrow-right", _("forward zoom")
)
EARLIER: Final = Action(
    "time.earlier", _("Show earlier"), "Alt+Shift+Left", _("Time"), "arrow-left", _("before past")
)
LATER: Final = Action(
    "time.later", _("Show later"), "Alt+Shift+Right", _("Time"), "arrow-right", _("after past")
)
ZOOM_OUT: Final = Action(
    "time.zoom_out", _("Show twice the time"), "Alt+Up", _("Time"), "clock", _("zoom out wider")
)
SINCE_LAST_LOOK: Final = Action(
    "time.since", _("Show what happened since I last looked"), "", _("Time"), "clock", _("away")
)
DARK_THEME: Final = Action("theme.dark", _("Dark theme"), "", _("View"), "theme", _("color"))
LIGHT_THEME: Final = Action("theme.light", _("Light theme"), "", _("View"), "theme", _("color"))
SYSTEM_THEME: Final = Action("theme.system", _("System theme"), "", _("View"), "theme", _("color"))
TOGGLE_SIDEBAR: Final = Action(
    "sidebar", _("Collapse or expand the sidebar"), "Ctrl+B", _("View"), "columns"
)
TOGGLE_FULL_SCREEN: Final = Action("full_screen", _("Full screen"), "F11", _("View"))
SHOW_SHORTCUTS: Final = Action(
    "shortcuts", _("Keyboard shortcuts"), "?|F1", _("Window"), "command", _("keys help")
)
SHOW_CONNECTION: Final = Action(
    "connection",
    _("Show connection details"),
    "Ctrl+Shift+I",
    _("Window"),
    "server",
    _("server status round trip reconnects"),
)
TRY_TO_CONNECT: Final = Action(
    "connection.try",
    _("Try to connect now"),
    "",
    _("Window"),
    "retry",
    _("reconnect retry lost offline"),
)
TOGGLE_READ_ONLY: Final = Action(
    "read_only", _("Read-only on or off"), "", _("Window"), "lock", _("protect safe actions")
)
CLOSE_WINDOW: Final = Action("window.close", _("Close this window"), "Ctrl+W", _("Window"), "close")
QUIT: Final = Action("quit", _("Quit"), "Ctrl+Q", _("Window"), "close")
