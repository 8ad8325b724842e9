"""What can keep the embedded stack from running, told so that somebody can act on it."""

from pulse_desktop.model.errors import UserFacingError


class EmbeddedStackError(UserFacingError):
    """The embedded stack cannot start or cannot go on."""
