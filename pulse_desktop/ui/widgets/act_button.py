"""Button that acts on the server: disabled, with the reason, while the connection is read-only."""

from PySide6.QtCore import QEvent
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QPushButton, QWidget

from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import show_tooltip


class ActButton(QPushButton):
    """The button. The session refuses what it asks for anyway; this says so beforehand."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self._possible = True
        self._read_only = False

    def setEnabled(self, enabled: bool) -> None:
        """Enable the button, unless the connection is read-only."""
        self._possible = enabled
        super().setEnabled(enabled and not self._read_only)

    def set_read_only(self, read_only: bool) -> None:
        """Disable the button while the connection is read-only."""
        self._read_only = read_only
        self.setEnabled(self._possible)
        self.setAccessibleDescription(_reason() if read_only else "")

    def event(self, event: QEvent) -> bool:
        """Give the reason as the tooltip."""
        if self._read_only and isinstance(event, QHelpEvent):
            show_tooltip(event.globalPos(), _reason(), self, self.rect())
            return True
        return super().event(event)


def _reason() -> str:
    return _("This connection is read-only: nothing can be sent")


def set_buttons_read_only(parent: QWidget, read_only: bool) -> None:
    """Disable or enable all buttons within a widget that act on the server."""
    for button in parent.findChildren(ActButton):
        button.set_read_only(read_only)
