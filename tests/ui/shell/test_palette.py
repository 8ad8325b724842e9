"""Every action is found by a few letters, and carried out without a dialog."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QMainWindow, QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.shell.actions import Action, ActionTable, shortcut_text
from pulse_desktop.ui.shell.fuzzy import best, fit
from pulse_desktop.ui.shell.palette import Entry, Palette
from pulse_desktop.ui.theme.theme import ThemeChoice, theme


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
    actions.add(Action("go", "Go to Tasks", "go", "Ctrl+2", "Go to", "tasks"), lambda: doer)
    actions.add(
        Action("stop", "Stop everything", "stop", enabled="may_stop", words="halt"), lambda: doer
    )
    actions.add(Action("page", "Re-run selected", "go", "R", page="tasks"), lambda: doer)
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
    table.bind_button(button, "go")
    button.click()
    assert doer.done == ["go"]
    assert button.toolTip() == "Go to Tasks (Ctrl+2)"


def test_an_action_that_cannot_be_done_is_not_done(table, doer) -> None:
    doer.may = False
    assert not table.run("stop")
    assert not table.run("page")
    assert doer.done == []


def test_no_two_actions_want_the_same_key(table, doer) -> None:
    with pytest.raises(ValueError, match="both want Ctrl"):
        table.add(Action("other", "Other", "go", "Ctrl+2"), lambda: doer)
    with pytest.raises(ValueError, match="two actions"):
        table.add(Action("go", "Go", "go"), lambda: doer)
    table.add(Action("elsewhere", "Else", "go", "R", page="messages"), lambda: doer)
    assert shortcut_text(table.actions["elsewhere"]) == "R"
