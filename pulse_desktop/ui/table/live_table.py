"""A table of live rows: readable, selectable and pausable while rows arrive."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeVar

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
)

from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.overlay import TableOverlay
from pulse_desktop.ui.table.steady_view import SteadyView
from pulse_desktop.ui.throttle import Elapsed

RowT = TypeVar("RowT")

_MEASURE_S: Final = 5.0
"""How often columns give back the room of long texts that are gone."""
_FILTER_S: Final = 0.014
"""How long rows are filtered or sorted before the event loop handles something else."""
_SHOW_S: Final = 0.1
"""How often rows that were found are shown, for which the window is laid out and painted anew."""
_NONE: Final = Qt.KeyboardModifier.NoModifier
_CTRL: Final = Qt.KeyboardModifier.ControlModifier
_TICK_S: Final = 1.0
"""How often the texts that change with time are compared, and painted if they differ."""


class LiveTable(SteadyView[RowT]):
    """A view of live rows.

    Scrolled to the top, the table follows the newest row, unless a row is selected or current or
    the pointer aims at one: then that row stays where it is on the screen, and the rows that arrive
    are counted.

    Attributes:
        overlay: the note and the pill over the table.
        is_failure: whether a row says that something failed, None if rows say no such thing; those
            that arrive while the table is paused are counted.
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
        self.is_failure: Callable[[RowT], bool] | None = None
        self._failures: set[int] = set()  # positions, since the table was paused
        self._failures_from = self._failures_to = self.rows_model.stop
        self._ticked_at = 0.0
        self._since_measured = Elapsed()
        self._found_shown_at = 0.0
        self._ticks = any(column.time_dependent for column in columns)
        self.overlay = TableOverlay(
            self,
            self.header,
            self.rows_model,
            (empty_title, empty_text),
            self._on_pill_clicked,
            self.clear_filter_requested.emit,
        )
        self._filtering = QTimer(self)
        self._filtering.setObjectName("filter older rows")
        self._filtering.timeout.connect(self.filter_next_slices)
        self.setAccessibleName(name)
        self._connect()

    def _connect(self) -> None:
        model = self.rows_model
        self.header.column_toggled.connect(self.column_layout.set_visible)
        self.header.columns_reset.connect(self.column_layout.reset)
        model.counts_changed.connect(self.overlay.update)
        model.paused_changed.connect(lambda _paused: self.overlay.update())
        self.verticalScrollBar().valueChanged.connect(lambda _value: self.overlay.update())
        self.new_rows_counted.connect(self.overlay.set_new)
        self.doubleClicked.connect(self._activate_current)
        selection = self.selectionModel()
        selection.selectionChanged.connect(self._on_selection_changed)
        selection.currentRowChanged.connect(self._on_current_changed)
        self.overlay.update()

    # Updating

    def refresh(self, now: float, dirty: Collection[int] = ()) -> None:
        """Show the changes of a frame. Call it only while visible; after that, `catch_up`.

        Args:
            now: Unix seconds.
            dirty: positions of rows that changed.
        """
        may_sort = not self.pointer_aims()
        self.keep_position(lambda: self.rows_model.refresh(now, dirty, may_sort=may_sort))
        self._count_failures(dirty)
        self._filter_rest()
        # Delayed, the layout would paint the window twice in each frame.
        self.executeDelayedItemsLayout()
        if self._since_measured.seconds(now) >= _MEASURE_S and not self.rows_model.paused:
            self._since_measured.restart(now)
            self.measure_columns()
        if self._ticks and abs(now - self._ticked_at) >= _TICK_S:
            before, self._ticked_at = self._ticked_at, now
            self.repaint_ticking(before)

    def catch_up(self, now: float) -> None:
        """Show everything that happened while the table was hidden."""
        self.keep_position(lambda: self.rows_model.catch_up(now))
        self.measure_columns()
        self._filter_rest()

    def set_filter(self, accepts: Callable[[RowT], bool] | None) -> None:
        """Show only the rows that a predicate accepts, scrolled to the top; None shows all.

        Older rows follow within moments: to filter all of them at once would block the window. No
        other row becomes the current one.
        """
        self.start_over(lambda: self.rows_model.set_filter(accepts, incremental=True))
        self.measure_columns()
        self._filter_rest()

    def update_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Replace a filter whose result depends on the time, keeping the scroll position.

        What is shown is corrected within moments.
        """
        if not self.rows_model.filtered:
            self.keep_position(lambda: self.rows_model.set_filter(accepts, incremental=True))
            self._filter_rest()
            return
        self.rows_model.update_filter(accepts)
        self.filter_next_slices()
        self._filter_rest()

    def _filter_rest(self) -> None:
        """Filter the rows that the filter has not reached yet, such as those from history."""
        if self.rows_model.filtering and not self._filtering.isActive():
            self._filtering.start()

    def filter_next_slices(self) -> None:
        """Filter or sort a part of the rows that are left, which stay where they are."""
        self.keep_position(self._filter_slices)
        if not self.rows_model.filtering:
            self._filtering.stop()

    def _filter_slices(self) -> None:
        """Filter as many slices as leave the rest of a frame to everything else."""
        end = at = time.perf_counter()
        end += _FILTER_S
        while self.rows_model.filter_next_slice():
            before, at = at, time.perf_counter()
            if at + (at - before) > end:  # another one would take too long
                break
        if at - self._found_shown_at >= _SHOW_S:
            self._found_shown_at = at
            self.rows_model.show_found()

    def set_paused(self, paused: bool) -> None:
        """Pause or resume the table."""
        self.keep_position(lambda: self.rows_model.set_paused(paused))
        self._filter_rest()

    def _on_selection_changed(self, *_changes: object) -> None:
        self.overlay.update()
        self.selection_changed.emit()

    def _on_current_changed(self, *_indices: object) -> None:
        if not (self.is_changing or self.rows_model.is_changing):
            self.current_changed.emit(self.current_row())

    def _count_failures(self, dirty: Collection[int]) -> None:
        """Count the rows that arrived since the table was paused and say that something failed."""
        model, is_failure = self.rows_model, self.is_failure
        if not model.paused or is_failure is None:
            self._failures.clear()
            self._failures_from = self._failures_to = model.stop
            self.overlay.set_failures(0)
            return
        rows, paused_at = model.live_rows, model.stop
        for position in range(self._failures_from, rows.start):
            self._failures.discard(position)  # it is no longer retained
        self._failures_from = max(self._failures_from, rows.start)
        start = max(self._failures_to, paused_at, rows.start)
        changed = [position for position in dirty if paused_at <= position < start]
        for position in (*changed, *range(start, rows.stop)):
            if position >= rows.start and is_failure(rows[position]):
                self._failures.add(position)
            else:
                self._failures.discard(position)
        self._failures_to = rows.stop
        self.overlay.set_failures(len(self._failures))

    def _activate_current(self) -> None:
        row = self.current_row()
        if row is not None:
            self.row_activated.emit(row)

    def _on_pill_clicked(self) -> None:
        if self.rows_model.paused:
            self.set_paused(False)
        else:
            self.go_to_newest()

    # Qt overrides

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys of a list: Home and End, Space (pause), Enter (activate), copy."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_selection()
            return
        match event.key():
            case Qt.Key.Key_Space:
                self.set_paused(not self.rows_model.paused)
            case Qt.Key.Key_Home if event.modifiers() in (_NONE, _CTRL):
                self.release()
                self.go_to_newest()
                self.setCurrentIndex(self.rows_model.index(0, 0))
            case Qt.Key.Key_End if event.modifiers() in (_NONE, _CTRL):
                self.setCurrentIndex(self.rows_model.index(self.rows_model.shown_count - 1, 0))
                self.scrollToBottom()
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
