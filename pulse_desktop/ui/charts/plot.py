"""The pyqtgraph surface of a chart with every interactive surprise switched off.

A live chart must not move because somebody scrolled the page over it, and has nothing to gain
from pyqtgraph's menus: zoom, drag, context menu and auto-range buttons are all off.
"""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QMouseEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QWidget

from pulse_desktop.ui.charts.colors import ChartColours

Ticks = list[tuple[float, str]]
_FILL_ALPHA = 44


class Curve:
    """One line with its area, and dots for measurements that stand alone between two gaps."""

    def __init__(self, plot: pg.PlotItem, *, fill: bool) -> None:
        self._plot = plot
        # Smoothing the edge of an area costs five times its line, which covers that edge anyway.
        self.area = pg.PlotCurveItem(connect="finite", antialias=False, pen=None) if fill else None
        self.line = pg.PlotCurveItem(connect="finite", antialias=True)
        self.dots = pg.ScatterPlotItem(size=3, pxMode=True, antialias=True)
        for item in self._items():
            plot.addItem(item, ignoreBounds=True)
        if self.area is not None:
            self.area.setZValue(-10)

    def set_colour(self, colour: str) -> None:
        """Draw in another colour."""
        pen = QPen(QColor(colour), 1)
        pen.setCosmetic(True)
        self.line.setPen(pen)
        self.dots.setPen(QPen(Qt.PenStyle.NoPen))
        self.dots.setBrush(QBrush(QColor(colour)))
        if self.area is not None:
            tint = QColor(colour)
            tint.setAlpha(_FILL_ALPHA)
            self.area.setFillLevel(0.0)
            self.area.setBrush(QBrush(tint))

    def set_data(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Draw other values; NaN leaves a gap."""
        self.line.setData(times, values)
        if self.area is not None:
            self.area.setData(times, values)
        alone = _alone(values)
        self.dots.setData(times[alone], values[alone])

    def set_shown(self, shown: bool) -> None:
        """Show or hide the line."""
        for item in self._items():
            item.setVisible(shown)

    def remove(self) -> None:
        """Take the line off the plot."""
        for item in self._items():
            self._plot.removeItem(item)

    def _items(self) -> list[pg.GraphicsObject]:
        return [item for item in (self.area, self.line, self.dots) if item is not None]


class Plot(pg.PlotWidget):
    """Axes, grid and crosshair line.

    Signals:
        pointed: Unix seconds under the pointer, NaN when it left.
        resized: the plot has another size; ticks may have to be chosen again.
    """

    pointed = Signal(float)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        item = self.getPlotItem()
        item.setMouseEnabled(x=False, y=False)
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setContentsMargins(0, 7, 2, 0)  # room for half of the topmost label
        box = item.getViewBox()
        box.disableAutoRange()
        box.setDefaultPadding(0.0)
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setStyle(
                tickLength=0, tickAlpha=0, autoExpandTextSpace=False, hideOverlappingLabels=False
            )
            axis.setZValue(-100)
        item.getAxis("left").setGrid(False)
        self._crosshair = pg.InfiniteLine(angle=90, movable=False)
        self._crosshair.setVisible(False)
        item.addItem(self._crosshair, ignoreBounds=True)
        self._grid: list[pg.InfiniteLine] = []
        self._grid_colour = QColor()
        self._grid_at: list[float] = []

    def set_colours(self, colours: ChartColours, font: QFont) -> None:
        """Take colours and the font of the tick labels."""
        self._grid_colour = QColor(colours.grid)
        self.setBackground(QColor(colours.surface))
        item = self.getPlotItem()
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setPen(QPen(Qt.PenStyle.NoPen))
            axis.setTextPen(QColor(colours.muted))
            axis.setTickFont(font)
        item.getAxis("bottom").setHeight(QFontMetricsF(font).height() + 6)
        line = QPen(QColor(colours.crosshair), 1)
        line.setCosmetic(True)
        self._crosshair.setPen(line)
        self._draw_grid(self._grid_at)

    def set_axes(self, span: tuple[float, float], x: Ticks, top: float, y: Ticks) -> None:
        """Show times from span[0] to span[1] and values from zero to top, with these ticks."""
        item = self.getPlotItem()
        metrics = QFontMetricsF(item.getAxis("left").style["tickFont"] or self.font())
        widest = max((metrics.horizontalAdvance(label) for _, label in y), default=0.0)
        item.getAxis("left").setWidth(round(widest) + 10)
        item.getAxis("left").setTicks([y, []])
        item.getAxis("bottom").setTicks([x, []])
        # One pixel more than the highest tick, or its line is cut off at some scales.
        above = top * (1 + 1.5 / max(1, self.height()))
        item.getViewBox().setRange(xRange=span, yRange=(0.0, above), padding=0, update=True)
        places = [value for value, _ in y]
        if places != self._grid_at:
            self._draw_grid(places)

    def set_crosshair(self, at: float | None) -> None:
        """Put the vertical line at a moment, or take it away."""
        self._crosshair.setVisible(at is not None)
        if at is not None:
            self._crosshair.setPos(at)

    def x_of(self, at: float) -> float:
        """Return where a moment is, in pixels from the widget's left edge."""
        box = self.getPlotItem().getViewBox()
        return float(self.mapFromScene(box.mapViewToScene(QPointF(at, 0.0))).x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where the pointer is."""
        box = self.getPlotItem().getViewBox()
        scene = self.mapToScene(event.position().toPoint())
        inside = box.sceneBoundingRect().contains(scene)
        self.pointed.emit(float(box.mapSceneToView(scene).x()) if inside else float("nan"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Leave clicks to the page."""
        event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Leave clicks to the page."""
        event.ignore()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Leave clicks to the page."""
        event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave scrolling to the page: the chart stays."""
        event.ignore()

    def leaveEvent(self, event: QEvent) -> None:
        """Tell that the pointer left."""
        super().leaveEvent(event)
        self.pointed.emit(float("nan"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange for the new size."""
        super().resizeEvent(event)
        self.resized.emit()

    def _draw_grid(self, places: list[float]) -> None:
        item = self.getPlotItem()
        for line in self._grid:
            item.removeItem(line)
        pen = QPen(self._grid_colour, 1)
        pen.setCosmetic(True)
        self._grid = []
        self._grid_at = places
        for place in places:
            line = pg.InfiniteLine(pos=place, angle=0, pen=pen, movable=False)
            line.setZValue(-50)
            item.addItem(line, ignoreBounds=True)
            self._grid.append(line)


def _alone(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the known values with unknown ones (or the edge) on both sides."""
    known = np.isfinite(values)
    padded = np.concatenate(([False], known, [False]))
    alone: NDArray[np.bool_] = known & ~padded[:-2] & ~padded[2:]
    return alone
