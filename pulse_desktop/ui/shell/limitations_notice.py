"""The notification about what cannot be seen on this server, and why.

The banner says it about a server without JetStream, and about refused permissions.

Without it, an empty page could mean that nothing happens, or that the credentials may not look.
"""

from collections.abc import Callable
from typing import Final

from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import ConnectionBackend
from pulse_desktop.ui.connection_phase import Phase, connection_phase
from pulse_desktop.ui.connections.history_dialog import LIMITATIONS_KEY
from pulse_desktop.ui.page.notification import Notification, NotificationSeverity

SETTLED_S: Final = 8.0
"""Workers create their streams when they start, and a feed checks for new ones every 5 s."""

_INTERVAL_S: Final = 1.0

SHOWN_S: Final = 20.0
"""Long enough to read it. The connection details list the limitations afterwards, and the menu of
the connection keeps the offer to keep history."""

KEEP_HISTORY: Final = _("Keep history here…")


class LimitationsNotice:
    """One notification, replaced when the limitations change."""

    def __init__(
        self,
        notify: Callable[[Notification], None],
        withdraw: Callable[[str], None],
        keep_history: Callable[[], object],
    ) -> None:
        """Create it.

        Args:
            notify: shows a notification.
            withdraw: closes the notification with a key.
            keep_history: called when the operator accepts the offer to make streams.
        """
        self._keep_history = keep_history
        self._notify = notify
        self._withdraw = withdraw
        self.reset()

    def reset(self) -> None:
        """Forget what was shown, for another session."""
        self._checked_at = 0.0
        self._found: tuple[str, ...] = ()
        self._found_at = 0.0
        self._shown: tuple[str, ...] = ()

    def check(self, connection: ConnectionBackend, now: float) -> None:
        """Show a notification once a limitation has lasted SETTLED_S. `now` is Unix seconds."""
        if abs(now - self._checked_at) < _INTERVAL_S:
            return
        self._checked_at = now
        in_banner = connection_phase(connection) in (Phase.NO_PERMISSION, Phase.NO_JETSTREAM)
        found = () if in_banner else tuple(connection.limitations)
        if found != self._found:
            self._found, self._found_at = found, now
        lasted = now - self._found_at
        settled = lasted >= SETTLED_S
        if self._shown and not found and settled:
            self._shown = ()
            self._withdraw(LIMITATIONS_KEY)
        if not found or found == self._shown or not settled:
            return
        self._shown = found
        detail = formats.sentence("; ".join(each.rstrip(".") for each in found))
        title = _("Partial data")
        if connection.is_restricted:
            advice = _("Check JetStream on the server. Everything else is shown.")
        else:
            advice = _("What no stream stores is known only from while this window was open.")
        severity: NotificationSeverity = "warning" if connection.is_restricted else "info"
        choices: tuple[tuple[str, Callable[[], object]], ...] = ()
        if connection.can_keep_history:
            choices = ((KEEP_HISTORY, self._keep_history), (_("Not now"), lambda: None))
        self._notify(
            Notification(
                title, detail, advice, severity, choices, key=LIMITATIONS_KEY, shown_s=SHOWN_S
            )
        )
