"""A table of live rows: readable, selectable and pausable while rows arrive."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeVar

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QResizeEvent

from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.overlay import TableOverlay
from pulse_desktop.ui.table.row_source import RowSource
from pulse_desktop.ui.table.view import ROW_HEIGHT, RowView

RowT = TypeVar("RowT")

_MEASURE_S: Final = 5.0
"""How often columns give back the room of long texts that are gone."""
_NONE: Final = Qt.KeyboardModifier.NoModifier
_CTRL: Final = Qt.KeyboardModifier.ControlModifier
_TICK_S: Final = 1.0
"""How often the texts that change with time are compared, and painted if they differ."""


class LiveTable(RowView[RowT]):
    """A view of live rows.

    Rows that arrive above the visible ones do not move them. Scrolled to the very top, the table
    follows the newest row instead.

    Attributes:
        overlay: the note and the pill over the table.
        menu_index: the cell that a menu was requested for last.

    Signals:
        current_changed: the row object under the cursor, or None.
        selection_changed: other rows are selected now, or fewer.
        row_activated: row object that was double-clicked, or on which Enter was pressed.
        menu_requested: screen position at which to open a menu for the selected rows.
        clear_filter_requested: nothing matches, and the operator wants to clear the filter.
    """

    current_changed = Signal(object)
    selection_changed = Signal()
    row_activated = Signal(object)
    menu_requested = Signal(QPoint)
    clear_filter_requested = Signal()

    def __init__(
        self,
        rows: RowSource[RowT],
        columns: Sequence[Column[RowT]],
        *,
        name: str,
        empty_title: str,
        empty_text: str,
    ) -> None:
        """Create a table.

        Args:
            rows: the rows to show.
            columns: the columns to show of each row.
            name: accessible name.
            empty_title: title of the note while there are no rows.
            empty_text: what would appear here, and how to make it appear.
        """
        super().__init__(rows, columns)
        self.menu_index = QModelIndex()
        self._rows_moved = False
        self._ticked_at = 0.0
        self._measured_at = 0.0
        self._ticks = any(column.ticking for column in columns)
        self.overlay = TableOverlay(
            self,
            self.rows_model,
            (empty_title, empty_text),
            self._on_pill_clicked,
            self.clear_filter_requested.emit,
        )
        self._filtering = QTimer(self)
        self._filtering.setObjectName("filter older rows")
        self._filtering.timeout.connect(self._filter_next_slice)
        self.setAccessibleName(name)
        self._connect()

    def _connect(self) -> None:
        model = self.rows_model
        self.header.column_toggled.connect(self.column_layout.set_visible)
        self.header.columns_reset.connect(self.column_layout.reset)
        model.rowsInserted.connect(self._on_rows_inserted)
        model.rowsRemoved.connect(self._on_rows_moved)
        model.layoutChanged.connect(self._on_rows_moved)
        model.counts_changed.connect(self.overlay.update)
        model.paused_changed.connect(lambda _paused: self.overlay.update())
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.doubleClicked.connect(self._activate_current)
        selection = self.selectionModel()
        selection.selectionChanged.connect(self._on_selection_changed)
        selection.currentRowChanged.connect(
            lambda *_indices: self.current_changed.emit(self.current_row())
        )
        self.overlay.update()

    # Updating

    def refresh(self, now: float, dirty: Collection[int] = ()) -> None:
        """Show the changes of a frame. Call it only while visible; after that, `catch_up`.

        Args:
            now: Unix seconds.
            dirty: positions of rows that changed.
        """
        self._keep_position(lambda: self.rows_model.refresh(now, dirty))
        self._filter_rest()
        # Delayed, the layout would paint the window twice in each frame.
        self.executeDelayedItemsLayout()
        if abs(now - self._measured_at) >= _MEASURE_S and not self.rows_model.paused:
            self._measured_at = now
            self.measure_columns()
        if self._ticks and abs(now - self._ticked_at) >= _TICK_S:
            before, self._ticked_at = self._ticked_at, now
            self.repaint_ticking(before)

    def catch_up(self, now: float) -> None:
        """Show everything that happened while the table was hidden."""
        self._keep_position(lambda: self.rows_model.catch_up(now))
        self.measure_columns()
        self._filter_rest()

    def set_filter(self, accepts: Callable[[RowT], bool] | None) -> None:
        """Show only the rows that a predicate accepts, scrolled to the top; None shows all.

        Older rows follow within moments: to filter all of them at once would block the window.
        """
        self.rows_model.set_filter(accepts, incremental=True)
        self.scrollToTop()
        self.measure_columns()
        self._filter_rest()

    def update_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Replace a filter whose result depends on the time, keeping the scroll position.

        What is shown is corrected within moments.
        """
        if not self.rows_model.filtered:
            self._keep_position(lambda: self.rows_model.set_filter(accepts))
            return
        self.rows_model.update_filter(accepts)
        self._filter_next_slice()
        self._filter_rest()

    def _filter_rest(self) -> None:
        """Filter the rows that the filter has not reached yet, such as those from history."""
        if self.rows_model.filtering and not self._filtering.isActive():
            self._filtering.start()

    def _filter_next_slice(self) -> None:
        self._keep_position(self.rows_model.filter_next_slice)
        if not self.rows_model.filtering:
            self._filtering.stop()

    def set_paused(self, paused: bool) -> None:
        """Pause or resume the table."""
        self._keep_position(lambda: self.rows_model.set_paused(paused))
        self._filter_rest()

    def _keep_position(self, change: Callable[[], object]) -> None:
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
        # The scroll bar gets its new range only when the layout is done.
        self.executeDelayedItemsLayout()
        if row is not None:
            bar.setValue(row * ROW_HEIGHT - offset)

    def _on_selection_changed(self, *_changes: object) -> None:
        self.overlay.update()
        self.selection_changed.emit()

    def _on_rows_moved(self, *_args: object) -> None:
        self._rows_moved = True

    def _on_rows_inserted(self, _parent: object, low: int, high: int) -> None:
        self._rows_moved = True
        if low == 0 and not self.rows_model.sort_key and self.verticalScrollBar().value() > 0:
            self.overlay.add_above(high - low + 1)

    def _on_scrolled(self, value: int) -> None:
        if value == 0:
            self.overlay.add_above(0)
        self.overlay.update()

    def _activate_current(self) -> None:
        row = self.current_row()
        if row is not None:
            self.row_activated.emit(row)

    def _on_pill_clicked(self) -> None:
        if self.rows_model.paused:
            self.set_paused(False)
        else:
            self.scrollToTop()

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys of a list: Home and End, Space (pause), Enter (activate), copy."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selection()
            return
        match event.key():
            case Qt.Key.Key_Space:
                self.set_paused(not self.rows_model.paused)
            case Qt.Key.Key_Home | Qt.Key.Key_End if event.modifiers() in (_NONE, _CTRL):
                last = self.rows_model.shown_count - 1
                row = 0 if event.key() == Qt.Key.Key_Home else last
                if last >= 0:
                    self.setCurrentIndex(self.rows_model.index(row, 0))
                    self.scrollToTop() if row == 0 else self.scrollToBottom()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._activate_current()
            case _:
                super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Request the menu of the selected rows, by mouse or keyboard."""
        position = event.globalPos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            if self.currentIndex().isValid() and not self.selected_count():
                self.selectRow(self.currentIndex().row())
            self.scrollTo(self.currentIndex())
            cell = self.visualRect(self.currentIndex())
            position = self.viewport().mapToGlobal(cell.bottomLeft())
            self.menu_index = self.currentIndex()
        else:
            self.menu_index = self.indexAt(self.viewport().mapFromGlobal(position))
        if self.selected_count():
            self.menu_requested.emit(position)
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns to the new width and move the overlay."""
        super().resizeEvent(event)
        self.measure_columns()
        self.overlay.place()
