"""Notifications: what pages tell the operator in the corner of the window."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pulse_desktop.model.errors import RefusedError, UserFacingError

NotificationSeverity = Literal["good", "info", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification.

    Attributes:
        title: what happened, a few words.
        detail: a sentence about it.
        advice: what to do about it.
        severity: "good" and "info" disappear after a few seconds, the others stay until closed.
        choices: label and callback of each button; every button closes the notification.
        key: a notification replaces the one with the same key.
        ends: key of another notification that is over with this one.
        is_question: whether a button gets the focus. Esc closes a question.
        focused_choice: number of that button.
        passes: whether it disappears after a few seconds whatever its severity, and before the next
            notification: nothing was done, and nothing has to be done about it.
        stays: whether it stays until it is closed, whatever its severity.
        shown_s: after how many seconds it disappears, if it does.
        outlives_session: whether it is about more than the session, and stays for the next one.
    """

    title: str
    detail: str = ""
    advice: str = ""
    severity: NotificationSeverity = "info"
    choices: Sequence[tuple[str, Callable[[], object]]] = ()
    key: str = ""
    is_question: bool = False
    focused_choice: int = 0
    stays: bool = False
    ends: str = ""
    outlives_session: bool = False
    passes: bool = False
    shown_s: float = 6.0


def error_notification(
    error: UserFacingError,
    severity: NotificationSeverity = "warning",
    choices: Sequence[tuple[str, Callable[[], object]]] = (),
    key: str = "",
) -> Notification:
    """Return the notification about an action that failed; that about a refusal passes.

    Args:
        error: why it failed.
        severity: of the failure; a refusal is a warning.
        choices: see `Notification`.
        key: see `Notification`.
    """
    is_refused = isinstance(error, RefusedError)
    return Notification(
        error.title,
        error.detail,
        error.advice,
        "warning" if is_refused else severity,
        choices,
        key=key,
        passes=is_refused,
    )
