"""The palette finds every available action by a few letters."""

from collections.abc import Iterable
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow, QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page.actions import Action, ActionTable, PageAction, shortcut_text
from pulse_desktop.ui.shell.fuzzy_match import SearchTexts, match_score, ranked_matches
from pulse_desktop.ui.shell.palette import Palette
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

T = TypeVar("T")

GO = Action("go", "Go to Tasks", "Ctrl+2", "Go to", "tasks")


def best_matches(query: str, items: Iterable[tuple[SearchTexts, T]]) -> list[T]:
    return [item for _rank, item in ranked_matches(query, items)]


class Target:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.enabled = True

    def go(self) -> None:
        self.done.append("go")

    def stop(self) -> None:
        self.done.append("stop")

    def can_stop(self) -> bool:
        return self.enabled


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    theme().install(ThemeChoice.DARK)
    made = QMainWindow()
    field = QLineEdit()
    made.setCentralWidget(field)
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    made.activateWindow()
    field.setFocus()
    return made


@pytest.fixture
def table(window: QMainWindow, target: Target) -> ActionTable:
    actions = ActionTable(window)
    actions.add(GO, target.go)
    actions.add(Action("stop", "Stop everything", keywords="halt"), target.stop, target.can_stop)
    actions.add(Action("page", "Re-run selected", "R"), target.go, page="tasks")
    return actions


@pytest.fixture
def palette(window: QMainWindow, table: ActionTable) -> Palette:
    return Palette(table, window)


def test_first_letters_of_words_score_highest() -> None:
    initials, scattered = match_score("gt", "Go to Tasks"), match_score("gt", "Logging out")
    assert initials is not None
    assert scattered is not None
    assert initials > scattered
    assert match_score("xyz", "Go to Tasks") is None
    titles = ("Go to Metrics", "Go to Tasks", "Metastasis")
    items = [(SearchTexts(title), number) for number, title in enumerate(titles, 1)]
    assert best_matches("tas", items) == [2, 3]


def test_words_are_found_in_any_order_and_scattered_letters_last() -> None:
    texts = [
        (SearchTexts("Show logs of the embedded server"), "logs"),
        (SearchTexts("Dark theme", more="View color"), "dark"),
        (SearchTexts("Light theme", more="View color"), "light"),
    ]
    assert best_matches("theme light", texts) == ["light"]
    assert best_matches("light theme", texts) == ["light"]
    assert best_matches("theme d", texts) == ["dark", "logs"]
    assert match_score("task go", "Go to Tasks") is not None


def test_the_name_of_a_connection_comes_before_its_environment() -> None:
    connections = [("perm", "staging"), ("staging eu", "production"), ("staging", "staging")]
    items = [
        (SearchTexts(f"Switch to {name}", name, environment), name)
        for name, environment in connections
    ]
    for query in ("staging", "switch to staging"):
        assert best_matches(query, items) == ["staging", "staging eu", "perm"]
    assert best_matches("switch to ", items) == ["perm", "staging eu", "staging"]


def test_it_lists_available_actions(
    qtbot: QtBot, palette: Palette, table: ActionTable, target: Target
) -> None:
    palette.open()
    assert palette.titles == ["Go to Tasks", "Stop everything"]
    palette.close()
    target.enabled = False
    table.show_page("tasks")
    palette.open()
    assert palette.titles == ["Go to Tasks", "Re-run selected"]


def test_typing_arrows_and_enter_run_an_action(
    qtbot: QtBot, palette: Palette, target: Target, window: QMainWindow
) -> None:
    palette.open()
    assert palette.field.hasFocus()
    QTest.keyClicks(palette.field, "o")
    assert palette.titles == ["Go to Tasks", "Stop everything"]
    QTest.keyClick(palette.field, Qt.Key.Key_Down)
    QTest.keyClick(palette.field, Qt.Key.Key_Down)
    QTest.keyClick(palette.field, Qt.Key.Key_Up)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert target.done == ["stop"]
    assert palette.isHidden()
    assert isinstance(window.focusWidget(), QLineEdit)
    assert window.focusWidget() is window.centralWidget()


def test_enter_alone_runs_the_selected_action_or_none(palette: Palette, target: Target) -> None:
    palette.open("o ")
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert (palette.isVisible(), target.done) == (True, [])
    QTest.keyClick(palette.field, Qt.Key.Key_PageUp)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert target.done == ["go"]
    palette.open("o ", selected_id="stop")
    QTest.keyClicks(palette.field, "x")
    QTest.keyClick(palette.field, Qt.Key.Key_Backspace)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert target.done == ["go", "stop"]
    palette.open("o ")
    QTest.keyClick(palette.field, Qt.Key.Key_Up)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert target.done == ["go", "stop", "stop"]


def test_escape_closes_it_and_so_does_opening_it_again(
    qtbot: QtBot, palette: Palette, target: Target
) -> None:
    palette.open()
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)
    assert palette.isHidden()
    palette.open()
    palette.open()
    assert palette.isHidden()
    assert target.done == []


def test_enter_without_a_match_does_nothing(qtbot: QtBot, palette: Palette) -> None:
    palette.open("qqqq")
    assert palette.titles == []
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert not palette.isHidden()


def test_keywords_find_an_action(palette: Palette) -> None:
    palette.open("halt")
    assert palette.titles == ["Stop everything"]


def test_a_button_runs_its_action_and_shows_the_shortcut(
    qtbot: QtBot, table: ActionTable, target: Target, window: QMainWindow
) -> None:
    button = QPushButton("Tasks", window)
    table.bind_button(button, GO)
    button.click()
    assert target.done == ["go"]
    assert "Go to Tasks (Ctrl+2)" in button.toolTip()


def test_a_disabled_action_is_not_run(table: ActionTable, target: Target) -> None:
    target.enabled = False
    assert not table.run("stop")
    assert not table.run("page")
    assert target.done == []


def test_ids_and_shortcuts_are_unique_per_page(table: ActionTable, target: Target) -> None:
    with pytest.raises(ValueError, match=r"share the shortcut Ctrl\+2"):
        table.add(Action("other", "Other", "Ctrl+2"), target.go)
    with pytest.raises(ValueError, match="duplicate action id go"):
        table.add(Action("go", "Go"), target.go)
    table.add(Action("elsewhere", "Else", "R"), target.go, page="messages")
    assert shortcut_text(table["elsewhere"]) == "R"


def test_a_page_action_is_listed_before_its_page_is_made(
    table: ActionTable, target: Target
) -> None:
    made: list[Target] = []

    def page() -> Target:
        made.append(target)
        return target

    action = PageAction(Action("halt", "Halt the page"), Target.stop, Target.can_stop)
    table.add_page_action(action, "messages", page)
    assert "halt" in table
    assert not table.is_enabled("halt")
    assert made == []
    table.show_page("messages")
    assert table.run("halt")
    assert target.done == ["stop"]
    target.enabled = False
    assert not table.run("halt")
