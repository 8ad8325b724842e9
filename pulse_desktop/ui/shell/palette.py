"""The command palette: every action, found by a few letters, with its shortcut beside it.

It is a child of the window and not a dialog, because a modal loop inside a coroutine would cost
other coroutines their life.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.shell.actions import OPEN_PALETTE, ActionTable, shortcut_text
from pulse_desktop.ui.shell.fuzzy import best
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

_WIDTH: Final = 600
_ROW: Final = 36
_MOST_ROWS: Final = 10
_MARGIN: Final = 8
_ENTRY_ROLE: Final = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette.

    Attributes:
        title: what it does.
        run: does it.
        group: where it belongs.
        icon: of `icons`, or empty.
        shortcut: keys as text.
        words: more words to find it by.
    """

    title: str
    run: Callable[[], object]
    group: str = ""
    icon: str = ""
    shortcut: str = ""
    words: str = ""


class _Entries(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> Any:
        entry = self.entries[index.row()]
        if role == _ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, (entry.group, entry.title, entry.shortcut)))
        return None


class _EntryDelegate(QStyledItemDelegate):
    def sizeHint(
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(_WIDTH, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        entry: Entry = index.data(_ENTRY_ROLE)
        area: QRect = option.rect
        colors = theme()
        if QStyle.StateFlag.State_Selected in option.state:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("selection"))
            painter.drawRoundedRect(area.adjusted(0, 1, 0, -1), 6, 6)
        if entry.icon:
            icons.paint(
                painter, entry.icon, SemanticColor.MUTED, area.x() + 11, area.y() + (_ROW - 16) // 2
            )
        inner = area.adjusted(38, 0, -12, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(colors.number_font(step=-1))
        painter.setPen(colors.color(SemanticColor.MUTED))
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, entry.shortcut)
        taken = painter.fontMetrics().horizontalAdvance(entry.shortcut)
        inner.setRight(inner.right() - taken - 16)
        painter.setFont(colors.text_font())
        painter.setPen(colors.color(SemanticColor.TEXT))
        title = painter.fontMetrics().elidedText(
            entry.title, Qt.TextElideMode.ElideRight, inner.width()
        )
        painter.drawText(inner, middle, title)
        inner.setLeft(inner.left() + painter.fontMetrics().horizontalAdvance(title) + 12)
        painter.setPen(colors.color(SemanticColor.FAINT))
        if inner.width() > 60:
            painter.drawText(inner, middle, entry.group)


class Palette(QFrame):
    """A field and a list over the upper middle of the window; Esc, or a click beside it, closes."""

    def __init__(self, actions: ActionTable, window: QWidget) -> None:
        super().__init__(window)
        self._actions = actions
        self._sources: list[Callable[[str], list[Entry]]] = []
        self._focus_before: QWidget | None = None
        self.setObjectName("palette")
        self.setAccessibleName("Command palette")
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search or run a command…")
        self.field.setAccessibleName("Search or run a command")
        self.list = QListView()
        self.list.setAccessibleName("Commands")
        self.list.setItemDelegate(_EntryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._entries = _Entries(self.list)
        self.list.setModel(self._entries)
        self._nothing = QLabel("No command of that name")
        self._nothing.setProperty("role", "muted")
        self._nothing.setContentsMargins(14, 10, 14, 14)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(self.field)
        inner = QVBoxLayout()
        inner.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        inner.addWidget(self.list)
        inner.addWidget(self._nothing)
        layout.addLayout(inner)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.clicked.connect(lambda index: self._run(index.row()))
        self.hide()

    def add_source(self, source: Callable[[str], list[Entry]]) -> None:
        """Offer more than the actions: the source is asked with what was typed."""
        self._sources.append(source)

    @property
    def titles(self) -> list[str]:
        """What is offered now, from the top."""
        return [entry.title for entry in self._entries.entries]

    def open(self, query: str = "") -> None:
        """Show it, with the keyboard in its field."""
        if self.isVisible():
            self.close()
            return
        self._focus_before = self.window().focusWidget()
        self.field.setText(query)
        self._search(query)
        self.show()
        self.raise_()
        self.field.setFocus()

    def close(self) -> bool:
        """Hide it and give the keyboard back."""
        if self.isVisible():
            self.hide()
            if self._focus_before is not None and self.field.hasFocus():
                self._focus_before.setFocus()
            self._focus_before = None
        return True

    def place(self) -> None:
        """Take the place and size that fit the window and what is offered."""
        window = self.window()
        rows = min(max(len(self._entries.entries), 1), _MOST_ROWS)
        width = min(_WIDTH, window.width() - 48)
        self.list.setFixedHeight(rows * _ROW)
        self.list.setVisible(bool(self._entries.entries))
        self._nothing.setVisible(not self._entries.entries)
        self.setFixedWidth(width)
        self._layout.activate()
        self.setFixedHeight(self._layout.sizeHint().height())
        self.move((window.width() - width) // 2, 56)

    def _search(self, query: str) -> None:
        entries = [
            (
                f"{action.title} {action.group} {action.keywords}",
                Entry(
                    action.title,
                    partial(self._actions.run, action.id),
                    action.group,
                    action.icon,
                    shortcut_text(action),
                ),
            )
            for action in self._actions.available()
            if action is not OPEN_PALETTE
        ]
        found = best(query, entries)
        if query.strip():
            for source in self._sources:
                found += source(query.strip())
        self._entries.show(found)
        if found:
            self.list.setCurrentIndex(self._entries.index(0, 0))
        self.place()

    def _run(self, row: int) -> None:
        if 0 <= row < len(self._entries.entries):
            entry = self._entries.entries[row]
            self.close()
            entry.run()

    def _step(self, by: int) -> None:
        count = len(self._entries.entries)
        if count:
            row = (self.list.currentIndex().row() + by) % count
            self.list.setCurrentIndex(self._entries.index(row, 0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move in the list with the keyboard in the field."""
        if watched is self.field and isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.KeyPress and self._key(event.key()):
                return True
        elif watched is self.field and event.type() is QEvent.Type.FocusOut and self.isVisible():
            self.close()
        return super().eventFilter(watched, event)

    def _key(self, key: int) -> bool:
        match key:
            case Qt.Key.Key_Down:
                self._step(1)
            case Qt.Key.Key_Up:
                self._step(-1)
            case Qt.Key.Key_PageDown:
                self._step(min(_MOST_ROWS, len(self.titles) - 1 - self._row()))
            case Qt.Key.Key_PageUp:
                self._step(-min(_MOST_ROWS, self._row()))
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._run(self._row())
            case Qt.Key.Key_Escape:
                self.close()
            case _:
                return False
        return True

    def _row(self) -> int:
        return self.list.currentIndex().row()
