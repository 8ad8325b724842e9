"""The navigation at the left edge: every page, and how much in it needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

EXPANDED_WIDTH: Final = 188
COLLAPSED_WIDTH: Final = 56
_ITEM: Final = 32
_ICON: Final = 16


@dataclass(frozen=True, slots=True)
class SidebarItem:
    """A page in the navigation: its key, name, icon, and the heading it stands under."""

    key: str
    title: str
    icon: str
    section: str = ""


class SidebarButton(QAbstractButton):
    """Icon, name, and a count at the right."""

    def __init__(self, item: SidebarItem, parent: QWidget) -> None:
        super().__init__(parent)
        self.item = item
        self.count = ""
        self.urgent = False
        self.narrow = False
        self.setCheckable(True)
        self.setText(item.title)
        self.setAccessibleName(item.title)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def set_count(self, count: str, *, urgent: bool) -> None:
        """Show a count; an urgent one stands out."""
        if (count, urgent) != (self.count, self.urgent):
            self.count, self.urgent = count, urgent
            needs = " needs attention" if urgent else ""
            self.setAccessibleName(f"{self.item.title}, {count}{needs}" if count else self.text())
            self._explain()
            self.update()

    def set_narrow(self, narrow: bool) -> None:
        """Show the icon alone, or name and count as well."""
        self.narrow = narrow
        self._explain()
        self.update()

    def _explain(self) -> None:
        tip = f"{self.item.title} · {self.count}" if self.count else self.item.title
        self.setToolTip(tip if self.narrow else "")

    def sizeHint(self) -> QSize:
        """Return the size of an item."""
        return QSize(COLLAPSED_WIDTH if self.narrow else EXPANDED_WIDTH, _ITEM)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint icon, name and count."""
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
        left = (self.width() - _ICON) / 2 if self.narrow else 10
        icons.paint(painter, self.item.icon, color, left, (self.height() - _ICON) / 2, _ICON)
        if self.narrow:
            if self.count and self.urgent:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colors.color("bad"))
                painter.drawEllipse(QPointF(self.width() - 11, 9), 3.5, 3.5)
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
        width = painter.fontMetrics().horizontalAdvance(self.count)
        badge = QRectF(self.width() - width - 24, (self.height() - 17) / 2, width + 15, 17)
        if self.urgent:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("bad_fill"))
            painter.drawRoundedRect(badge, 8.5, 8.5)
        painter.setPen(colors.color(SemanticColor.BAD if self.urgent else SemanticColor.MUTED))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, self.count)


class Sidebar(QWidget):
    """The list of pages.

    Signals:
        chosen: key of the page to show.
    """

    chosen = Signal(str)

    def __init__(self, items: Sequence[SidebarItem], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Pages")
        self.narrow = False
        self.buttons: dict[str, SidebarButton] = {}
        self._headings: list[QLabel] = []
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
            button.clicked.connect(lambda _=False, key=item.key: self.chosen.emit(key))
            self._group.addButton(button)
            self.buttons[item.key] = button
            layout.addWidget(button)
        layout.addStretch(1)
        self.set_narrow(False)

    def show_page(self, key: str) -> None:
        """Mark the page that is shown. Raises KeyError."""
        self.buttons[key].setChecked(True)

    def set_narrow(self, narrow: bool) -> None:
        """Show icons alone, or names as well."""
        self.narrow = narrow
        self.setFixedWidth(COLLAPSED_WIDTH if narrow else EXPANDED_WIDTH)
        self._brand.set_narrow(narrow)
        for button in self.buttons.values():
            button.set_narrow(narrow)
        for heading in self._headings:
            heading.setText("" if narrow else str(heading.property("title")))

    def _heading(self, title: str) -> QLabel:
        heading = QLabel(title)
        heading.setProperty("title", title)
        heading.setProperty("role", "faint")
        heading.setContentsMargins(10, 12, 0, 4)
        self._headings.append(heading)
        return heading


class _Brand(QWidget):
    """The program's mark and name."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._narrow = False
        self.setFixedHeight(36)
        self.setAccessibleName("Pulse Desktop")

    def set_narrow(self, narrow: bool) -> None:
        self._narrow = narrow
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        colors = theme()
        painter = QPainter(self)
        left = (self.width() - 18) / 2 if self._narrow else 9
        icons.paint(painter, "pulse", SemanticColor.ACCENT, left, (self.height() - 18) / 2, 18)
        if not self._narrow:
            painter.setFont(colors.text_font(step=1, bold=True))
            painter.setPen(colors.color(SemanticColor.TEXT))
            area = self.rect().adjusted(36, 0, 0, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, "Pulse Desktop")
