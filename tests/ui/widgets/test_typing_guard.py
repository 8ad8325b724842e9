"""Keys that were typed for something else do not answer a question, by real key events."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from pulse_desktop.ui.widgets.typing_guard import READING_S
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import select_rows, shown_table_page
from tests.ui.window_builder import draw_frame, make_window

CTRL = Qt.KeyboardModifier.ControlModifier
EARLY, LATER = READING_S * 0.9, READING_S * 1.1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder(NOW - 1)
    builder.runs(9)
    for worker in ("w-1", "w-2"):
        builder.heartbeat(worker)
    return builder


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession, clock: Clock) -> MainWindow:
    window = make_window(qtbot, builder, (TasksPage, MonitoringPage), session)
    window.notifications.clock = clock
    draw_frame(window, builder)
    qtbot.waitUntil(window.isActiveWindow)
    return window


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    focused = QApplication.focusWidget()
    assert isinstance(focused, QWidget)
    QTest.keyClick(focused, key, modifiers)


def type_text(text: str) -> None:
    """Type letter by letter, each into the widget that has the keyboard then."""
    for letter in text:
        focused = QApplication.focusWidget()
        assert isinstance(focused, QWidget)
        QTest.keyClicks(focused, letter)


def titles(window: MainWindow) -> list[str]:
    return [each.title for each in window.notifications.shown]


def test_a_query_typed_into_the_table_re_runs_nothing(
    window: MainWindow, session: FakeSession, clock: Clock
) -> None:
    page = shown_table_page(window)
    page.focus_filter()
    type_text("task:work")
    press(Qt.Key.Key_Return)
    press(Qt.Key.Key_Return)
    page.filter_bar.set_filter()
    page.table.setFocus()
    press(Qt.Key.Key_A, CTRL)
    type_text("worker:r")
    press(Qt.Key.Key_Return)
    assert titles(window) == ["Re-run 9 runs?"]
    assert session.calls == []
    clock.now += LATER
    press(Qt.Key.Key_Return)
    assert (titles(window), session.calls) == ([], [])
    assert page.table.hasFocus()


@pytest.mark.parametrize(
    ("page", "key", "refusal"),
    [
        pytest.param("tasks", Qt.Key.Key_R, "Do not re-run", marks=pytest.mark.slow),
        ("tasks", Qt.Key.Key_C, "Do not cancel"),
        ("monitoring", Qt.Key.Key_D, "Keep running"),
        pytest.param("monitoring", Qt.Key.Key_P, "Do not pause", marks=pytest.mark.slow),
    ],
)
def test_a_question_about_several_has_the_focus_on_what_does_nothing(
    window: MainWindow,
    builder: StateBuilder,
    session: FakeSession,
    clock: Clock,
    page: str,
    key: Qt.Key,
    refusal: str,
) -> None:
    for number in range(2):
        builder.task(f"{number:031x}f", "m:work")
    window.show_page(page)
    draw_frame(window, builder)
    select_rows(shown_table_page(window), 0, 1)
    shown_table_page(window).table.setFocus()
    press(key)
    focused = window.focusWidget()
    assert isinstance(focused, QPushButton)
    assert focused.text() == refusal
    assert session.calls == []
    clock.now += LATER
    press(Qt.Key.Key_Return)
    assert (titles(window), session.calls) == ([], [])


def test_a_question_about_one_run_is_answered_by_enter_once_it_can_be_read(
    window: MainWindow, builder: StateBuilder, session: FakeSession, clock: Clock
) -> None:
    builder.task("c" * 32, "m:work")
    draw_frame(window, builder)
    page = shown_table_page(window)
    assert isinstance(page, RunsPage)
    select_rows(page, 0)
    page.table.setFocus()
    press(Qt.Key.Key_C)
    clock.now += EARLY
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_R):
        press(key)
    assert (titles(window), session.calls) == (["Cancel work?"], [])
    clock.now += LATER - EARLY
    press(Qt.Key.Key_Return)
    assert session.calls == [("cancel", ["c" * 32])]


def test_enter_that_is_held_down_answers_nothing(
    window: MainWindow, builder: StateBuilder, session: FakeSession, clock: Clock
) -> None:
    builder.task("c" * 32, "m:work")
    draw_frame(window, builder)
    select_rows(shown_table_page(window), 0)
    shown_table_page(window).table.setFocus()
    press(Qt.Key.Key_C)
    clock.now += LATER
    held = QKeyEvent(
        QEvent.Type.KeyPress,
        Qt.Key.Key_Return,
        Qt.KeyboardModifier.NoModifier,
        "\r",
        autorep=True,
    )
    QApplication.sendEvent(window.focusWidget(), held)
    assert (titles(window), session.calls) == (["Cancel work?"], [])


def test_esc_answers_at_once(window: MainWindow, builder: StateBuilder) -> None:
    select_rows(shown_table_page(window), 0, 1)
    shown_table_page(window).table.setFocus()
    press(Qt.Key.Key_R)
    press(Qt.Key.Key_Escape)
    assert titles(window) == []
    assert shown_table_page(window).table.hasFocus()


def test_a_dialog_ignores_what_was_typed_before_it_could_be_read(
    qtbot: QtBot, clock: Clock
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = QuestionDialog("Confirm", "Re-run?", "All of them.", "Re-run", "Cancel", parent)
    dialog.guard.clock = clock
    answers: list[int] = []
    dialog.finished.connect(answers.append)
    dialog.open()
    qtbot.waitUntil(dialog.isActiveWindow)
    clock.now += EARLY
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_Space):
        press(key)
    assert (answers, dialog.isVisible()) == ([], True)
    clock.now += LATER - EARLY
    press(Qt.Key.Key_Space)
    assert answers == [int(QuestionDialog.DialogCode.Accepted)]
