"""What a chart says under its crosshair: the time, and every shown series with its value."""

from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from pulse_desktop.ui.charts.colors import ChartColours

_PAD = 8
_DOT = 7
_GAP = 14
_MOST_LINES = 12


class Line(NamedTuple):
    """One line of the readout: colour as `#rrggbb`, name, value as text."""

    colour: str
    name: str
    value: str


class ChartTooltip(QWidget):
    """A small box beside the crosshair. It never takes the mouse."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._colours: ChartColours | None = None
        self._title = ""
        self._lines: list[Line] = []
        self._more = 0
        self.hide()

    def set_colours(self, colours: ChartColours, font: QFont) -> None:
        """Take colours and font."""
        self._colours = colours
        self.setFont(font)

    def text(self) -> str:
        """Return all that is written, one line per series; for accessibility and tests."""
        return "\n".join([self._title, *(f"{line.name} {line.value}" for line in self._lines)])

    def show_values(self, title: str, lines: list[Line]) -> None:
        """Write a moment and its values; lines beyond the first dozen are counted."""
        self._title = title
        self._more = max(0, len(lines) - _MOST_LINES)
        self._lines = lines[:_MOST_LINES]
        self.resize(self.sizeHint())
        self.show()
        self.update()

    def place(self, x: float, area: QRectF) -> None:
        """Stand right of x if there is room in the area, else left of it."""
        left = x + 12 if x + 12 + self.width() <= area.right() else x - 12 - self.width()
        left = max(area.left(), min(left, area.right() - self.width()))
        self.move(round(left), round(area.top()) + 4)

    def sizeHint(self) -> QSize:
        """Return the size that shows everything."""
        metrics = QFontMetrics(self.font())
        names = max((metrics.horizontalAdvance(line.name) for line in self._lines), default=0)
        values = max((metrics.horizontalAdvance(line.value) for line in self._lines), default=0)
        wide = max(metrics.horizontalAdvance(self._title), _DOT + 6 + names + _GAP + values)
        count = 1 + len(self._lines) + bool(self._more)
        return QSize(wide + 2 * _PAD, count * (metrics.height() + 2) + 2 * _PAD - 4)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        colours = self._colours
        if colours is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colours.border), 1))
        painter.setBrush(QColor(colours.raised))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        high = QFontMetrics(self.font()).height() + 2
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QRectF(_PAD, _PAD - 2, self.width() - 2 * _PAD, high)
        painter.setPen(QColor(colours.muted))
        painter.drawText(row, left, self._title)
        for line in self._lines:
            row.translate(0, high)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(line.colour))
            centre = QPointF(_PAD + _DOT / 2, row.center().y())
            painter.drawEllipse(centre, _DOT / 2 - 0.5, _DOT / 2 - 0.5)
            painter.setPen(QColor(colours.muted))
            painter.drawText(row.adjusted(_DOT + 6, 0, 0, 0), left, line.name)
            painter.setPen(QColor(colours.text))
            painter.drawText(row, right, line.value)
        if self._more:
            row.translate(0, high)
            painter.setPen(QColor(colours.muted))
            painter.drawText(row, left, f"and {self._more} more")
        painter.end()
