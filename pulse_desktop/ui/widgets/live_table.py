"""A table of what is happening: it can be read, selected from and stopped while rows arrive."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QItemSelectionRange,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableView,
    QToolTip,
    QWidget,
)

from pulse_desktop.ui import formats
from pulse_desktop.ui.models.column import Column
from pulse_desktop.ui.models.live_table_model import LiveTableModel
from pulse_desktop.ui.theme import theme
from pulse_desktop.ui.tooltips import plain_tooltip
from pulse_desktop.ui.widgets.column_layout import ColumnLayout
from pulse_desktop.ui.widgets.row_painter import Place, RowPainter
from pulse_desktop.ui.widgets.table_header import TableHeader
from pulse_desktop.ui.widgets.table_overlay import TableOverlay

RowT = TypeVar("RowT")

ROW_HEIGHT: Final = 28
_TICK_S: Final = 0.25


class LiveTable(QTableView, Generic[RowT]):
    """A view of a `LiveTableModel`.

    What the operator looks at stays where it is while rows arrive above it; at the very top the
    table follows the newest instead.

    Attributes:
        rows_model: the model.
        columns_shown: which columns are shown, and what to remember of them.
        overlay: what is said over the table.

    Signals:
        current_changed: the row under the cursor, or None.
        selection_changed: the selected rows are others now, or fewer.
        chosen: a row was double-clicked, or Enter pressed on it.
        filter_clear_requested: nothing matches, and the operator wants the filter gone.
    """

    current_changed = Signal(object)
    selection_changed = Signal()
    chosen = Signal(object)
    filter_clear_requested = Signal()

    def __init__(
        self,
        rows: Any,
        columns: Sequence[Column[RowT]],
        *,
        name: str,
        empty: str = "Nothing yet",
        empty_detail: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Make a table.

        Args:
            rows: `Rows` or anything with the same reading methods.
            columns: what to show of each.
            name: for screen readers.
            empty: headline while there are no rows.
            empty_detail: what would appear here, and how to make it appear.
            parent: as usual in Qt.
        """
        super().__init__(parent)
        self.rows_model: LiveTableModel[RowT] = LiveTableModel(rows, columns, self)
        self._rows_moved = False
        self._ticked_at = 0.0
        self._ticks = any(column.ticking for column in columns)
        self.overlay = TableOverlay(
            self,
            self.rows_model,
            (empty, empty_detail),
            self._pill_pressed,
            self.filter_clear_requested.emit,
        )
        self._painter = RowPainter()
        theme().changed.connect(self._tint)
        self.setAccessibleName(name)
        self._configure()
        self.columns_shown = ColumnLayout(self, self.rows_model)
        self._connect()

    def _configure(self) -> None:
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

    def _connect(self) -> None:
        model = self.rows_model
        header = self.horizontalHeader()
        if isinstance(header, TableHeader):
            header.column_toggled.connect(self.columns_shown.show)
            header.columns_reset.connect(self.columns_shown.reset)
        model.rowsInserted.connect(self._rows_came)
        model.rowsRemoved.connect(self._rows_changed_places)
        model.layoutChanged.connect(self._rows_changed_places)
        model.counted.connect(self.overlay.update)
        model.paused_changed.connect(lambda _: self.overlay.update())
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.doubleClicked.connect(self._emit_chosen)
        selection = self.selectionModel()
        selection.selectionChanged.connect(lambda *_: self.selection_changed.emit())
        selection.currentRowChanged.connect(lambda *_: self._emit_current())
        self.overlay.update()

    # Following the rows

    def refresh(self, now: float, dirty: Collection[int] = ()) -> None:
        """Show what changed since the last frame. Only while visible; else `catch_up` later.

        Args:
            now: Unix seconds.
            dirty: positions of rows that look different now.
        """
        self._keeping_place(lambda: self.rows_model.refresh(now, dirty))
        if self._ticks and abs(now - self._ticked_at) >= _TICK_S:
            self._ticked_at = now
            self.viewport().update()

    def catch_up(self, now: float) -> None:
        """Show all that happened while the table was hidden."""
        self._keeping_place(lambda: self.rows_model.catch_up(now))

    def set_filter(self, accepts: Callable[[RowT], bool] | None) -> None:
        """Show only what a predicate accepts, from the top; None shows all."""
        self.rows_model.set_filter(accepts)
        self.scrollToTop()

    def set_paused(self, paused: bool) -> None:
        """Stand still, or go on."""
        self._keeping_place(lambda: self.rows_model.set_paused(paused))

    def _keeping_place(self, change: Callable[[], None]) -> None:
        """Make a change and scroll so that the topmost visible row stays where it was."""
        bar = self.verticalScrollBar()
        top = self.rowAt(0)
        if bar.value() == 0 or top < 0:
            change()
            return
        position = self.rows_model.position_at(top)
        offset = self.rowViewportPosition(top)
        self._rows_moved = False
        change()
        if not self._rows_moved:
            return
        row = self.rows_model.view_row(position)
        # The scroll bar learns its new range only when the layout is carried out.
        self.executeDelayedItemsLayout()
        if row is not None:
            bar.setValue(row * ROW_HEIGHT - offset)

    def _rows_changed_places(self, *_: object) -> None:
        self._rows_moved = True

    def _rows_came(self, _: object, low: int, high: int) -> None:
        self._rows_moved = True
        if low == 0 and not self.rows_model.sort_key and self.verticalScrollBar().value() > 0:
            self.overlay.add_above(high - low + 1)

    def _scrolled(self, value: int) -> None:
        if value == 0:
            self.overlay.add_above(0)

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

    def _emit_current(self) -> None:
        self.current_changed.emit(self.current_row())

    def _emit_chosen(self) -> None:
        row = self.current_row()
        if row is not None:
            self.chosen.emit(row)

    def _pill_pressed(self) -> None:
        if self.rows_model.paused:
            self.set_paused(False)
        else:
            self.scrollToTop()

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
        first = self.rowAt(visible.top())
        if first < 0:
            return
        model, focused = self.rows_model, self.hasFocus()
        last = min(first + visible.height() // ROW_HEIGHT + 1, model.shown - 1)
        places = self._places(visible)
        selected = self._selected_between(first, last)
        current = self.currentIndex().row()
        top, width = self.rowViewportPosition(first), self.viewport().width()
        painter = QPainter(self.viewport())
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Give the keys of a list to the table: Home and End, Space, Enter, copy."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selection()
            return
        match event.key():
            case Qt.Key.Key_Space:
                self.set_paused(not self.rows_model.paused)
            case Qt.Key.Key_Home | Qt.Key.Key_End if not event.modifiers():
                last = self.rows_model.shown - 1
                row = 0 if event.key() == Qt.Key.Key_Home else last
                if last >= 0:
                    self.setCurrentIndex(self.rows_model.index(row, 0))
                    self.scrollToTop() if row == 0 else self.scrollToBottom()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._emit_chosen()
            case _:
                super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let columns give way, and keep what lies over the table in its place."""
        super().resizeEvent(event)
        self.columns_shown.fit()
        self.overlay.place()
