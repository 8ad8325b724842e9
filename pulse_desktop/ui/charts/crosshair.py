"""Crosshair of a chart: a vertical line moved by the pointer or by keys, with a tooltip."""

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QWidget

from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.chart_tooltip import ChartTooltip, TooltipLine
from pulse_desktop.ui.charts.marks import LineMark
from pulse_desktop.ui.charts.plot import Plot
from pulse_desktop.ui.charts.resampling import FloatArray
from pulse_desktop.ui.charts.scale import Unit, clock_text, value_text

_NEAR = 5
"""Pixels from the crosshair within which a mark is explained."""


@dataclass(frozen=True)
class VisibleData:
    """The data of the visible series.

    Attributes:
        times: Unix seconds, ascending.
        series: color as `#rrggbb`, name and values of each series.
        unit: unit of all values.
        start: left end of the time axis, Unix seconds.
        range_s: length of the time axis, seconds.
        lines: moments with a meaning.
        picked: name of the series that the keys have picked, empty for none.
    """

    times: FloatArray
    series: tuple[tuple[str, str, FloatArray], ...]
    unit: Unit
    start: float
    range_s: float
    lines: tuple[LineMark, ...] = ()
    picked: str = ""

    @property
    def known(self) -> list[int]:
        """The indices of the times at which any series has a value."""
        if not self.series:
            return []
        table = np.vstack([values for *_rest, values in self.series])
        return [int(index) for index in np.flatnonzero(np.isfinite(table).any(axis=0))]


class Crosshair:
    """The crosshair, at one of the times of the data or hidden.

    Attributes:
        index: index of its time when it was shown, None while it is hidden.
        at: that time, Unix seconds. The data may have changed since.
        tooltip: the box with the values.
    """

    def __init__(self, plot: Plot, parent: QWidget) -> None:
        self.index: int | None = None
        self.at: float | None = None
        self.tooltip = ChartTooltip(parent)
        self._plot = plot
        self._place = 0.0  # where it is wanted on the time axis, which is from 0 to 1

    def show_nearest(self, at: float, data: VisibleData) -> None:
        """Move to the time nearest to `at`; hide if that is NaN or nothing is known."""
        if math.isnan(at) or not data.known:
            self.hide()
        else:
            self._show(int(np.abs(data.times - at).argmin()), data)
            self._place = (at - data.start) / data.range_s

    def move(self, key: int, data: VisibleData) -> None:
        """Move to the previous, next, first or last time with a value."""
        known = data.known
        if not known:
            return
        current = self.index
        if current is None or key == Qt.Key.Key_End:
            index = known[0] if key == Qt.Key.Key_Home else known[-1]
        elif key == Qt.Key.Key_Home:
            index = known[0]
        elif key == Qt.Key.Key_Left:
            index = max((i for i in known if i < current), default=known[0])
        else:
            index = min((i for i in known if i > current), default=known[-1])
        self.show_nearest(float(data.times[index]), data)

    def refresh(self, data: VisibleData) -> None:
        """Show the values at the same place after data or time axis changed."""
        if self.index is not None:
            self.show_nearest(data.start + self._place * data.range_s, data)

    def _show(self, index: int, data: VisibleData) -> None:
        """Move to a time by its index."""
        self.index, self.at = index, float(data.times[index])
        at = self.at
        lines = [
            TooltipLine(
                color,
                f"▸ {name}" if name == data.picked else name,
                value_text(float(values[index]), data.unit) or _("no value"),
            )
            for color, name, values in data.series
        ]
        width = data.range_s / max(1, self._plot.width())
        half = max(_NEAR * width, _half_step(data.times, index))
        lines += [
            TooltipLine(self._plot.mark_color, mark.details or mark.label, "")
            for mark in data.lines
            if abs(mark.at - at) <= half
        ]
        self._plot.set_crosshair(at)
        self.tooltip.show_values(clock_text(at, data.range_s), lines)
        area = QRectF(self._plot.geometry())
        self.tooltip.place(area.left() + self._plot.x_of(at), area)
        self.tooltip.raise_()

    def hide(self) -> None:
        """Hide line and tooltip."""
        self.index = self.at = None
        self.tooltip.hide()
        self._plot.set_crosshair(None)


def _half_step(times: FloatArray, index: int) -> float:
    """Return half of the distance to the next time."""
    if times.size < 2:
        return 0.0
    other = index + 1 if index + 1 < times.size else index - 1
    return abs(float(times[other] - times[index])) / 2
