"""One figure that is looked at first: what it is, how much, and of what."""

from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

_SIDE: Final = 13
_TOP: Final = 10


class StatCard(QFrame):
    """Title, value, detail. A value that is not known is left blank; the detail says why."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", "true")
        self.title = title
        self.value = ""
        self.detail = ""
        self.color = SemanticColor.TEXT
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)

    def set_figure(
        self, value: str, detail: str = "", color: SemanticColor = SemanticColor.TEXT
    ) -> None:
        """Show a figure.

        Args:
            value: with its unit; empty when it is not known.
            detail: a few words more, or why it is not known.
            color: good, warning or bad, where one of them can be told.
        """
        if (value, detail, color) != (self.value, self.detail, self.color):
            self.value, self.detail, self.color = value, detail, color
            self.setAccessibleName(f"{self.title}: {value or 'not known'}")
            self.setAccessibleDescription(detail)
            self.setToolTip(plain_tooltip(detail) if self._is_cut() else "")
            self.update()

    def sizeHint(self) -> QSize:
        """Return room for three lines."""
        height = 2 * _TOP + 5
        for font in (
            theme().text_font(step=-1),
            theme().text_font(step=9),
            theme().text_font(step=-1),
        ):
            height += QFontMetrics(font).height()
        return QSize(150, height)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest width that shows a figure."""
        return QSize(118, self.sizeHint().height())

    def _is_cut(self) -> bool:
        metrics = QFontMetrics(theme().text_font(step=-1))
        return metrics.horizontalAdvance(self.detail) > self.width() - 2 * _SIDE

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the surface and the three lines."""
        super().paintEvent(event)
        colors = theme()
        painter = QPainter(self)
        top, width = _TOP, self.width() - 2 * _SIDE
        small, large = colors.text_font(step=-1), colors.text_font(step=9, bold=True)
        for step in (6, 3):
            if QFontMetrics(large).horizontalAdvance(self.value) > width:
                large = colors.text_font(step=step, bold=True)
        for text, font, color, gap in (
            (self.title, small, SemanticColor.MUTED, 4),
            (self.value, large, self.color, 1),
            (self.detail, small, SemanticColor.MUTED, 0),
        ):
            painter.setFont(font)
            painter.setPen(colors.color(color))
            metrics = painter.fontMetrics()
            height = (
                QFontMetrics(colors.text_font(step=9)).height() if gap == 1 else metrics.height()
            )
            area = QRect(_SIDE, top, width, height)
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, shown)
            top += height + gap
