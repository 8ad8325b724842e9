"""Dialog in which the operator chooses the columns of a table and their order."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.column import Column
from pulse_desktop.ui.table.column_layout import ColumnLayout
from pulse_desktop.ui.table.model import LiveTableModel
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.window_title import set_title

_SIZE: Final = (420, 520)
_KEY_ROLE: Final = int(Qt.ItemDataRole.UserRole)


class _ColumnList(QListWidget):
    """A list whose current item is moved with Alt and an arrow key.

    Signals:
        move_requested: by how many places, negative for up.
    """

    move_requested = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ask to move the current item."""
        steps = {Qt.Key.Key_Up.value: -1, Qt.Key.Key_Down.value: 1}
        step = steps.get(event.key(), 0)
        if step and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.move_requested.emit(step)
        else:
            super().keyPressEvent(event)


class _SearchField(QLineEdit):
    """A field from which an arrow key leads into the list.

    Signals:
        left: an arrow key was pressed.
    """

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave with Up or Down."""
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.left.emit()
        else:
            super().keyPressEvent(event)


class ColumnChooser(QDialog):
    """A list of all columns with check boxes: those of the table, then those on offer.

    What is chosen is applied at once. The focus is in the search, from which Down leads to what it
    has found. Space shows or hides a column, Alt+Up and Alt+Down move it.

    Attributes:
        list: the columns.
        search: hides the columns that do not contain its text.

    Signals:
        changed: a column was shown, hidden or moved.
    """

    changed = Signal()

    def __init__(
        self,
        layout: ColumnLayout,
        model: LiveTableModel[Any],
        offered: Sequence[Column[Any]],
        parent: QWidget,
    ) -> None:
        """Create the dialog.

        Args:
            layout: of the columns of the table.
            model: of the table.
            offered: extra columns, which the table may have already.
            parent: the window.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, _("Columns"))
        self.resize(*_SIZE)
        self._columns = layout
        self._model = model
        self._offered = offered
        self.search = _SearchField()
        self.search.setPlaceholderText(_("Find a column"))
        self.search.setAccessibleName(_("Find a column"))
        self.search.setClearButtonEnabled(True)
        self.list = _ColumnList()
        self.list.setAccessibleName(_("Columns of the table"))
        self._note = Label(
            _("Down leads to the list. Space shows or hides a column, Alt+Up and Alt+Down move it.")
        )
        self._note.setProperty("role", "muted")
        self._note.setWordWrap(True)
        self._up, self._down = QPushButton(_("Move up")), QPushButton(_("Move down"))
        self._reset = QPushButton(_("Reset columns"))
        done = QPushButton(_("Done"))
        done.setDefault(True)
        buttons = QHBoxLayout()
        for button in (self._up, self._down, self._reset):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(done)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 14, 14, 14)
        column.setSpacing(10)
        column.addWidget(self.search)
        column.addWidget(self.list, 1)
        column.addWidget(self._note)
        column.addLayout(buttons)
        self._fill()
        self.list.itemChanged.connect(self._on_checked)
        self.list.currentRowChanged.connect(lambda _row: self._enable_buttons())
        self.search.textChanged.connect(self._show_found)
        self.search.left.connect(self.list.setFocus)
        self._up.clicked.connect(lambda: self._move(-1))
        self._down.clicked.connect(lambda: self._move(1))
        self._reset.clicked.connect(self._on_reset)
        done.clicked.connect(self.accept)
        self.list.move_requested.connect(self._move)
        self.search.setFocus()

    def _fill(self, current: str = "") -> None:
        titles = {column.key: column.title for column in self._model.columns}
        visible = set(self._columns.visible_keys)
        extra = [column for column in self._offered if column.key not in titles]
        self.list.blockSignals(True)
        self.list.clear()
        entries = [(key, titles[key], key in visible) for key in self._columns.order]
        entries += [(column.key, column.title, False) for column in extra]
        for key, title, shown in entries:
            item = QListWidgetItem(printable_cell(title))
            item.setData(_KEY_ROLE, key)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
            self.list.addItem(item)
            if key == current:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0:
            self.list.setCurrentRow(0)
        self.list.blockSignals(False)
        self._show_found(self.search.text())
        self._enable_buttons()

    def _show_found(self, text: str) -> None:
        """Hide what does not match; the current column, which keys change, is one that does."""
        words = text.casefold().split()
        found = []
        for row in range(self.list.count()):
            item = self.list.item(row)
            title = item.text().casefold()
            item.setHidden(not all(word in title for word in words))
            if not item.isHidden():
                found.append(row)
        if self.list.currentRow() not in found:
            self.list.setCurrentRow(found[0] if found else -1)

    def _key(self) -> str:
        item = self.list.currentItem()
        return str(item.data(_KEY_ROLE)) if self.list.currentRow() >= 0 else ""

    def _on_checked(self, item: QListWidgetItem) -> None:
        key, shown = str(item.data(_KEY_ROLE)), item.checkState() is Qt.CheckState.Checked
        if not shown and list(self._columns.visible_keys) == [key]:
            self._fill(key)  # a table without columns could not be clicked
            return
        self._columns.set_visible(key, shown)
        self._fill(self._key())
        self.changed.emit()

    def _move(self, by: int) -> None:
        key, order = self._key(), list(self._columns.order)
        if key not in order:
            return
        place = order.index(key) + by
        if 0 <= place < len(order):
            self._columns.move(key, place)
            self._fill(key)
            self.changed.emit()

    def _enable_buttons(self) -> None:
        order, key = list(self._columns.order), self._key()
        place = order.index(key) if key in order else -1
        self._up.setEnabled(place > 0)
        self._down.setEnabled(0 <= place < len(order) - 1)

    def _on_reset(self) -> None:
        self._columns.reset()
        self._fill()
        self.changed.emit()
