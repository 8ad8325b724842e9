"""What the operator is told of a task that was enqueued, or was not, after the form has closed."""

from collections.abc import Callable
from typing import Final

from pulse_desktop.text.run_text import short_name
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.operations import Enqueued, OperationError

_KEY: Final = "enqueued"


def enqueued_notice(name: str, enqueued: Enqueued, show: Callable[[str], None]) -> Notification:
    """Say that a task was enqueued.

    Args:
        name: of the task.
        enqueued: what became of the wish.
        show: shows a place on the page of runs.
    """
    return Notification(
        f"Enqueued {short_name(name)}",
        "Kept in the stream until a worker takes it." if enqueued.durable else "Sent.",
        severity="good",
        choices=(("Show", lambda: show(f"new:{enqueued.task_ids[0]}")),),
        key=_KEY,
    )


def error_notice(refusal: OperationError) -> Notification:
    """Say why a task was not enqueued."""
    return Notification(refusal.title, refusal.detail, refusal.advice, "warning", key=_KEY)
