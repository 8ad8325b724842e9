"""Creating a page opens no second window, not even for a moment."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import WORKER, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import draw_frame, make_window


class _WindowRecorder(QObject):
    """Records which windows are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(watched.metaObject().className())
        return False


def test_creating_the_pages_opens_no_other_window(qtbot: QtBot, qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)
    builder = StateBuilder().runs(3)
    builder.heartbeat(WORKER)
    session = FakeSession()
    session.bucket_list = []
    window = make_window(qtbot, builder, PAGES, session)
    draw_frame(window, builder)
    recorder = _WindowRecorder()
    qapp.installEventFilter(recorder)
    try:
        for page in PAGES:
            window.show_page(page.key)
            draw_frame(window, builder, 1.0)
        window.run_task()
    finally:
        qapp.removeEventFilter(recorder)
    assert recorder.shown == []
