"""The menu of a table's rows, made from the table of actions."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMenu, QWidget

from pulse_desktop.ui.shell.actions import ActionTable


def context_menu(actions: ActionTable, ids: Sequence[str], parent: QWidget) -> QMenu:
    """Return a menu of some actions; what cannot be done now is shown and cannot be chosen.

    Args:
        actions: of the window.
        ids: of the actions in their order; an empty one is a line between them.
        parent: whose menu it is.
    """
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for action_id in ids:
        if not action_id:
            menu.addSeparator()
            continue
        shown = actions.qt(action_id)
        entry = menu.addAction(shown.icon(), shown.text())
        entry.setShortcut(shown.shortcut())
        entry.setShortcutVisibleInContextMenu(True)
        # The keys work without the menu; here they are only shown.
        entry.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        entry.setEnabled(actions.is_enabled(action_id))
        entry.triggered.connect(lambda _=False, chosen=action_id: actions.run(chosen))
    return menu


def pop_up(actions: ActionTable, ids: Sequence[str], parent: QWidget, at: QPoint) -> None:
    """Show the menu at a point of the screen. Returns at once: nothing waits for the choice."""
    context_menu(actions, ids, parent).popup(at)
