"""Command palette: every available action, found by a few letters, with its shortcut.

It is a child of the window and not a dialog: a modal event loop inside a coroutine would break
other coroutines.
"""

from collections.abc import Callable, Sequence
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
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import Action, ActionTable, shortcut_text
from pulse_desktop.ui.shell.palette_search import Entry, PaletteSearch, no_ids, no_things
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme

_WIDTH: Final = 600
_ROW: Final = 36
_MAX_ROWS: Final = 10
_MARGIN: Final = 8
_ACTION_ROLE: Final = Qt.ItemDataRole.UserRole
_ENABLED_ROLE: Final = Qt.ItemDataRole.UserRole + 1


class _EntryList(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def set_entries(self, entries: list[Entry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> Any:
        action = self.entries[index.row()].action
        is_enabled = self.entries[index.row()].is_enabled
        if role == _ACTION_ROLE:
            return action
        if role == _ENABLED_ROLE:
            return is_enabled
        title = printable_cell(action.title)
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            note = printable_cell(action.note)
            unavailable = "" if is_enabled else _("not available")
            parts = (action.group, title, unavailable, note, shortcut_text(action))
            return ", ".join(filter(None, parts))
        return None


class _ActionDelegate(QStyledItemDelegate):
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
        action: Action = index.data(_ACTION_ROLE)
        is_enabled = bool(index.data(_ENABLED_ROLE))
        area: QRect = option.rect
        colors = theme()
        shortcut = shortcut_text(action)
        if QStyle.StateFlag.State_Selected in option.state:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.color("selection"))
            painter.drawRoundedRect(area.adjusted(0, 1, 0, -1), 6, 6)
        if action.color:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colors.profile(action.color))
            painter.drawEllipse(area.x() + 14, area.y() + (_ROW - 10) // 2, 10, 10)
        elif action.icon:
            icons.paint(
                painter,
                action.icon,
                SemanticColor.MUTED if is_enabled else SemanticColor.FAINT,
                area.x() + 11,
                area.y() + (_ROW - 16) // 2,
            )
        inner = area.adjusted(38, 0, -12, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(colors.number_font(step=-1))
        painter.setPen(colors.color(SemanticColor.MUTED))
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, shortcut)
        shortcut_width = painter.fontMetrics().horizontalAdvance(shortcut)
        inner.setRight(inner.right() - shortcut_width - 16)
        painter.setFont(colors.text_font())
        painter.setPen(colors.color(SemanticColor.TEXT if is_enabled else SemanticColor.FAINT))
        title = painter.fontMetrics().elidedText(
            printable_cell(action.title), Qt.TextElideMode.ElideRight, inner.width()
        )
        painter.drawText(inner, middle, title)
        inner.setLeft(inner.left() + painter.fontMetrics().horizontalAdvance(title) + 12)
        if action.note:
            painter.setPen(colors.color(SemanticColor.MUTED))
            note = painter.fontMetrics().elidedText(
                printable_cell(action.note), Qt.TextElideMode.ElideRight, max(0, inner.width())
            )
            painter.drawText(inner, middle, note)
            inner.setLeft(inner.left() + painter.fontMetrics().horizontalAdvance(note) + 12)
        painter.setPen(colors.color(SemanticColor.FAINT))
        if inner.width() > 60:
            painter.drawText(inner, middle, action.group)


class Palette(QFrame):
    """A search field and a list over the upper part of the window.

    Esc or a click outside closes it.

    Attributes:
        field: the search field.
        list: the matching entries.
    """

    def __init__(
        self,
        actions: ActionTable,
        window: QWidget,
        find: Callable[[str], Sequence[Entry]] = no_things,
        likely: Callable[[], Sequence[str]] = no_ids,
        focus_page: Callable[[], object] = lambda: None,
    ) -> None:
        """Create a hidden palette.

        Args:
            actions: what can be run; see `PaletteSearch`, also for `find` and `likely`.
            window: the window that it covers.
            find: returns the things that match a query.
            likely: returns the ids of the actions that one most likely wants now.
            focus_page: gives the keyboard focus to the page, where no widget had it before.
        """
        super().__init__(window)
        self._focus_page = focus_page
        self._entries_for = PaletteSearch(actions, find, likely).entries
        self._focus_before: QWidget | None = None
        self._opened_with = self._selected_id = ""
        self.setObjectName("palette")
        self.setAccessibleName(_("Command palette"))
        self.field = QLineEdit()
        self.field.setPlaceholderText(_("Search or run a command…"))
        self.field.setAccessibleName(_("Search or run a command"))
        self.list = QListView()
        self.list.setAccessibleName(_("Commands"))
        self.list.setItemDelegate(_ActionDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._matches = _EntryList(self.list)
        self.list.setModel(self._matches)
        self._no_match = Label(
            _("Nothing matches: no command, run, task, worker, group, result or message")
        )
        self._no_match.setProperty("role", "muted")
        self._no_match.setContentsMargins(14, 10, 14, 14)
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(self.field)
        inner = QVBoxLayout()
        inner.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        inner.addWidget(self.list)
        inner.addWidget(self._no_match)
        layout.addLayout(inner)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.clicked.connect(lambda index: self._run(index.row()))
        self.hide()

    @property
    def titles(self) -> list[str]:
        """The titles of the listed entries."""
        return [entry.action.title for entry in self._matches.entries]

    def open(self, query: str = "", selected_id: str = "") -> None:
        """Show the palette with the focus in its field; close it if it is open.

        Args:
            query: what it is filled with.
            selected_id: action that is selected while the query is unchanged. With a query and
                without such an action nothing is selected, so that Enter alone does nothing.
        """
        if self.isVisible():
            self.close()
            return
        self._opened_with, self._selected_id = query.strip(), selected_id
        self._focus_before = self.window().focusWidget()
        self.field.setText(query)
        self._search(query)
        self.show()
        self.raise_()
        self.field.setFocus()

    def close(self) -> bool:
        """Hide the palette and give the focus back."""
        if self.isVisible():
            had_focus = self.window().focusWidget() is self.field  # hiding it moves the focus on
            before, self._focus_before = self._focus_before, None
            self.hide()
            if had_focus:
                self._give_focus_back(before)
        return True

    def _give_focus_back(self, before: QWidget | None) -> None:
        if before is not None and isValid(before) and before.isVisible() and before.isEnabled():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._focus_page()

    def place(self) -> None:
        """Fit position and size to the window and to the number of matches."""
        window = self.window()
        rows = min(max(len(self._matches.entries), 1), _MAX_ROWS)
        width = min(_WIDTH, window.width() - 48)
        self.list.setFixedHeight(rows * _ROW)
        self.list.setVisible(bool(self._matches.entries))
        self._no_match.setVisible(not self._matches.entries)
        self.setFixedWidth(width)
        self._layout.activate()
        self.setFixedHeight(self._layout.sizeHint().height())
        self.move((window.width() - width) // 2, 56)

    def _search(self, query: str) -> None:
        self._matches.set_entries(self._entries_for(query))
        self.list.setCurrentIndex(self._matches.index(self._first_row(query), 0))
        self.place()

    def _first_row(self, query: str) -> int:
        """Return the row to select for a query, -1 for none."""
        ids = [entry.action.id for entry in self._matches.entries]
        if self._opened_with and query.strip() == self._opened_with:
            return ids.index(self._selected_id) if self._selected_id in ids else -1
        return 0 if ids else -1

    def _run(self, row: int) -> None:
        if 0 <= row < len(self._matches.entries):
            entry = self._matches.entries[row]
            self.close()
            entry.run()

    def _move(self, by: int) -> None:
        count = len(self._matches.entries)
        if count:
            row = self._row()
            row = (row + by) % count if row >= 0 else min(by, 0) % count
            self.list.setCurrentIndex(self._matches.index(row, 0))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move the selection with the keys while the field has the focus."""
        if watched is self.field and isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.KeyPress and self._key(event.key()):
                return True
        elif watched is self.field and event.type() is QEvent.Type.FocusOut and self.isVisible():
            self.close()
        return super().eventFilter(watched, event)

    def _key(self, key: int) -> bool:
        match key:
            case Qt.Key.Key_Down:
                self._move(1)
            case Qt.Key.Key_Up:
                self._move(-1)
            case Qt.Key.Key_PageDown:
                self._move(min(_MAX_ROWS, len(self.titles) - 1 - self._row()))
            case Qt.Key.Key_PageUp:
                self._move(-min(_MAX_ROWS, max(self._row(), 0)))
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._run(self._row())
            case Qt.Key.Key_Escape:
                self.close()
            case _:
                return False
        return True

    def _row(self) -> int:
        return self.list.currentIndex().row()
