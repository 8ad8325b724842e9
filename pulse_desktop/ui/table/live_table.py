"""A table of what is happening: it can be read, selected from and stopped while rows arrive."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeVar

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QWidget

from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.header import TableHeader
from pulse_desktop.ui.table.overlay import TableOverlay
from pulse_desktop.ui.table.view import ROW_HEIGHT, RowView

RowT = TypeVar("RowT")

_TICK_S: Final = 0.25


class LiveTable(RowView[RowT]):
    """A view of a `LiveTableModel`.

    What the operator looks at stays where it is while rows arrive above it; at the very top the
    table follows the newest instead.

    Attributes:
        overlay: what is said over the table.

    Signals:
        current_changed: the row under the cursor, or None.
        selection_changed: the selected rows are others now, or fewer.
        chosen: a row was double-clicked, or Enter pressed on it.
        menu_asked: the operator wants a menu for the selected rows, at this point of the screen.
        filter_clear_requested: nothing matches, and the operator wants the filter gone.
    """

    current_changed = Signal(object)
    selection_changed = Signal()
    chosen = Signal(object)
    menu_asked = Signal(QPoint)
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
        super().__init__(rows, columns, parent)
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
        self._searching = QTimer(self)
        self._searching.setObjectName("filter older rows")
        self._searching.timeout.connect(self._search)
        self.setAccessibleName(name)
        self._connect()

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
        # Now, and not in a moment: the window would be painted twice for each frame.
        self.executeDelayedItemsLayout()
        if self._ticks and abs(now - self._ticked_at) >= _TICK_S:
            self._ticked_at = now
            self.viewport().update()

    def catch_up(self, now: float) -> None:
        """Show all that happened while the table was hidden."""
        self._keeping_place(lambda: self.rows_model.catch_up(now))

    def set_filter(self, accepts: Callable[[RowT], bool] | None) -> None:
        """Show only what a predicate accepts, from the top; None shows all.

        Older rows follow within moments: to judge all of them at once would be felt.
        """
        self.rows_model.set_filter(accepts, whole=False)
        self.scrollToTop()
        self._searching.start()

    def renew_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Apply a filter that has changed with time alone; nothing moves that need not."""
        self._keeping_place(lambda: self.rows_model.set_filter(accepts))

    def _search(self) -> None:
        if not self.rows_model.search():
            self._searching.stop()

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

    # What is told

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

    # Qt's side

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

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the selected rows, by the mouse or by the keyboard."""
        at = event.globalPos()
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            cell = self.visualRect(self.currentIndex())
            at = self.viewport().mapToGlobal(cell.bottomLeft())
        if self.selected_count():
            self.menu_asked.emit(at)
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let columns give way, and keep what lies over the table in its place."""
        super().resizeEvent(event)
        self.columns_shown.fit()
        self.overlay.place()
