"""Header of a chart: title, subtitle and legend, in one line when they fit."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.ui.charts.colors import ChartColors
from pulse_desktop.ui.charts.legend import Legend, LegendEntry

_SPACING = 16


class ChartHeader(QWidget):
    """The header. It paints title and subtitle itself, so that they can be elided.

    Attributes:
        legend: a toggle for each series.
        row: the headers that stand beside each other, with this one.
        fits: whether title and legend fit in one line.
    """

    def __init__(self, title: str, subtitle: str, colors: ChartColors) -> None:
        super().__init__()
        self._title = title
        self._subtitle = subtitle
        self._colors = colors
        self.legend = Legend(self)
        self.row: Sequence[ChartHeader] = (self,)
        self.fits = True
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_colors(self, colors: ChartColors) -> None:
        """Use the colors of another theme."""
        self._colors = colors
        self.update()

    @property
    def subtitle(self) -> str:
        """The text after the title."""
        return self._subtitle

    def set_subtitle(self, subtitle: str) -> None:
        """Change the text after the title."""
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self._lay_out()
            self.update()

    def set_entries(self, entries: Sequence[LegendEntry], colors: ChartColors) -> None:
        """Change the legend. It is hidden when its only name is part of the title."""
        self.legend.set_entries(entries, colors)
        redundant = len(entries) == 1 and entries[0].name.casefold() in self._title.casefold()
        self.legend.setVisible(bool(entries) and not redundant)
        self._lay_out()

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        return QSize(200, self.height())

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size."""
        return QSize(80, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out for the new size."""
        super().resizeEvent(event)
        self._lay_out()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint title and subtitle."""
        painter = QPainter(self)
        bold = self._bold()
        available = self.legend.x() - _SPACING if self.legend.y() == 0 else self.width()
        line = QFontMetrics(bold).height() + 6
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setFont(bold)
        painter.setPen(QColor(self._colors.text))
        title = QFontMetrics(bold).elidedText(self._title, Qt.TextElideMode.ElideRight, available)
        painter.drawText(0, 0, available, line, flags, title)
        used = QFontMetrics(bold).horizontalAdvance(title)
        if self._subtitle and available - used > 40:
            painter.setFont(self.font())
            painter.setPen(QColor(self._colors.muted))
            text = QFontMetrics(self.font()).elidedText(
                f" · {self._subtitle}", Qt.TextElideMode.ElideRight, available - used
            )
            painter.drawText(used, 0, available - used, line, flags, text)
        painter.end()

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setBold(True)
        return font

    def _lay_out(self) -> None:
        """Put the legend beside the title, or below it if both do not fit in one line."""
        width = max(self.width(), 1)
        bold = QFontMetrics(self._bold())
        needed = bold.horizontalAdvance(self._title)
        if self._subtitle:
            needed += QFontMetrics(self.font()).horizontalAdvance(f" · {self._subtitle}")
        self.fits = needed + _SPACING + self._legend_width() <= width
        self._place_row()

    def _legend_width(self) -> int:
        return 0 if self.legend.isHidden() else self.legend.one_line_width()

    def _place_row(self) -> None:
        beside = all(header.fits for header in self.row)
        for header in self.row:
            header.place_legend(beside=beside)

    def place_legend(self, *, beside: bool) -> None:
        """Put the legend beside the title, else below it."""
        width = max(self.width(), 1)
        line = QFontMetrics(self._bold()).height() + 6
        self.legend.aligned_right = beside
        if beside:
            legend = self._legend_width()
            self.legend.setGeometry(width - legend, 0, legend, line)
            height = line
        else:
            height = self.legend.heightForWidth(width)
            self.legend.setGeometry(0, line + 2, width, height)
            height += line + 2
        self.legend.set_width(self.legend.width())
        if self.minimumHeight() != height:
            self.setFixedHeight(height)


def align_headers(*headers: ChartHeader) -> None:
    """Let headers beside each other have their legends in the same place.

    Else the plots below them would differ in height.
    """
    for header in headers:
        header.row = headers
