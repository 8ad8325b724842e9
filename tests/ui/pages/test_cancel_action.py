"""Cancelling runs: asked once, inside the window, and told as it was."""

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.tasks.actions import ROW_MENU
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.context_menu import context_menu
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import Told, frame, make_window

QUEUED, RUNNING, ENDED = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def told():
    filled = Told()
    for task_id in (QUEUED, RUNNING, ENDED):
        filled.task(task_id, "m:embed")
    filled.started(RUNNING)
    filled.succeeded(ENDED)
    return filled


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, told, session):
    window = make_window(qtbot, told, (TasksPage,), session)
    frame(window, told, 0.1)
    return window


@pytest.fixture
def page(window):
    return window.current


def select(page, *task_ids) -> None:
    model, flags = page.table.rows_model, QItemSelectionModel.SelectionFlag
    page.table.clearSelection()
    for number, run in enumerate(model.row_objects()):
        if run.task_id in task_ids:
            index = model.index(number, 0)
            page.table.selectionModel().setCurrentIndex(index, flags.Select | flags.Rows)


def card(window):
    return window.notifications.cards[-1]


def test_c_asks_and_enter_cancels(qtbot: QtBot, window, page, session) -> None:
    select(page, RUNNING)
    qtbot.keyClick(page.table, Qt.Key.Key_C)
    (notice,) = window.notifications.shown
    assert (notice.title, notice.severity) == ("Cancel embed?", "warning")
    assert "running" in notice.detail
    assert session.calls == []
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    assert session.calls == [("cancel", [RUNNING])]
    (notice,) = window.notifications.shown
    assert (notice.title, notice.severity) == ("embed: cancelled on worker-1", "good")
    assert window.focusWidget() is page.table


def test_esc_leaves_a_run_alone_and_gives_the_keyboard_back(
    qtbot: QtBot, window, page, session
) -> None:
    select(page, QUEUED)
    qtbot.keyClick(page.table, Qt.Key.Key_C)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Escape)
    assert window.notifications.shown == []
    assert session.calls == []
    assert window.focusWidget() is page.table


def test_only_runs_that_have_not_ended_are_cancelled(window, page, session) -> None:
    select(page, QUEUED, RUNNING, ENDED)
    assert window.actions_table.is_enabled("runs.cancel")
    page.cancel_selected()
    notice = window.notifications.shown[-1]
    assert notice.title == "Cancel 2 runs?"
    assert notice.advice == "1 run has already ended."
    notice.choices[0][1]()
    assert sorted(session.calls[0][1]) == [QUEUED, RUNNING]
    assert window.notifications.shown[-1].title == "2 runs cancelled"


def test_what_has_ended_cannot_be_cancelled(window, page) -> None:
    select(page, ENDED)
    assert not window.actions_table.is_enabled("runs.cancel")
    page.cancel_selected()
    assert window.notifications.shown[-1].title == "Nothing to cancel"


def test_the_details_offer_it_only_while_the_run_goes_on(window, page, told, session) -> None:
    page.navigate(ShowRun(RUNNING))
    assert page.detail.progress.isVisible()
    page.detail.progress.cancel_button.click()
    window.notifications.shown[-1].choices[0][1]()
    assert session.calls == [("cancel", [RUNNING])]
    told.succeeded(RUNNING)
    frame(window, told, 1.0)
    assert not page.detail.progress.isVisible()


def test_the_band_over_several_rows_cancels_them(window, page, session) -> None:
    select(page, QUEUED, RUNNING)
    page.selection_bar.buttons[1].click()
    window.notifications.shown[-1].choices[0][1]()
    assert sorted(session.calls[0][1]) == [QUEUED, RUNNING]


def test_the_menu_of_a_row_is_made_from_the_actions(window, page) -> None:
    select(page, RUNNING)
    menu = context_menu(window.actions_table, ROW_MENU, page)
    words = [entry.text() for entry in menu.actions() if not entry.isSeparator()]
    assert words == [
        "Re-run selected",
        "Edit and re-run…",
        "Cancel selected…",
        "Copy selected runs",
    ]
    asked = []
    page.table.menu_requested.disconnect()
    page.table.menu_requested.connect(asked.append)
    menu.actions()[3].trigger()
    assert window.notifications.shown[-1].title == "Cancel embed?"
    menu.deleteLater()


def test_the_right_button_and_the_menu_key_ask_for_the_menu(page) -> None:
    asked = []
    page.table.menu_requested.disconnect()
    page.table.menu_requested.connect(asked.append)
    page.table.clearSelection()
    reasons = QContextMenuEvent.Reason
    page.table.contextMenuEvent(QContextMenuEvent(reasons.Mouse, QPoint(5, 5), QPoint(50, 60)))
    assert asked == [], "nothing is selected"
    select(page, RUNNING)
    page.table.contextMenuEvent(QContextMenuEvent(reasons.Mouse, QPoint(5, 5), QPoint(50, 60)))
    page.table.contextMenuEvent(QContextMenuEvent(reasons.Keyboard, QPoint(), QPoint()))
    assert asked[0] == QPoint(50, 60)
    assert len(asked) == 2


def test_a_lost_connection_is_told(window, page, session) -> None:
    session.error = UserFacingError("Cannot do this now", "there is no connection to the server.")
    select(page, RUNNING)
    page.cancel_selected()
    window.notifications.shown[-1].choices[0][1]()
    assert window.notifications.shown[-1].title == "Cannot do this now"


def test_progress_shows_how_much_how_fast_and_how_long_yet(window, page, told) -> None:
    page.navigate(ShowRun(RUNNING))
    line = page.detail.progress
    assert line.label.text() == "Running; the task reports no progress"
    assert not line.bar.isVisible()
    told.at += 10
    told.progress(RUNNING, done=60, total=200, message="chunk 3", rate=12.0, eta_s=11.7)
    frame(window, told, 0.5)
    assert line.label.text() == "60 of 200 (30 %) · 12 per s · about 11 s left"
    assert (line.bar.value(), line.message.text()) == (300, "chunk 3")
    frame(window, told, 5.0)
    assert "about 6.2 s left" in line.label.text()
    assert page.table.rows_model.index(1, 0).data() == "▶ running 30 %"


def test_without_a_rate_it_is_reckoned_from_the_start(window, page, told) -> None:
    page.navigate(ShowRun(RUNNING))
    told.at += 10
    told.progress(RUNNING, done=5, total=10)
    frame(window, told)
    assert page.detail.progress.label.text() == "5 of 10 (50 %) · 30 per min · about 10 s left"
    assert page.context.state.runs.get(RUNNING).state is RunState.RUNNING


def test_a_queued_run_waits_and_says_so(page) -> None:
    page.navigate(ShowRun(QUEUED))
    assert page.detail.progress.label.text() == "Waiting for a worker"
