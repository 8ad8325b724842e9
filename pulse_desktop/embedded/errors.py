"""Errors of the embedded stack."""

from pulse_desktop.model.errors import UserFacingError


class EmbeddedStackError(UserFacingError):
    """The embedded stack cannot start or continue."""
