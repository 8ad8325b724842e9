"""The header of live tables: column titles, the sort arrow, and the menu of columns."""

from typing import Any, Final

from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFontMetrics, QHelpEvent, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import show_tooltip
from pulse_desktop.ui.theme.theme import theme

HEIGHT: Final = 30
_PADDING: Final = 8
_ARROW: Final = 12
TITLE_SPARE: Final = 2 * _PADDING + _ARROW + 2
"""Width that a column needs besides its title: padding, arrow, and 2 for rounded text widths."""


class TableHeader(QHeaderView):
    """Sorts by clicks: first its default direction, then reversed, then by arrival.

    Its menu shows and hides columns.

    Signals:
        column_toggled: key of a column, and whether to show it.
        columns_reset: the operator wants the default columns.
        chooser_requested: the operator wants the dialog of all columns.
    """

    column_toggled = Signal(str, bool)
    columns_reset = Signal()
    chooser_requested = Signal()

    def __init__(self, model: LiveTableModel[Any], view: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, view)
        self._model = model
        self.setSectionsClickable(True)
        self.setSectionsMovable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(44)
        self.setResizeContentsPrecision(0)
        self.setAccessibleName(_("Column titles"))
        self.sectionClicked.connect(self._sort_by)

    def menu(self) -> QMenu:
        """Return a menu of all columns, the visible ones checked."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for number, column in enumerate(self._model.columns):
            entry = menu.addAction(column.title)
            entry.setCheckable(True)
            entry.setChecked(not self.isSectionHidden(number))
            last = entry.isChecked() and self.count() - self.hiddenSectionCount() == 1
            entry.setEnabled(not last)
            entry.toggled.connect(
                lambda shown, key=column.key: self.column_toggled.emit(key, shown)
            )
        menu.addSeparator()
        if self._model.sort_key:
            menu.addAction(_("Last received on top")).triggered.connect(
                lambda: self._model.set_sort("")
            )
        menu.addAction(_("Choose columns…")).triggered.connect(self.chooser_requested)
        menu.addAction(_("Reset columns")).triggered.connect(self.columns_reset)
        return menu

    def sort_state(self, column: Column[Any]) -> tuple[bool, bool]:
        """Return whether the table is sorted by a column, and whether descending."""
        return column.key == self._model.sort_key, self._model.descending

    def _sort_by(self, section: int) -> None:
        column = self._model.columns[section]
        key, model = column.key, self._model
        # Numbers start with the largest, times with the newest, words with A.
        descending = column.align == "right" or column.is_time
        if model.sort_key != key:
            model.set_sort(key, descending=descending)
        elif model.descending == descending:
            model.set_sort(key, descending=not descending)
        else:
            model.set_sort("")

    def sizeHint(self) -> QSize:
        """Return the fixed height."""
        return QSize(super().sizeHint().width(), HEIGHT)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu of columns."""
        self.menu().popup(event.globalPos())

    def cut_title(self, section: int) -> str:
        """Return the title of a column if it is cut, else an empty text."""
        column = self._model.columns[section]
        metrics = QFontMetrics(theme().text_font(step=-1))
        room = self._room(column, self.sectionSize(section))
        return column.title if metrics.horizontalAdvance(column.title) > room else ""

    def free_place(self, width: int) -> int | None:
        """Return where something of a width hides no title, nearest to the middle, in pixels.

        None if the titles leave no such place.
        """
        whole = self.viewport().width()
        places = [
            min(max((whole - width) // 2, low), high - width)
            for low, high in self._gaps()
            if min(high, whole) - low >= width
        ]
        return min(places, key=lambda x: abs(x + width // 2 - whole // 2), default=None)

    def place_for(self, width: int) -> int:
        """Return where something of a width hides no title, or as little of them as possible."""
        free = self.free_place(width)
        if free is not None:
            return free
        whole = self.viewport().width()
        seen = [(max(0, low), min(high, whole)) for low, high in self._gaps()]
        low, high = max(seen, key=lambda gap: gap[1] - gap[0])
        return max(0, min((low + high - width) // 2, whole - width))

    def _gaps(self) -> list[tuple[int, int]]:
        """Return the spans that the titles leave free, in pixels, also those out of sight."""
        metrics = QFontMetrics(theme().text_font(step=-1))
        whole = self.viewport().width()
        gaps, free_from = [], 0
        for visual in range(self.count()):
            section = self.logicalIndex(visual)
            if self.isSectionHidden(section):
                continue
            column = self._model.columns[section]
            left, size = self.sectionViewportPosition(section), self.sectionSize(section)
            title = min(metrics.horizontalAdvance(column.title) + _ARROW, size - 2 * _PADDING)
            start = left + (size - _PADDING - title if column.align == "right" else _PADDING)
            gaps.append((free_from, start - _PADDING))
            free_from = max(free_from, start + title + _PADDING)
        gaps.append((free_from, whole - _PADDING))
        return gaps

    def _room(self, column: Column[Any], width: int) -> int:
        """Return the width that a column of some width leaves for its title."""
        return width - 2 * _PADDING - (_ARROW if self.sort_state(column)[0] else 0)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the whole title of a column where it is cut."""
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            section = self.logicalIndexAt(event.pos())
            text = self.cut_title(section) if section >= 0 else ""
            area = QRect(
                self.sectionViewportPosition(section), 0, self.sectionSize(section), HEIGHT
            )
            show_tooltip(event.globalPos(), text, self.viewport(), area)
            return True
        return super().viewportEvent(event)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:  # noqa: N803
        """Paint one title, aligned with its column, with an arrow in the sorted column."""
        column = self._model.columns[logicalIndex]
        colors = theme()
        is_sorted, descending = self.sort_state(column)
        left, top, width, height = rect.x(), rect.y(), rect.width(), rect.height()
        painter.fillRect(left, top + height - 1, width, 1, colors.color("border"))
        painter.setFont(colors.text_font(step=-1))
        painter.setPen(QPen(colors.color(SemanticColor.TEXT if is_sorted else SemanticColor.MUTED)))
        room = self._room(column, width)
        metrics = painter.fontMetrics()
        text = metrics.elidedText(column.title, Qt.TextElideMode.ElideRight, room)
        text_width = metrics.horizontalAdvance(text)
        x = left + _PADDING
        if column.align == "right":
            x += width - 2 * _PADDING - text_width - (_ARROW if is_sorted else 0)
        baseline = top + (height - metrics.height()) / 2 + metrics.ascent()
        painter.drawText(QPointF(x, baseline), text)
        if is_sorted:
            icon = "chevron-down" if descending else "chevron-up"
            icons.paint(
                painter,
                icon,
                SemanticColor.TEXT,
                x + text_width + 1,
                top + (height - _ARROW) / 2,
                _ARROW,
            )
