"""What tests of the window may ask for."""

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession
from tests.ui.state_builder import NOW, Here, Told


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication):
    """Delete the widgets of a test at its end; else every switch of the theme dresses them all."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def here(qtbot: QtBot):
    """Return an empty state and what a page needs beside it."""
    theme().install(ThemeChoice.DARK)
    told = Told()
    session = FakeSession(told.state)
    session.default_result = None
    window = QWidget()
    qtbot.addWidget(window)
    return Here(told, session, window)


@pytest.fixture
def open_page(qtbot: QtBot, here):
    """Return a function that makes a page, shows it, and brings it up to date."""

    def open_(page_class):
        made = []
        for action in page_class.page_actions():
            here.context.actions.add_page_action(action, page_class.key, lambda: made[0])
        page = page_class(here.context)
        made.append(page)
        here.context.actions.show_page(page.key)
        qtbot.addWidget(page)
        page.resize(1200, 760)
        with qtbot.waitExposed(page):
            page.show()
        page.on_show(NOW)
        return page

    return open_


@pytest.fixture
def update(here):
    """Return a function that does what the window does once per frame."""

    def update_(page, now=NOW) -> None:
        page.refresh(here.told.state.take_changes(), now)

    return update_
