"""The actions of the window: what its menus, keys and palette do beside those of the pages."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from PySide6.QtCore import SignalInstance

from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action, ActionTable, PageAction
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.page.table_actions import add_table_actions
from pulse_desktop.ui.shell import actions, connection_menu
from pulse_desktop.ui.shell.read_only_switch import ReadOnlySwitch
from pulse_desktop.ui.shell.window_dialogs import WindowDialogs
from pulse_desktop.ui.theme.theme import ThemeChoice
from pulse_desktop.ui.time.window_time import WindowTime


class ActionWindow(Protocol):
    """What the actions need of the window; `MainWindow` has it.

    Attributes:
        actions_table: where they are added.
        dialogs: the dialogs of the window.
        read_only: the switch between read-only and acting.
        time: the time range of all pages.
    """

    actions_table: ActionTable
    dialogs: WindowDialogs
    read_only: ReadOnlySwitch
    time: WindowTime

    @property
    def quit_requested(self) -> SignalInstance:
        """The operator wants to leave."""

    @property
    def current(self) -> Page | None:
        """The page that is shown."""

    def page(self, key: str) -> Page:
        """Return a page. Raises KeyError."""

    def show_page(self, key: str) -> None:
        """Change to a page. Raises KeyError."""

    def open_palette(self) -> None:
        """Open the command palette, or close it."""

    def run_task(self) -> None:
        """Open the run form."""

    def toggle_pause(self) -> None:
        """Pause or resume the tables of this page."""

    def choose_time_range(self) -> None:
        """Open the list of time ranges."""

    def go_live(self) -> None:
        """Leave the past and resume paused tables."""

    def show_attention(self) -> None:
        """Show what needs attention, with the keyboard focus on it."""

    def focus_filter(self) -> None:
        """Give the keyboard focus to the filter of this page."""

    def use_theme(self, choice: ThemeChoice) -> None:
        """Show a theme, and save it as the operator's choice."""

    def toggle_sidebar(self) -> None:
        """Collapse or expand the sidebar."""

    def toggle_full_screen(self) -> None:
        """Enter or leave full screen."""

    def try_now(self) -> None:
        """Try to connect at once."""

    def switch_connection(self) -> None:
        """List the connections in the palette."""

    def close(self) -> bool:
        """Request the window to be closed."""


def add_window_actions(window: ActionWindow) -> None:
    """Add the actions of a window to its table. The composition root adds more."""
    table, dialogs, read_only = window.actions_table, window.dialogs, window.read_only
    for action, run in (
        (actions.OPEN_PALETTE, window.open_palette),
        (actions.RUN_TASK, window.run_task),
        (actions.TOGGLE_PAUSE, window.toggle_pause),
        (actions.CHOOSE_TIME_RANGE, window.choose_time_range),
        (actions.GO_LIVE, window.go_live),
        (actions.SHOW_ATTENTION, window.show_attention),
        (actions.FOCUS_FILTER, window.focus_filter),
        (actions.DARK_THEME, partial(window.use_theme, ThemeChoice.DARK)),
        (actions.LIGHT_THEME, partial(window.use_theme, ThemeChoice.LIGHT)),
        (actions.SYSTEM_THEME, partial(window.use_theme, ThemeChoice.SYSTEM)),
        (actions.TOGGLE_SIDEBAR, window.toggle_sidebar),
        (actions.TOGGLE_FULL_SCREEN, window.toggle_full_screen),
        (actions.SHOW_SHORTCUTS, dialogs.show_shortcuts),
        (actions.SHOW_CONNECTION, dialogs.show_connection),
        (actions.TRY_TO_CONNECT, window.try_now),
        (connection_menu.SWITCH, window.switch_connection),
        (actions.CLOSE_WINDOW, window.close),
        (actions.QUIT, window.quit_requested.emit),
    ):
        table.add(action, run)
    for action, act, is_possible in (
        (actions.EXPORT, _export, _can_export),
        (actions.COPY_WITH_HEADINGS, _copy_with_headings, _can_copy),
    ):
        table.add(action, partial(_on_page, window, act), partial(_is_on_page, window, is_possible))
    _add_time_actions(window)
    add_table_actions(table, lambda: window.current)
    table.add(actions.TOGGLE_READ_ONLY, read_only.toggle, lambda: read_only.can_change)


def _add_time_actions(window: ActionWindow) -> None:
    add, time = window.actions_table.add, window.time
    add(actions.PREVIOUS_RANGE, time.go_back, lambda: time.can_go_back)
    add(actions.NEXT_RANGE, time.go_forward, lambda: time.can_go_forward)
    add(actions.EARLIER, time.go_earlier, lambda: time.range.limits_rows)
    add(actions.LATER, time.go_later, lambda: not time.is_live)
    add(actions.ZOOM_OUT, time.zoom_out, lambda: time.range.limits_rows)
    add(actions.SINCE_LAST_LOOK, time.show_since_last_look, lambda: time.last_look is not None)


def add_page_actions(window: ActionWindow, pages: Sequence[type[Page]]) -> None:
    """Add the actions of the pages, and one for each to go to it."""
    for number, page in enumerate(pages, 1):
        keys = f"Ctrl+{number % 10}" if number <= 10 else ""
        title = _("Go to {page}").format(page=page.title)
        go = Action(f"go.{page.key}", title, keys, _("Go to"), page.icon)
        window.actions_table.add(go, partial(_go, window, page.key))
        for action in page.page_actions():
            if action.everywhere:
                window.actions_table.add(
                    action.action, partial(_go_and_run, window, page.key, action)
                )
            else:
                window.actions_table.add_page_action(
                    action, page.key, partial(window.page, page.key)
                )


def _go(window: ActionWindow, key: str) -> None:
    """Change to a page; the same key once more leads to its first tab."""
    if window.current is window.page(key):
        window.page(key).on_go_again()
    else:
        window.show_page(key)


def _go_and_run(window: ActionWindow, key: str, action: PageAction[Any]) -> None:
    """Carry out an action of a page on it, after a change to it."""
    window.show_page(key)
    action.run(window.page(key))


def likely_actions(page: Page | None) -> Sequence[str]:
    """Return the ids of what one most likely wants on a page, the most likely first."""
    if page is None:
        return ()
    own = [each.action for each in type(page).page_actions()]
    return [action.id for action in (*page.likely_actions(), *own)]


# The methods are called on the page: `Page.export` by itself would pass over what a page overrides.


def _export(page: Page) -> None:
    page.export()


def _can_export(page: Page) -> bool:
    return page.can_export()


def _copy_with_headings(page: Page) -> None:
    page.copy_with_headings()


def _can_copy(page: Page) -> bool:
    return page.can_copy()


def _on_page(window: ActionWindow, act: Callable[[Page], object]) -> None:
    if window.current is not None:
        act(window.current)


def _is_on_page(window: ActionWindow, test: Callable[[Page], bool]) -> bool:
    return window.current is not None and test(window.current)
