"""Plot area of a chart: pyqtgraph with zoom, drag, context menu and auto-range switched off.

A live chart must not move when the page is scrolled over it.
"""

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame

from pulse_desktop.model.connection_status import Outage
from pulse_desktop.text.translation import _
from pulse_desktop.ui.charts.colors import ChartColors

Ticks = list[tuple[float, str]]
_FILL_ALPHA = 44
_LABEL_HEIGHT = 0.14
"""Where a gap is labelled, as a fraction of its height: above the middle, which has other texts."""


class Curve:
    """A line with its area, and dots for values between two gaps, which have no line.

    Attributes:
        area: the tinted area, None for a line without one.
        line: the line.
        dots: the isolated values.
    """

    def __init__(self, plot: pg.PlotItem, *, fill: bool) -> None:
        self._plot = plot
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


class Plot(pg.PlotWidget):
    """Axes, grid and crosshair line.

    Signals:
        pointer_moved: Unix seconds under the pointer, NaN when it left.
        resized: the size changed; other ticks may fit.
    """

    pointer_moved = Signal(float)
    resized = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setCacheMode(self.CacheModeFlag.CacheNone)  # the hatch moves with the time
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        item = self.getPlotItem()
        item.setMouseEnabled(x=False, y=False)
        item.hideButtons()
        item.setMenuEnabled(False)
        item.setContentsMargins(0, 7, 2, 0)  # half of the topmost label
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
        self._grid_color = QColor()
        self._grid_values: list[float] = []
        self._outages: Sequence[Outage] = ()
        self._hatch_color = QColor()
        self._label_color = QColor()
        self._label_font = QFont()

    def set_outages(self, outages: Sequence[Outage]) -> None:
        """Hatch these times: nothing is known of them."""
        self._outages = outages
        self.viewport().update()

    def set_colors(self, colors: ChartColors, font: QFont) -> None:
        """Use these colors, and this font for the tick labels."""
        self._grid_color = QColor(colors.grid)
        self._hatch_color = QColor(colors.border)
        self._label_color = QColor(colors.muted)
        self._label_font = font
        self.setBackground(QColor(colors.surface))
        item = self.getPlotItem()
        for name in ("left", "bottom"):
            axis = item.getAxis(name)
            axis.setPen(QPen(Qt.PenStyle.NoPen))
            axis.setTextPen(QColor(colors.muted))
            axis.setTickFont(font)
        item.getAxis("bottom").setHeight(QFontMetricsF(font).height() + 6)
        line = QPen(QColor(colors.crosshair), 1)
        line.setCosmetic(True)
        self._crosshair.setPen(line)
        self._draw_grid(self._grid_values)

    def set_axes(self, time_range: tuple[float, float], x: Ticks, top: float, y: Ticks) -> None:
        """Show values from 0 to `top` in a time range (start and end), with these ticks."""
        item = self.getPlotItem()
        metrics = QFontMetricsF(item.getAxis("left").style["tickFont"] or self.font())
        widest = max((metrics.horizontalAdvance(label) for _value, label in y), default=0.0)
        item.getAxis("left").setWidth(round(widest) + 10)
        item.getAxis("left").setTicks([y, []])
        item.getAxis("bottom").setTicks([x, []])
        # One pixel above the highest tick: its line is cut off at some scale factors otherwise.
        above = top * (1 + 1.5 / max(1, self.height()))
        item.getViewBox().setRange(xRange=time_range, yRange=(0.0, above), padding=0, update=True)
        if self._outages:
            self.viewport().update()
        values = [value for value, _label in y]
        if values != self._grid_values:
            self._draw_grid(values)

    @property
    def visible_range(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The first and last time, Unix seconds, and the lowest and highest value."""
        (start, end), (low, high) = self.getPlotItem().getViewBox().viewRange()
        return (start, end), (low, high)

    def set_crosshair(self, at: float | None) -> None:
        """Show the vertical line at a time, Unix seconds, or hide it."""
        self._crosshair.setVisible(at is not None)
        if at is not None:
            self._crosshair.setPos(at)

    def x_of(self, at: float) -> float:
        """Return the x coordinate of a time, in pixels from the left edge of the widget."""
        box = self.getPlotItem().getViewBox()
        return float(self.mapFromScene(box.mapViewToScene(QPointF(at, 0.0))).x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Emit the time under the pointer."""
        box = self.getPlotItem().getViewBox()
        scene = self.mapToScene(event.position().toPoint())
        inside = box.sceneBoundingRect().contains(scene)
        self.pointer_moved.emit(float(box.mapSceneToView(scene).x()) if inside else float("nan"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pass clicks on to the page."""
        event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Pass clicks on to the page."""
        event.ignore()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Pass clicks on to the page."""
        event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Pass scrolling on to the page."""
        event.ignore()

    def leaveEvent(self, event: QEvent) -> None:
        """Emit that the pointer left."""
        super().leaveEvent(event)
        self.pointer_moved.emit(float("nan"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Emit that the size changed."""
        super().resizeEvent(event)
        self.resized.emit()

    def drawBackground(self, painter: QPainter, rect: QRectF) -> None:
        """Paint the background, and the hatch over times without a connection."""
        super().drawBackground(painter, rect)
        box = self.getPlotItem().getViewBox()
        area = box.sceneBoundingRect()
        for outage in self._outages:
            left = self._scene_x(outage.start, area)
            right = area.right() if math.isinf(outage.end) else self._scene_x(outage.end, area)
            if right - left < 1:
                continue
            gap = QRectF(left, area.top(), right - left, area.height())
            painter.fillRect(gap, QBrush(self._hatch_color, Qt.BrushStyle.BDiagPattern))
            painter.setPen(QPen(self._hatch_color, 1))
            for x in (left, right):
                painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            self._paint_label(painter, gap)

    def _paint_label(self, painter: QPainter, gap: QRectF) -> None:
        """Write into a gap what it is, if there is room."""
        painter.setFont(self._label_font)
        metrics, label = QFontMetricsF(self._label_font), _("no connection")
        width = metrics.horizontalAdvance(label) + 12
        if width + 8 > gap.width():
            return
        area = QRectF(0, 0, width, metrics.height() + 4)
        area.moveCenter(QPointF(gap.center().x(), gap.top() + gap.height() * _LABEL_HEIGHT))
        painter.fillRect(area, self.backgroundBrush())
        painter.setPen(self._label_color)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, label)

    def _scene_x(self, at: float, area: QRectF) -> float:
        """Return the x coordinate of a time in the scene, within an area of it."""
        x = self.getPlotItem().getViewBox().mapViewToScene(QPointF(at, 0.0)).x()
        return min(max(float(x), area.left()), area.right())

    def _draw_grid(self, values: list[float]) -> None:
        item = self.getPlotItem()
        for line in self._grid:
            item.removeItem(line)
        pen = QPen(self._grid_color, 1)
        pen.setCosmetic(True)
        self._grid = []
        self._grid_values = values
        for value in values:
            line = pg.InfiniteLine(pos=value, angle=0, pen=pen, movable=False)
            line.setZValue(-50)
            item.addItem(line, ignoreBounds=True)
            self._grid.append(line)


def _isolated(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask of the known values with unknown ones, or the edge, on both sides."""
    known = np.isfinite(values)
    padded = np.concatenate(([False], known, [False]))
    isolated: NDArray[np.bool_] = known & ~padded[:-2] & ~padded[2:]
    return isolated
