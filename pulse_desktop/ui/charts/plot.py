"""Plot area of a chart: pyqtgraph with its own zoom, context menu and auto-range switched off.

A live chart must not move when the page is scrolled over it. Dragging selects a span of time.
"""

import math
from collections.abc import Sequence
from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QFrame

from pulse_desktop.ui.charts.colors import ChartColors
from pulse_desktop.ui.charts.mark_painter import MarkColors, MarkPainter
from pulse_desktop.ui.charts.marks import NO_CHART_MARKS, ChartMarks

Ticks = list[tuple[float, str]]

_EDGE_PX: Final = 2.0
"""So near to the right edge of a live plot the present is selected."""


class Plot(pg.PlotWidget):
    """Axes, grid and crosshair line.

    Attributes:
        is_live: whether the right edge is the present.
        selection: what is being selected, from one time to another in any order; infinity is the
            right edge of a live plot, wherever that moves.

    Signals:
        pointer_moved: Unix seconds under the pointer, NaN when it left.
        clicked: Unix seconds and value at a click.
        double_clicked: a double click.
        selected: Unix seconds at both ends of what was selected by dragging, in order. The end is
            infinite at the right edge of a live plot.
        resized: the size changed; other ticks may fit.
    """

    pointer_moved = Signal(float)
    clicked = Signal(float, float)
    double_clicked = Signal()
    selected = Signal(float, float)
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
        self._marks = NO_CHART_MARKS
        self._outliers: Sequence[tuple[float, str, str]] = ()
        self._mark_colors: MarkColors | None = None
        self._label_font = QFont()
        self._pressed: tuple[QPointF, float, float] | None = None
        """Where, the time there, and the time that is selected from there."""
        self.is_live = True
        self.selection: tuple[float, float] | None = None

    def set_marks(self, marks: ChartMarks) -> None:
        """Mark these times."""
        self._marks = marks
        self.viewport().update()

    def set_outliers(self, outliers: Sequence[tuple[float, str, str]]) -> None:
        """Mark values above the upper edge: time, text and color of each."""
        if outliers != self._outliers:
            self._outliers = outliers
            self.viewport().update()

    def set_selection(self, selection: tuple[float, float] | None) -> None:
        """Tint a span of time that is being selected, from one time to another."""
        self.selection = selection
        self.viewport().update()

    def set_colors(self, colors: ChartColors, font: QFont) -> None:
        """Use these colors, and this font for the tick labels."""
        self._grid_color = QColor(colors.grid)
        self._mark_colors = MarkColors(
            hatch=QColor(colors.border),
            label=QColor(colors.muted),
            surface=QColor(colors.surface),
            accent=QColor(colors.focus),
            deployment=QColor(colors.resolve("info")),
        )
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
        if self._marks is not NO_CHART_MARKS:
            self.viewport().update()
        values = [value for value, _label in y]
        if values != self._grid_values:
            self._draw_grid(values)

    def apply_ranges(self) -> None:
        """Apply the ranges that were set: applied while painting, they need a second paint."""
        self.scene().prepareForPaint()

    @property
    def mark_color(self) -> str:
        """Color of the marks of moments, as `#rrggbb`."""
        return self._mark_colors.deployment.name() if self._mark_colors is not None else "#808080"

    @property
    def visible_range(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The first and last time, Unix seconds, and the lowest and highest value."""
        (start, end), (low, high) = self.getPlotItem().getViewBox().viewRange()
        return (start, end), (low, high)

    def set_crosshair(self, at: float | None) -> None:
        """Show the vertical line at a time, Unix seconds, or hide it."""
        line = self._crosshair
        if at == (float(line.value()) if line.isVisible() else None):
            return
        line.setVisible(at is not None)
        if at is not None:
            line.setPos(at)
        # Without that, a line that another chart has moved stays at its former place too.
        self.viewport().update()

    def x_of(self, at: float) -> float:
        """Return the x coordinate of a time, in pixels from the left edge of the widget."""
        box = self.getPlotItem().getViewBox()
        return float(self.mapFromScene(box.mapViewToScene(QPointF(at, 0.0))).x())

    def _time_at(self, position: QPointF) -> float:
        """Return the time at a position, NaN outside of the plot area."""
        box = self.getPlotItem().getViewBox()
        scene = self.mapToScene(position.toPoint())
        if not box.sceneBoundingRect().contains(scene):
            return math.nan
        return float(box.mapSceneToView(scene).x())

    def _selectable_at(self, position: QPointF) -> float:
        """Return the time to select at a position; outside of the plot area that of the edge."""
        box = self.getPlotItem().getViewBox()
        scene, area = self.mapToScene(position.toPoint()), box.sceneBoundingRect()
        if self.is_live and scene.x() >= area.right() - _EDGE_PX:
            return math.inf
        scene.setX(min(max(scene.x(), area.left()), area.right()))
        return float(box.mapSceneToView(scene).x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Emit the time under the pointer; while a button is pressed, select up to it."""
        position = event.position()
        if self._pressed is not None:
            origin, _at, start = self._pressed
            distance = abs(position.x() - origin.x())
            if self.selection is not None or distance >= QApplication.startDragDistance():
                self.set_selection((start, self._selectable_at(position)))
        self.pointer_moved.emit(self._time_at(position))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to select a span of time."""
        at = self._time_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and not math.isnan(at):
            self._pressed = event.position(), at, self._selectable_at(event.position())
            event.accept()
        else:
            event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the selection, or emit a click."""
        if self._pressed is None or event.button() is not Qt.MouseButton.LeftButton:
            event.ignore()
            return
        selection, (position, at, start) = self.selection, self._pressed
        self._pressed = None
        self.set_selection(None)
        if selection is not None:
            # A live plot has moved on under a pointer that rested.
            end = self._selectable_at(event.position())
            if start != end:
                self.selected.emit(min(start, end), max(start, end))
        else:
            box = self.getPlotItem().getViewBox()
            value = box.mapSceneToView(self.mapToScene(position.toPoint())).y()
            self.clicked.emit(at, float(value))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Emit a double click."""
        self._pressed = None
        event.accept()
        self.double_clicked.emit()

    def cancel_selection(self) -> bool:
        """Forget what is being selected; return whether there was something."""
        if self.selection is None:
            return False
        self._pressed = None
        self.set_selection(None)
        return True

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
        """Paint the background, and the marks of spans of time."""
        super().drawBackground(painter, rect)
        if self._marks.spans:
            self._painter(painter).paint_spans(self._marks)

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """Paint what is above the lines: moments, values that are cut off, and the selection."""
        super().drawForeground(painter, rect)
        if self._marks.lines or self._outliers or self.selection is not None:
            marks = self._painter(painter)
            marks.paint_lines(self._marks.lines)
            marks.paint_outliers(self._outliers)
            if self.selection is not None:
                (_start, right), _values = self.visible_range
                start, end = self.selection
                marks.paint_selection(min(start, right), min(end, right))

    def _painter(self, painter: QPainter) -> MarkPainter:
        box = self.getPlotItem().getViewBox()
        colors = self._mark_colors
        if colors is None:
            raise RuntimeError("no colors were set")

        def x_of(at: float) -> float:
            return float(box.mapViewToScene(QPointF(at, 0.0)).x())

        return MarkPainter(painter, box.sceneBoundingRect(), x_of, colors, self._label_font)

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
