"""Accounts of task runs: what each thing that arrives says about one of them."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, fields_of
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_message import (
    RERUN_OF,
    RETRIES,
    TASK_NAME,
    TaskMessage,
    decode_labels,
)
from pulse_desktop.protocol.task_result import TaskProgress, TaskResult
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.coerce import (
    as_json,
    as_number,
    as_text,
    as_whole,
)
from pulse_desktop.state.fast_decoders import QUICK_READERS
from pulse_desktop.state.progress import progress_of_event, progress_of_object
from pulse_desktop.state.run import (
    Answer,
    Attempt,
    Ending,
    Request,
    RunError,
    TaskRun,
)


def account_of_task(task: TaskMessage, at: float) -> TaskRun:
    """Say what a message on the task subject tells. `at` is Unix seconds."""
    labels_raw = bytes(task.labels)
    labels = decode_labels(labels_raw) if len(labels_raw) > 2 else {}  # "{}" says nothing
    retries = _retries(labels)
    return TaskRun(
        task.task_id,
        task.task_name,
        Request(
            2,
            -retries,
            task.task_name,
            bytes(task.args),
            bytes(task.kwargs),
            labels_raw,
            bytes(task.labels_types),
        ),
        at,
        retries + 1,
        rerun_of=as_text(labels.get(RERUN_OF)),
        heard_at=at,
    )


def account_of_object(stored: StoredObject) -> TaskRun:
    """Say what the metadata of a stored result tells: that there is an answer."""
    return TaskRun(
        stored.key,
        answer=Answer(stored.stored_at, stored.sequence, stored.size),
        heard_at=stored.stored_at,
    )


def account_of_result(task_id: str, result: TaskResult, stored: StoredObject) -> TaskRun:
    """Say what the body of a stored result tells."""
    error = result.error
    return TaskRun(
        task_id,
        as_text(result.labels.get(TASK_NAME)),
        tries=_retries(result.labels) + 1,
        rerun_of=as_text(result.labels.get(RERUN_OF)),
        answer=Answer(
            stored.stored_at,
            stored.sequence,
            stored.size,
            result.outcome,
            result.soft_reason,
            result.execution_time,
            None if error is None else RunError(error.type, error.message),
            result.format,
        ),
        heard_at=stored.stored_at,
    )


def account_of_unreadable_result(stored: StoredObject, problem: str) -> TaskRun:
    """Say that there is an answer and that what it says cannot be known."""
    return TaskRun(
        stored.key,
        answer=Answer(
            stored.stored_at, stored.sequence, stored.size, reason=problem, format="unreadable"
        ),
        heard_at=stored.stored_at,
    )


def account_of_progress(stored: StoredObject, told: TaskProgress) -> TaskRun:
    """Say what a stored progress object tells."""
    return TaskRun(
        stored.key.removeprefix(PROGRESS_PREFIX),
        progress=progress_of_object(told, stored.stored_at),
        heard_at=stored.stored_at,
    )


def account_of_event(event: Event, body: msgspec.Raw | None = None) -> TaskRun | None:
    """Say what a worker's event tells about a run, or None when it is not about one.

    Args:
        event: any event.
        body: its data, if `read_event` handed it out.
    """
    if body is not None:
        quick = QUICK_READERS.get(event.type)
        account = quick(event, body) if quick is not None else None
        if account is not None:
            return account
    reader = _READERS.get(event.type)
    if reader is None:
        return None
    data = fields_of(event, body)
    task_id = as_text(data.get("task_id"))
    if not task_id:
        return None
    return reader(task_id, data, event)


def _queued(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    labels = data.get("labels")
    labels = labels if isinstance(labels, dict) else {}
    types = data.get("labels_types")
    name = as_text(data.get("task_name"))
    request = None
    if name and isinstance(data.get("args"), list) and isinstance(data.get("kwargs"), dict):
        request = Request(
            1,
            -_retries(labels),
            name,
            as_json(data["args"]),
            as_json(data["kwargs"]),
            as_json(labels),
            as_json(types if isinstance(types, dict) else None),
        )
    return TaskRun(
        task_id,
        name,
        request,
        parse_timestamp(data.get("queued_at")) or event.timestamp,
        _retries(labels) + 1,
        rerun_of=as_text(labels.get(RERUN_OF)),
        heard_at=event.timestamp,
    )


def _started(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return TaskRun(
        task_id,
        as_text(data.get("task_name")),
        queued_at=parse_timestamp(data.get("queued_at")),
        max_attempts=as_whole(data.get("max_attempts")) or 0,
        attempts=(Attempt(_number(data), event.timestamp, _worker(data, event)),),
        heard_at=event.timestamp,
    )


def _progress(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return TaskRun(
        task_id,
        as_text(data.get("task_name")),
        progress=progress_of_event(data, event.timestamp),
        heard_at=event.timestamp,
    )


def _succeeded(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return _ended(task_id, data, event, "succeeded")


def _failed(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return _ended(task_id, data, event, "failed")


def _cancelled(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    began = data.get("attempt") is not None  # else it was cancelled before any attempt
    account = _ended(task_id, data, event, "cancelled")
    return TaskRun(
        task_id,
        account.name,
        attempts=account.attempts if began else (),
        cancelled_at=event.timestamp,
        heard_at=event.timestamp,
    )


def _ended(task_id: str, data: dict[str, Any], event: Event, outcome: str) -> TaskRun:
    ending = Ending(
        event.timestamp,
        outcome,
        data.get("will_retry") is True,
        as_number(data.get("run_s")),
        _error(data.get("error")),
        as_whole(data.get("result_bytes")),
    )
    return TaskRun(
        task_id,
        as_text(data.get("task_name")),
        max_attempts=as_whole(data.get("max_attempts")) or 0,
        attempts=(Attempt(_number(data), None, _worker(data, event), ending),),
        heard_at=event.timestamp,
    )


def _older_started(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    account = _started(task_id, data, event)
    params = data.get("params")
    if account.name and isinstance(params, dict):
        # Keyword arguments only: good to look at, not enough to ask again.
        account.request = Request(0, 0, account.name, b"[]", as_json(params), b"{}")
    return account


def _older_ended(outcome: str) -> Callable[[str, dict[str, Any], Event], TaskRun]:
    def read(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
        milliseconds = as_number(data.get("duration_ms"))
        message = as_text(data.get("error_message"))
        return TaskRun(
            task_id,
            as_text(data.get("task_name")),
            attempts=(
                Attempt(
                    _number(data),
                    ending=Ending(
                        event.timestamp,
                        outcome,
                        False,
                        None if milliseconds is None else milliseconds / 1000,
                        RunError("Error", message) if message else None,
                    ),
                ),
            ),
            heard_at=event.timestamp,
        )

    return read


_READERS: Final[dict[str, Callable[[str, dict[str, Any], Event], TaskRun]]] = {
    "task.queued": _queued,
    "task.started": _started,
    "task.progress": _progress,
    "task.succeeded": _succeeded,
    "task.failed": _failed,
    "task.cancelled": _cancelled,
    "task_started": _older_started,
    "task_completed": _older_ended("succeeded"),
    "task_failed": _older_ended("failed"),
}


def _number(data: dict[str, Any]) -> int:
    return max(1, as_whole(data.get("attempt")) or 1)


def _worker(data: dict[str, Any], event: Event) -> str:
    return as_text(data.get("worker")) or event.source


def _error(value: object) -> RunError | None:
    if isinstance(value, dict):
        return RunError(
            as_text(value.get("type")) or "Error",
            as_text(value.get("message")),
            as_text(value.get("traceback")),
        )
    return RunError("Error", value) if isinstance(value, str) and value else None


def _retries(labels: dict[str, Any]) -> int:
    """Read TaskIQ's retry count from labels, where every value may be text."""
    return max(0, as_whole(labels.get(RETRIES)) or 0)
