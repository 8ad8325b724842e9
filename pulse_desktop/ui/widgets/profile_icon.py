"""Icon of a connection profile in a list or a menu: a dot in its color."""

from PySide6.QtGui import QIcon

from pulse_desktop.profiles.profile import Profile
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme


def profile_icon(profile: Profile) -> QIcon:
    """Return a dot in the color of a profile, or a ring without one."""
    color = profile.effective_color
    if color is None:
        return icons.icon("ring")
    return icons.icon("dot", theme().profile(color.value).name())
