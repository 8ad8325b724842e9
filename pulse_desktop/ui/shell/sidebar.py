"""Sidebar: the navigation between pages, with a count beside each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

EXPANDED_WIDTH: Final = 188
COLLAPSED_WIDTH: Final = 56
_BUTTON_HEIGHT: Final = 32
_ICON_SIZE: Final = 16
_BADGE_HEIGHT: Final = 13
_MAX_COLLAPSED_CHARACTERS: Final = 2
"""Longest count shown in a collapsed sidebar; a longer one becomes `99+`."""


@dataclass(frozen=True, slots=True)
class SidebarItem:
    """A page: its key, title, icon, and the heading of its section."""

    key: str
    title: str
    icon: str
    section: str = ""


class SidebarButton(QAbstractButton):
    """A button with icon, title and count.

    Attributes:
        item: the page.
        count: text at the right, empty for none.
        urgent: whether the count needs attention.
        stale: whether the count may have changed: it is muted.
        collapsed: whether only the icon and an urgent count are shown.
    """

    def __init__(self, item: SidebarItem, parent: QWidget) -> None:
        super().__init__(parent)
        self.item = item
        self.count = ""
        self.urgent = False
        self.stale = False
        self.collapsed = False
        self.setCheckable(True)
        self.setText(item.title)
        self.setAccessibleName(item.title)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def set_count(self, count: str, *, urgent: bool) -> None:
        """Show a count; an urgent one is highlighted."""
        if (count, urgent) != (self.count, self.urgent):
            self.count, self.urgent = count, urgent
            name = self.item.title
            if count and urgent:
                name = _("{page}, {count} in need of attention").format(page=name, count=count)
            elif count:
                name = _("{page}, {count}").format(page=name, count=count)
            self.setAccessibleName(name)
            self._update_tooltip()
            self.update()

    def set_stale(self, stale: bool) -> None:
        """Mute the count because it may have changed, or show it as it is now."""
        if stale != self.stale:
            self.stale = stale
            self.setAccessibleDescription(_("The count may have changed") if stale else "")
            self.update()

    def set_collapsed(self, collapsed: bool) -> None:
        """Show only the icon and an urgent count, or title and count."""
        self.collapsed = collapsed
        self._update_tooltip()
        self.update()

    def _update_tooltip(self) -> None:
        tip = f"{self.item.title} · {self.count}" if self.count else self.item.title
        set_tooltip(self, tip if self.collapsed else "")

    def sizeHint(self) -> QSize:
        """Return the size of a button."""
        return QSize(COLLAPSED_WIDTH if self.collapsed else EXPANDED_WIDTH, _BUTTON_HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint icon, title and count."""
        colors = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("selection" if self.isChecked() else "hover"))
            painter.drawRoundedRect(area, 6, 6)
        if self.hasFocus():
            painter.setPen(colors.color("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area, 6, 6)
        color = SemanticColor.TEXT if self.isChecked() else SemanticColor.MUTED
        left = (self.width() - _ICON_SIZE) / 2 if self.collapsed else 10
        top = (self.height() - _ICON_SIZE) / 2
        icons.paint(painter, self.item.icon, color, left, top, _ICON_SIZE)
        if self.collapsed:
            if self.count and self.urgent:
                self._paint_count(painter)
            return
        painter.setFont(colors.text_font())
        painter.setPen(colors.color(color))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect().adjusted(36, 0, -8, 0), middle, self.text())
        if self.count:
            self._paint_count(painter)

    def _paint_count(self, painter: QPainter) -> None:
        colors = theme()
        painter.setFont(colors.text_font(step=-2, bold=self.urgent))
        # A longer count would cover the icon; the tooltip has the whole one.
        count = (
            "99+" if self.collapsed and len(self.count) > _MAX_COLLAPSED_CHARACTERS else self.count
        )
        width = painter.fontMetrics().horizontalAdvance(count)
        badge = QRectF(self.width() - width - 24, (self.height() - 17) / 2, width + 15, 17)
        if self.collapsed:  # over the upper right corner of the icon
            badge = QRectF(self.width() - width - 6, 0, width + 6, _BADGE_HEIGHT)
        alarming = self.urgent and not self.stale
        if self.urgent:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("bad_fill" if alarming else "raised"))
            painter.drawRoundedRect(badge, badge.height() / 2, badge.height() / 2)
        muted = SemanticColor.FAINT if self.stale else SemanticColor.MUTED
        painter.setPen(colors.color(SemanticColor.BAD if alarming else muted))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, count)


class Sidebar(QWidget):
    """The navigation: a button for each page, under section headings.

    Attributes:
        collapsed: whether only icons and urgent counts are shown.
        buttons: the button of each page, by page key.

    Signals:
        chosen: key of the page to show.
    """

    chosen = Signal(str)

    def __init__(self, items: Sequence[SidebarItem]) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(_("Pages"))
        self.collapsed = False
        self.buttons: dict[str, SidebarButton] = {}
        self._headings: list[Label] = []
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(1)
        self._brand = _Brand(self)
        layout.addWidget(self._brand)
        layout.addSpacing(6)
        section = ""
        for item in items:
            if item.section != section:
                section = item.section
                layout.addWidget(self._heading(section))
            button = SidebarButton(item, self)
            button.clicked.connect(lambda _checked=False, key=item.key: self.chosen.emit(key))
            self._group.addButton(button)
            self.buttons[item.key] = button
            layout.addWidget(button)
        layout.addStretch(1)
        self.set_collapsed(False)

    def set_current_page(self, key: str) -> None:
        """Mark the button of the current page. Raises KeyError."""
        self.buttons[key].setChecked(True)

    def set_stale(self, stale: bool) -> None:
        """Mute all counts because they may have changed, or show them as they are now."""
        for button in self.buttons.values():
            button.set_stale(stale)

    def set_collapsed(self, collapsed: bool) -> None:
        """Show only icons and urgent counts, or titles and counts."""
        self.collapsed = collapsed
        self.setFixedWidth(COLLAPSED_WIDTH if collapsed else EXPANDED_WIDTH)
        self._brand.set_collapsed(collapsed)
        for button in self.buttons.values():
            button.set_collapsed(collapsed)
        for heading in self._headings:
            heading.setText("" if collapsed else str(heading.property("title")))

    def _heading(self, title: str) -> Label:
        heading = Label(title)
        heading.setProperty("title", title)
        heading.setProperty("role", "faint")
        heading.setContentsMargins(10, 12, 0, 4)
        self._headings.append(heading)
        return heading


class _Brand(QWidget):
    """The logo and the name of the program."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._collapsed = False
        self.setFixedHeight(36)
        self.setAccessibleName("Pulse Desktop")

    def set_collapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        colors = theme()
        painter = QPainter(self)
        left = (self.width() - 18) / 2 if self._collapsed else 9
        icons.paint(painter, "pulse", SemanticColor.ACCENT, left, (self.height() - 18) / 2, 18)
        if not self._collapsed:
            painter.setFont(colors.text_font(step=1, bold=True))
            painter.setPen(colors.color(SemanticColor.TEXT))
            area = self.rect().adjusted(36, 0, 0, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, "Pulse Desktop")
