"""Filters made from a cell: by the context menu, and by the keyboard."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.query.test_query_field import ids
from tests.ui.tables import AnyPage, column, column_number

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


def right_click(page: AnyPage, key: str, row: int = 0) -> QMenu:
    """Click a cell with the right button and return the menu."""
    index = page.table.rows_model.index(row, column_number(page.table, key))
    page.table.selectRow(row)
    at = page.table.visualRect(index).center()
    viewport = page.table.viewport()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, viewport.mapToGlobal(at))
    QApplication.sendEvent(viewport, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def entry(menu: QMenu, text: str) -> Callable[[], None]:
    """Return what chooses an entry, also one of a menu in the menu, and closes the menu."""
    for action in menu.actions():
        submenu = action.menu()
        found = [action] if action.text() == text else []
        if isinstance(submenu, QMenu):
            found += [each for each in submenu.actions() if each.text() == text]
        if found:

            def choose(chosen: object = found[0]) -> None:
                chosen.trigger()  # type: ignore[attr-defined]
                menu.close()

            return choose
    titles = [action.text() for action in menu.actions()]
    menu.close()
    raise AssertionError(f"no {text} in {titles}")


def test_only_this_and_not_this(page: RunsPage) -> None:
    entry(right_click(page, "task"), "Only this: Task extract_knowledge")()
    assert ids(page) == [1, 3, 5, 7, 9, 11]
    assert page.filter_bar.text.startswith("task=")
    entry(right_click(page, "state"), "Not this: State succeeded")()
    assert ids(page) == [1, 3]
    entry(right_click(page, "task"), "Not this: Task extract_knowledge")()
    assert ids(page) == [0, 2]  # the former condition on this value is replaced


def test_each_argument_of_a_call_is_offered(page: RunsPage) -> None:
    entry(right_click(page, "arguments"), 'language = "pl"')()
    assert page.filter_bar.text == "language=pl"
    assert ids(page) == [1, 2, 4, 5, 7, 8, 10, 11]
    entry(right_click(page, "arguments"), "args.0 = 11")()
    assert ids(page) == [11]


def test_amounts_and_times_are_offered_as_limits(page: RunsPage) -> None:
    entry(right_click(page, "ran", row=4), "This and more: Duration 1.75 s")()
    assert ids(page) == [7, 8, 9, 10, 11]
    page.clear_filter()
    row = next(n for n, time in enumerate(column(page, "state")) if "failed" in time)
    menu = right_click(page, "queued", row)
    title = next(a.text() for a in menu.actions() if a.text().startswith("Until here: Queued"))
    entry(menu, title)()
    assert ids(page) == [0, 1, 2, 3]


def test_the_keyboard_filters_by_the_current_row(qtbot: QtBot, page: RunsPage) -> None:
    page.table.setFocus()
    page.table.selectRow(11)
    page.filter_by_row()
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert menu.activeAction() is menu.actions()[0]
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert page.filter_bar.text == "state=failed"
    assert ids(page) == [0, 1, 2, 3]


def test_a_condition_is_added_to_the_query_in_force(qtbot: QtBot, page: RunsPage) -> None:
    page.filter_bar.set_filter(text="state:failed or language=uk")
    qtbot.keyClicks(page.filter_bar.text_field, " (")  # no query: the last valid one is in force
    entry(right_click(page, "task"), "Only this: Task extract_knowledge")()
    assert page.filter_bar.is_valid
    assert page.filter_bar.text.startswith("(state:failed or language=uk) task=")
    assert ids(page) == [1, 3, 9]


def test_an_argument_with_any_name_and_value_can_be_filtered_by(
    page: RunsPage, harness: PageHarness
) -> None:
    odd: dict[str, Any] = {
        "state": "x",
        'a "b"': "1..2",
        "with space": "комá, *",
        "two\nlines\x07": "y",
        "price": 1234567.25,
    }
    for number, (name, value) in enumerate(odd.items()):
        harness.builder.task(f"{100 + number:032x}", **{name: value})
    harness.update(page)
    for number, value in enumerate(odd.values()):
        row = [run.task_id for run in page.table.rows_model.row_objects()].index(
            f"{100 + number:032x}"
        )
        menu = right_click(page, "arguments", row)
        shown = f"= {json.dumps(value, ensure_ascii=False)}"
        title = next(a.text() for a in menu.actions() if shown in a.text())
        entry(menu, title)()
        assert page.filter_bar.is_valid
        assert ids(page) == [100 + number]
        page.clear_filter()


@pytest.mark.parametrize("page_class", [EventsPage, MessagesPage])
def test_other_pages_filter_by_a_cell(
    harness: PageHarness, page_class: type[EventsPage] | type[MessagesPage]
) -> None:
    for number in range(4):
        data = {"id": f"m{number}", "external_message_id": str(number), "content": "text"}
        data["author_name"] = f"Author {number % 2}"
        harness.builder.event("messages", "message.new", data, NOW - 10 + number)
    harness.builder.event("metrics", "metrics.updated", {"name": "x", "value": 1}, NOW - 5)
    page: AnyPage = harness.open(page_class)
    key, title = ("topic", "Topic") if page_class is EventsPage else ("author", "Author")
    before = column(page, key)
    menu = right_click(page, key)
    wanted = next(a.text() for a in menu.actions() if a.text().startswith("Only this: "))
    assert title in wanted
    entry(menu, wanted)()
    after = column(page, key)
    assert 0 < len(after) < len(before)
    assert len(set(after)) == 1
    assert page.filter_bar.is_valid


def test_a_right_click_beside_the_rows_offers_no_filter(page: RunsPage) -> None:
    page.table.clearSelection()
    bottom = QPoint(10, page.table.viewport().height() - 3)
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, bottom, page.table.viewport().mapToGlobal(bottom)
    )
    QApplication.sendEvent(page.table.viewport(), event)
    assert QApplication.activePopupWidget() is None
