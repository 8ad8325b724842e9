"""Builders for what the state is folded from: events, task messages, stored results."""

import json

from pulse_desktop.protocol.event import decode_event_raw, encode_event
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_message import decode_task, encode_task
from pulse_desktop.protocol.task_result import UnreadableResultError, decode_result
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.run_updates import (
    update_from_event,
    update_from_object,
    update_from_result,
    update_from_task,
)
from pulse_desktop.state.system import SystemState

NOW = 1_795_430_942.0
TASK = "a" * 32
NAME = "score_message_task"
WORKER = "worker-2@host-a:4121"


def event_arrival(topic, type_, data, at=NOW, source=WORKER, sequence=1):
    raw = encode_event(topic, type_, data, source=source, now=at)[1]
    return InboundMessage(Source.EVENT, f"websocket.{topic}", raw, at + 0.01, sequence)


def raw_arrival(topic, body, at=NOW):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return InboundMessage(Source.EVENT, f"websocket.{topic}", raw, at)


def task_event(kind, at=NOW, task_id=TASK, **data):
    data = {"task_id": task_id, "task_name": NAME, **data}
    if kind not in ("queued", "progress"):
        data = {"worker": WORKER, "attempt": 1, **data}
    return event_arrival("tasks", f"task.{kind}", data, at)


def queued_event(at=NOW, task_id=TASK, **data):
    told = {"args": [1], "kwargs": {"k": "v"}, "labels": {"task_name": NAME}}
    return task_event("queued", at, task_id, **told, queued_at=format_timestamp(at), **data)


def task_arrival(at=NOW, task_id=TASK, name=NAME, args=b"[1]", **labels):
    payload, _ = encode_task(task_id, name, args=args, kwargs=b'{"k":"v"}', labels=labels)
    return InboundMessage(Source.TASK, "taskiq_tasks", payload, at)


def stored_object(at=NOW, task_id=TASK, sequence=1, **fields):
    return StoredObject(task_id, 200, 1, "nuid", at, sequence=sequence, **fields)


def result_body(return_value=None, error=None, labels=None, seconds=0.5):
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


def fold_body(state: SystemState, stored: StoredObject, body: bytes) -> None:
    """Fold the body of a stored result, as the session does."""
    try:
        result = decode_result(body)
    except UnreadableResultError as error:
        state.fold_unreadable_body(stored, str(error))
    else:
        state.fold_result(stored, result)


def account(arrival):
    """Return what an event or task message says of a run."""
    if arrival.source is Source.TASK:
        return update_from_task(decode_task(arrival.payload), arrival.at)
    topic = arrival.subject.removeprefix("websocket.")
    return update_from_event(*decode_event_raw(topic, arrival.payload, arrival.at))


def object_account(stored):
    return update_from_object(stored)


def result_account(stored, body):
    return update_from_result(stored.key, decode_result(body), stored)
