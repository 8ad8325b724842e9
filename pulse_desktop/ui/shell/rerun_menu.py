"""Menu of the other connections that a run can be enqueued on."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractItemView, QMenu, QWidget

from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import without_mnemonic


def open_rerun_menu(window: QWidget, names: Sequence[str], chosen: Callable[[str], None]) -> QMenu:
    """Open the menu at the row that has the keyboard focus: it is not always opened by a mouse.

    Args:
        window: the main window with the run.
        names: of the other connections.
        chosen: called with the name that the operator chose.
    """
    menu = QMenu(window)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setAccessibleName(_("Re-run on"))
    menu.addSection(_("Re-run on"))
    for name in names:
        action = menu.addAction(without_mnemonic(name))
        action.triggered.connect(lambda _checked=False, name=name: chosen(name))
    if names:
        menu.setActiveAction(menu.actions()[1])
    else:
        menu.addAction(_("There is no other connection")).setEnabled(False)
    menu.popup(_position(window))
    return menu


def _position(window: QWidget) -> QPoint:
    focused = window.focusWidget()
    if isinstance(focused, QAbstractItemView):
        row = focused.visualRect(focused.currentIndex())
        return focused.viewport().mapToGlobal(QPoint(max(0, row.left()), row.bottom()))
    return window.mapToGlobal(window.rect().center())
