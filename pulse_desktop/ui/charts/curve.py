"""What a chart draws of a series: a line with its area, or bars."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QPen

from pulse_desktop.ui.charts.colors import DASHES

_FILL_ALPHA = 44
_BAR_ALPHA = 190
_BAR_GAP = 0.12
"""Space between two bars, as a fraction of their width."""


class Curve:
    """A line with its area, and dots for values between two gaps, which have no line.

    Attributes:
        area: the tinted area, None for a line without one.
        line: the line.
        dots: the isolated values.
    """

    def __init__(self, plot: pg.PlotItem, *, fill: bool, dash: int = 0) -> None:
        self._plot = plot
        self._dash = DASHES[dash]
        # Antialiasing the area costs five times its line, which covers the edge anyway.
        self.area = pg.PlotCurveItem(connect="finite", antialias=False, pen=None) if fill else None
        self.line = pg.PlotCurveItem(connect="finite", antialias=True)
        self.dots = pg.ScatterPlotItem(size=3, pxMode=True, antialias=True)
        for item in self._items():
            plot.addItem(item, ignoreBounds=True)
        if self.area is not None:
            self.area.setZValue(-10)

    def set_color(self, color: str) -> None:
        """Change the color."""
        pen = QPen(QColor(color), 1)
        pen.setCosmetic(True)
        if self._dash:
            pen.setDashPattern(list(self._dash))
        self.line.setPen(pen)
        self.dots.setPen(QPen(Qt.PenStyle.NoPen))
        self.dots.setBrush(QBrush(QColor(color)))
        if self.area is not None:
            tint = QColor(color)
            tint.setAlpha(_FILL_ALPHA)
            self.area.setFillLevel(0.0)
            self.area.setBrush(QBrush(tint))

    def set_data(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Change the values; NaN leaves a gap."""
        self.line.setData(times, values)
        if self.area is not None:
            self.area.setData(times, values)
        isolated = _isolated(values)
        self.dots.setData(times[isolated], values[isolated])

    def set_visible(self, visible: bool) -> None:
        """Show or hide the line."""
        for item in self._items():
            item.setVisible(visible)

    def remove(self) -> None:
        """Remove the line from the plot."""
        for item in self._items():
            self._plot.removeItem(item)

    def _items(self) -> list[pg.GraphicsObject]:
        return [item for item in (self.area, self.line, self.dots) if item is not None]


class SeriesBars:
    """Bars of one series, on top of those of the series before it.

    Attributes:
        item: the bars.
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        self._plot = plot
        self.item = pg.BarGraphItem(x0=[], width=1.0, height=[], pen=None)
        plot.addItem(self.item, ignoreBounds=True)

    def set_color(self, color: str) -> None:
        """Change the color."""
        fill = QColor(color)
        fill.setAlpha(_BAR_ALPHA)
        self.item.setOpts(brush=QBrush(fill), pen=QPen(Qt.PenStyle.NoPen))

    def set_bars(
        self,
        starts: NDArray[np.float64],
        width: float,
        base: NDArray[np.float64],
        heights: NDArray[np.float64],
    ) -> None:
        """Change the bars; those without a height are left out."""
        some = heights > 0
        self.item.setOpts(
            x0=starts[some] + width * _BAR_GAP / 2,
            width=width * (1 - _BAR_GAP),
            y0=base[some],
            height=heights[some],
        )

    def set_visible(self, visible: bool) -> None:
        """Show or hide the bars."""
        self.item.setVisible(visible)

    def remove(self) -> None:
        """Remove the bars from the plot."""
        self._plot.removeItem(self.item)


def _isolated(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask of the known values with unknown ones, or the edge, on both sides."""
    known = np.isfinite(values)
    padded = np.concatenate(([False], known, [False]))
    isolated: NDArray[np.bool_] = known & ~padded[:-2] & ~padded[2:]
    return isolated
