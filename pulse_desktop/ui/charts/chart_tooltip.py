"""Tooltip of a chart: the time under the crosshair and the value of every visible series."""

from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import ngettext
from pulse_desktop.ui.charts.colors import ChartColors

_PADDING = 8
_DOT = 7
_GAP = 14
_MAX_LINES = 12


class TooltipLine(NamedTuple):
    """One line: color as `#rrggbb`, name of the series, value as text."""

    color: str
    name: str
    value: str


class ChartTooltip(QWidget):
    """A small box beside the crosshair, transparent for the mouse."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._colors: ChartColors | None = None
        self._title = ""
        self._lines: list[TooltipLine] = []
        self._more = 0
        self.hide()

    def set_colors(self, colors: ChartColors, font: QFont) -> None:
        """Use these colors and this font."""
        self._colors = colors
        self.setFont(font)

    @property
    def text(self) -> str:
        """The content, one line per series; empty while the tooltip is hidden."""
        if self.isHidden():
            return ""
        return "\n".join([self._title, *(f"{line.name} {line.value}" for line in self._lines)])

    def show_values(self, title: str, lines: list[TooltipLine]) -> None:
        """Show a time and its values; lines beyond the first twelve are only counted."""
        self._title = title
        self._more = max(0, len(lines) - _MAX_LINES)
        self._lines = [line._replace(name=printable_cell(line.name)) for line in lines[:_MAX_LINES]]
        self.resize(self.sizeHint())
        self.show()
        self.update()

    def place(self, x: float, area: QRectF) -> None:
        """Move to the right of x if it fits into the area, else to the left."""
        left = x + 12 if x + 12 + self.width() <= area.right() else x - 12 - self.width()
        left = max(area.left(), min(left, area.right() - self.width()))
        self.move(round(left), round(area.top()) + 4)

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        metrics = QFontMetrics(self.font())
        names = max((metrics.horizontalAdvance(line.name) for line in self._lines), default=0)
        values = max((metrics.horizontalAdvance(line.value) for line in self._lines), default=0)
        width = max(metrics.horizontalAdvance(self._title), _DOT + 6 + names + _GAP + values)
        count = 1 + len(self._lines) + bool(self._more)
        return QSize(width + 2 * _PADDING, count * (metrics.height() + 2) + 2 * _PADDING - 4)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the box."""
        colors = self._colors
        if colors is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(colors.border), 1))
        painter.setBrush(QColor(colors.raised))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        line_height = QFontMetrics(self.font()).height() + 2
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QRectF(_PADDING, _PADDING - 2, self.width() - 2 * _PADDING, line_height)
        painter.setPen(QColor(colors.muted))
        painter.drawText(row, left, self._title)
        for line in self._lines:
            row.translate(0, line_height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(line.color))
            center = QPointF(_PADDING + _DOT / 2, row.center().y())
            painter.drawEllipse(center, _DOT / 2 - 0.5, _DOT / 2 - 0.5)
            painter.setPen(QColor(colors.muted))
            painter.drawText(row.adjusted(_DOT + 6, 0, 0, 0), left, line.name)
            painter.setPen(QColor(colors.text))
            painter.drawText(row, right, line.value)
        if self._more:
            row.translate(0, line_height)
            painter.setPen(QColor(colors.muted))
            painter.drawText(
                row,
                left,
                ngettext("and {count} more", "and {count} more", self._more).format(
                    count=self._more
                ),
            )
        painter.end()
