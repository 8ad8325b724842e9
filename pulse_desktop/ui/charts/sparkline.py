"""A line of a few dozen values, small enough for a table cell or a list, drawn without pyqtgraph.

Many of them stand on one page; a plot widget each would cost more than all that they show.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

_FILL_ALPHA = 44


def paint_sparkline(
    painter: QPainter, area: QRectF, values: NDArray[np.float64], colour: QColor, top: float = 0.0
) -> None:
    """Draw values from zero upwards over an area; NaN leaves a gap.

    Args:
        painter: where to draw; its pen and brush are changed.
        area: where the line goes.
        values: oldest first.
        colour: of the line; the area below is tinted with it.
        top: value at the upper edge; the largest value when 0.
    """
    known = np.isfinite(values)
    if values.size < 2 or not known.any():
        return
    highest = top or float(values[known].max())
    if highest <= 0:
        highest = 1.0
    xs = np.linspace(area.left(), area.right(), values.size)
    ys = area.bottom() - np.clip(values / highest, 0.0, 1.0) * area.height()
    tint = QColor(colour)
    tint.setAlpha(_FILL_ALPHA)
    pen = QPen(colour, 1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], known.view(np.int8), [0]))))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        points = [QPointF(x, y) for x, y in zip(xs[start:stop], ys[start:stop], strict=True)]
        painter.setPen(pen)
        if len(points) == 1:
            painter.drawPoint(points[0])
            continue
        painter.drawPolyline(QPolygonF(points))
        corners = [QPointF(points[-1].x(), area.bottom()), QPointF(points[0].x(), area.bottom())]
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(tint)
        painter.drawPolygon(QPolygonF(points + corners))


class Sparkline(QWidget):
    """A sparkline as a widget of its own."""

    def __init__(self, colour: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: NDArray[np.float64] = np.empty(0)
        self._colour = QColor(colour)
        self._top = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_colour(self, colour: str) -> None:
        """Draw in another colour, given as `#rrggbb`."""
        self._colour = QColor(colour)
        self.update()

    def set_values(self, values: ArrayLike, top: float = 0.0) -> None:
        """Show other values, oldest first.

        Args:
            values: NaN leaves a gap.
            top: value at the upper edge, 0 for the largest.
        """
        array = np.asarray(values, dtype=np.float64)
        if top == self._top and np.array_equal(array, self._values, equal_nan=True):
            return
        self._values = array
        self._top = top
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that shows everything."""
        return QSize(120, 20)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(40, 14)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().toRectF().adjusted(1, 2, -1, -1)
        paint_sparkline(painter, area, self._values, self._colour, self._top)
        painter.end()
