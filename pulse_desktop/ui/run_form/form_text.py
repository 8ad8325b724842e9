"""Texts of the run form and the notifications about what it enqueued."""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt, QueueStatus
from pulse_desktop.protocol.task_schema import TaskSchema, example_value
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.task_schemas import TaskSchemas
from pulse_desktop.state.worker import LATE_AFTER_S
from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable_line
from pulse_desktop.text.run_text import state_name
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.navigation import ShowRun, Target
from pulse_desktop.ui.page.notification import Notification, error_notification

CONSUMERS_MEANING: Final = _(
    "Counts workers whose last heartbeat is at most {seconds} s old; without heartbeats, what the "
    "server reports"
).format(seconds=f"{LATE_AFTER_S:.0f}")
_ID_LENGTH: Final = 12
_MAX_EXAMPLE: Final = 3
_KEY: Final = "enqueued"


class CallExample(NamedTuple):
    """Example arguments of a task, as JSON; empty where it accepts none."""

    args: str
    kwargs: str


ANY_CALL: Final = CallExample('["text", 50]', '{"name": "value"}')
"""Of a task whose arguments are unknown."""


def call_example(schema: TaskSchema | None) -> CallExample:
    """Return example arguments of a task: its required ones, else its first.

    Args:
        schema: of the task, None if no worker announces it.
    """
    if schema is None or (schema.extra_arguments and not schema.arguments):
        return ANY_CALL
    required = [each for each in schema.arguments if each.required]
    shown = (required or list(schema.arguments))[:_MAX_EXAMPLE]
    if not shown:
        return CallExample("", "")
    values = [msgspec.Raw(example_value(each)) for each in shown]
    named = {each.name: value for each, value in zip(shown, values, strict=True)}
    in_order = tuple(shown) == schema.arguments[: len(shown)]
    return CallExample(_one_line(values) if in_order else "", _one_line(named))


def _one_line(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def rerun_description(run: TaskRun) -> str:
    """Describe what happens when an edited run is enqueued."""
    task_id, state = formats.elided(run.task_id, _ID_LENGTH), state_name(run)
    if run.request is None or not run.request.complete:
        return _(
            "A new run, marked as a re-run of {task_id} ({state}). Its arguments are unknown: "
            "enter them here."
        ).format(task_id=task_id, state=state)
    text = _("A new run, marked as a re-run of {task_id} ({state}).")
    if not run.request.captured:
        text = _(
            "A new run, marked as a re-run of {task_id} ({state}). Its arguments are from an "
            "event, not captured from the queue: check them."
        )
    return text.format(task_id=task_id, state=state)


def name_warning(name: str, *, seen: bool, schemas: TaskSchemas) -> str:
    """Return a warning about a task name that may be wrong, "" for none.

    Args:
        name: the name as typed.
        seen: whether a run of this task is known.
        schemas: the tasks that workers announce.
    """
    if (shown := printable_line(name)) != name:
        return _("The name contains invisible characters: {name}").format(name=shown)
    if not name or seen or schemas.get(name) is not None:
        return ""
    if len(schemas):
        return _("No worker announces a task of this name, and no run of it is known.")
    return _("No run of this task is known: workers ignore names that they do not know.")


def consumer_summary(queue: QueueStatus | None, *, connected: bool) -> tuple[str, SemanticColor]:
    """Summarize who will run the task and what is queued before it; with its color.

    Args:
        queue: as of the latest poll, None before the first.
        connected: whether there is a connection; without one the poll may be long outdated.
    """
    if not connected:
        return _("Not connected: no task can be enqueued now"), SemanticColor.WARNING
    if queue is None:
        return _("Unknown whether a worker is listening"), SemanticColor.MUTED
    text, color = _consumers(queue)
    if queue.late:
        late = ngettext("{count} heartbeat late", "{count} heartbeats late", queue.late)
        text = f"{text} · {late.format(count=formats.count(queue.late))}"
    if queue.pending:
        tasks = ngettext("{count} task waiting", "{count} tasks waiting", queue.pending)
        text = _("{consumers} · {tasks}").format(
            consumers=text, tasks=tasks.format(count=formats.count(queue.pending))
        )
    return text, color


def _consumers(queue: QueueStatus) -> tuple[str, SemanticColor]:
    if queue.consumers is None:
        if queue.problem:
            return queue.problem, SemanticColor.MUTED
        if queue.ack_pending:
            return _("A worker is running tasks"), SemanticColor.MUTED
        return _("Unknown whether a worker is listening"), SemanticColor.MUTED
    if queue.all_paused:
        kept = _("All workers are paused; the queue keeps the task")
        return kept if queue.durable else _("All workers are paused"), SemanticColor.WARNING
    if queue.consumers:
        text = ngettext(
            "{count} worker is listening",
            "{count} workers are listening",
            max(1, queue.consumers - queue.paused),
        )
        ready = max(1, queue.consumers - queue.paused)
        return text.format(count=formats.count(ready)), SemanticColor.GOOD
    if queue.durable:
        return _("No worker is listening; the stream keeps the task"), SemanticColor.WARNING
    return _("No worker is listening; the task would be lost"), SemanticColor.WARNING


def enqueued_notification(
    name: str, receipt: EnqueueReceipt, navigate: Callable[[Target], None]
) -> Notification:
    """Return the notification about an enqueued task.

    Args:
        name: name of the task.
        receipt: of the task.
        navigate: shows its run.
    """
    show_run = ShowRun(receipt.task_ids[0], wait=True)
    return Notification(
        _("Enqueued {task}").format(task=name),
        _("The stream keeps it until a worker takes it.") if receipt.durable else _("Sent."),
        severity="good",
        choices=((_("Show run"), lambda: navigate(show_run)),),
        key=_KEY,
    )


def failed_notification(error: UserFacingError) -> Notification:
    """Return the notification about a task that was not enqueued."""
    return error_notification(error, key=_KEY)
