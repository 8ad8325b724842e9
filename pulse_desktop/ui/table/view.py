"""A table view that paints its own rows, and the selection of rows in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from pulse_desktop.text import formats
from pulse_desktop.ui.clipboard import copy_table
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.column_layout import ColumnLayout
from pulse_desktop.ui.table.header import TableHeader
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.table.painter import ColumnSpan, RowPainter
from pulse_desktop.ui.theme.plain_text import is_tooltip_shown, show_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

RowT = TypeVar("RowT")

ROW_HEIGHT: Final = 28
MAX_COPIED_ROWS: Final = 10_000
"""Rows that can be copied at once."""
_MAX_COPIED: Final = 1 << 16
"""Characters of a cell that are copied."""
_WIDEN_MS: Final = 120
"""Time until columns with cut texts get unused room, once for all that are painted."""


@dataclass(frozen=True, slots=True)
class _Tip:
    """A tooltip that is shown: where in the viewport, of which row and column, and its text."""

    at: QPoint
    row: int
    column: int
    text: str


class RowView(QTableView, Generic[RowT]):
    """A table with one line per row, selection of whole rows, and tooltips for cut texts.

    Attributes:
        rows_model: the model.
        header: the header.
        column_layout: visibility, width and order of the columns.

    Signals:
        copied_in_part: so many rows were selected, of which only the first were copied.
    """

    copied_in_part = Signal(int)

    def __init__(self, rows: RowSource[RowT], columns: Sequence[Column[RowT]]) -> None:
        super().__init__()
        self.rows_model: LiveTableModel[RowT] = LiveTableModel(rows, columns, self)
        self._painter = RowPainter()
        self._tip: _Tip | None = None
        self.header = TableHeader(self.rows_model, self)
        self._configure()
        self.column_layout = ColumnLayout(self, self.rows_model)
        self._widening = QTimer(self)
        self._widening.setObjectName("widen columns")
        self._widening.setSingleShot(True)
        self._widening.setInterval(_WIDEN_MS)
        self._widening.timeout.connect(self._widen_columns)
        self.selectionModel().selectionChanged.connect(lambda *_: self._show_focus())
        theme().changed.connect(self._apply_theme)

    def _configure(self) -> None:
        # The rows cover the background, so that Qt need not paint it with every frame.
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setModel(self.rows_model)
        self.setHorizontalHeader(self.header)
        row_header = self.verticalHeader()
        row_header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        row_header.setMinimumSectionSize(ROW_HEIGHT)
        row_header.setDefaultSectionSize(ROW_HEIGHT)
        row_header.hide()
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

    # Selection

    def current_row(self) -> RowT | None:
        """Return the row object under the cursor, or None."""
        index = self.currentIndex()
        return self.rows_model.row_object(index.row()) if index.isValid() else None

    def selected_rows(self) -> list[RowT]:
        """Return the selected row objects from the top: for an action on all of them."""
        return list(self.selected())

    def selected(self) -> Iterator[RowT]:
        """Iterate over the selected row objects from the top; a million may be selected."""
        for block in sorted(self._selected_ranges(), key=lambda block: block.top()):
            for number in range(block.top(), block.bottom() + 1):
                row = self.rows_model.row_object(number)
                if row is not None:
                    yield row

    def selected_count(self) -> int:
        """Return the number of selected rows."""
        return sum(block.height() for block in self._selected_ranges())

    def selection_is_visible(self) -> bool:
        """Return whether the selected rows are on the screen, or some of more than fit on it."""
        blocks = self._selected_ranges()
        if not blocks:
            return False
        height = self.viewport().height()
        tops = [self.rowViewportPosition(block.top()) for block in blocks]
        ends = [self.rowViewportPosition(block.bottom()) + ROW_HEIGHT for block in blocks]
        if max(ends) - min(tops) > height:
            return any(top < height and end > 0 for top, end in zip(tops, ends, strict=True))
        half = ROW_HEIGHT / 2
        return min(tops) >= -half and max(ends) <= height + half

    def scroll_to_selection(self) -> None:
        """Scroll to the selected rows, the first ones if not all fit on the screen."""
        blocks = self._selected_ranges()
        if blocks:
            last, first = max(b.bottom() for b in blocks), min(b.top() for b in blocks)
            for row in (last, first):
                self.scrollTo(self.rows_model.index(row, 0))

    def _selected_ranges(self) -> list[QItemSelectionRange]:
        return list(self.selectionModel().selection())  # type: ignore[call-overload]

    def select_position(self, position: int) -> bool:
        """Select a row by its position; return whether it is shown."""
        row = self.rows_model.view_row(position)
        if row is None:
            return False
        flags = QItemSelectionModel.SelectionFlag
        index = self.rows_model.index(row, 0)
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        return True

    def shown_columns(self) -> Sequence[Column[RowT]]:
        """Return the columns that are not hidden."""
        return [
            column
            for number, column in enumerate(self.rows_model.columns)
            if not self.isColumnHidden(number)
        ]

    def copy_selection(self, *, headings: bool = False) -> str:
        """Copy the selected rows to the clipboard, tab-separated, and return the text.

        It takes at most `MAX_COPIED_ROWS`.

        Args:
            headings: whether the titles of the columns come first.
        """
        text = self._copy(islice(self.selected(), MAX_COPIED_ROWS), headings=headings)
        if self.selected_count() > MAX_COPIED_ROWS:
            self.copied_in_part.emit(self.selected_count())
        return text

    def copy_shown(self) -> str:
        """Copy all rows that are shown, with the titles of the columns, and return the text.

        It takes at most `MAX_COPIED_ROWS`: more belong in a file.
        """
        rows = islice(self.rows_model.snapshot(), MAX_COPIED_ROWS)
        return self._copy(rows, headings=True)

    def _copy(self, copied: Iterable[RowT], *, headings: bool) -> str:
        columns = self.shown_columns()
        now = self.rows_model.now
        rows = [
            [formats.elided(column.text(row, now), _MAX_COPIED) for column in columns]
            for row in copied
        ]
        if headings:
            rows.insert(0, [column.title for column in columns])
        return copy_table(rows)

    # Painting

    @property
    def is_stale(self) -> bool:
        """Whether the rows are painted without the colors that judge them."""
        return self._painter.is_stale

    def set_stale(self, *, stale: bool) -> None:
        """Paint the rows without the colors that judge them, or with those again."""
        if stale != self._painter.is_stale:
            self._painter.is_stale = stale
            self.viewport().update()

    def _apply_theme(self) -> None:
        self._painter.apply_theme()
        self.viewport().update()

    def measure_columns(self) -> None:
        """Give the room anew, for the rows on the screen alone."""
        self._painter.needed.clear()
        model, now = self.rows_model, self.rows_model.now
        first = max(0, self.rowAt(0))
        last = min(first + self.viewport().height() // ROW_HEIGHT, model.shown_count - 1)
        for number in range(first, last + 1):
            row = model.row_object(number)
            if row is not None:
                self._painter.measure(row, model.columns, now)
        self._widen_columns()

    def repaint_ticking(self, since: float) -> None:
        """Paint the cells anew whose texts have changed only because time has passed.

        Args:
            since: Unix seconds of the time that the cells were painted for.
        """
        model, now = self.rows_model, self.rows_model.now
        columns = [
            (number, column)
            for number, column in enumerate(model.columns)
            if column.time_dependent and not self.isColumnHidden(number)
        ]
        first, last = self._visible_rows()
        for row_number in range(first, last + 1):
            row = model.row_object(row_number)
            if row is None:
                continue
            for number, column in columns:
                if column.text(row, now) != column.text(row, since):
                    self.viewport().update(self.visualRect(model.index(row_number, number)))

    def _visible_rows(self) -> tuple[int, int]:
        """Return the first and the last row on the screen; the last is lower if there is none."""
        first = max(0, self.rowAt(0))
        return first, min(
            first + self.viewport().height() // ROW_HEIGHT + 1, self.rows_model.shown_count - 1
        )

    def _widen_columns(self) -> None:
        self.column_layout.widen(self._painter.needed)

    def _column_spans(self, visible: QRect) -> list[ColumnSpan]:
        header = self.header
        spans = []
        for number, column in enumerate(self.rows_model.columns):
            left, width = header.sectionViewportPosition(number), header.sectionSize(number)
            if width and left <= visible.right() and left + width > visible.left():
                spans.append(ColumnSpan(left, width, column))
        return spans

    def _selected_between(self, first: int, last: int) -> set[int]:
        return {
            number
            for block in self._selected_ranges()
            for number in range(max(first, block.top()), min(last, block.bottom()) + 1)
        }

    def _show_focus(self) -> None:
        """Show the focus around the table while no selected row shows it."""
        ring = self.hasFocus() and not self.selectionModel().hasSelection()
        set_style_property(self, "ring", "true" if ring else "")

    # Qt overrides

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus, also without a selected row."""
        super().focusInEvent(event)
        self._show_focus()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the focus."""
        super().focusOutEvent(event)
        self._show_focus()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the visible rows."""
        visible = event.rect()
        painter = QPainter(self.viewport())
        self._painter.clear(painter, visible)
        model, focused = self.rows_model, self.hasFocus()
        # Above the first row there may be room, while a row below it stays in place.
        first = max(0, (visible.top() + self.verticalScrollBar().value()) // ROW_HEIGHT)
        if first >= model.shown_count:
            painter.end()
            return
        last = min(first + visible.height() // ROW_HEIGHT + 1, model.shown_count - 1)
        spans = self._column_spans(visible)
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
                    spans,
                    model.now,
                    selected=number in selected,
                    current=number == current,
                    focused=focused,
                )
            top += ROW_HEIGHT
        painter.end()
        if self._painter.needs_changed:
            self._painter.needs_changed = False
            self._widening.start()

    def viewportEvent(self, event: QEvent) -> bool:
        """Show a column's tooltip, or the full text of a cell that is cut off."""
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tooltip(event.pos())
            return True
        return super().viewportEvent(event)

    # Tooltips

    def update_tooltip(self) -> None:
        """Update the tooltip of a cell that has changed; close it where another row is by now."""
        tip, self._tip = self._tip, None
        if tip is None or not is_tooltip_shown(tip.text):
            return
        index = self.indexAt(tip.at)
        row = self.rows_model.position_at(index.row()) if index.isValid() else -1
        if (row, index.column()) != (tip.row, tip.column):
            show_tooltip(QPoint(), "", self.viewport(), QRect())
        elif self._tooltip_of(index) != tip.text:
            self._show_tooltip(tip.at)
        else:
            self._tip = tip

    def _show_tooltip(self, at: QPoint) -> None:
        index = self.indexAt(at)
        text = self._tooltip_of(index)
        position = self.viewport().mapToGlobal(at)
        show_tooltip(position, text, self.viewport(), self.visualRect(index))
        self._tip = None
        if text:
            row = self.rows_model.position_at(index.row())
            self._tip = _Tip(at, row, index.column(), text)

    def _tooltip_of(self, index: QModelIndex) -> str:
        """Return the tooltip of a column, or the full text of a cell that is cut off, else ""."""
        if not index.isValid():
            return ""
        column = self.rows_model.columns[index.column()]
        text = self.rows_model.tooltip_text(index)
        width = self.columnWidth(index.column())
        if column.tooltip is None and not self._painter.is_cut(column, text, width):
            return ""
        return text
