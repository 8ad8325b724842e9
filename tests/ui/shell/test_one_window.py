"""No part of a page shows itself as a window of its own, not even while the page is being made."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import WORKER, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import frame, make_window


class _Shown(QObject):
    """Notes which windows appear."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def eventFilter(self, watched, event) -> bool:  # noqa: N802 - Qt calls it so
        if event.type() is QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(watched.metaObject().className())
        return False


def test_making_the_pages_opens_no_window_beside_the_one_there_is(qtbot: QtBot) -> None:
    theme().install(ThemeChoice.DARK)
    builder = StateBuilder().runs(3)
    builder.heartbeat(WORKER)
    session = FakeSession()
    session.bucket_list = []
    window = make_window(qtbot, builder, PAGES, session)
    frame(window, builder)
    watch = _Shown()
    app = QApplication.instance()
    app.installEventFilter(watch)
    try:
        for page in PAGES:
            window.show_page(page.key)
            frame(window, builder, 1.0)
        window.run_task()
    finally:
        app.removeEventFilter(watch)
    assert watch.seen == []
