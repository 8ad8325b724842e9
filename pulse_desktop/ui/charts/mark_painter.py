"""Painting of the marks of a chart: hatched gaps, closed windows, deployments, cut-off values."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPen,
    QPolygonF,
)

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.ui.charts.marks import ChartMarks, LineMark, SpanMark

_LABEL_HEIGHT: Final = 0.14
"""Where a span is labelled, as a fraction of the height: bars and other texts are mostly below."""
_BAND_HEIGHT: Final = 4.0
_ARROW: Final = 4.0


@dataclass(frozen=True)
class MarkColors:
    """Colors of the marks.

    Attributes:
        hatch: lines over times of which nothing is known.
        label: texts.
        surface: behind texts.
        accent: the selected span.
        deployment: line of a deployment.
    """

    hatch: QColor
    label: QColor
    surface: QColor
    accent: QColor
    deployment: QColor


class MarkPainter:
    """Paints marks into the area of a plot.

    Args:
        painter: of the scene.
        area: of the plot in the scene.
        x_of: returns the x coordinate of a time in the scene.
        colors: of the marks.
        font: of the labels.
    """

    def __init__(
        self,
        painter: QPainter,
        area: QRectF,
        x_of: Callable[[float], float],
        colors: MarkColors,
        font: QFont,
    ) -> None:
        self._painter = painter
        self._area = area
        self._x_of = x_of
        self._colors = colors
        self._font = font

    def paint_spans(self, marks: ChartMarks) -> None:
        """Hatch the times of which nothing is known, and mark the others at the lower edge."""
        for span in marks.spans:
            left, right = self._edges(span.start, span.end)
            if right - left < 1:
                continue
            if span.known:
                self._paint_band(span, left, right)
            else:
                self._hatch(span, left, right)

    def paint_lines(self, lines: Sequence[LineMark]) -> None:
        """Paint a dashed line at each moment, with its label at the top where there is room."""
        painter, area = self._painter, self._area
        pen = QPen(self._colors.deployment, 1, Qt.PenStyle.DashLine)
        metrics = QFontMetricsF(self._font)
        used = -math.inf
        for line in lines:
            x = self._x_of(line.at)
            if not area.left() <= x <= area.right():
                continue
            x = round(x) + 0.5
            painter.setPen(pen)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            flag = [QPointF(x, area.top()), QPointF(x + 6, area.top() + 3)]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._colors.deployment)
            painter.drawPolygon(QPolygonF([*flag, QPointF(x, area.top() + 6)]))
            label = printable_cell(line.label)[:16]
            width = metrics.horizontalAdvance(label)
            if x + 9 > used and x + 9 + width < area.right():
                painter.setFont(self._font)
                painter.setPen(self._colors.label)
                painter.drawText(QPointF(x + 9, area.top() + metrics.ascent() - 2), label)
                used = x + 9 + width + 6

    def paint_selection(self, start: float, end: float) -> None:
        """Tint the span that is being selected."""
        left, right = self._edges(min(start, end), max(start, end))
        tint = QColor(self._colors.accent)
        tint.setAlpha(48)
        area = QRectF(left, self._area.top(), max(1.0, right - left), self._area.height())
        self._painter.fillRect(area, tint)
        self._painter.setPen(QPen(self._colors.accent, 1))
        for x in (left, right):
            self._painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def paint_outliers(self, outliers: Sequence[tuple[float, str, str]]) -> None:
        """Mark values above the upper edge with an arrow and the value.

        Args:
            outliers: time, text and color of each.
        """
        metrics = QFontMetricsF(self._font)
        self._painter.setFont(self._font)
        used = -math.inf
        for at, text, color in outliers:
            x, top = self._x_of(at), self._area.top()
            if not self._area.left() <= x <= self._area.right():
                continue
            corners = (0, 0), (-_ARROW, 1.6 * _ARROW), (_ARROW, 1.6 * _ARROW)
            self._painter.setPen(Qt.PenStyle.NoPen)
            self._painter.setBrush(QColor(color))
            self._painter.drawPolygon(QPolygonF([QPointF(x + dx, top + dy) for dx, dy in corners]))
            width = metrics.horizontalAdvance(text)
            left = x + _ARROW + 3
            if left + width > self._area.right():
                left = x - _ARROW - 3 - width
            if left > used:
                self._painter.setPen(self._colors.label)
                self._painter.drawText(QPointF(left, top + metrics.ascent() - 1), text)
                used = left + width + 4

    def _edges(self, start: float, end: float) -> tuple[float, float]:
        area = self._area
        left, right = (
            area.right() if math.isinf(at) else min(max(self._x_of(at), area.left()), area.right())
            for at in (start, end)
        )
        return left, right

    def _hatch(self, span: SpanMark, left: float, right: float) -> None:
        gap = QRectF(left, self._area.top(), right - left, self._area.height())
        self._painter.fillRect(gap, QBrush(self._colors.hatch, Qt.BrushStyle.BDiagPattern))
        self._painter.setPen(QPen(self._colors.hatch, 1))
        for x in (left, right):
            self._painter.drawLine(QPointF(x, gap.top()), QPointF(x, gap.bottom()))
        self._paint_label(span.label, gap)

    def _paint_band(self, span: SpanMark, left: float, right: float) -> None:
        bottom = self._area.bottom()
        band = QRectF(left, bottom - _BAND_HEIGHT, right - left, _BAND_HEIGHT)
        self._painter.fillRect(band, self._colors.hatch)
        self._painter.setPen(QPen(self._colors.hatch, 1, Qt.PenStyle.DotLine))
        for x in (left, right):
            self._painter.drawLine(QPointF(x, self._area.top()), QPointF(x, bottom))
        self._paint_label(span.label, band)

    def _paint_label(self, label: str, span: QRectF) -> None:
        """Write what a span is above the middle: as much of it as there is room for."""
        metrics = QFontMetricsF(self._font)
        room = span.width() - 20
        short = label.rpartition(", ")[2]
        texts = (each for each in (label, short) if metrics.horizontalAdvance(each) <= room)
        text = next(texts, "")
        if not text:
            return
        self._painter.setFont(self._font)
        area = QRectF(0, 0, metrics.horizontalAdvance(text) + 12, metrics.height() + 4)
        middle = self._area.top() + self._area.height() * _LABEL_HEIGHT
        area.moveCenter(QPointF(span.center().x(), middle))
        self._painter.fillRect(area, self._colors.surface)
        self._painter.setPen(self._colors.label)
        self._painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
