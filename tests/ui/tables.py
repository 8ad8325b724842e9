"""Reads and clicks the table of a page as an operator sees it."""

from typing import Any

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from pulse_desktop.ui.page.selection_bar import SelectionBar
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.widgets.empty_state import EmptyState

AnyPage = TablePage[Any, Any]


def shown_table_page(window: MainWindow) -> AnyPage:
    """Return the page with a table that a window shows, which may be on a tab."""
    assert window.current is not None
    page = window.current.shown_part
    assert isinstance(page, TablePage)
    return page


def column_number(table: LiveTable[Any], key: str) -> int:
    return next(n for n, column in enumerate(table.rows_model.columns) if column.key == key)


def cell(page: AnyPage, key: str, row: int = 0) -> str:
    """Return the text of a cell, its glyph included."""
    return str(page.table.rows_model.index(row, column_number(page.table, key)).data())


def tooltip(page: AnyPage, key: str, row: int = 0) -> str:
    model = page.table.rows_model
    return model.tooltip_text(model.index(row, column_number(page.table, key)))


def column(page: AnyPage, key: str) -> list[str]:
    """Return the texts of a column from the top."""
    return [cell(page, key, row) for row in range(page.table.rows_model.shown_count)]


def visible_cells(page: AnyPage, row: int) -> list[str]:
    """Return the texts of a row's visible columns."""
    columns = enumerate(page.table.rows_model.columns)
    return [
        cell(page, each.key, row)
        for number, each in columns
        if not page.table.isColumnHidden(number)
    ]


def click_row(page: AnyPage, row: int = 0) -> None:
    center = page.table.visualRect(page.table.rows_model.index(row, 0)).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=center)


def select_rows(page: AnyPage, *rows: int) -> None:
    """Add rows to the selection; the last one becomes the current row."""
    flags = QItemSelectionModel.SelectionFlag
    for row in rows:
        index = page.table.rows_model.index(row, 0)
        page.table.selectionModel().setCurrentIndex(index, flags.Select | flags.Rows)


def selection_bar(page: AnyPage) -> SelectionBar:
    assert page.selection_bar is not None
    return page.selection_bar


def open_position(page: AnyPage, position: int) -> None:
    """Select a row by its position and show it in the detail panel."""
    assert page.table.select_position(position)
    page.open_detail(page.table.current_row())


def column_width(page: AnyPage, key: str) -> int:
    return page.table.columnWidth(column_number(page.table, key))


def pill_text(table: LiveTable[Any]) -> str:
    """Return the text of the pill over a table, empty while it is hidden."""
    pill = _pill(table)
    return "" if pill.isHidden() else pill.text()


def click_pill(table: LiveTable[Any]) -> None:
    _pill(table).click()


def note_title(table: LiveTable[Any]) -> str:
    """Return the title of the note in an empty table, empty while it is hidden."""
    note = _note(table)
    return "" if note.isHidden() else note.title


def note_text(table: LiveTable[Any]) -> str:
    """Return the sentence of the note in an empty table, empty while it is hidden."""
    note = _note(table)
    return "" if note.isHidden() else note.sentence


def _pill(table: LiveTable[Any]) -> QPushButton:
    buttons = table.findChildren(QPushButton)
    return next(button for button in buttons if button.property("kind") == "pill")


def _note(table: LiveTable[Any]) -> EmptyState:
    return table.viewport().findChildren(EmptyState)[0]
