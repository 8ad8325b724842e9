"""The left part of a page with a table: a row of charts, and the table below it, in cards."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

_GAP: Final = 12
_CHART_HEIGHT: Final = 208
_CHART_PADDING: Final = 12


def table_area(charts: Sequence[QWidget], table: Sequence[QWidget]) -> QWidget:
    """Return a widget with charts and table.

    Args:
        charts: from left to right, the first one wider than the others.
        table: what the card of the table contains, from top to bottom; the last takes the height.
    """
    area = QWidget()
    column = QVBoxLayout(area)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(_GAP)
    if charts:
        row = QHBoxLayout()
        row.setSpacing(_GAP)
        for number, chart in enumerate(charts):
            row.addWidget(_card(_CHART_PADDING, [chart]), 3 if number == 0 else 2)
            chart.setFixedHeight(_CHART_HEIGHT - 2 * _CHART_PADDING)
        column.addLayout(row)
    column.addWidget(_card(1, table), 1)
    return area


def _card(padding: int, widgets: Sequence[QWidget]) -> QFrame:
    frame = QFrame()
    frame.setProperty("card", "true")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(padding, padding, padding, padding)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, int(widget is widgets[-1]))
    return frame
