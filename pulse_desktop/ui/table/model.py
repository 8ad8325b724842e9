"""A table model over live rows, updated once per frame with what changed.

The newest row is first. Rows are identified by position, so that the selection and the scroll
position stay on their rows while new ones are appended and old ones evicted. The model itself
filters and sorts: a proxy model between rows and view would cost hundreds of milliseconds at ten
thousand rows a second.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.ui.rows.positions import Positions, indices_of
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model_change import ModelChange
from pulse_desktop.ui.table.row_index import RowIndex
from pulse_desktop.ui.table.sort_keys import SortKeys
from pulse_desktop.ui.theme.plain_text import tooltip_markup
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.throttle import Elapsed

if TYPE_CHECKING:
    from pulse_desktop.ui.table.arrival_order import ArrivalOrder

RowT = TypeVar("RowT")
AnyIndex = QModelIndex | QPersistentModelIndex

RESORT_S: Final = 1.0
"""Shortest time between two sorts of a table that is sorted by a column."""
_RESORT_ROW_S: Final = 5e-6
"""A long table is sorted less often: so many seconds per row."""

_DISPLAY: Final = int(Qt.ItemDataRole.DisplayRole)
_TOOLTIP: Final = int(Qt.ItemDataRole.ToolTipRole)
_ALIGNMENT: Final = int(Qt.ItemDataRole.TextAlignmentRole)
_FOREGROUND: Final = int(Qt.ItemDataRole.ForegroundRole)
_ACCESSIBLE: Final = int(Qt.ItemDataRole.AccessibleTextRole)
ROW_ROLE: Final = int(Qt.ItemDataRole.UserRole)
"""The row object, the same in every column."""
_ROLES: Final = frozenset({_DISPLAY, _TOOLTIP, _ALIGNMENT, _FOREGROUND, _ACCESSIBLE, ROW_ROLE})
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_NO_PARENT: Final = QModelIndex()


class LiveTableModel(QAbstractTableModel, Generic[RowT]):
    """Rows of the state as a table, filtered and sorted.

    Attributes:
        columns: the columns.
        now: time of the latest refresh, Unix seconds; relative times count from it.
        sort_key: key of the sorted column, empty while the newest row is first.
        descending: whether the largest value is first.
        is_changing: whether rows are just being inserted, removed or reordered.
        arrival_order: in which order rows are while no column is sorted; None for that of their
            positions.

    Signals:
        paused_changed: whether the table is paused.
        counts_changed: the number of shown, total or waiting rows may have changed.
    """

    paused_changed = Signal(bool)
    counts_changed = Signal()

    def __init__(
        self, rows: RowSource[RowT], columns: Sequence[Column[RowT]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.now = 0.0
        self.sort_key = ""
        self.descending = self.is_changing = False
        self.arrival_order: ArrivalOrder[RowT] | None = None
        self._row_index = RowIndex(rows)
        self._since_sorted = Elapsed()
        self._counts = (self.shown_count, self.total_count, 0, False)

    # Contents

    @property
    def shown_count(self) -> int:
        """Number of rows shown."""
        return len(self._row_index)

    @property
    def total_count(self) -> int:
        """Number of rows before filtering."""
        source = self._row_index.source
        return source.stop - source.start

    @property
    def stop(self) -> int:
        """Position after the newest row, of those there are while the table is paused."""
        return self._row_index.source.stop

    @property
    def live_rows(self) -> RowSource[RowT]:
        """All rows, also those that arrived since the table was paused."""
        return self._row_index.rows

    @property
    def paused(self) -> bool:
        """Whether the table is paused."""
        return self._row_index.source is not self._row_index.rows

    @property
    def waiting_count(self) -> int:
        """Number of rows appended since the table was paused and retained, matching or not."""
        rows = self._row_index.rows
        return rows.stop - max(self._row_index.source.stop, rows.start) if self.paused else 0

    @property
    def filtered(self) -> bool:
        """Whether a filter is set."""
        return self._row_index.accepts is not None

    def is_filtered_out(self, row: RowT) -> bool:
        """Return whether the filter does not accept a row."""
        accepts = self._row_index.accepts
        return accepts is not None and not accepts(row)

    @property
    def filter_pending(self) -> bool:
        """Whether not every row that matches a new filter is shown: see `filter_next_slice`."""
        return self._row_index.filter_pending

    def position_at(self, row: int) -> int:
        """Return the position of a view row. Raises IndexError when there is no such row."""
        return self._row_index.position_at(row)

    @property
    def end(self) -> int:
        """Position after the newest row that is shown, or that the filter has rejected."""
        return self._row_index.end

    @property
    def oldest(self) -> int | None:
        """Position of the oldest row shown, None if there is none."""
        return self._row_index.oldest

    def count_from(self, position: int) -> int:
        """Return the number of rows shown that are at a position or newer."""
        return self._row_index.count_from(position)

    def view_row(self, position: int) -> int | None:
        """Return the view row of a position, None when it is not shown."""
        return self._row_index.view_row(position)

    def row_object(self, row: int) -> RowT | None:
        """Return the row object at a view row, None when there is none."""
        return self._row_index.row_object(row)

    def positions(self) -> Positions:
        """Return the positions of the rows shown, from the top."""
        return self._row_index.positions()

    def row_objects(self) -> Iterator[RowT]:
        """Iterate over the shown row objects from the top."""
        for row in range(self.shown_count):
            found = self.row_object(row)
            if found is not None:
                yield found

    def snapshot(self) -> Iterator[RowT]:
        """Iterate over the rows that are shown now, from the top, as they are when it gets there.

        Rows that arrive meanwhile are not among them, nor are those that are evicted by then.
        """
        positions, source = self._row_index.positions().tolist(), self._row_index.source

        def rows() -> Iterator[RowT]:
            for position in positions:
                if source.start <= position < source.stop:
                    yield source[position]

        return rows()

    def tooltip_text(self, index: AnyIndex) -> str:
        """Return the tooltip of a cell as plain text, "" for none."""
        column, row = self.columns[index.column()], self.row_object(index.row())
        if row is None:
            return ""
        return (column.tooltip or column.text)(row, self.now)

    # Commands

    def add_column(self, column: Column[RowT]) -> int:
        """Add a column after the others; return its number."""
        number = len(self.columns)
        self.beginInsertColumns(_NO_PARENT, number, number)
        self.columns = (*self.columns, column)
        self.endInsertColumns()
        return number

    def set_rows(self, rows: RowSource[RowT]) -> None:
        """Show another row source with the same filter and order."""
        was_paused = self.paused
        self.beginResetModel()
        self._row_index.replace_rows(rows)
        self.endResetModel()
        self._on_replaced(was_paused=was_paused)

    def replace_rows(self, rows: RowSource[RowT], moves: Mapping[int, int]) -> None:
        """Show another row source, some rows of which were shown before and stay the same ones.

        Args:
            rows: the new rows.
            moves: new positions by old ones, of the rows that are in both sources.
        """
        was_paused, before = self.paused, self.positions().tolist()

        def rows_after(rows_before: list[int]) -> list[int]:
            moved_to = [moves.get(before[row]) for row in rows_before]
            found = [None if position is None else self.view_row(position) for position in moved_to]
            return [-1 if row is None else row for row in found]

        self.is_changing = True
        try:
            self._move_rows(lambda: self._row_index.replace_rows(rows), rows_after)
        finally:
            self.is_changing = False
        self._on_replaced(was_paused=was_paused)

    def _on_replaced(self, *, was_paused: bool) -> None:
        if was_paused:
            self.paused_changed.emit(False)
        self._emit_counts()

    def set_filter(
        self, accepts: Callable[[RowT], bool] | None, *, incremental: bool = False
    ) -> None:
        """Show only the rows that a predicate accepts; None shows all.

        Args:
            accepts: the predicate.
            incremental: apply it to the newest rows only, and `filter_next_slice` to the rest.
        """
        self._row_index.accepts = accepts
        self._apply(self._row_index.rebuild(within_s=0.0 if incremental else math.inf))
        self._emit_counts()

    def oldest_not_accepted(self) -> set[int]:
        """Return the positions of the oldest rows that a moving time range has left behind."""
        return self._row_index.oldest_not_accepted()

    def move_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Replace a filter by the same one for a later time; what is shown is not corrected.

        `oldest_not_accepted` tells which rows have left it at the edge.
        """
        self._row_index.accepts = accepts

    def update_filter(self, accepts: Callable[[RowT], bool]) -> None:
        """Replace a filter by another for which mostly the same rows match.

        `filter_next_slice` corrects what is shown.
        """
        self._row_index.update_filter(accepts)

    def matches_between(self, low: int, high: int) -> Positions | None:
        """Return the positions from `low` to `high` - 1 that match, None if that is not known."""
        return self._row_index.matches_between(low, high)

    @property
    def filtering(self) -> bool:
        """Whether `filter_next_slice` has something to do."""
        return self._row_index.filtering

    def filter_next_slice(self) -> bool:
        """Apply a new filter to the next slice of older rows; return whether more remain.

        What was found beyond a screenful is shown at the end, or with `show_found`.
        """
        self._apply(self._row_index.filter_next_slice())
        self._emit_counts()
        return self.filtering

    def show_found(self) -> None:
        """Show what `filter_next_slice` has found."""
        self._apply(self._row_index.show_found())
        self._emit_counts()

    def set_sort(self, key: str, *, descending: bool = False) -> None:
        """Sort by a column; an empty key restores newest first.

        Raises:
            KeyError: there is no such column.
        """
        keys = self._arrival_keys()
        if key:
            keys = SortKeys(self._sort_function(key), descending=descending)
        self.sort_key, self.descending = key, descending and bool(key)
        self._since_sorted.restart(self.now)
        self._apply(self._row_index.set_order(keys))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def set_paused(self, paused: bool) -> None:
        """Pause, or resume and show the rows that arrived meanwhile."""
        if paused != self.paused:
            rows = self._row_index
            self._apply(rows.pause() if paused else rows.resume())
            self.paused_changed.emit(paused)
            self._emit_counts()

    def catch_up(self, now: float) -> None:
        """Rebuild the table after it was hidden and not refreshed."""
        self.now = now
        if not self.paused:
            self._since_sorted.restart(now)
            self._apply(self._row_index.catch_up())
            self._order_by_arrival()
        self._emit_counts()

    def refresh(self, now: float, dirty: Collection[int] = (), *, may_sort: bool = True) -> None:
        """Update the table with the changes of a frame.

        Args:
            now: Unix seconds.
            dirty: positions of rows that changed since the last refresh.
            may_sort: whether rows of a sorted table may change their places now.
        """
        self.now = now
        rows = self._row_index
        if self.paused:
            pass
        elif rows.sort_keys is None:
            self._apply(rows.apply_changes(dirty))
            self._order_by_arrival()
        else:
            if self.sort_key:
                rows.mark_changed(dirty)
            else:
                rows.mark_moved(dirty)
                self._apply(rows.insert_on_top())
            resort_s = max(RESORT_S, _RESORT_ROW_S * self.shown_count)
            if may_sort and rows.stale and self._since_sorted.seconds(now) >= resort_s:
                self._since_sorted.restart(now)
                self._apply(rows.sort())
            elif dirty:
                self._repaint(0, self.shown_count - 1)
        self._emit_counts()

    def _arrival_keys(self) -> SortKeys[RowT] | None:
        """Return the order while no column is sorted, None for that of the positions."""
        order = self.arrival_order
        return SortKeys(order.key, descending=True) if order and order.is_needed() else None

    def _order_by_arrival(self) -> None:
        """Begin to sort by arrival if no column is sorted, and the positions are not in order."""
        if self.sort_key or self._row_index.sort_keys is not None:
            return
        if (keys := self._arrival_keys()) is not None:
            self._since_sorted.restart(self.now)
            self._apply(self._row_index.set_order(keys))

    # Notifying views

    def _sort_function(self, key: str) -> Callable[[RowT], Any]:
        column = next((column for column in self.columns if column.key == key), None)
        if column is None:
            raise KeyError(key)
        text = column.text
        return column.sort or (lambda row: text(row, self.now).casefold())

    def _apply(self, changes: Iterable[ModelChange]) -> None:
        self.is_changing = True
        try:
            self._apply_each(changes)
        finally:
            self.is_changing = False

    def _apply_each(self, changes: Iterable[ModelChange]) -> None:
        for change in changes:
            match change.kind:
                case "insert":
                    self.beginInsertRows(_NO_PARENT, change.low, change.high)
                    change.apply()
                    self.endInsertRows()
                case "remove":
                    self.beginRemoveRows(_NO_PARENT, change.low, change.high)
                    change.apply()
                    self.endRemoveRows()
                case "layout":
                    self._change_layout(change)
                case "repaint":
                    self._repaint(change.low, change.high)

    def _change_layout(self, change: ModelChange) -> None:
        self._move_rows(
            change.apply,
            lambda rows: indices_of(change.before[rows], change.after).tolist(),
        )

    def _move_rows(
        self, apply: Callable[[], None], rows_after: Callable[[list[int]], list[int]]
    ) -> None:
        """Make a change that gives rows other places.

        Args:
            apply: makes it.
            rows_after: returns the new view rows of old ones, after the change; -1 for none.
        """
        self.layoutAboutToBeChanged.emit()
        persistent = self.persistentIndexList()
        rows_before = [index.row() for index in persistent]
        apply()
        if persistent:
            moved = [
                self.index(row, index.column())
                for row, index in zip(rows_after(rows_before), persistent, strict=True)
            ]
            self.changePersistentIndexList(persistent, moved)
        self.layoutChanged.emit()

    def _repaint(self, low: int, high: int) -> None:
        if high >= low:
            last = len(self.columns) - 1
            self.dataChanged.emit(self.index(low, 0), self.index(high, last), [])

    def _emit_counts(self) -> None:
        counts = (self.shown_count, self.total_count, self.waiting_count, self.filter_pending)
        if counts != self._counts:
            self._counts = counts
            self.counts_changed.emit()

    # Qt overrides

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Return the number of rows shown."""
        return 0 if parent.isValid() else len(self._row_index)

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Return the number of columns, hidden ones included."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: AnyIndex, role: int = _DISPLAY) -> Any:
        """Return the data of a cell for a role, None for roles without data."""
        if role not in _ROLES:
            return None
        column = self.columns[index.column()]
        if role == _ALIGNMENT:
            return _RIGHT if column.align == "right" else _LEFT
        row = self._row_index.row_object(index.row())
        if row is None or role == ROW_ROLE:
            return row
        if role == _FOREGROUND:
            color = column.color(row) if column.color is not None else None
            return None if color is None else theme().color(color)
        if role == _TOOLTIP:
            return tooltip_markup(self.tooltip_text(index))
        text = printable_cell(column.text(row, self.now))
        if role == _DISPLAY and column.glyph is not None and (glyph := column.glyph(row)):
            return f"{glyph} {text}"
        return text

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY
    ) -> str | int | None:
        """Return the title or alignment of a column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role in (_DISPLAY, _ACCESSIBLE):
            return self.columns[section].title
        if role == _ALIGNMENT:
            return _RIGHT if self.columns[section].align == "right" else _LEFT
        return None
