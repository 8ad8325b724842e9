"""Commands to workers from the monitoring page."""

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page.context_menu import context_menu
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.workers.actions import ROW_MENU
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.shell.window import MainWindow
from tests.kit.state_builder import WORKER, StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.tables import cell, select_rows
from tests.ui.window_builder import draw_frame, let_it_be_read, make_window

WITHOUT_CONTROL = "worker-2@host-a:4121"


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder()
    builder.heartbeat(WORKER)
    builder.heartbeat(WITHOUT_CONTROL, control=None, log_level=None)
    return builder


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> MainWindow:
    window = make_window(qtbot, builder, (MonitoringPage,), session)
    draw_frame(window, builder, 0.1)
    return window


@pytest.fixture
def page(window: MainWindow) -> MonitoringPage:
    assert isinstance(window.current, MonitoringPage)
    return window.current


def select(page: MonitoringPage, worker: str) -> int:
    """Select a worker alone and return its row."""
    ids = [row.id for row in page.table.rows_model.row_objects()]
    page.table.clearSelection()
    select_rows(page, ids.index(worker))
    return ids.index(worker)


def enabled(window: MainWindow, *names: str) -> list[bool]:
    return [window.actions_table.is_enabled(f"worker.{name}") for name in names]


def latest(window: MainWindow) -> Notification:
    return window.notifications.shown[-1]


def test_p_pauses_the_selected_worker_and_offers_to_resume_it(
    qtbot: QtBot,
    window: MainWindow,
    page: MonitoringPage,
    builder: StateBuilder,
    session: FakeSession,
) -> None:
    select(page, WORKER)
    qtbot.keyClick(page.table, Qt.Key.Key_P)
    assert session.calls == [("pause", WORKER, "")]
    (notification,) = window.notifications.shown
    assert (notification.title, notification.severity) == ("worker-1 paused", "good")
    builder.heartbeat(WORKER, paused=True)
    draw_frame(window, builder, 0.1)
    assert cell(page, "work", select(page, WORKER)) == "‖ paused"
    assert enabled(window, "pause", "resume", "drain") == [False, True, True]
    notification.choices[0][1]()
    assert session.calls[-1] == ("resume", WORKER, "")


def test_a_worker_without_control_offers_no_commands(
    window: MainWindow, page: MonitoringPage
) -> None:
    row = select(page, WITHOUT_CONTROL)
    assert cell(page, "log_level", row) == "no control"
    assert enabled(window, "pause", "resume", "drain", "log.debug") == [False] * 4
    page.table.row_activated.emit(page.table.current_row())
    assert "Accepts no commands" in page.detail.properties.values["Control"]
    buttons = page.buttons
    assert not any(each.isVisible() for each in (buttons.pause, buttons.resume, buttons.drain))


def test_a_drain_is_confirmed_first(
    qtbot: QtBot, window: MainWindow, page: MonitoringPage, session: FakeSession
) -> None:
    select(page, WORKER)
    qtbot.keyClick(page.table, Qt.Key.Key_D)
    assert latest(window).title == "Drain worker-1?"
    assert session.calls == []
    let_it_be_read(window)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    assert session.calls == [("drain", WORKER, "")]
    assert latest(window).title == "worker-1 is draining"


def test_a_question_stays_when_the_outcome_of_an_earlier_command_arrives(
    qtbot: QtBot, window: MainWindow, page: MonitoringPage
) -> None:
    select(page, WORKER)
    qtbot.keyClick(page.table, Qt.Key.Key_D)
    assert window.actions_table.run("workers.pause")
    titles = [each.title for each in window.notifications.shown]
    assert titles[0] == "Drain worker-1?"
    assert len(titles) == 2


def test_the_log_level_is_set_and_shown(
    window: MainWindow, page: MonitoringPage, builder: StateBuilder, session: FakeSession
) -> None:
    select(page, WORKER)
    assert window.actions_table.run("worker.log.debug")
    assert session.calls == [("log_level", WORKER, "DEBUG")]
    assert latest(window).title == "worker-1: log level set to debug"
    builder.heartbeat(WORKER, log_level="DEBUG")
    draw_frame(window, builder, 0.1)
    assert cell(page, "log_level", select(page, WORKER)) == "debug"


def test_one_action_pauses_all_workers(window: MainWindow, session: FakeSession) -> None:
    assert window.actions_table.run("workers.pause")
    assert session.calls == [("pause", "", "")]


def test_a_command_without_a_selected_worker_is_not_sent(
    page: MonitoringPage, session: FakeSession
) -> None:
    page.table.clearSelection()
    page.drain_selected()
    page.pause_selected()
    assert session.calls == []


def test_the_details_show_the_buttons_that_apply(
    window: MainWindow, page: MonitoringPage, builder: StateBuilder
) -> None:
    select(page, WORKER)
    page.table.row_activated.emit(page.table.current_row())
    buttons = page.buttons
    assert (buttons.pause.isVisible(), buttons.resume.isVisible()) == (True, False)
    builder.heartbeat(WORKER, draining=True, busy=1)
    draw_frame(window, builder, 0.1)
    assert (buttons.pause.isVisible(), buttons.drain.isVisible()) == (False, False)
    assert page.detail.properties.values["Activity"].startswith("draining")
    draw_frame(window, builder, 60.0)
    row = select(page, WORKER)
    assert cell(page, "work", row).strip() == "", "what an offline worker does is unknown"


def test_a_worker_that_only_cancels_tasks_says_so_and_offers_nothing_else(
    window: MainWindow, page: MonitoringPage, builder: StateBuilder, session: FakeSession
) -> None:
    builder.heartbeat(WORKER, commands=["ping", "cancel"], log_level=None, slots=None)
    draw_frame(window, builder, 0.1)
    select(page, WORKER)
    page.table.row_activated.emit(page.table.current_row())
    buttons = page.buttons
    visible = [each.isVisible() for each in (buttons.pause, buttons.drain, buttons.log_level)]
    assert visible == [False, False, False]
    assert page.detail.properties.values["Control"].startswith("Cancels tasks")
    page.pause_selected()
    assert session.calls == []


def test_the_row_menu_is_made_from_the_actions(window: MainWindow, page: MonitoringPage) -> None:
    select(page, WORKER)
    menu = context_menu(window.actions_table, ROW_MENU, page)
    enabled = {each.text(): each.isEnabled() for each in menu.actions() if each.text()}
    assert enabled["Pause worker"]
    assert not enabled["Resume worker"]
    assert enabled["Log level of worker: debug"]
    menu.deleteLater()


def test_paused_workers_are_counted_above_the_table(
    window: MainWindow, page: MonitoringPage, builder: StateBuilder
) -> None:
    builder.heartbeat(WORKER, paused=True)
    builder.heartbeat(WITHOUT_CONTROL, control=None)
    draw_frame(window, builder, 1.0)
    assert page.queue_stats.cards["slots"].detail == "2 online, 1 paused"
