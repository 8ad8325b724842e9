"""Window with the keyboard shortcuts, made from the table of actions."""

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.actions import ActionTable, shortcut_texts
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.window_title import set_title

_SIZE: Final = (520, 640)
_SPARE_HEIGHT: Final = 80
"""Height that is left of the main window."""
_ROW_HEIGHT: Final = 24
_TABLE_KEYS: Final = (
    (_("Pause or resume the table"), "Space"),
    (_("Open the details of a row"), "Enter"),
    (_("Go to the first or last row"), "Home, End, Ctrl+End"),
    (_("Copy the selected rows"), "Ctrl+C"),
    (_("Open the menu of the selected rows"), "Shift+F10"),
    (_("Close the newest notification or the details, clear the selection or the filter"), "Esc"),
)
"""Keys that a table handles itself."""


class ShortcutsWindow(QDialog):
    """The window. It is not modal and deletes itself when it is closed.

    Attributes:
        tree: the shortcuts by group.
    """

    def __init__(self, actions: ActionTable, parent: QWidget) -> None:
        """List the shortcuts.

        Args:
            actions: of the window.
            parent: the main window.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, _("Keyboard shortcuts"))
        self.resize(_SIZE[0], min(_SIZE[1], parent.height() - _SPARE_HEIGHT))
        self.tree = QTreeWidget()
        self.tree.setUniformRowHeights(True)
        self.tree.setHeaderLabels([_("Action"), _("Keys")])
        self.tree.setAccessibleName(_("Keyboard shortcuts"))
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 12)
        layout.addWidget(self.tree)
        self._groups: dict[str, QTreeWidgetItem] = {}
        for action in map(actions.__getitem__, actions.ids):
            if action.shortcut:
                self._add(action.group, action.title, ", ".join(shortcut_texts(action)))
        for title, keys in _TABLE_KEYS:
            self._add(_("Table"), title, keys)
        self.tree.expandAll()
        first = self.tree.topLevelItem(0)
        item = None if first is None else first.child(0)
        if item is not None:
            self.tree.setCurrentItem(item)

    def _add(self, group: str, title: str, keys: str) -> None:
        parent = self._groups.get(group)
        if parent is None:
            parent = self._groups[group] = self._item(self.tree, group)
            parent.setForeground(0, theme().color(SemanticColor.MUTED))
        self._item(parent, title, keys)

    @staticmethod
    def _item(parent: QTreeWidget | QTreeWidgetItem, *texts: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem(parent, list(texts))
        item.setSizeHint(0, QSize(0, _ROW_HEIGHT))
        return item
