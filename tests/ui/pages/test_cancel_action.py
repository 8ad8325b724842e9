"""Cancelling runs: confirmed once, in the window, and reported; also the row menu and progress."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.page.context_menu import context_menu
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.tasks.actions import ROW_MENU
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import cell, select_rows, selection_bar
from tests.ui.window_builder import draw_frame, let_it_be_read, make_window

QUEUED, RUNNING, ENDED = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder()
    for task_id in (QUEUED, RUNNING, ENDED):
        builder.task(task_id, "m:embed")
    builder.started(RUNNING)
    builder.succeeded(ENDED)
    return builder


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> MainWindow:
    window = make_window(qtbot, builder, (TasksPage,), session)
    draw_frame(window, builder, 0.1)
    return window


@pytest.fixture
def page(window: MainWindow) -> RunsPage:
    assert isinstance(window.current, TasksPage)
    return window.current.runs


def select(page: RunsPage, *task_ids: str) -> None:
    page.table.clearSelection()
    ids = [run.task_id for run in page.table.rows_model.row_objects()]
    select_rows(page, *(row for row, task_id in enumerate(ids) if task_id in task_ids))


def latest(window: MainWindow) -> Notification:
    return window.notifications.shown[-1]


def test_c_asks_and_enter_cancels(
    qtbot: QtBot, window: MainWindow, page: RunsPage, session: FakeSession
) -> None:
    select(page, RUNNING)
    qtbot.keyClick(page.table, Qt.Key.Key_C)
    (notice,) = window.notifications.shown
    assert (notice.title, notice.severity) == ("Cancel embed?", "warning")
    assert "running" in notice.detail
    assert session.calls == []
    let_it_be_read(window)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    assert session.calls == [("cancel", [RUNNING])]
    (notice,) = window.notifications.shown
    assert (notice.title, notice.severity) == ("embed: cancelled on worker-1", "good")
    assert window.focusWidget() is page.table


def test_esc_keeps_the_run_and_returns_the_focus(
    qtbot: QtBot, window: MainWindow, page: RunsPage, session: FakeSession
) -> None:
    select(page, QUEUED)
    qtbot.keyClick(page.table, Qt.Key.Key_C)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Escape)
    assert window.notifications.shown == []
    assert session.calls == []
    assert window.focusWidget() is page.table


def test_only_runs_that_have_not_ended_are_cancelled(
    window: MainWindow, page: RunsPage, session: FakeSession
) -> None:
    select(page, QUEUED, RUNNING, ENDED)
    assert window.actions_table.is_enabled("runs.cancel")
    page.cancel_selected()
    notice = latest(window)
    assert notice.title == "Cancel 2 runs?"
    assert notice.advice == "1 run has already ended."
    notice.choices[0][1]()
    assert sorted(session.calls[0][1]) == [QUEUED, RUNNING]
    assert latest(window).title == "2 runs cancelled"


def test_an_ended_run_cannot_be_cancelled(window: MainWindow, page: RunsPage) -> None:
    select(page, ENDED)
    assert not window.actions_table.is_enabled("runs.cancel")
    page.cancel_selected()
    assert latest(window).title == "Nothing to cancel"


def test_the_details_offer_to_cancel_only_an_open_run(
    window: MainWindow, page: RunsPage, builder: StateBuilder, session: FakeSession
) -> None:
    page.navigate(ShowRun(RUNNING))
    assert page.detail.progress.isVisible()
    page.detail.progress.cancel_button.click()
    latest(window).choices[0][1]()
    assert session.calls == [("cancel", [RUNNING])]
    builder.succeeded(RUNNING)
    draw_frame(window, builder, 1.0)
    assert not page.detail.progress.isVisible()


def test_the_selection_bar_offers_no_cancellation_of_runs_that_have_ended(
    window: MainWindow, builder: StateBuilder, page: RunsPage
) -> None:
    select(page, RUNNING, ENDED)
    cancel = selection_bar(page).buttons[1]
    assert cancel.isEnabled()
    builder.succeeded(RUNNING)
    for _second in range(2):
        draw_frame(window, builder, 1.0)
    assert not cancel.isEnabled()
    select(page, QUEUED, ENDED)
    assert cancel.isEnabled()


def test_the_selection_bar_cancels_the_selected_runs(
    window: MainWindow, page: RunsPage, session: FakeSession
) -> None:
    select(page, QUEUED, RUNNING)
    selection_bar(page).buttons[1].click()
    latest(window).choices[0][1]()
    assert sorted(session.calls[0][1]) == [QUEUED, RUNNING]


def test_the_row_menu_is_made_from_the_actions(window: MainWindow, page: RunsPage) -> None:
    select(page, RUNNING)
    menu = context_menu(window.actions_table, ROW_MENU, page)
    titles = [entry.text() for entry in menu.actions() if not entry.isSeparator()]
    assert titles == [
        "Re-run selected",
        "Edit and re-run…",
        "Re-run on another connection…",
        "Cancel selected…",
        "Compare two runs, or one with its last good run",
        "Copy selected runs",
    ]
    next(each for each in menu.actions() if each.text() == "Cancel selected…").trigger()
    assert latest(window).title == "Cancel embed?"
    menu.deleteLater()


def test_the_right_button_and_the_menu_key_request_the_menu(page: RunsPage) -> None:
    positions: list[QPoint] = []
    page.table.menu_requested.disconnect()
    page.table.menu_requested.connect(positions.append)
    page.table.clearSelection()
    reasons = QContextMenuEvent.Reason
    page.table.contextMenuEvent(QContextMenuEvent(reasons.Mouse, QPoint(5, 5), QPoint(50, 60)))
    assert positions == [], "nothing is selected"
    select(page, RUNNING)
    page.table.contextMenuEvent(QContextMenuEvent(reasons.Mouse, QPoint(5, 5), QPoint(50, 60)))
    page.table.contextMenuEvent(QContextMenuEvent(reasons.Keyboard, QPoint(), QPoint()))
    assert positions[0] == QPoint(50, 60)
    assert len(positions) == 2


def test_a_lost_connection_is_reported(
    window: MainWindow, page: RunsPage, session: FakeSession
) -> None:
    session.error = UserFacingError("Cannot do this now", "there is no connection to the server.")
    select(page, RUNNING)
    page.cancel_selected()
    latest(window).choices[0][1]()
    assert latest(window).title == "Cannot do this now"


def test_progress_shows_amount_rate_and_remaining_time(
    window: MainWindow, page: RunsPage, builder: StateBuilder
) -> None:
    page.navigate(ShowRun(RUNNING))
    line = page.detail.progress
    assert line.label.text() == "Running; the task reports no progress"
    assert not line.bar.isVisible()
    builder.at += 10
    builder.progress(RUNNING, done=60, total=200, message="chunk 3", rate=12.0, eta_s=11.7)
    draw_frame(window, builder, 0.5)
    assert line.label.text() == "60 of 200 (30 %) · 12 per s · about 11 s left"
    assert (line.bar.value(), line.message.text()) == (300, "chunk 3")
    draw_frame(window, builder, 5.0)
    assert "about 6.2 s left" in line.label.text()
    assert cell(page, "state", 1) == "▶ running 30 %"


def test_a_missing_rate_is_computed_from_the_time_since_the_start(
    window: MainWindow, page: RunsPage, builder: StateBuilder
) -> None:
    page.navigate(ShowRun(RUNNING))
    builder.at += 10
    builder.progress(RUNNING, done=5, total=10)
    draw_frame(window, builder)
    assert page.detail.progress.label.text() == "5 of 10 (50 %) · 30 per min · about 10 s left"
    assert page.detail.run is not None
    assert page.detail.run.state is RunState.RUNNING


def test_a_queued_run_waits_for_a_worker(page: RunsPage) -> None:
    page.navigate(ShowRun(QUEUED))
    assert page.detail.progress.label.text() == "Waiting for a worker"
