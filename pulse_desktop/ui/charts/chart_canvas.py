"""Canvas of a live chart over time: one unit, zero-based, gaps left open.

Data may be set at any rate, and is drawn at most ten times a second, and not while the chart is
invisible. Pages set it once a second at most: see `ui/throttle.py`.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QFontMetrics, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from pulse_desktop.text.time_range_text import length_text, shown_range_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.chart_header import ChartHeader
from pulse_desktop.ui.charts.colors import ChartColors, SeriesSpec, chart_colors
from pulse_desktop.ui.charts.crosshair import Crosshair, VisibleData
from pulse_desktop.ui.charts.curve import Curve
from pulse_desktop.ui.charts.legend import LegendEntry
from pulse_desktop.ui.charts.marks import NO_CHART_MARKS, ChartMarks
from pulse_desktop.ui.charts.plot import Plot
from pulse_desktop.ui.charts.plotted_series import PlottedSeries
from pulse_desktop.ui.charts.resampling import FloatArray, without_gaps
from pulse_desktop.ui.charts.scale import Unit, clock_ticks, value_text, value_ticks
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme

REDRAW_MS: Final = 100
_HALF_LABEL: Final = 24  # half of the width of a clock label, pixels

_FEW_POINTS: Final = 10
"""Of so few points a chart says how long each of them is."""
_FOCUS_RING: Final = 2
"""Room around a chart for the ring that shows the keyboard focus."""


class ChartCanvas(QWidget):
    """Lines or bars over clock time, with a legend that toggles them, and a hidden crosshair.

    Attributes:
        unit: unit of all values.
        plot: the plot area.
        header: title and legend above it.
    """

    def __init__(self, title: str, unit: Unit, *, subtitle: str = "", empty_text: str = "") -> None:
        """Create an empty chart.

        Args:
            title: short name of what is shown; also the accessible name.
            unit: unit of all values.
            subtitle: unit, such as "runs per second"; the time range is added to it.
            empty_text: sentence after "No data yet." that says what fills the chart.
        """
        super().__init__()
        self.unit = unit
        self._colors = chart_colors(theme())
        self._clickable = False
        self._picked = ""
        self._subtitle = subtitle
        self._time_range: tuple[float, float] | None = None
        self._visible_times: tuple[float, float] | None = None  # None before there is data
        self._marks = NO_CHART_MARKS
        self._drawn_at = -math.inf
        self._stale = False
        self._title = title
        self.setAccessibleName(title)
        self.setProperty("kind", "chart")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)  # for the ring of the focus
        self.header = ChartHeader(title, subtitle, self._colors)
        self.header.legend.toggled.connect(self._series_toggled)
        self.plot = Plot()
        self._series = PlottedSeries(self.plot.getPlotItem(), self.header.legend.is_visible)
        self.plot.resized.connect(self._update_axes)
        no_data = _("No data yet. {hint}").format(hint=empty_text) if empty_text else ""
        self._no_data = no_data or _("No data yet")
        self._empty = Label(self._no_data, self)
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._crosshair = Crosshair(self.plot, self)
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setObjectName("chart redraw")
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.timeout.connect(self._redraw)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(_FOCUS_RING,) * 4)
        layout.setSpacing(6)
        layout.addWidget(self.header)
        layout.addWidget(self.plot, 1)
        self._empty.raise_()
        self.setMinimumSize(160, 90)
        self.set_colors(self._colors)
        theme().changed.connect(self._apply_theme)
        self._update_axes()

    @property
    def empty(self) -> bool:
        """Whether no series has a value."""
        return self._series.empty

    @property
    def hint(self) -> str:
        """Text shown while no series has a value."""
        return self._empty.text()

    @property
    def redraw_pending(self) -> bool:
        """Whether data was set that is not drawn yet."""
        return self._stale

    def curve(self, name: str) -> Curve:
        """Return the curve of a series. Raises KeyError: there is no such line."""
        return self._series.curve(name)

    @property
    def tooltip(self) -> str:
        """Text at the crosshair, empty while there is none."""
        return self._crosshair.tooltip.text

    @property
    def visible_time_range(self) -> tuple[float, float]:
        """Unix seconds at the left and right edge; one second of any time before there is data."""
        return self._visible_times or (0.0, 1.0)

    @property
    def subtitle(self) -> str:
        """The text after the title: the unit, the time that is really shown, and how finely."""
        if self._visible_times is None:
            return self._subtitle
        start, end = self._visible_times
        shown = shown_range_text(start, end, time.time(), is_live=self.plot.is_live)
        point_s, width = self._series.point_s, ""
        if not self.empty and point_s > (end - start) / _FEW_POINTS:
            width = _("by {duration}").format(duration=length_text(round(point_s, 3)))
        return ", ".join(filter(None, (self._subtitle, shown, width)))

    def set_subtitle(self, subtitle: str) -> None:
        """Change the unit after the title."""
        self._subtitle = subtitle
        self.header.set_subtitle(self.subtitle)

    def set_live(self, *, is_live: bool) -> None:
        """Say whether the right edge is the present."""
        self.plot.is_live = is_live

    def set_colors(self, colors: ChartColors) -> None:
        """Use the colors of another theme."""
        self._colors = colors
        small = theme().text_font(step=-2)
        self.plot.set_colors(colors, small)
        self._crosshair.tooltip.set_colors(colors, small)
        self.header.set_colors(colors)
        self._update_legend()
        self._series.set_colors(colors)

    def set_series(self, specs: Sequence[SeriesSpec]) -> None:
        """Change the series; one that was hidden in the legend stays hidden."""
        if list(specs) == self._series.specs:
            return
        self._series.set_specs(specs, self._colors)
        self._update_legend()
        self._schedule_redraw(immediately=True)

    def set_reason(self, reason: str) -> None:
        """Say why the chart may be empty although there is data; "" for no such reason."""
        text = reason or self._no_data
        if self._empty.text() != text:
            self._empty.setText(text)

    def set_marks(self, marks: ChartMarks) -> None:
        """Mark times, and show no zeros where nothing is known, in the data set from now on."""
        if marks != self._marks:
            self._marks = marks
            self.plot.set_marks(marks)
            self._schedule_redraw()

    def set_data(
        self,
        times: FloatArray,
        values: Mapping[str, FloatArray],
        time_range: tuple[float, float] | None = None,
    ) -> None:
        """Change the data.

        Args:
            times: Unix seconds, ascending.
            values: by series, a value for each time, NaN where it is unknown. A series that is
                missing has no values.
            time_range: Unix seconds at the left and right edge, the first and last time when None.

        Raises:
            ValueError: a series has another length than times.
        """
        times = np.asarray(times, dtype=np.float64)
        arrays = {name: np.asarray(series, dtype=np.float64) for name, series in values.items()}
        for name, series in arrays.items():
            if series.shape != times.shape:
                raise ValueError(f"{name} has {series.size} values for {times.size} times")
            arrays[name] = without_gaps(times, series, self._marks.gaps)
        self._series.set_data(times, arrays)
        self._time_range = time_range
        if time.monotonic() - self._drawn_at >= REDRAW_MS / 1000:
            self._stale = True
            self._redraw()  # at once, so that it is painted together with the rest of the frame
        else:
            self._schedule_redraw()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw data that was set while the chart was invisible."""
        super().showEvent(event)
        if self._stale:
            self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out for the new size."""
        super().resizeEvent(event)
        self._empty.setGeometry(self.plot.geometry().adjusted(24, 0, -24, 0))

    def changeEvent(self, event: QEvent) -> None:
        """Use another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.set_colors(self._colors)

    def _apply_theme(self) -> None:
        self.set_colors(chart_colors(theme()))

    def _schedule_redraw(self, *, immediately: bool = False) -> None:
        self._stale = True
        if not self.isVisible() or self._redraw_timer.isActive():
            return
        elapsed = (time.monotonic() - self._drawn_at) * 1000
        self._redraw_timer.start(0 if immediately else math.ceil(max(0.0, REDRAW_MS - elapsed)))

    def _redraw(self) -> None:
        if not self.isVisible():
            return  # showEvent draws it
        self._stale = False
        self._drawn_at = time.monotonic()
        self._redraw_timer.stop()
        self._series.draw()
        self._update_axes()
        self.header.set_subtitle(self.subtitle)
        self._crosshair.refresh(self._visible_data())
        self.plot.apply_ranges()

    def _update_axes(self) -> None:
        """Choose ranges and ticks for the visible data and the size of the plot."""
        times = self._series.times
        visible = self._time_range
        if visible is None and times.size:
            visible = float(times[0]), float(times[-1])
        if visible is not None:
            visible = visible[0], visible[1] if visible[1] > visible[0] else visible[0] + 1.0
        self._visible_times = visible
        start, end = self.visible_time_range
        empty = self.empty
        largest = self._series.typical_top()
        metrics = QFontMetrics(self.font())
        labels_fit = max(2, self.plot.height() // (metrics.height() * 3))
        high = value_ticks(largest, self.unit, labels_fit)
        clock = [] if visible is None else clock_ticks(start, end, max(2, self.plot.width() // 90))
        edge = (end - start) * _HALF_LABEL / max(1, self.plot.width())
        clock = [(at, text) for at, text in clock if start + edge <= at <= end - edge]
        labels = [(0.0, "")] if empty else list(high.ticks)
        self.plot.set_axes((start, end), clock, high.top, labels)
        self._mark_outliers(high.top)
        self._empty.setHidden(not empty)

    def _update_legend(self) -> None:
        entries = [
            LegendEntry(
                spec.name,
                self._colors.resolve(spec.color),
                spec.dash,
                spec.glyph,
                self._clickable and bool(spec.key),
                spec.stacked,
            )
            for spec in self._series.specs
        ]
        self.header.set_entries(entries, self._colors)

    def _series_toggled(self) -> None:
        self._schedule_redraw(immediately=True)

    def _visible_data(self) -> VisibleData:
        series = tuple(
            (self._colors.resolve(spec.color), spec.name, values)
            for spec, values in self._series.visible()
        )
        start, end = self.visible_time_range
        return VisibleData(
            self._series.times,
            series,
            self.unit,
            start,
            end - start,
            self._marks.lines,
            self._picked,
        )

    def _mark_outliers(self, top: float) -> None:
        """Mark the values that are above the upper edge."""
        found = [
            (at, value_text(value, self.unit), self._colors.resolve(spec.color))
            for at, value, spec in self._series.above(top)
        ]
        self.plot.set_outliers(sorted(found))
