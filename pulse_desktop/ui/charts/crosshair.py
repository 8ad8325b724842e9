"""The vertical line under the pointer, or moved by keys, and the values it reads out."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QWidget

from pulse_desktop.ui.charts.chart_tooltip import ChartTooltip, Line
from pulse_desktop.ui.charts.plot import Plot
from pulse_desktop.ui.charts.scale import Unit, clock_text, value_text

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What can be read out.

    Attributes:
        times: Unix seconds, rising.
        series: of each shown series its colour as `#rrggbb`, its name, and its values.
        unit: of all values.
        span: length of the time axis, seconds.
    """

    times: Values
    series: tuple[tuple[str, str, Values], ...]
    unit: Unit
    span: float

    @property
    def known(self) -> list[int]:
        """Which times have a value in any series."""
        if not self.series:
            return []
        table = np.vstack([values for _, _, values in self.series])
        return [int(index) for index in np.flatnonzero(np.isfinite(table).any(axis=0))]


class Crosshair:
    """Stands at one of the times, or nowhere.

    Attributes:
        index: of the time it stands at, None for nowhere.
        readout: the box with the values.
    """

    def __init__(self, plot: Plot, parent: QWidget) -> None:
        self.index: int | None = None
        self.readout = ChartTooltip(parent)
        self._plot = plot

    def point_at(self, at: float, reading: Reading) -> None:
        """Stand at the time nearest to a moment; nowhere if it is NaN or nothing is known."""
        if math.isnan(at) or not reading.known:
            self.hide()
        else:
            self.stand_at(int(np.abs(reading.times - at).argmin()), reading)

    def move(self, key: int, reading: Reading) -> None:
        """Go to the known time before or after, or to the first or last."""
        known = reading.known
        if not known:
            return
        here = self.index
        if here is None or key == Qt.Key.Key_End:
            index = known[0] if key == Qt.Key.Key_Home else known[-1]
        elif key == Qt.Key.Key_Home:
            index = known[0]
        elif key == Qt.Key.Key_Left:
            index = max((i for i in known if i < here), default=known[0])
        else:
            index = min((i for i in known if i > here), default=known[-1])
        self.stand_at(index, reading)

    def stay(self, reading: Reading) -> None:
        """Read out what is there after the data changed."""
        if self.index is not None:
            self.stand_at(self.index, reading)

    def stand_at(self, index: int, reading: Reading) -> None:
        """Stand at a time by its index; nowhere if there is none."""
        if index >= reading.times.size:
            self.hide()
            return
        self.index = index
        at = float(reading.times[index])
        lines = [
            Line(colour, name, value_text(float(values[index]), reading.unit) or "no value")
            for colour, name, values in reading.series
        ]
        self._plot.set_crosshair(at)
        self.readout.show_values(clock_text(at, reading.span), lines)
        area = QRectF(self._plot.geometry())
        self.readout.place(area.left() + self._plot.x_of(at), area)
        self.readout.raise_()

    def hide(self) -> None:
        """Stand nowhere."""
        self.index = None
        self.readout.hide()
        self._plot.set_crosshair(None)
