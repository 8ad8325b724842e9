"""A window over a state that a test builds, driven frame by frame."""

from collections.abc import Coroutine, Sequence
from typing import Any

from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page.page import BackgroundRunner, Page
from pulse_desktop.ui.query.saved_views import SavedViews
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.widgets.typing_guard import READING_S
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession


class BlankPage(Page):
    """A page with nothing on it, for tests of what is beside the pages."""

    key, title, icon = "blank", "Blank", "overview"


def run_at_once(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Run background work to its end: a `FakeSession` never waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError(f"{name} waits for something")


def make_window(
    qtbot: QtBot,
    builder: StateBuilder,
    pages: Sequence[type[Page]],
    session: FakeSession | None = None,
    *,
    run_in_background: BackgroundRunner = run_at_once,
    views: SavedViews | None = None,
) -> MainWindow:
    """Return a visible window that shows the first of the pages."""
    session = FakeSession() if session is None else session
    session.state = builder.state
    window = MainWindow(
        session,
        pages,
        run_in_background=run_in_background,
        clock=lambda: builder.at,
        views=views,
    )
    qtbot.addWidget(window)
    window.show_page(pages[0].key)
    window.show()
    window.activateWindow()
    return window


def let_it_be_read(window: MainWindow) -> None:
    """Let time pass until a key answers the questions that are shown."""
    later = window.notifications.clock() + READING_S
    for card in window.notifications.cards:
        if card.guard is not None:
            card.guard.clock = lambda: later


def draw_frame(window: MainWindow, builder: StateBuilder, later: float = 0.0) -> None:
    """Draw a frame of the window, some seconds later."""
    builder.at += later
    window.frame(builder.state.take_changes(), builder.at)
