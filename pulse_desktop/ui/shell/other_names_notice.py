"""The notification that offers a TaskIQ system found under other names on the same server."""

from collections.abc import Callable
from typing import Final

from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.text.translation import _
from pulse_desktop.ui.backend import ConnectionBackend
from pulse_desktop.ui.page.notification import Notification

_KEY: Final = "other names"


class OtherNamesNotice:
    """One notification, replaced when other names are found."""

    def __init__(
        self,
        notify: Callable[[Notification], None],
        withdraw: Callable[[str], None],
        choose: Callable[[TaskiqNames], None],
    ) -> None:
        """Create it.

        Args:
            notify: shows a notification.
            withdraw: closes the notification with a key.
            choose: called with the names when the operator accepts them.
        """
        self._notify = notify
        self._withdraw = withdraw
        self._choose = choose
        self._shown: TaskiqNames | None = None

    def reset(self) -> None:
        """Forget what was shown, for another session."""
        self._shown = None

    def check(self, connection: ConnectionBackend) -> None:
        """Show, replace or withdraw the notification; a closed one is not shown again."""
        names = connection.other_names
        if names == self._shown:
            return
        self._shown = names
        if names is None:
            self._withdraw(_KEY)
            return
        detail = _(
            "There are TaskIQ tasks or results on this server under the subject {subject} and in "
            "the bucket {bucket}. This window reads others, so it shows nothing of them."
        )
        self._notify(
            Notification(
                _("Other TaskIQ names found"),
                detail.format(subject=names.subject, bucket=names.bucket),
                _("`pulse-desktop doctor` names the options to always use them."),
                choices=(
                    (_("Show them"), lambda: self._choose(names)),
                    (_("Not now"), lambda: None),
                ),
                severity="warning",
                key=_KEY,
            )
        )
