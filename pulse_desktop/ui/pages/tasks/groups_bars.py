"""A histogram of the failures of one group, with the ends of the time that it covers."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.bars import paint_bars

DETAIL_BINS: Final = 60
_HEIGHT: Final = 40
_LABEL_GAP: Final = 4
_HEADROOM: Final = 2


class GroupBars(QWidget):
    """The histogram."""

    def __init__(self) -> None:
        super().__init__()
        self.values: Sequence[int] = ()
        self._bounds = (0.0, 0.0)
        self._color = SemanticColor.BAD
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Failures over time"))
        theme().changed.connect(self.updateGeometry)
        theme().changed.connect(self.update)

    def show_values(
        self, values: Sequence[int], bounds: tuple[float, float], color: SemanticColor
    ) -> None:
        """Show the number of failures in equal parts of a time.

        Args:
            values: from the earliest to the latest part.
            bounds: ends of the time, Unix seconds.
            color: of the bars.
        """
        if (values, bounds, color) == (self.values, self._bounds, self._color):
            return
        self.values, self._bounds, self._color = values, bounds, color
        total = sum(values)
        text = ngettext(
            "{count} failure from {start} to {end}", "{count} failures from {start} to {end}", total
        ).format(
            count=formats.count(total),
            start=formats.absolute(bounds[0]),
            end=formats.absolute(bounds[1]),
        )
        self.setAccessibleDescription(text)
        set_tooltip(self, text)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the height of bars and labels."""
        labels = QFontMetrics(theme().number_font(step=-1)).height()
        return QSize(200, _HEIGHT + _LABEL_GAP + labels)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(80, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bars, a line below, and the ends of the time."""
        painter = QPainter(self)
        colors, width = theme(), self.width()
        painter.fillRect(0, _HEIGHT, width, 1, colors.color("border"))
        area = QRect(0, _HEADROOM, width, _HEIGHT - _HEADROOM)
        paint_bars(painter, self.values, colors.color(self._color), area)
        painter.setPen(colors.color(SemanticColor.MUTED))
        painter.setFont(colors.number_font(step=-1))
        labels = QRect(0, _HEIGHT + _LABEL_GAP, width, self.height() - _HEIGHT - _LABEL_GAP)
        start, end = self._bounds
        top = Qt.AlignmentFlag.AlignTop
        painter.drawText(labels, top | Qt.AlignmentFlag.AlignLeft, formats.clock(start, end))
        painter.drawText(labels, top | Qt.AlignmentFlag.AlignRight, formats.clock(end, end))
