"""Stat card: a figure with title and detail; a click can show what it counts."""

from typing import Final

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme

_SIDE: Final = 13
_TOP: Final = 10
_RADIUS: Final = 8


class StatCard(QAbstractButton):
    """The card. An unknown value is left blank; the detail says why.

    One that leads somewhere is clicked, or focused and activated with Space or Enter.

    Attributes:
        title: what the figure is.
        value: with its unit, "" while it is unknown.
        detail: a few words about it.
        color: of the value.
        stale: why the figure is not that of now, such as "as of 22:34:55"; empty while it is.
    """

    def __init__(self, title: str, tooltip: str = "") -> None:
        """Create a card without a figure.

        Args:
            title: what the figure is.
            tooltip: what a click does, such as "Show the failures"; empty for nothing.
        """
        super().__init__()
        self.title = title
        self._action_tooltip = tooltip
        self.value = ""
        self.detail = ""
        self.color = SemanticColor.TEXT
        self.stale = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        if tooltip:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.setAttribute(Qt.WidgetAttribute.WA_Hover)
            set_tooltip(self, tooltip)
        else:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def set_stat(
        self, value: str, detail: str = "", color: SemanticColor = SemanticColor.TEXT
    ) -> None:
        """Change the figure.

        Args:
            value: with its unit, "" if it is unknown.
            detail: a few words about it, or why it is unknown.
            color: of the value.
        """
        value, detail = printable_cell(value), printable_cell(detail)
        if (value, detail, color) != (self.value, self.detail, self.color):
            self.value, self.detail, self.color = value, detail, color
            self._describe()

    def set_title(self, title: str) -> None:
        """Change what the figure is."""
        if title != self.title:
            self.title = title
            self._describe()
            self.update()

    def set_stale(self, stale: str) -> None:
        """Dim the figure and say why it is not that of now; an empty text: it is."""
        if stale != self.stale:
            self.stale = stale
            self._describe()

    def _describe(self) -> None:
        self.setAccessibleName(
            _("{title}: {value}").format(title=self.title, value=self.value)
            if self.value
            else _("{title}: not known").format(title=self.title)
        )
        self.setAccessibleDescription(self.stale or self.detail)
        full = self.detail if self.stale or self._is_elided() else ""
        set_tooltip(self, "\n".join(filter(None, (full, self._action_tooltip))))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of three lines."""
        height = 2 * _TOP + 5
        for font in (
            theme().text_font(step=-1),
            theme().text_font(step=9),
            theme().text_font(step=-1),
        ):
            height += QFontMetrics(font).height()
        return QSize(150, height)

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size."""
        return QSize(118, self.sizeHint().height())

    def _is_elided(self) -> bool:
        metrics = QFontMetrics(theme().text_font(step=-1))
        return metrics.horizontalAdvance(self.detail) > self.width() - 2 * _SIDE

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Click with Enter, as with Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._action_tooltip:
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the card and its three lines."""
        colors = theme()
        painter = QPainter(self)
        self._paint_frame(painter)
        top, width = _TOP, self.width() - 2 * _SIDE
        small, large = colors.text_font(step=-1), colors.text_font(step=9, bold=True)
        for step in (6, 3, 1, 0):
            if QFontMetrics(large).horizontalAdvance(self.value) > width:
                large = colors.text_font(step=step, bold=True)
        for text, font, color, gap in (
            (self.title, small, SemanticColor.MUTED, 4),
            (self.value, large, SemanticColor.FAINT if self.stale else self.color, 1),
            (self.stale or self.detail, small, SemanticColor.MUTED, 0),
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

    def _paint_frame(self, painter: QPainter) -> None:
        colors = theme()
        lit = bool(self._action_tooltip) and (self.isDown() or self.underMouse())
        border, width = ("border_strong", 1) if lit else ("border", 1)
        if self.hasFocus():
            border, width = "accent", 2
        inset = width / 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colors.color(border), width))
        painter.setBrush(colors.color("row_hover" if lit else "surface"))
        area = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        painter.drawRoundedRect(area, _RADIUS, _RADIUS)
