"""Title, unit and legend above a chart: in one line when they fit, else the legend below."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.ui.charts.colors import ChartColours
from pulse_desktop.ui.charts.legend import Entry, Legend

_APART = 16


class ChartHeader(QWidget):
    """Paints title and subtitle itself, so that they elide; holds the legend.

    Attributes:
        legend: the names of the series.
    """

    def __init__(
        self, title: str, subtitle: str, colours: ChartColours, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._subtitle = subtitle
        self._colours = colours
        self.legend = Legend(self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_colours(self, colours: ChartColours) -> None:
        """Take the colours of another theme."""
        self._colours = colours
        self.update()

    def set_subtitle(self, subtitle: str) -> None:
        """Say something else after the title."""
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self._arrange()
            self.update()

    def set_entries(self, entries: Sequence[Entry], colours: ChartColours) -> None:
        """Show other names in the legend; a single name that the title says needs none."""
        self.legend.set_entries(entries, colours)
        told = len(entries) == 1 and entries[0].name.casefold() in self._title.casefold()
        self.legend.setVisible(bool(entries) and not told)
        self._arrange()

    def sizeHint(self) -> QSize:
        """Return the size that shows everything."""
        return QSize(200, self.height())

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(80, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange for the new size."""
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        bold = self._bold()
        room = self.legend.x() - _APART if self.legend.y() == 0 else self.width()
        line = QFontMetrics(bold).height() + 6
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setFont(bold)
        painter.setPen(QColor(self._colours.text))
        title = QFontMetrics(bold).elidedText(self._title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(0, 0, room, line, flags, title)
        used = QFontMetrics(bold).horizontalAdvance(title)
        if self._subtitle and room - used > 40:
            painter.setFont(self.font())
            painter.setPen(QColor(self._colours.muted))
            text = QFontMetrics(self.font()).elidedText(
                f" · {self._subtitle}", Qt.TextElideMode.ElideRight, room - used
            )
            painter.drawText(used, 0, room - used, line, flags, text)
        painter.end()

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setBold(True)
        return font

    def _arrange(self) -> None:
        """Put the legend beside the title, or below it when there is no room for one line."""
        width = max(self.width(), 1)
        bold = QFontMetrics(self._bold())
        line = bold.height() + 6
        needed = bold.horizontalAdvance(self._title)
        if self._subtitle:
            needed += QFontMetrics(self.font()).horizontalAdvance(f" · {self._subtitle}")
        legend = 0 if self.legend.isHidden() else self.legend.one_line_width()
        beside = needed + _APART + legend <= width
        self.legend.aligned_right = beside
        if beside:
            self.legend.setGeometry(width - legend, 0, legend, line)
            height = line
        else:
            high = self.legend.heightForWidth(width)
            self.legend.setGeometry(0, line + 2, width, high)
            height = line + 2 + high
        self.legend.set_width(self.legend.width())
        if self.minimumHeight() != height:
            self.setFixedHeight(height)
