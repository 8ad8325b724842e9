"""A live chart over time that never costs attention: one unit, zero-based, gaps left open.

Data may be handed over at any rate; the picture is made at most ten times a second, and not at
all while nobody can see it.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from pulse_desktop.ui.charts.chart_header import ChartHeader
from pulse_desktop.ui.charts.colors import ChartColours, chart_colours
from pulse_desktop.ui.charts.crosshair import Crosshair, Reading
from pulse_desktop.ui.charts.legend import Entry
from pulse_desktop.ui.charts.plot import Curve, Plot
from pulse_desktop.ui.charts.scale import Unit, clock_ticks, value_ticks
from pulse_desktop.ui.theme.theme import theme

Values = NDArray[np.float64]

REDRAW_MS: Final = 100
_EMPTY: Final[Values] = np.empty(0)
_HALF_CLOCK: Final = 24  # pixels from the middle of a clock label to its end
_NO_DATA: Final = "No data yet"


@dataclass(frozen=True)
class SeriesSpec:
    """One line of a chart.

    Attributes:
        name: as shown in the legend; also the key of its data.
        colour: `#rrggbb` or a name from the chart's colours.
        fill: whether the area under the line is tinted.
    """

    name: str
    colour: str
    fill: bool = False


class TimeChart(QWidget):
    """Lines over clock time with a legend that toggles and a crosshair with values.

    Attributes:
        unit: what every series of this chart is measured in.
    """

    def __init__(
        self,
        title: str,
        unit: Unit,
        *,
        subtitle: str = "",
        empty_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Make an empty chart.

        Args:
            title: short name of what is shown; the accessible name too.
            unit: unit of all values.
            subtitle: unit and period in words, such as "runs per second, last 10 min".
            empty_text: one sentence below "No data yet" that says what fills the chart.
            parent: owner.
        """
        super().__init__(parent)
        self.unit = unit
        self._colours = chart_colours(theme())
        self._specs: list[SeriesSpec] = []
        self._curves: dict[str, Curve] = {}
        self._times: Values = _EMPTY
        self._values: dict[str, Values] = {}
        self._span: tuple[float, float] | None = None
        self._shown_span = (0.0, 1.0)
        self._drawn_at = -math.inf
        self._stale = False
        self._title = title
        self.setAccessibleName(title)
        self.setAccessibleDescription("Chart. Left and right arrow keys read out values.")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

        self._header = ChartHeader(title, subtitle, self._colours)
        self._header.legend.toggled.connect(self._series_toggled)
        self._plot = Plot()
        self._plot.pointed.connect(self._point_at)
        self._plot.resized.connect(self._choose_axes)
        self._empty = QLabel(_NO_DATA if not empty_text else f"{_NO_DATA}. {empty_text}", self)
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._crosshair = Crosshair(self._plot, self)
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setObjectName("chart redraw")
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.timeout.connect(self._redraw)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._header)
        layout.addWidget(self._plot, 1)
        self._empty.raise_()
        self.setMinimumSize(160, 90)
        self.set_colours(self._colours)
        theme().changed.connect(self._follow_theme)
        self._choose_axes()

    @property
    def empty(self) -> bool:
        """Whether nothing but gaps is to be shown."""
        return not any(
            np.isfinite(values).any()
            for name, values in self._values.items()
            if name in self._curves
        )

    @property
    def readout(self) -> str:
        """What is written under the crosshair, empty while there is none."""
        readout = self._crosshair.readout
        return readout.text() if not readout.isHidden() else ""

    def set_subtitle(self, subtitle: str) -> None:
        """Say the unit and the period in words."""
        self._header.set_subtitle(subtitle)

    def set_colours(self, colours: ChartColours) -> None:
        """Take the colours of another theme."""
        self._colours = colours
        small = theme().text_font(step=-2)
        self._plot.set_colours(colours, small)
        self._crosshair.readout.set_colours(colours, small)
        self._header.set_colours(colours)
        self._show_names()
        for spec in self._specs:
            self._curves[spec.name].set_colour(colours.resolve(spec.colour))

    def set_series(self, specs: Sequence[SeriesSpec]) -> None:
        """Show these series; one that was hidden by its legend key stays hidden."""
        if list(specs) == self._specs:
            return
        for curve in self._curves.values():
            curve.remove()
        self._specs = list(specs)
        self._curves = {}
        for spec in self._specs:
            curve = Curve(self._plot.getPlotItem(), fill=spec.fill)
            curve.set_colour(self._colours.resolve(spec.colour))
            self._curves[spec.name] = curve
        self._show_names()
        self._ask_for_redraw(at_once=True)

    def set_data(
        self, times: Values, values: Mapping[str, Values], span: tuple[float, float] | None = None
    ) -> None:
        """Hand over what is to be drawn next.

        Args:
            times: Unix seconds, rising, one per value.
            values: per series one value for each time, NaN where nothing is known. A series that
                is missing has no values.
            span: Unix seconds at the left and right edge; the first and last time when None.

        Raises:
            ValueError: a series has another length than times.
        """
        times = np.asarray(times, dtype=np.float64)
        kept = {name: np.asarray(series, dtype=np.float64) for name, series in values.items()}
        for name, series in kept.items():
            if series.shape != times.shape:
                raise ValueError(f"{name} has {series.size} values for {times.size} times")
        self._times, self._values, self._span = times, kept, span
        self._ask_for_redraw()

    def is_series_shown(self, name: str) -> bool:
        """Tell whether a series is switched on in the legend."""
        return self._header.legend.is_shown(name)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came while the chart was hidden."""
        super().showEvent(event)
        if self._stale:
            self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange for the new size."""
        super().resizeEvent(event)
        self._empty.setGeometry(self._plot.geometry().adjusted(24, 0, -24, 0))

    def changeEvent(self, event: QEvent) -> None:
        """Take another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.set_colours(self._colours)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the crosshair by keys."""
        match event.key():
            case Qt.Key.Key_Escape if self._crosshair.index is not None:
                self._crosshair.hide()
            case Qt.Key.Key_Left | Qt.Key.Key_Right | Qt.Key.Key_Home | Qt.Key.Key_End:
                self._crosshair.move(event.key(), self._reading())
            case _:
                super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the crosshair away."""
        super().focusOutEvent(event)
        self._crosshair.hide()

    def _follow_theme(self) -> None:
        self.set_colours(chart_colours(theme()))

    def _ask_for_redraw(self, *, at_once: bool = False) -> None:
        self._stale = True
        if not self.isVisible() or self._redraw_timer.isActive():
            return
        elapsed = (time.monotonic() - self._drawn_at) * 1000
        self._redraw_timer.start(0 if at_once else math.ceil(max(0.0, REDRAW_MS - elapsed)))

    def _redraw(self) -> None:
        if not self.isVisible():
            return  # the show event comes back to it
        self._stale = False
        self._drawn_at = time.monotonic()
        self._redraw_timer.stop()
        times = self._times
        for name, curve in self._curves.items():
            series = self._values.get(name)
            if series is None:
                curve.set_data(_EMPTY, _EMPTY)
            else:
                curve.set_data(times, series)
            curve.set_shown(self.is_series_shown(name))
        self._choose_axes()
        self._crosshair.stay(self._reading())

    def _choose_axes(self) -> None:
        """Choose ranges and ticks for what is shown and the room there is."""
        times = self._times
        if self._span is not None:
            start, end = self._span
        elif times.size:
            start, end = float(times[0]), float(times[-1])
        else:
            start, end = 0.0, 0.0
        if end <= start:
            end = start + 1.0
        self._shown_span = (start, end)
        nothing = self.empty
        largest = max((_largest(values) for *_, values in self._reading().series), default=0.0)
        metrics = QFontMetrics(self.font())
        labels_fit = max(2, self._plot.height() // (metrics.height() * 3))
        high = value_ticks(largest, self.unit, labels_fit)
        dated = end > 1.0
        clock = clock_ticks(start, end, max(2, self._plot.width() // 90)) if dated else []
        edge = (end - start) * _HALF_CLOCK / max(1, self._plot.width())
        clock = [(at, text) for at, text in clock if start + edge / 2 <= at <= end - edge]
        labels = [(0.0, "")] if nothing else list(high.ticks)
        self._plot.set_axes((start, end), clock, high.top, labels)
        self._empty.setHidden(not nothing)

    def _show_names(self) -> None:
        entries = [Entry(s.name, self._colours.resolve(s.colour)) for s in self._specs]
        self._header.set_entries(entries, self._colours)

    def _series_toggled(self, _name: str, _shown: bool) -> None:
        self._ask_for_redraw(at_once=True)

    def _reading(self) -> Reading:
        shown = tuple(
            (self._colours.resolve(spec.colour), spec.name, self._values[spec.name])
            for spec in self._specs
            if spec.name in self._values and self.is_series_shown(spec.name)
        )
        start, end = self._shown_span
        return Reading(self._times, shown, self.unit, end - start)

    def _point_at(self, at: float) -> None:
        self._crosshair.point_at(at, self._reading())


def _largest(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else 0.0
