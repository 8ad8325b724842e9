"""Strip in the color of the connection profile, along the upper edge of the window."""

from typing import Final

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.ui.theme.theme import theme

_HEIGHT: Final = 4


class ProfileStrip(QWidget):
    """The strip; hidden for a profile without a color."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = ""
        self.setFixedHeight(_HEIGHT)
        self.hide()
        theme().changed.connect(self.update)

    def show_profile(self, profile: Profile) -> None:
        """Show the color of a profile."""
        color = profile.effective_color
        self._color = color.value if color is not None else ""
        self.setVisible(bool(self._color))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Fill the strip."""
        if self._color:
            QPainter(self).fillRect(self.rect(), theme().profile(self._color))
