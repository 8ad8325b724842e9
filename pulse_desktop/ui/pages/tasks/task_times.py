"""Table of how long each task waits and runs: p50, p95 and p99 with the size of the sample."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.chart_header import ChartHeader
from pulse_desktop.ui.charts.colors import chart_colors
from pulse_desktop.ui.charts.run_series import Percentiles, TaskTimes
from pulse_desktop.ui.theme.plain_text import tooltip_markup
from pulse_desktop.ui.theme.theme import theme

AnyIndex = QModelIndex | QPersistentModelIndex

_NO_PARENT: Final = QModelIndex()
_ROW_HEIGHT: Final = 24
_NUMBER_WIDTH: Final = 58
_HEADERS: Final = (
    _("Task"),
    _("Runs"),
    _("Wait p50"),
    _("p95"),
    _("p99"),
    _("Run p50"),
    _("p95"),
    _("p99"),
)

_NAME_WIDTH: Final = 150
"""Most names of tasks can be read in it."""
_LEFT_OUT: Final = ((4, 7), (3,), (2,), (6,), (1,))
"""Columns that are left out together, the first ones first; the tooltip of a name has them."""
_HEADER_TOOLTIPS: Final = (
    _("Task"),
    _("Runs that ended in the time range"),
    _("Median of the time from enqueuing to start"),
    _("95th percentile of the time from enqueuing to start"),
    _("99th percentile of the time from enqueuing to start"),
    _("Median of the run time"),
    _("95th percentile of the run time"),
    _("99th percentile of the run time"),
)


class TaskTimesTable(QWidget):
    """The table, most runs first.

    Attributes:
        view: the rows.
        shown: what they show.

    Signals:
        task_chosen: name of a task to filter by.
    """

    task_chosen = Signal(str)

    def __init__(self, label: Callable[[str], str]) -> None:
        """Create an empty table.

        Args:
            label: returns the short name of a task.
        """
        super().__init__()
        self._model = _TaskTimesModel(label, self)
        self._header = ChartHeader(_("Time by task"), "", chart_colors(theme()))
        self.view = QTableView()
        self.view.setModel(self._model)
        self.view.setAccessibleName(_("Wait and run time by task"))
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setShowGrid(False)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.setProperty("kind", "figures")
        self.view.setProperty("ring", "true")
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = self.view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setAccessibleName(_("Columns of the times by task"))
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(_HEADERS)):
            self.view.setColumnWidth(column, _number_width(column))
        self.view.clicked.connect(self._choose)
        self.view.activated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._header)
        layout.addWidget(self.view, 1)
        theme().changed.connect(self._apply_theme)

    @property
    def shown(self) -> Sequence[TaskTimes]:
        """The rows."""
        return self._model.rows

    def show_tasks(self, rows: Sequence[TaskTimes]) -> None:
        """Show the times of these tasks."""
        self._model.set_rows(rows)
        count = sum(row.ended for row in rows)
        text = ngettext("{count} ended run", "{count} ended runs", count)
        self._header.set_subtitle(text.format(count=formats.count(count)))

    @property
    def subtitle(self) -> str:
        """What is said of the rows."""
        return self._header.subtitle

    def set_subtitle(self, text: str) -> None:
        """Say something of the rows until others are shown."""
        self._header.set_subtitle(text)

    def text_at(self, row: int, column: int) -> str:
        """Return the text of a cell."""
        return self._model.text_at(row, column)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out columns until names have room: p99, then waits, then the number of runs."""
        super().resizeEvent(event)
        view = self.view
        room = self.width() - view.verticalScrollBar().sizeHint().width() - _NAME_WIDTH
        needed = sum(map(_number_width, range(1, len(_HEADERS))))
        for columns in _LEFT_OUT:
            is_left_out = needed > room
            if is_left_out:
                needed -= sum(map(_number_width, columns))
            for column in columns:
                view.setColumnHidden(column, is_left_out)

    def _apply_theme(self) -> None:
        self._header.set_colors(chart_colors(theme()))

    def _choose(self, index: QModelIndex) -> None:
        if 0 <= index.row() < len(self._model.rows):
            self.task_chosen.emit(self._model.rows[index.row()].task)


class _TaskTimesModel(QAbstractTableModel):
    def __init__(self, label: Callable[[str], str], parent: QWidget) -> None:
        super().__init__(parent)
        self._label = label
        self.rows: Sequence[TaskTimes] = ()

    def set_rows(self, rows: Sequence[TaskTimes]) -> None:
        """Show other rows; the selection stays where it is while their tasks are the same."""
        before = [row.task for row in self.rows]
        if [row.task for row in rows] == before:
            self.rows = rows
            if rows:
                last = self.index(len(rows) - 1, len(_HEADERS) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def text_at(self, row: int, column: int) -> str:
        """Return the text of a cell; empty where nothing was measured."""
        times = self.rows[row]
        if column == 0:
            return printable_cell(self._label(times.task) or _("unknown task"))
        if column == 1:
            return formats.count(times.ended)
        sample = times.wait if column < 5 else times.run
        value = (sample.p50, sample.p95, sample.p99)[(column - 2) % 3]
        return "" if math.isnan(value) else formats.duration(value, brief=True)

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Return the number of tasks."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(_HEADERS)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, tooltip, alignment or font of a cell."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.text_at(index.row(), index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip_markup(self._tooltip(index.row(), index.column()))
            case Qt.ItemDataRole.TextAlignmentRole if index.column():
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Qt.ItemDataRole.FontRole if index.column():
                return theme().number_font(step=-1)
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the title of a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADERS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip_markup(_HEADER_TOOLTIPS[section])
        if role == Qt.ItemDataRole.FontRole:
            return theme().text_font(step=-1)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def _tooltip(self, row: int, column: int) -> str:
        times = self.rows[row]
        if column < 2:
            text = ngettext("{count} ended run", "{count} ended runs", times.ended)
            lines = [times.task, text.format(count=formats.count(times.ended))]
            for title, sample in ((_("Wait"), times.wait), (_("Run"), times.run)):
                lines += [f"{title} {each}" for each in filter(None, [_percentiles(sample)])]
            return "\n".join(lines)
        sample = times.wait if column < 5 else times.run
        if math.isnan(sample.p99):
            return sample_text(sample)
        p99 = _("p99 {duration}.").format(duration=formats.duration(sample.p99))
        return f"{p99} {sample_text(sample)}"


def _number_width(column: int) -> int:
    """Return the width of a column of numbers; p50 has the title of its group too."""
    return _NUMBER_WIDTH + 16 * (column in (2, 5))


def _percentiles(sample: Percentiles) -> str:
    """Return the percentiles that are known, empty for none."""
    known = (("p50", sample.p50), ("p95", sample.p95), ("p99", sample.p99))
    parts = (f"{name} {formats.duration(each)}" for name, each in known if not math.isnan(each))
    return ", ".join(parts)


def sample_text(sample: Percentiles) -> str:
    """Return what percentiles are computed from, and why some may be blank."""
    if not sample.count:
        return _("Not measured: no start or end of these runs is known.")
    text = ngettext("Of {count} measured run.", "Of {count} measured runs.", sample.count)
    text = text.format(count=formats.count(sample.count))
    if sample.count < 100:
        text = f"{text} " + _("p95 needs 20 of them, p99 100.")
    return text
