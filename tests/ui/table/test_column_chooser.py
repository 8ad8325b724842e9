"""The dialog of columns: hidden, extra and moved ones, kept with the layout of the table."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidgetItem, QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.table.column_chooser import ColumnChooser
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import column, column_number


def open_page(harness: PageHarness) -> RunsPage:
    for number, language in enumerate(("pl", "uk", "")):
        arguments = {"language": language} if language else {}
        harness.builder.task(f"{number:032x}", args=[number], at=NOW - 10, **arguments)
    return harness.open(TasksPage).runs


def open_chooser(qtbot: QtBot, page: RunsPage) -> ColumnChooser:
    page.choose_columns()
    chooser = page.findChild(ColumnChooser)
    assert chooser is not None
    qtbot.waitUntil(chooser.isVisible)
    return chooser


def item(chooser: ColumnChooser, title: str) -> QListWidgetItem:
    return next(
        chooser.list.item(row)
        for row in range(chooser.list.count())
        if chooser.list.item(row).text() == title
    )


def visible(page: RunsPage) -> list[str]:
    return list(page.table.column_layout.visible_keys)


def test_columns_are_shown_and_hidden_by_the_keyboard(qtbot: QtBot, harness: PageHarness) -> None:
    page = open_page(harness)
    chooser = open_chooser(qtbot, page)
    chooser.list.setCurrentItem(item(chooser, "Wait"))
    qtbot.keyClick(chooser.list, Qt.Key.Key_Space)
    assert "waited" not in visible(page)
    chooser.list.setCurrentItem(item(chooser, "Task id"))
    qtbot.keyClick(chooser.list, Qt.Key.Key_Space)
    assert "task_id" in visible(page)
    assert chooser.list.currentItem().text() == "Task id"


def test_a_column_is_found_and_hidden_without_leaving_the_keyboard(
    qtbot: QtBot, harness: PageHarness
) -> None:
    page = open_page(harness)
    page.views.save("mine")
    said: list[bool] = []
    page.views.changed.connect(lambda: said.append(page.views.is_modified))
    before, chooser = visible(page), open_chooser(qtbot, page)
    focused = chooser.focusWidget()
    assert focused is chooser.search
    qtbot.keyClicks(focused, "wait")
    qtbot.keyClick(focused, Qt.Key.Key_Down)
    focused = chooser.focusWidget()
    assert focused is chooser.list
    qtbot.keyClick(focused, Qt.Key.Key_Space)
    assert visible(page) == [key for key in before if key != "waited"]
    assert said == [True]


def test_arguments_and_labels_that_runs_have_become_columns(
    qtbot: QtBot, harness: PageHarness
) -> None:
    page = open_page(harness)
    chooser = open_chooser(qtbot, page)
    item(chooser, "args.language").setCheckState(Qt.CheckState.Checked)
    assert visible(page)[-1] == "args.language"
    assert column(page, "args.language") == ["", "uk", "pl"]
    chooser.list.setCurrentItem(item(chooser, "args.language"))
    qtbot.keyClick(chooser.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    order = list(page.table.column_layout.order)
    assert order[-2] == "args.language"
    page.table.rows_model.set_sort("args.language")
    assert column(page, "args.language") == ["pl", "uk", ""]


def test_the_last_visible_column_cannot_be_hidden(qtbot: QtBot, harness: PageHarness) -> None:
    page = open_page(harness)
    chooser = open_chooser(qtbot, page)
    for key in visible(page)[1:]:
        page.table.column_layout.set_visible(key, visible=False)
    state = item(chooser, "State")
    state.setCheckState(Qt.CheckState.Unchecked)
    assert visible(page) == ["state"]
    assert item(chooser, "State").checkState() is Qt.CheckState.Checked


def test_reset_brings_the_default_columns_back(qtbot: QtBot, harness: PageHarness) -> None:
    page = open_page(harness)
    before = visible(page)
    chooser = open_chooser(qtbot, page)
    item(chooser, "args.language").setCheckState(Qt.CheckState.Checked)
    item(chooser, "State").setCheckState(Qt.CheckState.Unchecked)
    assert visible(page) != before
    button = next(b for b in chooser.findChildren(QPushButton) if b.text() == "Reset columns")
    button.click()
    assert visible(page) == before


def test_extra_columns_are_restored_with_the_layout(harness: PageHarness) -> None:
    page = open_page(harness)
    layout = page.table.column_layout
    layout.set_visible("args.language", visible=True)
    layout.move("args.language", 0)
    saved = layout.state()
    layout.reset()
    assert "args.language" not in visible(page)
    other = harness.open(TasksPage).runs
    other.table.column_layout.restore(saved)
    assert visible(other)[0] == "args.language"
    assert column(other, "args.language") == ["", "uk", "pl"]


def test_a_name_that_is_no_column_is_ignored(harness: PageHarness) -> None:
    page = open_page(harness)
    before = visible(page)
    page.table.column_layout.restore({"columns": {"nothing": True, "label": True, "": True}})
    assert visible(page) == before


def test_the_search_finds_columns(qtbot: QtBot, harness: PageHarness) -> None:
    chooser = open_chooser(qtbot, open_page(harness))
    qtbot.keyClicks(chooser.search, "lang")
    shown = [
        chooser.list.item(row).text()
        for row in range(chooser.list.count())
        if not chooser.list.item(row).isHidden()
    ]
    assert shown == ["args.language"]


def test_a_title_that_is_cut_is_shown_whole_in_the_tooltip(harness: PageHarness) -> None:
    page = open_page(harness)
    number = column_number(page.table, "arguments")
    error = column_number(page.table, "error")
    page.table.setColumnWidth(error, 44)
    header = page.table.header
    assert header.cut_title(error) == "Error"
    assert header.cut_title(number) == ""


def test_keys_change_a_column_that_was_found_and_no_hidden_one(
    qtbot: QtBot, harness: PageHarness
) -> None:
    page = open_page(harness)
    before = visible(page)
    chooser = open_chooser(qtbot, page)
    qtbot.waitUntil(chooser.isActiveWindow)
    chooser.list.setFocus()
    qtbot.keyClick(chooser.list, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert chooser.search.hasFocus()
    qtbot.keyClicks(chooser.search, "args.lang")
    qtbot.keyClick(chooser.search, Qt.Key.Key_Tab)
    assert chooser.list.hasFocus()
    qtbot.keyClick(chooser.list, Qt.Key.Key_Space)
    assert visible(page) == [*before, "args.language"]
    assert chooser.list.currentItem().text() == "args.language"


def test_keys_change_nothing_while_no_column_is_found(qtbot: QtBot, harness: PageHarness) -> None:
    page = open_page(harness)
    before = list(page.table.column_layout.order), visible(page)
    chooser = open_chooser(qtbot, page)
    qtbot.keyClicks(chooser.search, "no such column")
    assert chooser.list.currentItem() is None
    qtbot.keyClick(chooser.list, Qt.Key.Key_Space)
    qtbot.keyClick(chooser.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert (list(page.table.column_layout.order), visible(page)) == before
    chooser.search.clear()
    assert chooser.list.currentRow() == 0
