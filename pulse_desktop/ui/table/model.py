"""A table over rows that arrive all the time, told once per frame what changed.

Newest on top. Rows are named by position, so that neither the selection nor the place the operator
is looking at moves while rows arrive at one end and are forgotten at the other. Filtering and
sorting happen here: a proxy model between the rows and the view would cost hundreds of
milliseconds at ten thousand rows a second.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model_change import ModelChange
from pulse_desktop.ui.table.row_filter import indices_of
from pulse_desktop.ui.table.row_index import RowIndex
from pulse_desktop.ui.table.row_source import RowSource
from pulse_desktop.ui.table.sort_keys import SortKeys
from pulse_desktop.ui.theme.theme import theme

RowT = TypeVar("RowT")
AnyIndex = QModelIndex | QPersistentModelIndex

RESORT_S: Final = 1.0
"""A table sorted by another column than arrival is put in order again at most this often."""

_DISPLAY: Final = int(Qt.ItemDataRole.DisplayRole)
_TOOLTIP: Final = int(Qt.ItemDataRole.ToolTipRole)
_ALIGNMENT: Final = int(Qt.ItemDataRole.TextAlignmentRole)
_FOREGROUND: Final = int(Qt.ItemDataRole.ForegroundRole)
_ACCESSIBLE: Final = int(Qt.ItemDataRole.AccessibleTextRole)
ROW_ROLE: Final = int(Qt.ItemDataRole.UserRole)
"""The row itself, whatever the column."""
_ROLES: Final = frozenset({_DISPLAY, _TOOLTIP, _ALIGNMENT, _FOREGROUND, _ACCESSIBLE, ROW_ROLE})
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_NOWHERE: Final = QModelIndex()


class LiveTableModel(QAbstractTableModel, Generic[RowT]):
    """Rows of `state` as a table, filtered and sorted in the model itself.

    Attributes:
        columns: what is shown of a row.
        now: Unix seconds of the latest refresh; relative times are told from it.
        sort_key: key of the column sorted by, empty while the newest is on top.
        descending: direction of that sort.

    Signals:
        paused_changed: paused or not.
        counted: how many rows are shown, kept or waiting may have changed.
    """

    paused_changed = Signal(bool)
    counted = Signal()

    def __init__(
        self, rows: RowSource[RowT], columns: Sequence[Column[RowT]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.now = 0.0
        self.sort_key = ""
        self.descending = False
        self._arrangement = RowIndex(rows)
        self._sorted_at = 0.0
        self._counts = (0, 0, 0, False)

    # What is shown

    @property
    def shown(self) -> int:
        """How many rows are shown."""
        return len(self._arrangement)

    @property
    def total(self) -> int:
        """How many rows there are to choose from."""
        source = self._arrangement.source
        return source.stop - source.start

    @property
    def paused(self) -> bool:
        """Whether the table stands still."""
        return self._arrangement.source is not self._arrangement.rows

    @property
    def waiting(self) -> int:
        """How many rows have arrived since the table was paused, matching or not."""
        return self._arrangement.rows.stop - self._arrangement.source.stop if self.paused else 0

    @property
    def filtered(self) -> bool:
        """Whether a filter is set."""
        return self._arrangement.accepts is not None

    @property
    def searching(self) -> bool:
        """Whether a new filter has not been applied to every row yet; `search` goes on with it."""
        return self._arrangement.searching

    def position_at(self, row: int) -> int:
        """Return the position of a view row. Raises IndexError when there is no such row."""
        return self._arrangement.position_at(row)

    def view_row(self, position: int) -> int | None:
        """Return where a position is shown, or None."""
        return self._arrangement.view_row(position)

    def row_object(self, row: int) -> RowT | None:
        """Return the row shown at a view row, None when there is none."""
        return self._arrangement.row_object(row)

    def objects(self) -> Iterator[RowT]:
        """Walk the shown rows from the top."""
        for row in range(self.shown):
            shown = self.row_object(row)
            if shown is not None:
                yield shown

    # What the page asks for

    def set_rows(self, rows: RowSource[RowT]) -> None:
        """Show other rows altogether, with the same filter and order."""
        was_paused = self.paused
        self.beginResetModel()
        self._arrangement.replace_rows(rows)
        self.endResetModel()
        if was_paused:
            self.paused_changed.emit(False)
        self._tell_counts()

    def set_filter(self, accepts: Callable[[RowT], bool] | None, *, whole: bool = True) -> None:
        """Show only the rows that a predicate accepts; None shows all.

        Args:
            accepts: the predicate.
            whole: apply it to every row at once; else to the newest, and `search` goes on.
        """
        self._arrangement.accepts = accepts
        self._walk(self._arrangement.retake(whole=whole))
        self._tell_counts()

    def search(self) -> bool:
        """Apply a new filter to the next older rows; tell whether there are more."""
        self._walk(self._arrangement.search())
        self._tell_counts()
        return self.searching

    def set_sort(self, key: str, *, descending: bool = False) -> None:
        """Sort by a column; an empty key puts the newest on top again.

        Raises:
            KeyError: there is no such column.
        """
        keys = SortKeys(self._sort_function(key), descending=descending) if key else None
        self.sort_key, self.descending = key, descending and bool(key)
        self._arrangement.keys = keys
        self._sorted_at = self.now
        self._walk(self._arrangement.retake())
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def set_paused(self, paused: bool) -> None:
        """Stand still, or show what has arrived meanwhile and go on."""
        if paused != self.paused:
            arrangement = self._arrangement
            self._walk(arrangement.freeze() if paused else arrangement.thaw())
            self.paused_changed.emit(paused)
            self._tell_counts()

    def catch_up(self, now: float) -> None:
        """Show all that happened while nobody told, as after having been hidden."""
        self.now = now
        if not self.paused:
            self._sorted_at = now
            self._walk(self._arrangement.retake())
        self._tell_counts()

    def refresh(self, now: float, dirty: Collection[int] = ()) -> None:
        """Show what changed since the last frame.

        Args:
            now: Unix seconds.
            dirty: positions of rows that were replaced or touched since the last refresh.
        """
        self.now = now
        arrangement = self._arrangement
        if self.paused:
            pass
        elif arrangement.keys is None:
            self._walk(arrangement.follow(dirty))
        else:
            arrangement.note(dirty)
            if arrangement.stale and abs(now - self._sorted_at) >= RESORT_S:
                self._sorted_at = now
                self._walk(arrangement.sort())
            elif dirty:
                self._repaint(0, self.shown - 1)
        self._tell_counts()

    # How the view is told

    def _sort_function(self, key: str) -> Callable[[RowT], Any]:
        column = next((column for column in self.columns if column.key == key), None)
        if column is None:
            raise KeyError(key)
        value = column.value
        return column.sort or (lambda row: value(row, self.now).casefold())

    def _walk(self, steps: Iterable[ModelChange]) -> None:
        for step in steps:
            match step.kind:
                case "insert":
                    self.beginInsertRows(_NOWHERE, step.low, step.high)
                    step.apply()
                    self.endInsertRows()
                case "remove":
                    self.beginRemoveRows(_NOWHERE, step.low, step.high)
                    step.apply()
                    self.endRemoveRows()
                case "layout":
                    self._change_layout(step)
                case "repaint":
                    self._repaint(step.low, step.high)

    def _change_layout(self, step: ModelChange) -> None:
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        wanted = step.before[[index.row() for index in held]]
        step.apply()
        if held:
            rows = indices_of(wanted, step.after).tolist()
            moved = [self.index(row, i.column()) for row, i in zip(rows, held, strict=True)]
            self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

    def _repaint(self, low: int, high: int) -> None:
        if high >= low:
            last = len(self.columns) - 1
            self.dataChanged.emit(self.index(low, 0), self.index(high, last), [])

    def _tell_counts(self) -> None:
        counts = (self.shown, self.total, self.waiting, self.searching)
        if counts != self._counts:
            self._counts = counts
            self.counted.emit()

    # Qt's side

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:
        """Return how many rows are shown."""
        return 0 if parent.isValid() else len(self._arrangement)

    def columnCount(self, parent: AnyIndex = _NOWHERE) -> int:
        """Return how many columns there are, hidden ones included."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: AnyIndex, role: int = _DISPLAY) -> Any:
        """Return what a cell shows; most roles are answered at once, for they have nothing."""
        if role not in _ROLES:
            return None
        column = self.columns[index.column()]
        if role == _ALIGNMENT:
            return _RIGHT if column.align == "right" else _LEFT
        row = self._arrangement.row_object(index.row())
        if row is None or role == ROW_ROLE:
            return row
        if role == _FOREGROUND:
            color = column.color(row) if column.color is not None else None
            return None if color is None else theme().color(color)
        if role == _TOOLTIP and column.tooltip is not None:
            return column.tooltip(row, self.now)
        text = column.value(row, self.now)
        if role == _DISPLAY and column.glyph is not None and (glyph := column.glyph(row)):
            return f"{glyph} {text}"
        return text

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY
    ) -> str | int | None:
        """Return a column's title."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        if role in (_DISPLAY, _ACCESSIBLE):
            return self.columns[section].title
        if role == _ALIGNMENT:
            return _RIGHT if self.columns[section].align == "right" else _LEFT
        return None
