"""What the operator is told of a task that was enqueued, or was not, after the form has closed."""

from collections.abc import Callable
from typing import Final

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt
from pulse_desktop.text.run_text import short_name
from pulse_desktop.ui.navigation import ShowRun, Target
from pulse_desktop.ui.shell.notifications import Notification

_KEY: Final = "enqueued"


def enqueued_notice(
    name: str, enqueued: EnqueueReceipt, navigate: Callable[[Target], None]
) -> Notification:
    """Say that a task was enqueued.

    Args:
        name: of the task.
        enqueued: ids of the new task.
        navigate: shows its run.
    """
    return Notification(
        f"Enqueued {short_name(name)}",
        "Kept in the stream until a worker takes it." if enqueued.durable else "Sent.",
        severity="good",
        choices=(("Show", lambda: navigate(ShowRun(enqueued.task_ids[0], wait=True))),),
        key=_KEY,
    )


def error_notice(refusal: UserFacingError) -> Notification:
    """Say why a task was not enqueued."""
    return Notification(refusal.title, refusal.detail, refusal.advice, "warning", key=_KEY)
