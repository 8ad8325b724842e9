"""Reading task messages without losing one: what has an id gets an answer, if only "unreadable"."""

import msgspec
from pydantic import ValidationError
from taskiq import TaskiqMessage
from taskiq.formatters.json_formatter import JSONFormatter

from pulse_workers.brokers.delivery import current_delivery
from pulse_workers.errors import UnreadableTaskError


class SalvagingFormatter(JSONFormatter):
    """TaskIQ's JSON, with the faults of a message reported in its result."""

    def loads(self, message: bytes) -> TaskiqMessage:
        """Read a task message.

        Raises:
            ValueError: it has no task id, so that nobody could be answered.
        """
        try:
            task = super().loads(message)
            task.parse_labels()
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            delivery = current_delivery.get()
            if delivery is None:
                raise
            task = _salvage(message)
            delivery.refusal = UnreadableTaskError(_one_line(error))
        task.labels_types = None  # the labels now have their types
        return task


def _salvage(message: bytes) -> TaskiqMessage:
    body = msgspec.json.decode(message)
    task_id = body.get("task_id") if isinstance(body, dict) else None
    if not isinstance(task_id, str) or not task_id:
        raise ValueError("no task id")
    name = body.get("task_name")
    return TaskiqMessage(
        task_id=task_id,
        task_name=name if isinstance(name, str) else "unreadable",
        labels={},
        args=[],
        kwargs={},
    )


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        faults = (
            f"{'.'.join(str(part) for part in fault['loc']) or 'message'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        return "; ".join(faults)[:500]
    return str(error)[:500]
