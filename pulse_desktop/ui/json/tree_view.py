"""Tree of a decoded value, with actions to copy the value, the key and the path of a row."""

from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHeaderView, QMenu, QTreeView

from pulse_desktop.text.translation import _
from pulse_desktop.ui.clipboard import copy_json, copy_line, copy_text
from pulse_desktop.ui.json.json_text import FOR_CLIPBOARD, json_text
from pulse_desktop.ui.json.tree_model import JsonTreeModel
from pulse_desktop.ui.theme.theme import theme

_EXPANDED_ROWS: Final = 60
_EXPANDED_LEVELS: Final = 3
_MIN_KEY_WIDTH: Final = 90


class JsonTree(QTreeView):
    """The tree. Small values are expanded from the start.

    Attributes:
        json_model: its model.

    Signals:
        copied: a note about a copy that is not complete, "" about a complete one.
    """

    copied = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.json_model = JsonTreeModel(self)
        self.setModel(self.json_model)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setIndentation(16)
        self.setFont(theme().number_font())
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.header().setStretchLastSection(True)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.expanded.connect(lambda _index: self.fit_keys())
        self._add_action(_("Copy value"), "Ctrl+C", self._copy_value)
        self._add_action(_("Copy key"), "", self._copy_key)
        self._add_action(_("Copy path"), "Ctrl+Shift+C", self._copy_path)

    def set_value(self, value: Any) -> None:
        """Change the value and expand its first levels, as far as they fit on a screen."""
        model = self.json_model
        model.set_value(value)
        free = _EXPANDED_ROWS - model.rowCount()
        level = [model.index(row, 0) for row in range(min(model.rowCount(), 100))]
        for _level in range(_EXPANDED_LEVELS):
            below: list[QModelIndex] = []
            for index in level:
                child = model.value_of(index)
                size = len(child) if isinstance(child, dict | list) else 0
                if not 0 < size <= free:
                    continue
                self.expand(index)
                rows = model.rowCount(index)
                free -= rows
                below += [model.index(row, 0, index) for row in range(rows)]
            level = below
        self.fit_keys()

    def fit_keys(self) -> None:
        """Make the column of keys as wide as they are, up to half of the view."""
        preferred = self.sizeHintForColumn(0) + 12
        half = max(_MIN_KEY_WIDTH, self.viewport().width() // 2)
        self.setColumnWidth(0, min(max(preferred, _MIN_KEY_WIDTH), half))

    def _add_action(self, title: str, keys: str, slot: Callable[[], None]) -> None:
        action = QAction(title, self)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(slot)
        self.addAction(action)

    def _show_menu(self, position: QPoint) -> None:
        if not self.indexAt(position).isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self.actions())
        menu.popup(self.viewport().mapToGlobal(position))

    def _copy_value(self) -> None:
        index = self.currentIndex()
        if not index.isValid():
            return
        value = self.json_model.value_of(index)
        complete = True
        if isinstance(value, str):
            text = copy_text(value)
        else:
            text, complete = json_text(value, FOR_CLIPBOARD)
            copy_json(text)
        note = _("Copied the first {count:,} characters.").format(count=len(text))
        self.copied.emit("" if complete else note)

    def _copy_key(self) -> None:
        if self.currentIndex().isValid():
            copy_line(self.json_model.key_of(self.currentIndex()))

    def _copy_path(self) -> None:
        if self.currentIndex().isValid():
            copy_line(self.json_model.path_of(self.currentIndex()))
