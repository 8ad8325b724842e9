"""Charts above a table; the charts take the height that a short table leaves, or are hidden."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.header import HEIGHT
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.table.view import ROW_HEIGHT
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_GAP: Final = 12
_CHART_PADDING: Final = 12
_MIN_CHART_HEIGHT: Final = 208
_MAX_CHART_PERCENT: Final = 60
_MIN_ROWS: Final = 6
"""Room for the note of an empty table, and for the first few rows without moving the charts."""


class TableArea(QWidget):
    """The charts of a page and its table.

    Attributes:
        toggle: shows and hides the charts.

    Signals:
        charts_toggled: whether the charts are shown now.
    """

    charts_toggled = Signal(bool)

    def __init__(
        self,
        charts: Sequence[QWidget],
        table: LiveTable[Any],
        bar: QWidget | None,
        parent: QWidget,
        *,
        height_for_charts: int = 0,
        even: bool = False,
    ) -> None:
        """Put charts above a table.

        Args:
            charts: from left to right, the first one wider than the others unless `even`.
            table: the table.
            bar: line above the table, None for none.
            parent: what the area is in.
            even: whether all charts are equally wide.
            height_for_charts: height in pixels below which the charts are hidden at first.
        """
        super().__init__(parent)
        self._table = table
        self._charts: list[QWidget] = []
        self._height_for_charts = height_for_charts
        self.preference: bool | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(_GAP)
        self.toggle = QToolButton(self)
        self.toggle.setText(_("Charts"))
        self.toggle.setProperty("kind", "fold")
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.clicked.connect(self.toggle_charts)
        self._row = QWidget(self)
        if charts:
            part = QVBoxLayout()
            part.setSpacing(2)
            part.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
            row = QHBoxLayout(self._row)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(_GAP)
            for number, chart in enumerate(charts):
                card = _card(self._row, _CHART_PADDING, [chart])
                self._charts.append(card)
                row.addWidget(card, 3 if number == 0 and not even else 2)
            part.addWidget(self._row)
            column.addLayout(part)
            table.rows_model.counts_changed.connect(self._fit_charts)
            theme().changed.connect(self._show_toggle)
        else:
            self.toggle.hide()
            self._row.hide()
        column.addWidget(_card(self, 1, [table] if bar is None else [bar, table]), 1)
        self._show_toggle()
        self._fit_charts()

    @property
    def charts_shown(self) -> bool:
        """Whether there are charts that are not hidden."""
        return bool(self._charts) and not self._row.isHidden()

    def toggle_charts(self) -> None:
        """Show the charts, or hide them."""
        self.show_charts(shown=not self.charts_shown)

    def show_charts(self, *, shown: bool | None) -> None:
        """Show or hide the charts; None for automatic, by the height."""
        self.preference = shown
        self._fit_visibility()

    def _fit_visibility(self) -> None:
        shown = self.preference
        if shown is None:
            shown = self.height() >= self._height_for_charts
        if self._charts and shown != self.charts_shown:
            self._row.setVisible(shown)
            self._show_toggle()
            self._fit_charts()
            self.charts_toggled.emit(shown)

    def _show_toggle(self) -> None:
        shown = self.charts_shown
        self.toggle.setIcon(icons.icon("chevron-down" if shown else "chevron-right", "faint", 12))
        self.toggle.setAccessibleName(_("Hide the charts") if shown else _("Show the charts"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the charts to the new height."""
        super().resizeEvent(event)
        self._fit_visibility()
        self._fit_charts()

    def _fit_charts(self) -> None:
        # The rows before filtering: the charts must not move while the operator types.
        rows = max(_MIN_ROWS, self._table.rows_model.total_count + 1)
        spare = self.height() - _GAP - HEIGHT - rows * ROW_HEIGHT - 2
        height = min(spare, self.height() * _MAX_CHART_PERCENT // 100)
        for chart in self._charts:
            chart.setFixedHeight(max(_MIN_CHART_HEIGHT, height))


def _card(parent: QWidget, padding: int, widgets: Sequence[QWidget]) -> QFrame:
    frame = QFrame(parent)
    frame.setProperty("card", "true")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(padding, padding, padding, padding)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, int(widget is widgets[-1]))
    return frame
