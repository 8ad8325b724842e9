"""Visibility, width and order of a table's columns, saved between runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHeaderView, QTableView

from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.header import TITLE_SPARE
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme.theme import theme

MAX_EXTRA: Final = 40
"""Extra columns that a table can have."""


def _no_column(_key: str) -> Column[Any] | None:
    return None


class ColumnLayout:
    """Fits the columns to the table; the operator's choices take precedence.

    A narrow table hides columns. In a wide one, columns whose texts are cut share the room that
    the others leave.

    Attributes:
        make_extra: returns a column that the table does not have yet by its key, such as
            `label.queue`, None if there is no such column.
    """

    def __init__(self, view: QTableView, model: LiveTableModel[Any]) -> None:
        self._view = view
        self._model = model
        self._overrides: dict[str, bool] = {}  # column key -> visible, as the operator chose
        self._widths: dict[str, int] = {}  # column key -> width, as the operator chose
        self._needed: Mapping[str, int] = {}  # column key -> width at which no text is cut
        self._fitting = False
        self._favored: frozenset[str] = frozenset()
        self._defaults = tuple(column.key for column in model.columns)
        self.make_extra: Callable[[str], Column[Any] | None] = _no_column
        header = view.horizontalHeader()
        for number, column in enumerate(model.columns):
            header.resizeSection(number, column.width)
            if column.stretch:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        header.sectionResized.connect(self._on_resized)

    @property
    def visible_keys(self) -> Sequence[str]:
        """Keys of the visible columns from left to right."""
        return [key for key in self.order if not self._view.isColumnHidden(self._number(key))]

    @property
    def order(self) -> Sequence[str]:
        """Keys of all columns from left to right, hidden ones included."""
        header, columns = self._view.horizontalHeader(), self._model.columns
        return [columns[header.logicalIndex(place)].key for place in range(len(columns))]

    def set_visible(self, key: str, visible: bool) -> None:
        """Show or hide a column, regardless of the width of the table.

        Args:
            key: of a column of the table, or of an extra one.
            visible: whether to show it.
        """
        if self._has_or_make(key):
            self._overrides[key] = visible
            self.fit()

    def set_favored(self, keys: frozenset[str]) -> None:
        """Keep columns in a narrow table, at the expense of others that make room for them.

        Args:
            keys: of the columns.
        """
        if keys != self._favored:
            self._favored = keys
            self.fit()

    def _limit(self, column: Column[Any]) -> int:
        """Return the width of the table below which a column is hidden."""
        if column.key in self._favored:
            return 0
        return max(column.hide_below, column.crowded_below if self._favored else 0)

    def move(self, key: str, place: int) -> None:
        """Move a column to a place from the left, hidden columns counted."""
        header = self._view.horizontalHeader()
        header.moveSection(header.visualIndex(self._number(key)), place)

    def _number(self, key: str) -> int:
        return next(n for n, column in enumerate(self._model.columns) if column.key == key)

    def _has_or_make(self, key: str) -> bool:
        """Return whether the table has a column, after adding it if it is an extra one."""
        columns = self._model.columns
        if any(column.key == key for column in columns):
            return True
        column = self.make_extra(key)
        if column is None or len(columns) >= len(self._defaults) + MAX_EXTRA:
            return False
        number = self._model.add_column(column)
        self._view.horizontalHeader().resizeSection(number, column.width)
        return True

    def reset(self) -> None:
        """Restore the default columns, widths and order."""
        self._overrides.clear()
        self._widths.clear()
        header = self._view.horizontalHeader()
        for number in range(len(self._model.columns)):
            header.moveSection(header.visualIndex(number), number)
        self.fit()

    def widen(self, needed: Mapping[str, int]) -> None:
        """Give unused room to columns whose texts are cut.

        Args:
            needed: widths in pixels at which no text is cut, by column key.
        """
        self._needed = dict(needed)
        self.fit()

    def fit(self) -> None:
        """Hide columns that need a wider table, and give unused room to those with cut texts."""
        width = self._view.viewport().width()
        self._fitting = True
        for number, column in enumerate(self._model.columns):
            visible = not column.hidden and width >= self._limit(column)
            visible = visible and column.key in self._defaults
            visible = self._overrides.get(column.key, visible)
            if self._view.isColumnHidden(number) == visible:
                self._view.setColumnHidden(number, not visible)
        for number, column_width in self._shared_widths(width).items():
            if self._view.columnWidth(number) != column_width:
                self._view.setColumnWidth(number, column_width)
        self._fitting = False

    def _shared_widths(self, width: int) -> dict[int, int]:
        """Return the widths of the visible columns, without the one that takes what is left."""
        widths: dict[int, int] = {}
        wishes: dict[int, int] = {}  # column number -> pixels more
        offers: dict[int, int] = {}  # column number -> pixels less
        stretched = set()
        for number, column in enumerate(self._model.columns):
            if self._view.isColumnHidden(number):
                continue
            widths[number] = self._widths.get(column.key, column.width)
            needed = max(self._needed.get(column.key, 0), self._title_width(column.title))
            if column.stretch:
                stretched.add(number)
                # It takes what the others leave, which may be less than its width.
                widths[number] = min(column.width, needed)
            if column.key not in self._widths:
                wishes[number] = max(0, needed - widths[number])
                offers[number] = max(0, widths[number] - needed)
        spare = width - sum(widths.values())
        missing = min(sum(wishes.values()) - spare, sum(offers.values()))
        if missing > 0:
            # Columns give room that their texts leave, each in proportion.
            left = sum(offers.values())
            for number, offer in offers.items():
                given = offer * missing // left if left else 0
                widths[number] -= given
                spare += given
                # What rounding leaves is given by the columns that follow.
                missing, left = missing - given, left - offer
        # The smallest wishes first, whole: an equal part of the room would cut each of the texts.
        for place, number in enumerate(sorted(wishes, key=lambda number: wishes[number])):
            wish = wishes[number]
            share = (
                wish if wish <= spare // 2 else max(0, min(wish, spare // (len(wishes) - place)))
            )
            widths[number] += share
            spare -= share
        return {number: each for number, each in widths.items() if number not in stretched}

    def _title_width(self, title: str) -> int:
        metrics = QFontMetrics(theme().text_font(step=-1))
        return metrics.horizontalAdvance(title) + TITLE_SPARE

    def _on_resized(self, number: int, _before: int, width: int) -> None:
        column = self._model.columns[number]
        if width and not self._fitting and not column.stretch:
            self._widths[column.key] = width

    def state(self) -> dict[str, Any]:
        """Return the operator's choices as JSON-ready data.

        Columns shown, hidden or resized by hand, positions that differ from the defaults, and the
        sort order.
        """
        model = self._model
        order = list(self.order)
        # Extra columns are added again when they are restored, at the end.
        default_order = [column.key for column in model.columns]
        return {
            "columns": dict(self._overrides),
            "widths": dict(self._widths),
            "order": order if order != default_order else [],
            "sort": [model.sort_key, model.descending],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Apply what `state` returned; unknown columns and invalid values are ignored."""
        chosen = state.get("columns")
        for key, shown in chosen.items() if isinstance(chosen, dict) else ():
            if isinstance(key, str) and shown:
                self._has_or_make(key)
        known = {column.key: number for number, column in enumerate(self._model.columns)}
        columns, widths, order, sort = map(state.get, ("columns", "widths", "order", "sort"))
        if isinstance(columns, dict):
            self._overrides = {key: bool(shown) for key, shown in columns.items() if key in known}
        if isinstance(widths, dict):
            for key, width in widths.items():
                if key in known and isinstance(width, int) and 0 < width < 4096:
                    self._widths[key] = width
        if isinstance(order, list):
            header = self._view.horizontalHeader()
            wanted = [key for key in order if isinstance(key, str) and key in known]
            for place, key in enumerate(dict.fromkeys(wanted)):
                header.moveSection(header.visualIndex(known[key]), place)
        if isinstance(sort, list) and len(sort) == 2 and sort[0] in ("", *known):
            self._model.set_sort(sort[0], descending=bool(sort[1]))
        self.fit()
