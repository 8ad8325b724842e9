"""Convert task messages, events and results into partial updates of task runs."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import Event, decoded_fields
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_lineage import parent_of
from pulse_desktop.protocol.task_message import (
    RERUN_OF,
    RETRIES,
    TASK_NAME,
    TaskMessage,
    decode_labels,
)
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.task_result import TaskProgress, TaskResult
from pulse_desktop.protocol.timestamps import MAX_CLOCK_SKEW_S, parse_timestamp
from pulse_desktop.state.coerce import (
    to_float,
    to_int,
    to_json_bytes,
    to_seconds,
    to_text,
    to_traceback,
)
from pulse_desktop.state.fast_decoders import FAST_DECODERS
from pulse_desktop.state.interned import INTERNED_LABELS, INTERNED_TEXT, INTERNED_TRACEBACKS
from pulse_desktop.state.progress import progress_from_event, progress_from_object
from pulse_desktop.state.run import (
    UNREAD,
    UNREADABLE,
    Attempt,
    AttemptResult,
    Request,
    RunError,
    StoredOutcome,
    TaskRun,
)


def update_from_task(task: TaskMessage, at: float) -> TaskRun:
    """Return the update from a message on the task subject. `at` is Unix seconds."""
    labels_raw = bytes(task.labels)
    labels = decode_labels(labels_raw) if len(labels_raw) > 2 else {}  # else "{}"
    retries = _retries(labels)
    return TaskRun(
        task.task_id,
        INTERNED_TEXT[canonical_name(task.task_name)],
        Request(
            2,
            -retries,
            INTERNED_TEXT[task.task_name],
            bytes(task.args),
            bytes(task.kwargs),
            INTERNED_LABELS[labels_raw],
            INTERNED_LABELS[bytes(task.labels_types)],
            INTERNED_TEXT[task.format],
            task.not_plain,
        ),
        at,
        retries + 1,
        rerun_of=to_text(labels.get(RERUN_OF)),
        parent=parent_of(labels),
        last_seen=at,
    )


def update_from_object(stored: StoredObject) -> TaskRun:
    """Return the update from the metadata of a stored result."""
    return TaskRun(
        stored.key,
        stored_outcome=StoredOutcome(stored.stored_at, stored.sequence, stored.size),
        last_seen=stored.stored_at,
    )


def update_from_result(task_id: str, result: TaskResult, stored: StoredObject) -> TaskRun:
    """Return the update from the body of a stored result."""
    error = result.error
    return TaskRun(
        task_id,
        canonical_name(to_text(result.labels.get(TASK_NAME))),
        delivery_count=_retries(result.labels) + 1,
        rerun_of=to_text(result.labels.get(RERUN_OF)),
        parent=parent_of(result.labels),
        stored_outcome=StoredOutcome(
            stored.stored_at,
            stored.sequence,
            stored.size,
            result.outcome,
            result.soft_reason,
            result.execution_time,
            None if error is None else RunError(error.type, error.message),
            result.format,
        ),
        last_seen=stored.stored_at,
    )


def update_from_unreadable_result(stored: StoredObject, problem: str) -> TaskRun:
    """Return the update from a stored result whose body cannot be decoded."""
    return TaskRun(
        stored.key,
        stored_outcome=StoredOutcome(
            stored.stored_at, stored.sequence, stored.size, reason=problem, format=UNREADABLE
        ),
        last_seen=stored.stored_at,
    )


def update_from_unread_result(stored: StoredObject) -> TaskRun:
    """Return the update from a stored result whose body is not read automatically."""
    return TaskRun(
        stored.key,
        stored_outcome=StoredOutcome(stored.stored_at, stored.sequence, stored.size, format=UNREAD),
        last_seen=stored.stored_at,
    )


def update_from_progress(stored: StoredObject, progress: TaskProgress) -> TaskRun:
    """Return the update from a stored progress object."""
    return TaskRun(
        stored.key.removeprefix(PROGRESS_PREFIX),
        progress=progress_from_object(progress, stored.stored_at),
        last_seen=stored.stored_at,
    )


def update_from_event(event: Event, body: msgspec.Raw | None = None) -> TaskRun | None:
    """Return the update from an event, None if it is not about a run.

    Args:
        event: any event.
        body: its data, as `decode_event_raw` returns it.
    """
    if body is not None:
        decode = FAST_DECODERS.get(event.type)
        update = decode(event, body) if decode is not None else None
        if update is not None:
            return update
    reader = _READERS.get(event.type)
    if reader is None:
        return None
    data = decoded_fields(event, body)
    task_id = to_text(data.get("task_id"))
    if not task_id:
        return None
    return reader(task_id, data, event)


def _queued(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    labels = data.get("labels")
    labels = labels if isinstance(labels, dict) else {}
    types = data.get("labels_types")
    name = to_text(data.get("task_name"))
    request = None
    if name and isinstance(data.get("args"), list) and isinstance(data.get("kwargs"), dict):
        request = Request(
            1,
            -_retries(labels),
            name,
            to_json_bytes(data["args"]),
            to_json_bytes(data["kwargs"]),
            to_json_bytes(labels),
            to_json_bytes(types if isinstance(types, dict) else None),
            to_text(data.get("format")) or "json",
        )
    return TaskRun(
        task_id,
        canonical_name(name),
        request,
        _queued_at(data, event) or event.timestamp,
        _retries(labels) + 1,
        rerun_of=to_text(labels.get(RERUN_OF)),
        parent=parent_of(labels),
        last_seen=event.received_at,
    )


def _queued_at(data: dict[str, Any], event: Event) -> float | None:
    """Return when a task was enqueued, not later than the event about it arrived."""
    at = parse_timestamp(data.get("queued_at"))
    is_ahead = at is not None and at > event.received_at + MAX_CLOCK_SKEW_S
    return event.received_at if is_ahead else at


def _started(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return TaskRun(
        task_id,
        _name(data),
        queued_at=_queued_at(data, event),
        max_attempts=to_int(data.get("max_attempts")) or 0,
        attempts=(
            Attempt(
                _number(data), event.timestamp, _worker(data, event), seen_at=event.received_at
            ),
        ),
        last_seen=event.received_at,
    )


def _progress(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return TaskRun(
        task_id,
        _name(data),
        progress=progress_from_event(data, event.timestamp),
        last_seen=event.received_at,
    )


def _logged(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    # The lines stay in the event log (`run_log`); of the run they say that the attempt has started.
    return TaskRun(
        task_id,
        _name(data),
        attempts=(Attempt(_number(data), None, _worker(data, event)),),
        last_seen=event.received_at,
    )


def _succeeded(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return _ended(task_id, data, event, "succeeded")


def _failed(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    return _ended(task_id, data, event, "failed")


def _cancelled(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    # Before its first attempt it is cancelled in the queue, or refused by a worker: no run time.
    is_refused = _number(data) == 1 and data.get("run_s", 0.0) is None
    began = data.get("attempt") is not None and not is_refused
    update = _ended(task_id, data, event, "cancelled")
    return TaskRun(
        task_id,
        update.name,
        attempts=update.attempts if began else (),
        cancelled_at=event.timestamp,
        last_seen=event.received_at,
    )


def _ended(task_id: str, data: dict[str, Any], event: Event, outcome: str) -> TaskRun:
    result = AttemptResult(
        event.timestamp,
        outcome,
        data.get("will_retry") is True,
        to_seconds(data.get("run_s")),
        _error(data.get("error")),
        to_int(data.get("result_bytes")),
    )
    return TaskRun(
        task_id,
        _name(data),
        max_attempts=to_int(data.get("max_attempts")) or 0,
        attempts=(Attempt(_number(data), None, _worker(data, event), result),),
        last_seen=event.received_at,
    )


def _older_started(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
    update = _started(task_id, data, event)
    params = data.get("params")
    if update.name and isinstance(params, dict):
        # Keyword arguments only: not enough for a re-run.
        update.request = Request(0, 0, update.name, b"[]", to_json_bytes(params), b"{}")
    return update


def _older_ended(outcome: str) -> Callable[[str, dict[str, Any], Event], TaskRun]:
    def read(task_id: str, data: dict[str, Any], event: Event) -> TaskRun:
        milliseconds = to_float(data.get("duration_ms"))
        run_s = None if milliseconds is None else to_seconds(milliseconds / 1000)
        message = to_text(data.get("error_message"))
        return TaskRun(
            task_id,
            _name(data),
            attempts=(
                Attempt(
                    _number(data),
                    result=AttemptResult(
                        event.timestamp,
                        outcome,
                        False,
                        run_s,
                        RunError("Error", message) if message else None,
                    ),
                ),
            ),
            last_seen=event.received_at,
        )

    return read


_READERS: Final[dict[str, Callable[[str, dict[str, Any], Event], TaskRun]]] = {
    "task.queued": _queued,
    "task.started": _started,
    "task.progress": _progress,
    "task.log": _logged,
    "task.succeeded": _succeeded,
    "task.failed": _failed,
    "task.cancelled": _cancelled,
    "task_started": _older_started,
    "task_completed": _older_ended("succeeded"),
    "task_failed": _older_ended("failed"),
}


def _name(data: dict[str, Any]) -> str:
    return INTERNED_TEXT[canonical_name(to_text(data.get("task_name")))]


def _number(data: dict[str, Any]) -> int:
    return max(1, to_int(data.get("attempt")) or 1)


def _worker(data: dict[str, Any], event: Event) -> str:
    return INTERNED_TEXT[to_text(data.get("worker")) or event.source]


def _error(value: object) -> RunError | None:
    if isinstance(value, dict):
        return RunError(
            INTERNED_TEXT[to_text(value.get("type")) or "Error"],
            to_text(value.get("message")),
            INTERNED_TRACEBACKS[to_traceback(value.get("traceback"))],
        )
    return RunError("Error", to_text(value)) if isinstance(value, str) and value else None


def _retries(labels: dict[str, Any]) -> int:
    """Return TaskIQ's retry count from labels, whose values may be text."""
    return max(0, to_int(labels.get(RETRIES)) or 0)
