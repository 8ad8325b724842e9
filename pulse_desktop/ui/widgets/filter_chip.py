"""A filter chip: a checkable button with an icon, a label and a count in bold."""

from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
)

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import without_mnemonic
from pulse_desktop.ui.theme.theme import theme

_PADDING: Final = 11
_GAP: Final = 6
_ICON: Final = 14
_HEIGHT: Final = 30


class FilterChip(QPushButton):
    """A push button with a count, checkable when it filters a table."""

    def __init__(
        self,
        label: str,
        icon: str,
        color: SemanticColor = SemanticColor.MUTED,
    ) -> None:
        """Create a chip.

        Args:
            label: what is counted.
            icon: name or glyph of an icon.
            color: of the icon.
        """
        super().__init__()
        self._label = label = printable_cell(label)
        self._icon = icon
        self._color = color
        self._count = ""
        self._is_stale = False
        self._size_hint: QSize | None = None
        self.setText(without_mnemonic(label))
        self.setAccessibleName(label)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._invalidate_size)

    @property
    def count(self) -> str:
        """The count as shown."""
        return self._count

    @property
    def color(self) -> SemanticColor:
        """The color of the icon."""
        return self._color

    def set_count(self, count: str) -> None:
        """Show a count, formatted by the caller."""
        if count != self._count:
            length_changed = len(count) != len(self._count)
            self._count = count
            self.setAccessibleName(f"{self._label} {count}".strip())
            if length_changed:
                self._invalidate_size()
            self.update()

    def set_color(self, color: SemanticColor) -> None:
        """Change the color of the icon."""
        if color is not self._color:
            self._color = color
            self.update()

    @property
    def is_stale(self) -> bool:
        """Whether the count may have changed: it is muted."""
        return self._is_stale

    def set_stale(self, *, stale: bool) -> None:
        """Mute label and count while the count may have changed."""
        if stale != self._is_stale:
            self._is_stale = stale
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size of icon, label and count; cached, for layouts call this often."""
        if self._size_hint is not None:
            return self._size_hint
        width = 2 * _PADDING + _ICON + _GAP
        width += QFontMetrics(theme().text_font()).horizontalAdvance(self._label)
        if self._count:
            bold = QFontMetrics(theme().text_font(bold=True))
            # Equal width for all digits, so that the chip does not jitter while it counts.
            width += _GAP + bold.horizontalAdvance("0" * len(self._count)) + 1
        self._size_hint = QSize(width, _HEIGHT)
        return self._size_hint

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: a count must never be cut off."""
        return self.sizeHint()

    def _invalidate_size(self) -> None:
        self._size_hint = None
        self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the button's frame, then icon, label and count."""
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
        icon_color = self._color if enabled else "disabled"
        icons.paint(painter, self._icon, icon_color, _PADDING, (self.height() - _ICON) / 2, _ICON)
        area = QRect(self.rect())
        area.setLeft(_PADDING + _ICON + _GAP)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(colors.text_font())
        text_color = SemanticColor.MUTED if self._is_stale else SemanticColor.TEXT
        painter.setPen(colors.color(text_color if enabled else "disabled"))
        painter.drawText(area, middle, self._label)
        if self._count:
            area.setLeft(area.left() + painter.fontMetrics().horizontalAdvance(self._label) + _GAP)
            painter.setFont(colors.text_font(bold=True))
            alarming = self._color in (SemanticColor.BAD, SemanticColor.WARNING)
            if alarming and enabled and self._count != "0":
                painter.setPen(colors.color(self._color))
            painter.drawText(area, middle, self._count)
