"""The main window's status bar, top bar, command palette, notifications and other windows."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QPlainTextEdit
from pytestqt.qtbot import QtBot

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.ui.offline_session import OfflineSession
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell.connection_details import ConnectionDetails
from pulse_desktop.ui.shell.shortcuts_window import ShortcutsWindow
from pulse_desktop.ui.shell.status_bar import StatusFigures
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.widgets.question_dialog import QuestionDialog
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import make_window, run_at_once


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, session: FakeSession) -> MainWindow:
    builder = StateBuilder(at=1000.0)
    builder.runs(3)
    window = make_window(qtbot, builder, (TasksPage,), session)
    qtbot.waitActive(window)
    return window


def test_every_copy_is_confirmed_in_the_status_bar(window: MainWindow) -> None:
    message = window.status_bar.message
    shown = window.current
    assert isinstance(shown, TasksPage)
    page = shown.runs
    page.table.selectAll()
    page.copy_selected()
    assert message.isVisible()
    assert message.text() == "Copied 3 lines"
    text = QPlainTextEdit("one <b>line</b>", window)
    text.selectAll()
    text.copy()
    assert message.text() == "Copied: one <b>line</b>"
    assert message.textFormat() is Qt.TextFormat.PlainText
    QGuiApplication.clipboard().setText("a\x1b[31m" + "x" * 5_000)
    assert len(message.text()) < 80
    assert message.text().isprintable()


def test_the_keys_of_all_actions_are_listed(qtbot: QtBot, window: MainWindow) -> None:
    assert window.actions_table["shortcuts"].shortcut == "?|F1"
    qtbot.keyClick(window, Qt.Key.Key_F1)
    (listed,) = window.findChildren(ShortcutsWindow)
    rows = {}
    for number in range(listed.tree.topLevelItemCount()):
        group = listed.tree.topLevelItem(number)
        assert group is not None
        for index in range(group.childCount()):
            child = group.child(index)
            assert child is not None
            rows[child.text(0)] = child.text(1)
    table = window.actions_table
    with_keys = [table[each] for each in table.ids if table[each].shortcut]
    assert {action.title for action in with_keys} <= set(rows)
    assert rows["Filter this page"] == "/, Ctrl+F"
    window.dialogs.show_shortcuts()
    assert window.findChildren(ShortcutsWindow) == [listed], "it is opened once"
    listed.close()


def test_the_connection_is_explained_by_click_and_by_key(
    qtbot: QtBot, window: MainWindow, session: FakeSession
) -> None:
    session.connection_status = ConnectionStatus(
        "reconnecting", "nats://x", 900.0, problem="refused", reconnects=2, jetstream=False
    )
    session.limitations = ["results: not permitted"]
    window.top_bar.state.setFocus()
    qtbot.keyClick(window.top_bar.state, Qt.Key.Key_Space)
    (details,) = window.findChildren(ConnectionDetails)
    texts = [label.text() for label in details.findChildren(QLabel)]
    for expected in ("Reconnecting", "refused", "nats://x", "Not available", "2"):
        assert expected in texts
    assert any("not permitted" in text for text in texts)
    session.connection_status = replace(session.connection_status, state="connected", problem="")
    qtbot.waitUntil(lambda: "Connected" in [label.text() for label in details.findChildren(QLabel)])
    details.close()
    qtbot.mouseClick(window.status_bar, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(d.isVisible() for d in window.findChildren(ConnectionDetails)))
    for each in window.findChildren(ConnectionDetails):
        each.close()


def test_a_click_on_a_status_bar_figure_opens_its_page(qtbot: QtBot) -> None:
    window = make_window(qtbot, StateBuilder(at=1000.0), (TasksPage, EventsPage))
    window.status_bar.show_figures(StatusFigures(topics_alive=7, events_per_s=2.0, received=9))
    QApplication.processEvents()
    qtbot.mouseClick(
        window.status_bar,
        Qt.MouseButton.LeftButton,
        pos=window.status_bar.labels["rate"].geometry().center(),
    )
    assert window.current is not None
    assert window.current.key == "events"


def test_the_state_of_the_connection_is_its_accessible_name(window: MainWindow) -> None:
    window.top_bar.set_connection(ConnectionStatus("reconnecting", "x", 0.0, problem="refused"))
    assert window.top_bar.state.accessibleName() == "Connection: reconnecting · refused"


def test_a_narrow_window_shows_the_command_palette_as_an_icon(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.resize(1024, 640)
    QApplication.processEvents()
    qtbot.waitUntil(lambda: window.top_bar.palette_field.width() <= 36)
    window.resize(1440, 900)
    qtbot.waitUntil(lambda: window.top_bar.palette_field.width() > 200)


def test_quit_is_offered_only_when_it_is_searched_for(window: MainWindow) -> None:
    window.open_palette()
    assert "Quit" not in window.command_palette.titles
    window.command_palette.field.setText("quit")
    assert "Quit" in window.command_palette.titles


def test_what_is_typed_while_the_server_starts_is_kept(qtbot: QtBot, window: MainWindow) -> None:
    window.set_session(OfflineSession(), run_at_once)
    window.run_task()
    window.run_form.ui.task_name.set_name("tasks:one")
    window.set_session(FakeSession(), run_at_once)
    assert window.run_form.isVisible()
    assert window.run_form.ui.task_name.name == "tasks:one"
    assert window.run_form.ui.task_name.field.selectedText() == "tasks:one"
    window.run_form.cancel()


def test_a_long_word_in_a_notification_is_elided_not_cut_off(window: MainWindow) -> None:
    name = "extract_everything_for_every_channel_and_language"
    window.notify(Notification(f"Re-run {name}?", "x" * 500))
    (card,) = window.notifications.cards
    labels = [label for label in card.findChildren(QLabel) if "…" in label.text()]
    assert len(labels) == 2
    for label in labels:
        widest = max(map(label.fontMetrics().horizontalAdvance, label.text().split()))
        assert widest <= label.contentsRect().width()
    assert name in labels[0].toolTip()


def test_nothing_of_the_session_before_is_left(window: MainWindow, session: FakeSession) -> None:
    button = window.sidebar.buttons["tasks"]
    button.set_count("9", urgent=True)
    window.top_bar.set_alerts(9)
    window.set_session(FakeSession(), run_at_once)
    assert button.count == ""
    assert window.top_bar.alerts.count == ""


def test_a_long_name_is_cut_in_a_question(qtbot: QtBot, window: MainWindow) -> None:
    profile = Profile("a very long name " * 4, environment=Environment.PRODUCTION)
    question = QuestionDialog("t", profile.name, profile.name, "Act", "Cancel", window)
    question.badge.show_profile(profile, profile.name)
    question.open()
    qtbot.waitUntil(lambda: question.badge.text().endswith("…"))
    assert question.badge.text().startswith("PRODUCTION · a very long name")
    assert question.rect().contains(question.badge.geometry())
    for label in question.findChildren(QLabel):
        assert label.height() >= label.heightForWidth(label.width()), label.text()
    question.reject()


def test_the_environment_is_never_cut(window: MainWindow) -> None:
    window.show_profile(Profile("x" * 60, environment=Environment.PRODUCTION), "x" * 60)
    window.top_bar.set_connection(ConnectionStatus("reconnecting", "s", 1.0, "gone " * 20))
    window.resize(window.minimumSize())
    QApplication.processEvents()
    assert window.top_bar.environment.text() == "PRODUCTION"
    assert window.top_bar.environment.width() >= window.top_bar.environment.sizeHint().width()


def test_every_window_names_the_connection_and_follows_it(window: MainWindow) -> None:
    profile = Profile("eu", environment=Environment.PRODUCTION)
    window.show_profile(profile, "eu\u202e\x1b<b>")
    window.dialogs.show_connection()
    window.dialogs.show_shortcuts()
    window.dialogs.show_events_guide()
    dialogs = [each for each in window.findChildren(QDialog) if each.isVisible()]
    titles = {each.windowTitle() for each in (window, *dialogs)}
    assert len(titles) == 4
    for title in titles:
        assert "(production) · Pulse Desktop" in title
        assert title.isprintable()
    (details,) = window.findChildren(ConnectionDetails)
    assert details.badge.text().startswith("PRODUCTION · eu")
    window.show_profile(Profile("lab", environment=Environment.STAGING), "lab")
    assert details.windowTitle() == "Connection · lab (staging) · Pulse Desktop"
    assert details.badge.text() == "STAGING · lab"
    assert window.windowTitle() == "Tasks · lab (staging) · Pulse Desktop"
