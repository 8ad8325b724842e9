"""Every action is found by a few letters, and carried out without a dialog."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMainWindow, QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.shell.actions import Action, ActionTable, PageAction, shortcut_text
from pulse_desktop.ui.shell.fuzzy import best, fit
from pulse_desktop.ui.shell.palette import Entry, Palette
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

GO = Action("go", "Go to Tasks", "Ctrl+2", "Go to", "tasks")


class Doer:
    def __init__(self) -> None:
        self.done = []
        self.may = True

    def go(self) -> None:
        self.done.append("go")

    def stop(self) -> None:
        self.done.append("stop")

    def may_stop(self):
        return self.may


@pytest.fixture
def doer():
    return Doer()


@pytest.fixture
def window(qtbot: QtBot):
    theme().install(ThemeChoice.DARK)
    made = QMainWindow()
    made.setCentralWidget(QLineEdit())
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    made.activateWindow()
    made.centralWidget().setFocus()
    return made


@pytest.fixture
def table(window, doer):
    actions = ActionTable(window)
    actions.add(GO, doer.go)
    actions.add(Action("stop", "Stop everything", keywords="halt"), doer.stop, doer.may_stop)
    actions.add(Action("page", "Re-run selected", "R"), doer.go, page="tasks")
    return actions


@pytest.fixture
def palette(window, table):
    return Palette(table, window)


def test_letters_that_begin_words_count_most() -> None:
    assert fit("gt", "Go to Tasks") > fit("gt", "Logging out")
    assert fit("xyz", "Go to Tasks") is None
    assert fit("task go", "Go to Tasks") is None
    assert best("tas", [("Go to Metrics", 1), ("Go to Tasks", 2), ("Metastasis", 3)]) == [2, 3]
    assert best(" ", [("b", 1), ("a", 2)]) == [1, 2]


def test_it_lists_what_can_be_done_now(qtbot: QtBot, palette, table, doer) -> None:
    palette.open()
    assert palette.titles == ["Go to Tasks", "Stop everything"]
    palette.close()
    doer.may = False
    table.show_page("tasks")
    palette.open()
    assert palette.titles == ["Go to Tasks", "Re-run selected"]


def test_typing_arrows_and_enter_run_a_command(qtbot: QtBot, palette, doer, window) -> None:
    palette.open()
    assert palette.field.hasFocus()
    qtbot.keyClicks(palette.field, "o")
    assert palette.titles == ["Go to Tasks", "Stop everything"]
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert doer.done == ["stop"]
    assert palette.isHidden()
    assert window.centralWidget().hasFocus()


def test_escape_closes_it_and_a_second_call_too(qtbot: QtBot, palette, doer) -> None:
    palette.open()
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert palette.isHidden()
    palette.open()
    palette.open()
    assert palette.isHidden()
    assert doer.done == []


def test_nothing_found_is_said(qtbot: QtBot, palette) -> None:
    palette.open("qqqq")
    assert palette.titles == []
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert not palette.isHidden()


def test_other_sources_are_asked_with_what_was_typed(palette, doer) -> None:
    palette.add_source(lambda query: [Entry(f"Find {query}", doer.go)])
    palette.open("abc")
    assert palette.titles == ["Find abc"]


def test_words_find_an_action_by_another_name(palette) -> None:
    palette.open("halt")
    assert palette.titles == ["Stop everything"]


def test_a_button_does_what_the_action_does_and_names_its_key(
    qtbot: QtBot, table, doer, window
) -> None:
    button = QPushButton("Tasks", window)
    table.bind_button(button, GO)
    button.click()
    assert doer.done == ["go"]
    assert button.toolTip() == "Go to Tasks (Ctrl+2)"


def test_an_action_that_cannot_be_done_is_not_done(table, doer) -> None:
    doer.may = False
    assert not table.run("stop")
    assert not table.run("page")
    assert doer.done == []


def test_no_two_actions_want_the_same_key(table, doer) -> None:
    with pytest.raises(ValueError, match=r"share the shortcut Ctrl\+2"):
        table.add(Action("other", "Other", "Ctrl+2"), doer.go)
    with pytest.raises(ValueError, match="duplicate action id go"):
        table.add(Action("go", "Go"), doer.go)
    table.add(Action("elsewhere", "Else", "R"), doer.go, page="messages")
    assert shortcut_text(table["elsewhere"]) == "R"


def test_a_page_action_is_listed_before_its_page_is_made(table, doer) -> None:
    made = []

    def page() -> Doer:
        made.append(doer)
        return doer

    action = PageAction(Action("halt", "Halt the page"), Doer.stop, Doer.may_stop)
    table.add_page_action(action, "messages", page)
    assert "halt" in table
    assert not table.is_enabled("halt")
    assert made == []
    table.show_page("messages")
    assert table.run("halt")
    assert doer.done == ["stop"]
    doer.may = False
    assert not table.run("halt")
