"""A button that says how many: sign, word, and a count in bold."""

from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_SIDE: Final = 11
_GAP: Final = 6
_SIGN: Final = 14
_HEIGHT: Final = 30


class FilterChip(QPushButton):
    """A push button, or a facet that can be on, with a count."""

    def __init__(
        self,
        word: str,
        sign: str,
        color: SemanticColor = SemanticColor.MUTED,
        parent: QWidget | None = None,
    ) -> None:
        """Make a button.

        Args:
            word: what is counted.
            sign: name or glyph of an icon.
            color: of the sign.
            parent: owner.
        """
        super().__init__(parent)
        self._sign = sign
        self._color = color
        self._count = ""
        self._hint: QSize | None = None
        self.setText(word)
        self.setAccessibleName(word)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._measure_anew)

    @property
    def count(self) -> str:
        """What it says."""
        return self._count

    def set_count(self, count: str) -> None:
        """Say how many, as text."""
        if count != self._count:
            grown = len(count) != len(self._count)
            self._count = count
            self.setAccessibleName(f"{self.text()} {count}".strip())
            if grown:
                self._measure_anew()
            self.update()

    def set_color(self, color: SemanticColor) -> None:
        """Give the sign another meaning."""
        if color is not self._color:
            self._color = color
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size of sign, word and count; layouts ask again and again."""
        if self._hint is not None:
            return self._hint
        width = 2 * _SIDE + _SIGN + _GAP
        width += QFontMetrics(theme().text_font()).horizontalAdvance(self.text())
        if self._count:
            bold = QFontMetrics(theme().text_font(bold=True))
            # Digits of one width: the button does not shake while it counts.
            width += _GAP + bold.horizontalAdvance("0" * len(self._count)) + 1
        self._hint = QSize(width, _HEIGHT)
        return self._hint

    def minimumSizeHint(self) -> QSize:
        """Return the same: a count that is cut off is a wrong count."""
        return self.sizeHint()

    def _measure_anew(self) -> None:
        self._hint = None
        self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the frame of a button, and in it sign, word and count."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.end()
        self._paint_content()

    def _paint_content(self) -> None:
        colors = theme()
        painter = QPainter(self)
        enabled = self.isEnabled()
        sign = self._color if enabled else "disabled"
        icons.paint(painter, self._sign, sign, _SIDE, (self.height() - _SIGN) / 2, _SIGN)
        area = QRect(self.rect())
        area.setLeft(_SIDE + _SIGN + _GAP)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(colors.text_font())
        painter.setPen(colors.color(SemanticColor.TEXT if enabled else "disabled"))
        painter.drawText(area, middle, self.text())
        if self._count:
            area.setLeft(area.left() + painter.fontMetrics().horizontalAdvance(self.text()) + _GAP)
            painter.setFont(colors.text_font(bold=True))
            loud = (
                self._color in (SemanticColor.BAD, SemanticColor.WARNING)
                and enabled
                and self._count != "0"
            )
            if loud:
                painter.setPen(colors.color(self._color))
            painter.drawText(area, middle, self._count)
