"""A table view that paints its rows itself, and knows what is selected in it."""

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import QEvent, QItemSelectionModel, QItemSelectionRange, QRect, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QToolTip, QWidget

from pulse_desktop.text import formats
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.column_layout import ColumnLayout
from pulse_desktop.ui.table.header import TableHeader
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.table.painter import Place, RowPainter
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

RowT = TypeVar("RowT")

ROW_HEIGHT: Final = 28


class RowView(QTableView, Generic[RowT]):
    """One line per row, whole rows selected, texts that were cut shown in full in a tooltip.

    Attributes:
        rows_model: the model.
        columns_shown: which columns are shown, and what to remember of them.
    """

    def __init__(
        self, rows: Any, columns: Sequence[Column[RowT]], parent: QWidget | None = None
    ) -> None:
        """Make a view of `Rows`, or of anything with the same reading methods."""
        super().__init__(parent)
        self.rows_model: LiveTableModel[RowT] = LiveTableModel(rows, columns, self)
        self._painter = RowPainter()
        self._configure()
        self.columns_shown = ColumnLayout(self, self.rows_model)
        theme().changed.connect(self._tint)

    def _configure(self) -> None:
        # What lies under the rows is never seen, and so need not be painted with every frame.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setModel(self.rows_model)
        self.setHorizontalHeader(TableHeader(self.rows_model, self))
        side = self.verticalHeader()
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        side.setMinimumSectionSize(ROW_HEIGHT)
        side.setDefaultSectionSize(ROW_HEIGHT)
        side.hide()
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(ROW_HEIGHT)

    # The selection

    def current_row(self) -> RowT | None:
        """Return the row under the cursor, or None."""
        index = self.currentIndex()
        return self.rows_model.row_object(index.row()) if index.isValid() else None

    def selected_rows(self) -> list[RowT]:
        """Return the selected rows from the top."""
        numbers = sorted(
            number
            for part in self._selected_parts()
            for number in range(part.top(), part.bottom() + 1)
        )
        rows = (self.rows_model.row_object(number) for number in numbers)
        return [row for row in rows if row is not None]

    def selected_count(self) -> int:
        """Return how many rows are selected."""
        return sum(part.height() for part in self._selected_parts())

    def _selected_parts(self) -> list[QItemSelectionRange]:
        return list(self.selectionModel().selection())  # type: ignore[call-overload]

    def select_position(self, position: int) -> bool:
        """Put the cursor on a row by its position; tell whether it is shown."""
        row = self.rows_model.view_row(position)
        if row is None:
            return False
        flags = QItemSelectionModel.SelectionFlag
        index = self.rows_model.index(row, 0)
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        return True

    def copy_selection(self) -> str:
        """Put the selected rows on the clipboard, tab-separated, and return the text."""
        columns = [
            column
            for number, column in enumerate(self.rows_model.columns)
            if not self.isColumnHidden(number)
        ]
        now = self.rows_model.now
        lines = [
            "\t".join(formats.elided(column.value(row, now), 1 << 16) for column in columns)
            for row in self.selected_rows()
        ]
        text = "\n".join(lines)
        if text:
            QGuiApplication.clipboard().setText(text)
        return text

    # Painting

    def _tint(self) -> None:
        self._painter.learn()
        self.viewport().update()

    def _places(self, visible: QRect) -> list[Place]:
        header = self.horizontalHeader()
        places = []
        for number, column in enumerate(self.rows_model.columns):
            left, width = header.sectionViewportPosition(number), header.sectionSize(number)
            if width and left <= visible.right() and left + width > visible.left():
                places.append(Place(left, width, column))
        return places

    def _selected_between(self, first: int, last: int) -> set[int]:
        return {
            number
            for part in self._selected_parts()
            for number in range(max(first, part.top()), min(last, part.bottom()) + 1)
        }

    # Qt's side

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows that are visible."""
        visible = event.rect()
        painter = QPainter(self.viewport())
        self._painter.clear(painter, visible)
        first = self.rowAt(visible.top())
        if first < 0:
            painter.end()
            return
        model, focused = self.rows_model, self.hasFocus()
        last = min(first + visible.height() // ROW_HEIGHT + 1, model.shown - 1)
        places = self._places(visible)
        selected = self._selected_between(first, last)
        current = self.currentIndex().row()
        top, width = self.rowViewportPosition(first), self.viewport().width()
        for number in range(first, last + 1):
            row = model.row_object(number)
            if row is not None:
                self._painter.paint(
                    painter,
                    row,
                    QRect(0, top, width, ROW_HEIGHT),
                    places,
                    model.now,
                    selected=number in selected,
                    current=number == current,
                    focused=focused,
                )
            top += ROW_HEIGHT
        painter.end()

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the whole of a text that was cut, or what its column has to add."""
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            text = ""
            if index.isValid():
                column = self.rows_model.columns[index.column()]
                text = str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
                width = self.columnWidth(index.column())
                if column.tooltip is None and not self._painter.is_cut(column, text, width):
                    text = ""
            area = self.visualRect(index)
            QToolTip.showText(event.globalPos(), plain_tooltip(text), self.viewport(), area)
            return True
        return super().viewportEvent(event)
