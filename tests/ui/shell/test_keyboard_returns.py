"""The keyboard goes back to the table when what took it is closed, by real keys."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import fixed
from pulse_desktop.ui.navigation import FilterPage
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.tables import select_rows, shown_table_page
from tests.ui.window_builder import draw_frame, make_window

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(qtbot: QtBot) -> MainWindow:
    builder = StateBuilder(NOW - 1)
    builder.runs(9)
    window = make_window(qtbot, builder, (OverviewPage, TasksPage))
    window.show_page("tasks")
    draw_frame(window, builder)
    qtbot.waitUntil(window.isActiveWindow)
    return window


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    focused = QApplication.focusWidget()
    assert isinstance(focused, QWidget)
    QTest.keyClick(focused, key, modifiers)


def type_text(text: str) -> None:
    focused = QApplication.focusWidget()
    assert isinstance(focused, QWidget)
    QTest.keyClicks(focused, text)


def test_esc_in_the_palette_gives_it_back(window: MainWindow) -> None:
    page = shown_table_page(window)
    select_rows(page, 2)
    page.table.setFocus()
    press(Qt.Key.Key_K, CTRL)
    assert window.command_palette.field.hasFocus()
    press(Qt.Key.Key_Escape)
    assert page.table.hasFocus()
    press(Qt.Key.Key_Down)
    assert page.table.currentIndex().row() == 3


def test_a_run_opened_from_the_palette_can_be_left_by_arrow_keys(window: MainWindow) -> None:
    page = shown_table_page(window)
    page.table.setFocus()
    press(Qt.Key.Key_K, CTRL)
    type_text(f"{3:032x}")
    press(Qt.Key.Key_Return)
    opened = page.table.current_row()
    assert opened is not None
    assert opened.task_id == f"{3:032x}"
    assert page.table.hasFocus()
    press(Qt.Key.Key_Down)
    assert page.table.current_row() is not opened


def test_a_run_opened_from_another_page_takes_the_keyboard(window: MainWindow) -> None:
    window.show_page("overview")
    window.sidebar.buttons["overview"].setFocus()
    press(Qt.Key.Key_K, CTRL)
    type_text(f"{3:032x}")
    press(Qt.Key.Key_Return)
    assert shown_table_page(window).table.hasFocus()


def test_a_palette_that_opened_without_a_focus_gives_it_to_the_page(window: MainWindow) -> None:
    page = shown_table_page(window)
    page.table.clearFocus()
    assert window.focusWidget() is None
    window.open_palette()
    press(Qt.Key.Key_Escape)
    assert page.table.hasFocus()


def test_a_click_beside_the_palette_keeps_what_was_clicked(
    qtbot: QtBot, window: MainWindow
) -> None:
    page = shown_table_page(window)
    page.table.setFocus()
    press(Qt.Key.Key_K, CTRL)
    field = page.filter_bar.text_field
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    assert not window.command_palette.isVisible()
    assert field.hasFocus()


def test_back_to_your_filter_gives_it_to_the_table(window: MainWindow) -> None:
    page = shown_table_page(window)
    page.filter_bar.set_filter(text="state:failed")
    window.navigate(FilterPage("tasks", "state:queued"))
    page.filter_bar.notice.back_button.setFocus()
    press(Qt.Key.Key_Space)
    assert page.filter_bar.text == "state:failed"
    assert page.table.hasFocus()


def test_back_to_live_gives_it_to_the_page(window: MainWindow) -> None:
    past = fixed(NOW - 600, NOW - 300)
    window.time.set_range(past)
    window.past_banner.live.setFocus()
    press(Qt.Key.Key_Space)
    assert window.time.is_live
    page = shown_table_page(window)
    assert page.table.hasFocus()
