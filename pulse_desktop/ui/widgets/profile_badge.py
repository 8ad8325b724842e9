"""Badge of a connection profile: its environment on its color, wherever an action can start."""

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from pulse_desktop.profiles.profile import Color, Profile
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme


class ProfileBadge(Label):
    """A label such as PRODUCTION on red; hidden for a profile without an environment."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._profile: Profile | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.hide()
        theme().changed.connect(self._apply_theme)

    def show_profile(self, profile: Profile | None, name: str = "") -> None:
        """Show the environment of a profile, and a name after it unless that is empty."""
        self._profile = profile
        environment = profile.environment if profile is not None else None
        parts = [environment_text(environment).upper() if environment is not None else "", name]
        text = " · ".join(filter(None, parts)) if environment is not None else ""
        self.setText(text)
        self.setVisible(bool(text))
        self.setAccessibleName(_("Environment: {name}").format(name=printable_cell(text)))
        self._apply_theme()

    def _apply_theme(self) -> None:
        color = self._profile.effective_color if self._profile is not None else None
        colors = theme()
        fill = colors.profile((color or Color.GRAY).value).name()
        text = colors.profile("on_profile").name()
        self.setStyleSheet(
            f"background: {fill}; color: {text}; border-radius: 4px; padding: 2px 8px;"
            " font-weight: 600;"
        )

    def changeEvent(self, event: QEvent) -> None:
        """Keep the size that the text needs when the font changes."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self.updateGeometry()
