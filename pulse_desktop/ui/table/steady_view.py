"""A view of rows that stay where they are on the screen while others arrive, move and leave."""

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeVar

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QCursor, QGuiApplication, QMouseEvent

from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.row_anchor import RowAnchor
from pulse_desktop.ui.table.row_moves import moves_by_key
from pulse_desktop.ui.table.view import ROW_HEIGHT, RowView

RowT = TypeVar("RowT")

POINTER_S: Final = 1.5
"""How long rows stay under the pointer after it has moved: long enough to click."""


class SteadyView(RowView[RowT]):
    """Keeps rows in place, or follows the newest row.

    Scrolled to the top, the newest row is followed, unless a row is selected or current or the
    pointer aims at one: then that row stays where it is, and the rows that arrive are counted. It
    is let go once it is older than all rows shown: evicted, or not in the time range any more.
    Rows that all fit on the screen are all shown, unless the pointer aims at one.

    Attributes:
        is_changing: whether the model changes by itself, and not for the operator.

    Signals:
        new_rows_counted: how many rows have arrived that are not shown at the top, 0 for none.
    """

    new_rows_counted = Signal(int)
    # Qt calls overridden methods already while the table is being created.
    is_changing = False
    _adjusting = False  # whether it is not the operator who scrolls
    _hold_range = (0, 0)  # to which the table can be scrolled in any case

    def __init__(self, rows: RowSource[RowT], columns: Sequence[Column[RowT]]) -> None:
        super().__init__(rows, columns)
        self._rows_moved = False
        self._at_newest = True  # whether the operator has scrolled to the top
        self._new = 0
        self._seen_to = self.rows_model.end  # position after the newest row that is not counted
        self._cursor_is_selected = False
        # Position of a current row that the filter has not reached yet, and whether it was selected
        self._awaited: tuple[int, bool] | None = None
        self._pointer_moved_at = -math.inf
        self.viewport().setMouseTracking(True)
        # Else Qt makes the first row current when the table gets the focus.
        self.setCurrentIndex(QModelIndex())
        self.rows_model.rowsInserted.connect(self._on_rows_moved)
        self.rows_model.rowsRemoved.connect(self._on_rows_moved)
        self.rows_model.layoutChanged.connect(self._on_rows_moved)
        self.rows_model.modelReset.connect(self._reset_count)
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)

    @property
    def holds(self) -> bool:
        """Whether rows stay in place: one is selected or current, or the pointer aims at one."""
        has_row = self.currentIndex().isValid() or self.selectionModel().hasSelection()
        return has_row or self.pointer_aims()

    def release(self) -> bool:
        """Let the rows go: no row is selected or current. Return whether one was.

        The newest row is followed again, unless the operator has scrolled away from it.
        """
        had_row = self._clear_selection()
        if had_row and not self._is_anchored:
            self._show_newest()
        return had_row

    def _clear_selection(self) -> bool:
        selection = self.selectionModel()
        had_row = self.currentIndex().isValid() or selection.hasSelection()
        selection.clearSelection()
        selection.clearCurrentIndex()
        self._awaited = None
        return had_row

    def go_to_newest(self) -> None:
        """Show the newest rows and follow them; several selected rows stay selected."""
        if self.selected_count() <= 1:
            self._clear_selection()
        self._show_newest()

    def _show_newest(self) -> None:
        self._hold_range = (0, 0)
        self.scrollToTop()
        self._at_newest = True
        self._reset_count()

    @property
    def _is_anchored(self) -> bool:
        """Whether rows stay in place, or the operator has scrolled away from the newest."""
        return self.holds or not self._at_newest

    def pointer_aims(self) -> bool:
        """Return whether the pointer has just moved over the rows, or a button is pressed there."""
        if not self.viewport().underMouse():
            return False
        is_pressed = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        return is_pressed or time.monotonic() - self._pointer_moved_at < POINTER_S

    def keep_position(self, change: Callable[[], object]) -> None:
        """Make a change while rows stay where they are on the screen, or follow the newest."""
        self._keep_position(change)

    def replace_rows(self, rows: RowSource[RowT], key: Callable[[RowT], Hashable]) -> None:
        """Show other rows; those that were shown before stay current, selected and in place.

        If the current row is gone, the nearest one that is left becomes current.

        Args:
            rows: the new rows.
            key: tells which row is which.
        """
        moves = moves_by_key(self.rows_model.live_rows, rows, key)
        seen_to = max(
            (after + 1 for before, after in moves.items() if before < self._seen_to),
            default=rows.stop,
        )

        def change() -> None:
            self._deselect_others(moves)
            self._awaited = None
            self.rows_model.replace_rows(rows, moves)
            self._seen_to = seen_to

        self._keep_position(change, moves)

    def _deselect_others(self, staying: Mapping[int, int]) -> None:
        """Deselect the rows that do not stay, given the positions of those that do."""
        model, flags = self.rows_model, QItemSelectionModel.SelectionFlag
        leaving = [
            row
            for row in self._selected_between(0, model.shown_count - 1)
            if model.position_at(row) not in staying
        ]
        for row in leaving:
            self.selectionModel().select(model.index(row, 0), flags.Deselect | flags.Rows)

    def _keep_position(
        self, change: Callable[[], object], moves: Mapping[int, int] | None = None
    ) -> None:
        """Make a change while rows stay where they are on the screen, or follow the newest.

        Args:
            change: makes it.
            moves: for one that replaces the rows, new positions by old ones.
        """
        cursor, is_anchored = self._cursor(), self._is_anchored
        anchor = self._find_anchor(cursor) if is_anchored else None
        self._rows_moved = False
        self.is_changing = True
        try:
            change()
            if moves is not None:
                cursor = cursor.moved(moves) if cursor is not None else None
                anchor = anchor.moved(moves) if anchor is not None else None
                is_anchored = anchor is not None
            if self._rows_moved and self._follow_cursor(cursor):
                is_anchored = self._is_anchored
        finally:
            self.is_changing = False
        if not is_anchored:
            if self.verticalScrollBar().value():
                self.go_to_newest()
            else:
                self._reset_count()
        elif self._may_show_all():
            self._show_all()
        elif self._rows_moved:
            if anchor is not None:
                self._place(anchor)
            self._count_new()
        self.update_tooltip()

    def start_over(self, change: Callable[[], object]) -> None:
        """Make a change and show the newest rows.

        A current row that is not shown any more is let go: no other one takes its place.
        """
        cursor = self._cursor()
        self.is_changing = True
        try:
            change()
            if cursor is not None and not self._is_shown(cursor):
                self._let_go(cursor)
        finally:
            self.is_changing = False
        self._show_newest()
        self.update_tooltip()

    def _cursor(self) -> RowAnchor | None:
        """Return the current row."""
        row = self.currentIndex().row()
        self._cursor_is_selected = self.selectionModel().isRowSelected(row, QModelIndex())
        return self._anchor_at(row)

    def _follow_cursor(self, cursor: RowAnchor | None) -> bool:
        """Keep a row current after a change; return whether it was let go, or taken back."""
        if cursor is None:
            return self._take_back()
        if self._is_shown(cursor) or not (self._at_newest and self._is_past(cursor)):
            self._keep_cursor(cursor)
            return False
        self._let_go(cursor)
        return True

    def _is_shown(self, cursor: RowAnchor) -> bool:
        return self.rows_model.view_row(cursor.position) is not None

    def _is_past(self, cursor: RowAnchor) -> bool:
        """Return whether all rows shown are newer than a row, and none is selected."""
        oldest = self.rows_model.oldest
        is_older = oldest is None or cursor.position < oldest
        return is_older and not self.selectionModel().hasSelection()

    def _let_go(self, cursor: RowAnchor) -> None:
        """Have no current row; a row that a new filter has not reached yet may come back."""
        self.selectionModel().clearCurrentIndex()
        if self.rows_model.filter_pending:
            self._awaited = cursor.position, self._cursor_is_selected

    def _take_back(self) -> bool:
        """Make the row current again that was let go, once the filter has reached it."""
        if self._awaited is None:
            return False
        position, was_selected = self._awaited
        row = self.rows_model.view_row(position)
        if row is not None or not self.rows_model.filter_pending:
            self._awaited = None
        if row is None:
            return False
        flags = QItemSelectionModel.SelectionFlag
        selects = was_selected and not self.selectionModel().hasSelection()
        flag = flags.Select | flags.Rows if selects else flags.NoUpdate
        self.setAutoScroll(False)  # the operator has not asked for the row
        self.selectionModel().setCurrentIndex(self.rows_model.index(row, 0), flag)
        self.setAutoScroll(True)
        return True

    def _anchor_at(self, row: int) -> RowAnchor | None:
        if not 0 <= row < self.rows_model.shown_count:
            return None
        return RowAnchor.of(self, self.rows_model, row)

    def _find_anchor(self, cursor: RowAnchor | None) -> RowAnchor | None:
        """Return the row that stays: the current one if it is seen, else a selected one."""
        height = self.viewport().height()
        if cursor is not None and -ROW_HEIGHT < cursor.top < height:
            return cursor
        first, last = self._visible_rows()
        selected = self._selected_between(first, last)
        under_pointer = self.rowAt(self.viewport().mapFromGlobal(QCursor.pos()).y())
        if selected:
            row = min(selected)
        elif self.pointer_aims() and under_pointer >= 0:
            row = under_pointer
        else:
            row = first
        return self._anchor_at(row)

    def _keep_cursor(self, cursor: RowAnchor) -> None:
        """Keep the current row, or make the nearest one current; that is not selected."""
        row = cursor.find(self.rows_model)
        if row is not None and row != self.currentIndex().row():
            index = self.rows_model.index(row, max(0, self.currentIndex().column()))
            flag = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(index, flag)

    def _place(self, anchor: RowAnchor) -> None:
        """Scroll so that a row is where it was; where needed, beyond the first and last row."""
        row = anchor.find(self.rows_model)
        if row is not None:
            self._scroll_to(row * ROW_HEIGHT - anchor.top)

    def _may_show_all(self) -> bool:
        """Return whether all rows fit on the screen and no row must stay where it is."""
        fits = self.rows_model.shown_count * ROW_HEIGHT <= self.viewport().height()
        has_moved = self._rows_moved or self._hold_range != (0, 0)
        return fits and has_moved and not (self.rows_model.filter_pending or self.pointer_aims())

    def _show_all(self) -> None:
        """Give up the room around rows that all fit on the screen: none is hidden above."""
        self._scroll_to(0)
        self._reset_count()

    def _scroll_to(self, wanted: int) -> None:
        self._adjusting = True
        # The scroll bar gets its new range only when the layout is done.
        self.executeDelayedItemsLayout()
        self._hold_range = (min(0, wanted), max(0, wanted))
        self.updateGeometries()
        self.verticalScrollBar().setValue(wanted)
        self._adjusting = False

    def _on_rows_moved(self, *_args: object) -> None:
        self._rows_moved = True

    def _on_scrolled(self, value: int) -> None:
        if not self._adjusting and not self.is_changing:
            self._at_newest = value <= 0
            self._hold_range = (0, 0)
            if value <= 0:
                self._reset_count()

    def _reset_count(self) -> None:
        """Count from now on: what is shown at the top has been seen."""
        self._seen_to = self.rows_model.end
        self._count_new()

    def _count_new(self) -> None:
        """Count the rows that have arrived while others stayed in place."""
        new = self.rows_model.count_from(self._seen_to)
        if new != self._new:
            self._new = new
            self.new_rows_counted.emit(new)

    # Qt overrides

    def updateGeometries(self) -> None:
        """Leave room to keep a row in place where there are not enough rows to scroll."""
        bar, adjusting = self.verticalScrollBar(), self._adjusting
        value, self._adjusting = bar.value(), True
        super().updateGeometries()
        low, high = self._hold_range
        if low < bar.minimum() or high > bar.maximum():
            bar.setRange(min(low, bar.minimum()), max(high, bar.maximum()))
            bar.setValue(value)
        self._adjusting = adjusting

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Hold the rows for a moment: the pointer may aim at one of them."""
        self._pointer_moved_at = time.monotonic()
        super().mouseMoveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold the rows while a button is pressed."""
        self._pointer_moved_at = time.monotonic()
        super().mousePressEvent(event)
