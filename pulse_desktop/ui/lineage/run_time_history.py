"""A small chart of the latest run times of a task, with one run marked."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.state.series import percentile
from pulse_desktop.text import formats
from pulse_desktop.text.lineage_text import run_time_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.theme import theme

MAX_SAMPLES: Final = 200
_HEIGHT: Final = 68
_DOT: Final = 1.6
_OWN_DOT: Final = 4.0
_HEADROOM: Final = 1.1


class RunTimeHistory(QWidget):
    """Dots from left to right in the order in which the runs ended; a line at their median.

    The largest values may lie far above the others: the scale then ends at their 99th percentile,
    and they are drawn as arrows at the upper edge.
    """

    def __init__(self) -> None:
        super().__init__()
        self._samples: list[tuple[float, float]] = []
        self._own: tuple[float, float] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Run times of this task"))
        theme().changed.connect(self.update)

    @property
    def text(self) -> str:
        """What the chart shows, in words."""
        own = self._own[1] if self._own is not None else None
        return run_time_text([seconds for _at, seconds in self._samples], own)

    def set_samples(
        self, samples: Sequence[tuple[float, float]], own: tuple[float, float] | None
    ) -> None:
        """Show run times.

        Args:
            samples: time of the end (Unix seconds) and run time in seconds of other runs.
            own: the same of the run that is marked, None while it has not ended.
        """
        new = sorted(samples)[-MAX_SAMPLES:]
        if new == self._samples and own == self._own:
            return
        self._samples, self._own = new, own
        self.setAccessibleDescription(self.text)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the usual size."""
        return QSize(280, _HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint scale, median and dots."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme().number_font(step=-1))
        metrics = QFontMetrics(painter.font())
        top = self._scale_top()
        label = formats.duration(top) if top else ""
        left = metrics.horizontalAdvance(label) + 8 if label else 0
        area = QRectF(left, 4, self.width() - left - 6, self.height() - 9)
        painter.setPen(QPen(theme().color("border"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        if top:
            painter.setPen(theme().color(SemanticColor.FAINT))
            painter.drawText(QPointF(0, metrics.ascent()), label)
            painter.drawText(QPointF(0, area.bottom()), "0")
            self._paint_median(painter, area, top)
            self._paint_dots(painter, area, top)
        painter.end()

    def _scale_top(self) -> float:
        values = [seconds for _at, seconds in self._samples]
        own = self._own[1] if self._own is not None else 0.0
        if not values:
            return own * _HEADROOM
        usual = percentile(values, 0.99)
        return max(usual, min(own, 4 * usual)) * _HEADROOM

    def _paint_median(self, painter: QPainter, area: QRectF, top: float) -> None:
        values = [seconds for _at, seconds in self._samples]
        if len(values) < 2:
            return
        y = _y_of(percentile(values, 0.5), area, top)
        pen = QPen(theme().color("crosshair"), 1)
        pen.setDashPattern([3, 3])
        painter.setPen(pen)
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))

    def _paint_dots(self, painter: QPainter, area: QRectF, top: float) -> None:
        own = [self._own] if self._own is not None else []
        both = sorted([*self._samples, *own])
        own_index = both.index(own[0]) if own else -1
        step = area.width() / max(1, len(both) - 1)
        muted, accent = theme().color(SemanticColor.MUTED), theme().color(SemanticColor.ACCENT)
        dots: list[QPointF] = []
        outliers: list[QPointF] = []
        for index, (_at, seconds) in enumerate(both):
            x = area.left() + index * step if len(both) > 1 else area.center().x()
            if seconds > top:
                outliers.append(QPointF(x, area.top()))
            else:
                dots.append(QPointF(x, _y_of(seconds, area, top)))
            if index == own_index:
                painter.setPen(QPen(accent, 1))
                painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
                marked = (outliers if seconds > top else dots).pop()
                painter.setBrush(accent)
                if seconds > top:
                    painter.drawPolygon(_arrow(marked))
                else:
                    painter.drawEllipse(marked, _OWN_DOT, _OWN_DOT)
        pen = QPen(muted, 2 * _DOT)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawPoints(dots)
        painter.setPen(QPen(muted, 1))
        painter.setBrush(muted)
        for outlier in outliers:
            painter.drawPolygon(_arrow(outlier))


def _arrow(tip: QPointF) -> list[QPointF]:
    """Return an arrow that points up."""
    x, y = tip.x(), tip.y()
    return [QPointF(x - 3, y + 4), QPointF(x + 3, y + 4), QPointF(x, y - 1)]


def _y_of(seconds: float, area: QRectF, top: float) -> float:
    return area.bottom() - min(1.0, seconds / top) * area.height()
