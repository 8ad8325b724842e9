"""Charts above a table; the charts take the height that a short table leaves."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from pulse_desktop.ui.table.header import HEIGHT
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.view import ROW_HEIGHT

_GAP: Final = 12
_CHART_PADDING: Final = 12
_MIN_CHART_HEIGHT: Final = 208
_MAX_CHART_PERCENT: Final = 60
_MIN_ROWS: Final = 6
"""Room for the note of an empty table, and for the first few rows without moving the charts."""


class TableArea(QWidget):
    """The charts of a page and its table."""

    def __init__(
        self, charts: Sequence[QWidget], table: LiveTable[Any], bar: QWidget | None
    ) -> None:
        """Put charts above a table.

        Args:
            charts: from left to right, the first one wider than the others.
            table: the table.
            bar: line above the table, None for none.
        """
        super().__init__()
        self._table = table
        self._charts: list[QWidget] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_GAP)
        if charts:
            row = QHBoxLayout()
            row.setSpacing(_GAP)
            for number, chart in enumerate(charts):
                card = _card(_CHART_PADDING, [chart])
                self._charts.append(card)
                row.addWidget(card, 3 if number == 0 else 2)
            column.addLayout(row)
            table.rows_model.counts_changed.connect(self._fit_charts)
        column.addWidget(_card(1, [table] if bar is None else [bar, table]), 1)
        self._fit_charts()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the charts to the new height."""
        super().resizeEvent(event)
        self._fit_charts()

    def _fit_charts(self) -> None:
        # The rows before filtering: the charts must not move while the operator types.
        rows = max(_MIN_ROWS, self._table.rows_model.total_count + 1)
        spare = self.height() - _GAP - HEIGHT - rows * ROW_HEIGHT - 2
        height = min(spare, self.height() * _MAX_CHART_PERCENT // 100)
        for chart in self._charts:
            chart.setFixedHeight(max(_MIN_CHART_HEIGHT, height))


def _card(padding: int, widgets: Sequence[QWidget]) -> QFrame:
    frame = QFrame()
    frame.setProperty("card", "true")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(padding, padding, padding, padding)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, int(widget is widgets[-1]))
    return frame
