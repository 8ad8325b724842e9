"""Telling what cannot be seen on this server, and why, once it is certain that it stays so.

Without this an empty page could mean that nothing happens, or that nobody may look.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from pulse_desktop.ui.shell.notifications import Notification

SETTLED_S: Final = 8.0
"""Workers make their streams when they start, and a feed looks for new ones every five seconds."""

_EVERY_S: Final = 1.0
_KEY: Final = "limitations"


class HasLimitations(Protocol):
    """What is asked of a monitor."""

    @property
    def limitations(self) -> Sequence[str]:
        """What cannot be seen and why."""

    @property
    def blocked(self) -> bool:
        """Whether something is refused or switched off, not merely without history."""


class LimitationsNotice:
    """One notice, renewed when what it says changes."""

    def __init__(
        self, tell: Callable[[Notification], None], withdraw: Callable[[str], None]
    ) -> None:
        """Put it together.

        Args:
            tell: shows a notice.
            withdraw: closes the notice of a key.
        """
        self._tell = tell
        self._withdraw = withdraw
        self._looked_at = 0.0
        self._seen: tuple[str, ...] = ()
        self._since = 0.0
        self._told: tuple[str, ...] = ()

    def look(self, watched: HasLimitations | None, now: float) -> None:
        """Look at a time, Unix seconds; tell what has been so for a while and was not told yet."""
        if watched is None or now - self._looked_at < _EVERY_S:
            return
        self._looked_at = now
        seen = tuple(watched.limitations)
        if seen != self._seen:
            self._seen, self._since = seen, now
        if self._told and not seen and now - self._since >= SETTLED_S:
            self._told = ()
            self._withdraw(_KEY)
        if not seen or seen == self._told or now - self._since < SETTLED_S:
            return
        self._told = seen
        self._tell(
            Notification(
                "Not everything can be seen here",
                "; ".join(each.rstrip(".") for each in seen) + ".",
                "What is refused or off must be allowed on the server; all else is shown."
                if watched.blocked
                else "Nothing is missed while this window is open; what came before is not known.",
                "warning" if watched.blocked else "info",
                key=_KEY,
            )
        )
