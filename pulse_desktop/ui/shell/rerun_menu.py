"""Menu of the other connections that a run can be enqueued on."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractItemView, QMenu, QWidget

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import without_mnemonic
from pulse_desktop.ui.widgets.profile_icon import profile_icon


def open_rerun_menu(
    window: QWidget, profiles: Sequence[Profile], chosen: Callable[[str], None]
) -> QMenu:
    """Open the menu at the row that has the keyboard focus: it is not always opened by a mouse.

    Nothing is selected at first, so that Enter alone opens no connection.

    Args:
        window: the main window with the run.
        profiles: of the other connections, read-only as their windows are now.
        chosen: called with the name that the operator chose.
    """
    menu = QMenu(window)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setAccessibleName(_("Re-run on"))
    title = _("Re-run on") if profiles else _("There is no other connection to re-run on")
    menu.addAction(title).setEnabled(False)
    menu.addSeparator()
    for profile in profiles:
        action = menu.addAction(profile_icon(profile), without_mnemonic(_title(profile)))
        action.setEnabled(not profile.read_only)
        action.triggered.connect(lambda _checked=False, name=profile.name: chosen(name))
    menu.popup(_position(window))
    return menu


def _title(profile: Profile) -> str:
    """Return what tells a connection from the others, such as "eu  ·  production"."""
    parts = [_("embedded server") if profile.is_embedded else profile.name]
    if profile.environment is not None:
        parts.append(environment_text(profile.environment))
    if profile.read_only:
        parts.append(_("read-only: enqueues nothing"))
    return "  ·  ".join(parts)


def _position(window: QWidget) -> QPoint:
    focused = window.focusWidget()
    if isinstance(focused, QAbstractItemView):
        row = focused.visualRect(focused.currentIndex())
        return focused.viewport().mapToGlobal(QPoint(max(0, row.left()), row.bottom()))
    return window.mapToGlobal(window.rect().center())
