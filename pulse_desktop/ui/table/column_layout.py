"""Which columns of a table are shown and how wide: by itself, and by the operator's wish."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QHeaderView, QTableView

from pulse_desktop.ui.table.model import LiveTableModel


class ColumnLayout:
    """Shows and hides columns by the room there is, unless the operator has said otherwise."""

    def __init__(self, view: QTableView, model: LiveTableModel[Any]) -> None:
        self._view = view
        self._model = model
        self._wishes: dict[str, bool] = {}  # by key: shown or hidden by the operator
        header = view.horizontalHeader()
        for number, column in enumerate(model.columns):
            header.resizeSection(number, column.width)
            if column.stretch:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)

    def show(self, key: str, shown: bool) -> None:
        """Show or hide a column, whatever the width."""
        self._wishes[key] = shown
        self.fit()

    def reset(self) -> None:
        """Go back to the columns, widths and places that the page gives."""
        self._wishes.clear()
        header = self._view.horizontalHeader()
        for number, column in enumerate(self._model.columns):
            header.moveSection(header.visualIndex(number), number)
            if not column.stretch:
                header.resizeSection(number, column.width)
        self.fit()

    def fit(self) -> None:
        """Let columns give way, or come back, as the table's width says."""
        width = self._view.viewport().width()
        for number, column in enumerate(self._model.columns):
            shown = not column.hidden and width >= column.hide_below
            shown = self._wishes.get(column.key, shown)
            if self._view.isColumnHidden(number) == shown:
                self._view.setColumnHidden(number, not shown)

    def state(self) -> dict[str, Any]:
        """Return what the operator chose, to be kept between runs: JSON-ready.

        Columns shown or hidden by hand, widths and places that differ from those the page gives,
        and the order of the rows.
        """
        model, header = self._model, self._view.horizontalHeader()
        natural = [column.key for column in model.columns]
        placed = [natural[header.logicalIndex(place)] for place in range(len(natural))]
        return {
            "columns": dict(self._wishes),
            "widths": {
                column.key: self._view.columnWidth(number)
                for number, column in enumerate(model.columns)
                if not column.stretch
                and not self._view.isColumnHidden(number)
                and self._view.columnWidth(number) != column.width
            },
            "order": placed if placed != natural else [],
            "sort": [model.sort_key, model.descending],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned; what no longer exists is passed over."""
        known = {column.key: number for number, column in enumerate(self._model.columns)}
        columns, widths, order, sort = map(state.get, ("columns", "widths", "order", "sort"))
        if isinstance(columns, dict):
            self._wishes = {key: bool(shown) for key, shown in columns.items() if key in known}
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
