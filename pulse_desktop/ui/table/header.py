"""The header of live tables: quiet titles over their columns, and the way the table is sorted."""

from typing import Final

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

HEIGHT: Final = 30
_PADDING: Final = 8
_ARROW: Final = 12


class TableHeader(QHeaderView):
    """Click sorts (up, down, newest on top again); the context menu shows and hides columns.

    Signals:
        column_toggled: key of a column and whether to show it.
        columns_reset: back to what the page shows by itself.
    """

    column_toggled = Signal(str, bool)
    columns_reset = Signal()

    def __init__(self, model: LiveTableModel, view: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, view)
        self._table = model
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(44)
        self.setResizeContentsPrecision(0)
        self.setAccessibleName("Column titles")
        self.sectionClicked.connect(self._sort_by)

    def menu(self) -> QMenu:
        """Return a menu of all columns, the shown ones ticked."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for number, column in enumerate(self._table.columns):
            entry = menu.addAction(column.title)
            entry.setCheckable(True)
            entry.setChecked(not self.isSectionHidden(number))
            last = entry.isChecked() and self.count() - self.hiddenSectionCount() == 1
            entry.setEnabled(not last)
            entry.toggled.connect(
                lambda shown, key=column.key: self.column_toggled.emit(key, shown)
            )
        menu.addSeparator()
        if self._table.sort_key:
            menu.addAction("Newest on top").triggered.connect(lambda: self._table.set_sort(""))
        menu.addAction("Usual columns").triggered.connect(self.columns_reset)
        return menu

    def _sort_by(self, section: int) -> None:
        key = self._table.columns[section].key
        model = self._table
        if model.sort_key != key:
            # Numbers are looked at from the largest, words from A.
            model.set_sort(key, descending=model.columns[section].align == "right")
        elif model.descending == (model.columns[section].align == "right"):
            model.set_sort(key, descending=not model.descending)
        else:
            model.set_sort("")

    def sizeHint(self) -> QSize:
        """Return the fixed height."""
        return QSize(super().sizeHint().width(), HEIGHT)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer the columns."""
        self.menu().popup(event.globalPos())

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:  # noqa: N803
        """Paint one title, over the text of its column, with an arrow when it sorts."""
        column = self._table.columns[logicalIndex]
        colors = theme()
        sorts = column.key == self._table.sort_key
        left, top, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        painter.fillRect(left, top + height - 1, width, 1, colors.color("border"))
        painter.setFont(colors.text_font(step=-1))
        painter.setPen(QPen(colors.color(SemanticColor.TEXT if sorts else SemanticColor.MUTED)))
        room = width - 2 * _PADDING - (_ARROW if sorts else 0)
        metrics = painter.fontMetrics()
        text = metrics.elidedText(column.title, Qt.TextElideMode.ElideRight, room)
        taken = metrics.horizontalAdvance(text)
        at = left + _PADDING
        if column.align == "right":
            at += width - 2 * _PADDING - taken - (_ARROW if sorts else 0)
        base = top + (height - metrics.height()) / 2 + metrics.ascent()
        painter.drawText(QPointF(at, base), text)
        if sorts:
            name = "chevron-down" if self._table.descending else "chevron-up"
            icons.paint(
                painter,
                name,
                SemanticColor.TEXT,
                at + taken + 1,
                top + (height - _ARROW) / 2,
                _ARROW,
            )
