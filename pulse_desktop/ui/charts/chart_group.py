"""The charts of a page: one crosshair, one time range, the same marks."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal

from pulse_desktop.ui.charts.marks import ChartMarks
from pulse_desktop.ui.charts.time_chart import TimeChart
from pulse_desktop.ui.time.window_time import WindowTime


class ChartGroup(QObject):
    """Connects charts with each other and with the time range of the window.

    Attributes:
        charts: the charts.

    Signals:
        series_chosen: key of a series to filter by.
        bar_chosen: key of a series, and Unix seconds at both sides of a bar, to filter by.
    """

    series_chosen = Signal(str)
    bar_chosen = Signal(str, float, float)

    def __init__(
        self, charts: Sequence[TimeChart], window_time: WindowTime, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.charts = tuple(charts)
        for chart in self.charts:
            chart.range_selected.connect(window_time.select)
            chart.zoom_out_requested.connect(window_time.zoom_out)
            chart.series_chosen.connect(self.series_chosen)
            chart.bar_chosen.connect(self.bar_chosen)
            chart.crosshair_moved.connect(partial(self._share_crosshair, chart))

    def set_clickable(self, *, clickable: bool) -> None:
        """Offer to filter by a series with a click on it."""
        for chart in self.charts:
            chart.set_clickable(clickable=clickable)

    def set_marks(self, marks: ChartMarks, *, is_live: bool) -> None:
        """Mark times in all charts, and say whether they end at the present."""
        for chart in self.charts:
            chart.set_live(is_live=is_live)
            chart.set_marks(marks)

    def _share_crosshair(self, source: TimeChart, at: float) -> None:
        for chart in self.charts:
            if chart is not source and chart.isVisible():
                chart.show_crosshair(at)
