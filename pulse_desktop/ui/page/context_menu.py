"""Context menus made from the table of actions."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QWidget

from pulse_desktop.ui.page.actions import Action, ActionTable


def context_menu(
    actions: ActionTable,
    entries: Sequence[Action | None],
    parent: QWidget,
    checked: Action | None = None,
) -> QMenu:
    """Return a menu of actions; unavailable ones are shown disabled.

    Args:
        actions: the table of the window.
        entries: the actions in order, None for a separator.
        parent: the widget the menu belongs to.
        checked: the action that is in effect now, shown with a tick.
    """
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for action in entries:
        if action is None:
            menu.addSeparator()
            continue
        bound = actions.qt(action)
        entry = menu.addAction(bound.icon(), bound.text())
        entry.setShortcut(bound.shortcut())
        entry.setShortcutVisibleInContextMenu(True)
        # The window's own QAction handles the keys; this one only displays them.
        entry.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        if action is checked:
            entry.setCheckable(True)
            entry.setChecked(True)
        entry.setEnabled(actions.is_enabled(action.id))
        entry.triggered.connect(lambda _checked=False, key=action.id: actions.run(key))
    return menu


def show_context_menu(
    actions: ActionTable,
    entries: Sequence[Action | None],
    parent: QWidget,
    at: QPoint,
    checked: Action | None = None,
) -> None:
    """Show a context menu at a point of the screen. Returns at once; the menu is not modal."""
    context_menu(actions, entries, parent, checked).popup(at)
