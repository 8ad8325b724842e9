"""Builders of the state's input: events, task messages and stored results."""

import json
from typing import Any

from pulse_desktop.protocol.event import decode_event_raw, encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_message import decode_task, encode_task
from pulse_desktop.protocol.task_result import UnreadableResultError, decode_result
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.run import Request, RunError, TaskRun
from pulse_desktop.state.run_updates import (
    update_from_event,
    update_from_result,
    update_from_task,
)
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.state.system import SystemState

NOW = 1_795_430_942.0
TASK = "a" * 32
NAME = "score_message_task"
WORKER = "worker-2@host-a:4121"
CONTROL = "pulse.control.worker.worker-2_host-a_4121"


def event_message(
    topic: str,
    type_: str,
    data: dict[str, Any],
    at: float = NOW,
    source: str = WORKER,
    sequence: int = 1,
) -> InboundMessage:
    """Return an event in the canonical form."""
    raw = encode_event(topic, type_, data, source=source, now=at)[1]
    return InboundMessage(Source.EVENT, f"websocket.{topic}", raw, at + 0.01, sequence)


def raw_message(topic: str, body: Any, at: float = NOW) -> InboundMessage:
    """Return an event with a body of any form: bytes, or a value that is encoded as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return InboundMessage(Source.EVENT, f"websocket.{topic}", raw, at)


def task_event(kind: str, at: float = NOW, task_id: str = TASK, **fields: Any) -> InboundMessage:
    """Return an event `task.<kind>`; more fields are added to its data."""
    data = {"task_id": task_id, "task_name": NAME, **fields}
    if kind not in ("queued", "progress"):
        data = {"worker": WORKER, "attempt": 1, **data}
    return event_message("tasks", f"task.{kind}", data, at)


def queued_event(at: float = NOW, task_id: str = TASK, **fields: Any) -> InboundMessage:
    """Return an event `task.queued` of a task with arguments and labels."""
    data = {"args": [1], "kwargs": {"k": "v"}, "labels": {"task_name": NAME}}
    return task_event("queued", at, task_id, **data, queued_at=format_timestamp(at), **fields)


def task_message(
    at: float = NOW, task_id: str = TASK, name: str = NAME, args: bytes = b"[1]", **labels: Any
) -> InboundMessage:
    """Return the message that enqueues a task."""
    payload, _ = encode_task(task_id, name, args=args, kwargs=b'{"k":"v"}', labels=labels)
    return InboundMessage(Source.TASK, "taskiq_tasks", payload, at)


def heartbeat(at: float = NOW, type_: str = "worker.heartbeat", **fields: Any) -> InboundMessage:
    """Return a heartbeat of a worker that accepts commands; more fields are added to its data."""
    data = {"worker": WORKER, "slots": 4, "busy": 0, "control": CONTROL, **fields}
    return event_message("monitoring", type_, data, at)


def new_message(at: float = NOW, **fields: Any) -> InboundMessage:
    """Return an event `message.new`; more fields are added to its data."""
    data = {"id": "c.7", "external_message_id": "7", "content": "hi", "author": "Ann", **fields}
    return event_message("messages", "message.new", data, at)


def stored_object(
    at: float = NOW, key: str = TASK, sequence: int = 1, *, size: int = 200, deleted: bool = False
) -> StoredObject:
    """Return the metadata of a stored result."""
    return StoredObject(key, size, 1, "nuid", at, deleted=deleted, sequence=sequence)


def result_body(
    return_value: Any = None,
    error: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    seconds: float = 0.5,
) -> bytes:
    """Return a result as TaskIQ's JSON serializer stores it."""
    return json.dumps(
        {
            "is_err": error is not None,
            "log": None,
            "return_value": return_value,
            "execution_time": seconds,
            "labels": {"task_name": NAME} if labels is None else labels,
            "error": error,
        }
    ).encode()


VALUE_ERROR = {
    "exc_type": "ValueError",
    "exc_message": ["no such file"],
    "exc_module": "builtins",
    "exc_cause": None,
    "exc_context": None,
    "exc_suppress_context": False,
}


def state_of(*arrivals: InboundMessage | StoredObject) -> SystemState:
    """Return a state into which these are folded."""
    state = SystemState()
    state.fold(arrivals)
    return state


def run_of(state: SystemState, task_id: str = TASK) -> TaskRun:
    """Return a run that the state knows."""
    run = state.runs.get(task_id)
    assert run is not None
    return run


def run_request(run: TaskRun) -> Request:
    """Return the request of a run, which must be known."""
    assert run.request is not None
    return run.request


def run_error(run: TaskRun) -> RunError:
    """Return the error of a run, which must have one."""
    assert run.error is not None
    return run.error


def result_of(state: SystemState, task_id: str = TASK) -> StoredResult:
    """Return the row of a stored result."""
    result = state.results.get(task_id)
    assert result is not None
    return result


def fold_body(state: SystemState, stored: StoredObject, body: bytes) -> None:
    """Fold the body of a stored result, as the session does."""
    try:
        result = decode_result(body)
    except UnreadableResultError as error:
        state.fold_unreadable_body(stored, str(error))
    else:
        state.fold_result(stored, result)


def run_update(message: InboundMessage) -> TaskRun:
    """Return the update from a task message, or from an event about a run."""
    if message.source is Source.TASK:
        return update_from_task(decode_task(message.payload), message.at)
    topic = message.subject.removeprefix("websocket.")
    update = update_from_event(*decode_event_raw(topic, message.payload, message.at))
    assert update is not None
    return update


def result_update(stored: StoredObject, body: bytes) -> TaskRun:
    """Return the update from a stored result and its body."""
    return update_from_result(stored.key, decode_result(body), stored)
