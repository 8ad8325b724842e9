"""The menus of a row: what can be done with it, and what it can be filtered by."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QMenu

from pulse_desktop.ui.page.actions import Action
from pulse_desktop.ui.page.context_menu import context_menu
from pulse_desktop.ui.page.page import Page
from pulse_desktop.ui.page.page_filter import PageFilter
from pulse_desktop.ui.query.cell_filter import CellValue, values_of_field
from pulse_desktop.ui.query.cell_menu import add_cell_entries, value_menu
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.live_table import LiveTable

RowT = TypeVar("RowT")

ValuesWithin = Callable[[RowT, str], Sequence[CellValue]]
"""Returns the values within a cell of a row, given by the key of its column; () for one value."""


class RowMenus(QObject, Generic[RowT]):
    """Opens the menus of the rows of a table."""

    def __init__(
        self,
        page: Page,
        table: LiveTable[RowT],
        filter_: PageFilter[RowT],
        within: ValuesWithin[RowT],
        entries: Sequence[Action | None],
    ) -> None:
        """Create the menus.

        Args:
            page: the page.
            table: its table.
            filter_: its filter.
            within: returns the values within a cell, such as the arguments of a call.
            entries: the actions of the context menu, None for a separator.
        """
        super().__init__(page)
        self._page, self._table, self._filter = page, table, filter_
        self._within, self._entries = within, entries
        table.menu_requested.connect(self.open_menu)

    def open_menu(self, position: QPoint) -> None:
        """Open the context menu of the cell that was clicked, at a point of the screen."""
        index, model = self._table.menu_index, self._table.rows_model
        row = model.row_object(index.row())
        menu = context_menu(self._page.context.actions, self._entries, self._page)
        if row is not None:
            clicked = model.columns[index.column()]
            others = [each for each in self._visible_columns() if each is not clicked]
            if self._entries:
                menu.addSeparator()
            cell, rest = self.values(row, [clicked]), self.values(row, others)
            add_cell_entries(menu, cell, rest, self._filter.edit)
        if not menu.isEmpty():
            menu.popup(position)

    def open_conditions(self) -> None:
        """Open a menu of the conditions that the current row offers, below that row."""
        table = self._table
        if not table.currentIndex().isValid() and table.rows_model.shown_count:
            table.selectRow(0)
        row, index = table.current_row(), table.currentIndex()
        if row is None:
            return
        table.scrollTo(index)
        menu = QMenu(self._page)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        value_menu(menu, self.values(row, self._visible_columns()), self._filter.edit)
        first = table.rows_model.index(index.row(), 0)
        menu.popup(table.viewport().mapToGlobal(table.visualRect(first).bottomLeft()))
        if menu.actions():
            menu.setActiveAction(menu.actions()[0])

    def values(self, row: RowT, columns: Sequence[Column[RowT]]) -> Sequence[CellValue]:
        """Return the values in the cells of a row that a query can name."""
        return [value for column in columns for value in self._cell_values(row, column)]

    def _cell_values(self, row: RowT, column: Column[RowT]) -> Sequence[CellValue]:
        within = self._within(row, column.key)
        if within:
            return within
        now = self._table.rows_model.now
        found = self._filter.query.fields.get(column.field or column.key)
        shown = column.text(row, now)
        return values_of_field(found, row, now, title=column.title, shown=shown)

    def _visible_columns(self) -> Sequence[Column[RowT]]:
        by_key = {column.key: column for column in self._table.rows_model.columns}
        return [by_key[key] for key in self._table.column_layout.visible_keys]
