"""The guard before every action on a server: read-only, and confirmation.

It stands in the session, so that the window and the commands pass the same one.
"""

from pulse_desktop.model.errors import ConfirmationRequiredError, ReadOnlyError
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.profile_text import named_with_environment


class ActionGuard:
    """Refuses actions on a read-only connection, and those that nobody has confirmed.

    Attributes:
        profile: of the connection.
        read_only: whether every action is refused; the operator may change it.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.read_only = profile.read_only

    @property
    def asks(self) -> bool:
        """Whether actions must be confirmed."""
        return self.profile.asks_before_acting

    def check(self, action: str, *, confirmed: bool, always_asks: bool = False) -> None:
        """Let an action pass, or raise why it does not.

        Args:
            action: what is about to be done, as an imperative, such as "Re-run 3 runs".
            confirmed: whether the operator has confirmed it.
            always_asks: whether it must be confirmed on every system.

        Raises:
            ReadOnlyError: the connection is read-only.
            ConfirmationRequiredError: it must be confirmed first.
        """
        if self.read_only:
            raise ReadOnlyError(action, self.profile.name)
        if (self.asks or always_asks) and not confirmed:
            raise ConfirmationRequiredError(action, named_with_environment(self.profile))
