"""The suggestions under a query field: an error in words, and what can be typed next.

It is a child of the window and never takes the keyboard focus: the field keeps it and passes the
keys that choose a suggestion.
"""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.query.completion import CompletionItem
from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label, tooltip_markup
from pulse_desktop.ui.theme.theme import theme

_ROW: Final = 28
_MAX_ROWS: Final = 9
_MIN_WIDTH: Final = 340
_MAX_WIDTH: Final = 620
_GAP: Final = 4
_MARGIN: Final = 8
_SPACING: Final = 2
_ITEM_ROLE: Final = int(Qt.ItemDataRole.UserRole)
_KINDS: Final = {
    "field": _("field"),
    "operator": _("operator"),
    "value": _("value"),
    "keyword": _("keyword"),
}


class _Items(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.items: list[CompletionItem] = []

    def set_items(self, items: Sequence[CompletionItem]) -> None:
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.items)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> Any:
        if not index.isValid():
            return None
        item = self.items[index.row()]
        if role == _ITEM_ROLE:
            return item
        if role == Qt.ItemDataRole.DisplayRole:
            return printable_cell(item.insert)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return accessible_text(item)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip_markup(accessible_text(item))
        return None


def accessible_text(item: CompletionItem) -> str:
    """Return what a screen reader speaks for a suggestion."""
    count = "" if item.count is None else formats.count(item.count)
    label = "" if item.label == item.insert else item.label
    kind = _KINDS.get(item.kind, item.kind)
    return printable_cell(", ".join(filter(None, (item.insert, label, kind, count))))


class _Delegate(QStyledItemDelegate):
    def sizeHint(
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(_MIN_WIDTH, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        item: CompletionItem = index.data(_ITEM_ROLE)
        colors, area = theme(), QRect(option.rect)
        if QStyle.StateFlag.State_Selected in option.state:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("selection"))
            painter.drawRoundedRect(area.adjusted(0, 1, 0, -1), 5, 5)
        inner = area.adjusted(10, 0, -10, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        note = formats.count(item.count) if item.count is not None else _KINDS.get(item.kind, "")
        painter.setFont(colors.number_font(step=-1))
        painter.setPen(colors.color(SemanticColor.MUTED))
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, note)
        inner.setRight(inner.right() - painter.fontMetrics().horizontalAdvance(note) - 14)
        painter.setFont(colors.number_font())
        painter.setPen(colors.color(SemanticColor.TEXT))
        left = _draw(painter, inner, item.insert)
        if item.label and item.label != item.insert:
            inner.setLeft(left + 12)
            if inner.width() > 40:
                painter.setFont(colors.text_font())
                painter.setPen(colors.color(SemanticColor.MUTED))
                _draw(painter, inner, item.label)


def _draw(painter: QPainter, area: QRect, text: str) -> int:
    """Draw a text, elided to an area; return where it ends."""
    metrics = painter.fontMetrics()
    elide = Qt.TextElideMode.ElideRight
    shown = metrics.elidedText(printable_cell(text), elide, area.width())
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, shown)
    return area.left() + metrics.horizontalAdvance(shown)


class Suggestions(QFrame):
    """The frame with the error and the list.

    Signals:
        chosen: the `CompletionItem` that was clicked.
    """

    chosen = Signal(object)

    def __init__(self, anchor: QWidget) -> None:
        """Create hidden suggestions.

        Args:
            anchor: the widget below which they are shown.
        """
        super().__init__()
        self._anchor = anchor
        self.setObjectName("suggestions")
        self.setAccessibleName(_("Suggestions"))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._problem = Label()
        self._problem.setWordWrap(True)
        self._problem.setProperty("color", "bad")
        self._problem.setContentsMargins(8, 4, 8, 4)
        self._list = QListView()
        self._list.setAccessibleName(_("Suggestions"))
        self._list.setItemDelegate(_Delegate(self._list))
        self._list.setUniformItemSizes(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._items = _Items(self._list)
        self._list.setModel(self._items)
        self._keys = Label(_("Tab inserts · Enter applies · Esc closes"))
        self._keys.setProperty("role", "faint")
        self._keys.setContentsMargins(8, 2, 8, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        layout.setSpacing(_SPACING)
        for widget in (self._problem, self._list, self._keys):
            layout.addWidget(widget)
        self._list.clicked.connect(lambda index: self.chosen.emit(index.data(_ITEM_ROLE)))
        self.hide()

    @property
    def items(self) -> Sequence[CompletionItem]:
        """The suggestions, in their order."""
        return self._items.items

    @property
    def problem_text(self) -> str:
        """The error as shown, empty for none."""
        return "" if self._problem.isHidden() else self._problem.text()

    @property
    def current(self) -> CompletionItem | None:
        """The suggestion that the arrow keys have reached, None for none."""
        row = self._list.currentIndex().row()
        return self._items.items[row] if 0 <= row < len(self._items.items) else None

    def show_items(self, items: Sequence[CompletionItem], problem: str) -> None:
        """Show suggestions and an error; hide the frame when there is neither.

        Args:
            items: what can be typed next.
            problem: why the query is not valid, empty if it is.
        """
        if list(items) != self._items.items:
            kept = self.current
            self._items.set_items(items)
            if kept is not None:
                same = (row for row, item in enumerate(items) if item.insert == kept.insert)
                self._list.setCurrentIndex(self._items.index(next(same, -1), 0))
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self._list.setVisible(bool(items))
        self._keys.setVisible(bool(items))
        if not items and not problem:
            self.hide()
            return
        if self.parent() is not self._anchor.window():
            self.setParent(self._anchor.window())
        self.place()
        self.show()
        self.raise_()

    def move_by(self, rows: int) -> CompletionItem | None:
        """Move down by some rows, or up if negative, around the ends; return what is current."""
        count = len(self._items.items)
        if not count:
            return None
        row = self._list.currentIndex().row()
        row = (row + rows) % count if row >= 0 else min(rows, 0) % count
        self._list.setCurrentIndex(self._items.index(row, 0))
        return self.current

    def forget_current(self) -> None:
        """Select no suggestion, after the text has changed."""
        self._list.setCurrentIndex(QModelIndex())

    def place(self) -> None:
        """Fit the frame below its anchor, within the window."""
        window = self._anchor.window()
        top_left = self._anchor.mapTo(window, QPoint(0, self._anchor.height() + _GAP))
        width = max(_MIN_WIDTH, min(_MAX_WIDTH, self._anchor.width()))
        self.setFixedWidth(min(width, window.width() - 2 * _MARGIN))
        below = window.height() - top_left.y() - 3 * _MARGIN - 60
        rows = max(1, min(len(self._items.items), _MAX_ROWS, below // _ROW))
        self._list.setFixedHeight(rows * _ROW)
        inner = self.width() - 2 * _MARGIN - 2
        heights = []
        if not self._problem.isHidden():
            heights.append(self._problem.heightForWidth(inner))
        if not self._list.isHidden():
            heights += [rows * _ROW, self._keys.sizeHint().height()]
        self.setFixedHeight(sum(heights) + _SPACING * (len(heights) - 1) + 2 * _MARGIN + 2)
        left = max(_MARGIN, min(top_left.x(), window.width() - self.width() - _MARGIN))
        self.move(left, top_left.y())
