"""Actions of the window on the page that is shown: they do what that page overrides."""

from typing import ClassVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.page import table_actions
from pulse_desktop.ui.page.actions import Action
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.shell import actions
from tests.kit.state_builder import StateBuilder
from tests.ui.window_builder import draw_frame, make_window

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def builder() -> StateBuilder:
    builder = StateBuilder()
    builder.runs(3)
    return builder


class OwnPage(EventsPage):
    """A page that overrides what the window does with a page."""

    done: ClassVar[list[str]] = []

    def can_export(self) -> bool:
        return True

    def can_copy(self) -> bool:
        return True

    def export(self, suffix: str = ".csv") -> None:
        self.done.append(f"export {suffix}")

    def copy_with_headings(self) -> None:
        self.done.append("copy_with_headings")

    def filter_by_row(self) -> None:
        self.done.append("filter_by_row")

    def copy_query(self) -> None:
        self.done.append("copy_query")

    def choose_columns(self) -> None:
        self.done.append("choose_columns")

    def reset_columns(self) -> None:
        self.done.append("reset_columns")


@pytest.mark.parametrize("page", [TasksPage, EventsPage])
def test_the_key_asks_for_a_file_to_export_to(
    qtbot: QtBot, builder: StateBuilder, page: type[Page]
) -> None:
    window = make_window(qtbot, builder, (page,))
    draw_frame(window, builder)
    assert window.current is not None
    table = window.current.tables()[0]
    assert table.rows_model.shown_count > 0
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(table, Qt.Key.Key_E, CTRL_SHIFT)
    dialog = window.findChild(QFileDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible)
    dialog.reject()


def test_the_palette_lists_the_export_of_a_table_with_rows(
    qtbot: QtBot, builder: StateBuilder
) -> None:
    window = make_window(qtbot, builder, (TasksPage,))
    draw_frame(window, builder)
    window.command_palette.open("export")
    assert "Export what is shown…" in window.command_palette.titles


@pytest.mark.parametrize(
    ("action", "done"),
    [
        (actions.EXPORT, "export .csv"),
        (actions.COPY_WITH_HEADINGS, "copy_with_headings"),
        (table_actions.FILTER_BY_ROW, "filter_by_row"),
        (table_actions.COPY_QUERY, "copy_query"),
        (table_actions.CHOOSE_COLUMNS, "choose_columns"),
        (table_actions.RESET_COLUMNS, "reset_columns"),
    ],
    ids=lambda each: each.id if isinstance(each, Action) else "",
)
def test_an_action_does_what_the_page_overrides(
    qtbot: QtBot, builder: StateBuilder, action: Action, done: str
) -> None:
    window = make_window(qtbot, builder, (OwnPage,))
    draw_frame(window, builder)
    OwnPage.done.clear()
    assert window.actions_table.run(action.id)
    assert OwnPage.done == [done]
