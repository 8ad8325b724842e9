"""Orders to workers, from the page where they are seen."""

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.workers.actions import ROW_MENU
from pulse_desktop.ui.pages.workers.page import MonitoringPage
from pulse_desktop.ui.shell.context_menu import context_menu
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import WORKER, Told, frame, make_window

SECOND = "worker-2@host-a:4121"


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def summarise():
    filled = Told()
    filled.heartbeat(WORKER)
    filled.heartbeat(SECOND, control=None, log_level=None)
    return filled


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, summarise, session):
    window = make_window(qtbot, summarise, (MonitoringPage,), session)
    frame(window, summarise, 0.1)
    return window


@pytest.fixture
def page(window):
    return window.current


def choose(page, name):
    model, flags = page.table.rows_model, QItemSelectionModel.SelectionFlag
    row = next(n for n, each in enumerate(model.row_objects()) if each.id == name)
    index = model.index(row, 0)
    page.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
    return row


def cell(page, key, row):
    model = page.table.rows_model
    return model.index(row, next(n for n, c in enumerate(model.columns) if c.key == key)).data()


def enabled(window, *names):
    return [window.actions_table.is_enabled(f"worker.{name}") for name in names]


def test_p_pauses_the_selected_worker_and_offers_the_way_back(
    qtbot: QtBot, window, page, summarise, session
) -> None:
    choose(page, WORKER)
    qtbot.keyClick(page.table, Qt.Key.Key_P)
    assert session.calls == [("pause", WORKER, "")]
    (notice,) = window.notifications.shown
    assert (notice.title, notice.severity) == ("worker-1 paused", "good")
    summarise.heartbeat(WORKER, paused=True)
    frame(window, summarise, 0.1)
    assert cell(page, "work", choose(page, WORKER)) == "‖ paused"
    assert enabled(window, "pause", "resume", "drain") == [False, True, True]
    notice.choices[0][1]()
    assert session.calls[-1] == ("resume", WORKER, "")


def test_a_worker_without_control_says_so_and_offers_nothing(window, page) -> None:
    row = choose(page, SECOND)
    assert cell(page, "log_level", row) == "no control"
    assert enabled(window, "pause", "resume", "drain", "log.debug") == [False] * 4
    page.table.row_activated.emit(page.table.current_row())
    assert "Accepts no commands" in page.detail.properties.values["Control"]
    buttons = page.buttons
    assert not any(each.isVisible() for each in (buttons.pause, buttons.resume, buttons.drain))


def test_draining_is_asked_about_before_it_is_done(qtbot: QtBot, window, page, session) -> None:
    choose(page, WORKER)
    qtbot.keyClick(page.table, Qt.Key.Key_D)
    assert window.notifications.shown[-1].title == "Drain worker-1?"
    assert session.calls == []
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    assert session.calls == [("drain", WORKER, "")]
    assert window.notifications.shown[-1].title == "worker-1 is draining"


def test_the_log_level_is_chosen_and_shown(window, page, summarise, session) -> None:
    choose(page, WORKER)
    assert window.actions_table.run("worker.log.debug")
    assert session.calls == [("log_level", WORKER, "DEBUG")]
    assert window.notifications.shown[-1].title == "worker-1: log level set to debug"
    summarise.heartbeat(WORKER, log_level="DEBUG")
    frame(window, summarise, 0.1)
    assert cell(page, "log_level", choose(page, WORKER)) == "debug"


def test_all_workers_are_paused_by_one_wish(window, session) -> None:
    assert window.actions_table.run("workers.pause")
    assert session.calls == [("pause", "", "")]


def test_the_details_have_the_buttons_that_make_sense(window, page, summarise) -> None:
    choose(page, WORKER)
    page.table.row_activated.emit(page.table.current_row())
    buttons = page.buttons
    assert (buttons.pause.isVisible(), buttons.resume.isVisible()) == (True, False)
    summarise.heartbeat(WORKER, draining=True, busy=1)
    frame(window, summarise, 0.1)
    assert (buttons.pause.isVisible(), buttons.drain.isVisible()) == (False, False)
    assert page.detail.properties.values["State"].startswith("draining")
    frame(window, summarise, 60.0)
    choose(page, WORKER)
    assert cell(page, "work", choose(page, WORKER)).strip() == "", "nobody knows of the gone"


def test_the_menu_of_a_row_is_made_from_the_actions(window, page) -> None:
    choose(page, WORKER)
    menu = context_menu(window.actions_table, ROW_MENU, page)
    words = {entry.text(): entry.isEnabled() for entry in menu.actions() if entry.text()}
    assert words["Pause worker"]
    assert not words["Resume worker"]
    assert words["Log level of worker: debug"]
    menu.deleteLater()


def test_paused_workers_are_counted_above(window, page, summarise) -> None:
    summarise.heartbeat(WORKER, paused=True)
    summarise.heartbeat(SECOND, control=None)
    frame(window, summarise, 1.0)
    assert page.queue_stats.cards["slots"].detail == "2 online, 1 paused"
