"""Visibility, width and order of a table's columns, saved between runs."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QHeaderView, QTableView

from pulse_desktop.ui.table.model import LiveTableModel


class ColumnLayout:
    """Shows and hides columns to fit the table's width; the operator's choices take precedence."""

    def __init__(self, view: QTableView, model: LiveTableModel[Any]) -> None:
        self._view = view
        self._model = model
        self._overrides: dict[str, bool] = {}  # column key -> visible, as the operator chose
        header = view.horizontalHeader()
        for number, column in enumerate(model.columns):
            header.resizeSection(number, column.width)
            if column.stretch:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)

    def set_visible(self, key: str, visible: bool) -> None:
        """Show or hide a column, regardless of the width of the table."""
        self._overrides[key] = visible
        self.fit()

    def reset(self) -> None:
        """Restore the default columns, widths and order."""
        self._overrides.clear()
        header = self._view.horizontalHeader()
        for number, column in enumerate(self._model.columns):
            header.moveSection(header.visualIndex(number), number)
            if not column.stretch:
                header.resizeSection(number, column.width)
        self.fit()

    def fit(self) -> None:
        """Hide columns that need a wider table, and show them again when it is wide enough."""
        width = self._view.viewport().width()
        for number, column in enumerate(self._model.columns):
            visible = not column.hidden and width >= column.hide_below
            visible = self._overrides.get(column.key, visible)
            if self._view.isColumnHidden(number) == visible:
                self._view.setColumnHidden(number, not visible)

    def state(self) -> dict[str, Any]:
        """Return the operator's choices as JSON-ready data.

        Columns shown or hidden by hand, widths and positions that differ from the defaults, and
        the sort order.
        """
        model, header = self._model, self._view.horizontalHeader()
        default_order = [column.key for column in model.columns]
        order = [default_order[header.logicalIndex(place)] for place in range(len(default_order))]
        return {
            "columns": dict(self._overrides),
            "widths": {
                column.key: self._view.columnWidth(number)
                for number, column in enumerate(model.columns)
                if not column.stretch
                and not self._view.isColumnHidden(number)
                and self._view.columnWidth(number) != column.width
            },
            "order": order if order != default_order else [],
            "sort": [model.sort_key, model.descending],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Apply what `state` returned; unknown columns and invalid values are ignored."""
        known = {column.key: number for number, column in enumerate(self._model.columns)}
        columns, widths, order, sort = map(state.get, ("columns", "widths", "order", "sort"))
        if isinstance(columns, dict):
            self._overrides = {key: bool(shown) for key, shown in columns.items() if key in known}
        if isinstance(widths, dict):
            for key, width in widths.items():
                if key in known and isinstance(width, int) and 0 < width < 4096:
                    self._view.setColumnWidth(known[key], width)
        if isinstance(order, list):
            header = self._view.horizontalHeader()
            wanted = [key for key in order if isinstance(key, str) and key in known]
            for place, key in enumerate(dict.fromkeys(wanted)):
                header.moveSection(header.visualIndex(known[key]), place)
        if isinstance(sort, list) and len(sort) == 2 and sort[0] in ("", *known):
            self._model.set_sort(sort[0], descending=bool(sort[1]))
        self.fit()
