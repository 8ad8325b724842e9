"""The menu of other connections opens at the row that is acted on, and works with the keyboard."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTableWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.profiles.profile import Environment, Profile, embedded_profile
from pulse_desktop.ui.shell.rerun_menu import open_rerun_menu

# The offscreen platform can neither raise a menu nor grab the keyboard for it.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

PROFILES = (
    Profile("a & b", environment=Environment.PRODUCTION),
    Profile("us", environment=Environment.PRODUCTION, read_only=True),
    embedded_profile(),
)


def test_the_menu_opens_at_the_row_with_the_focus(qtbot: QtBot) -> None:
    window = QTableWidget(8, 2)
    qtbot.addWidget(window)
    window.resize(600, 400)
    window.show()
    window.activateWindow()
    window.setFocus()
    window.setCurrentCell(4, 0)
    chosen: list[str] = []
    menu = open_rerun_menu(window, PROFILES, chosen.append)
    row = window.visualRect(window.currentIndex())
    assert menu.pos() == window.viewport().mapToGlobal(QPoint(row.left(), row.bottom()))
    QTest.keyClick(menu, Qt.Key.Key_Return)
    assert chosen == []  # nothing opens by Enter alone
    QTest.keyClick(menu, Qt.Key.Key_Return)  # the first one is selected by now
    assert chosen == ["a & b"]


def test_each_connection_is_told_from_the_others(qtbot: QtBot) -> None:
    window = QTableWidget()
    qtbot.addWidget(window)
    window.show()
    menu = open_rerun_menu(window, PROFILES, lambda _name: None)
    shown = [(each.text(), each.isEnabled()) for each in menu.actions() if not each.isSeparator()]
    assert shown == [
        ("Re-run on", False),
        ("a && b  ·  production", True),
        ("us  ·  production  ·  read-only: enqueues nothing", False),
        ("embedded server  ·  local", True),
    ]
    menu.close()


def test_it_says_that_there_is_no_other_connection(qtbot: QtBot) -> None:
    window = QTableWidget()
    qtbot.addWidget(window)
    window.show()
    menu = open_rerun_menu(window, [], lambda _name: None)
    assert menu.actions()[0].text() == "There is no other connection to re-run on"
    assert not any(each.isEnabled() for each in menu.actions() if not each.isSeparator())
    menu.close()
