"""Fast decoders for the most common task events, as our own workers send them.

At tens of thousands of events a second, decoding field by field would cost more than everything
else. These decoders accept only the documented form and return None for anything else, which
`pulse_desktop.state.run_updates` then decodes field by field.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

import msgspec

from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.task_lineage import PIPELINE_DATA, parent_of
from pulse_desktop.protocol.task_message import PARENT, RERUN_OF, RETRIES, decode_labels
from pulse_desktop.protocol.task_names import canonical_name
from pulse_desktop.protocol.timestamps import EARLIEST, MAX_CLOCK_SKEW_S
from pulse_desktop.state.coerce import MAX_TEXT, Seconds
from pulse_desktop.state.interned import INTERNED_LABELS, INTERNED_TEXT
from pulse_desktop.state.run import (
    Attempt,
    AttemptResult,
    Request,
    TaskRun,
)

_Id = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Number = Annotated[int, msgspec.Meta(ge=1, lt=2**53)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_RERUN: Final = RERUN_OF.encode()
_RETRY: Final = RETRIES.encode()
_PARENT: Final = PARENT.encode()
_PIPELINE: Final = PIPELINE_DATA.encode()
_LIST: Final = 0x5B
_OBJECT: Final = 0x7B


class _Started(msgspec.Struct, gc=False):
    task_id: _Id
    task_name: str
    worker: _Id
    attempt: _Number
    queued_at: _Time
    max_attempts: _Count = 0


class _Succeeded(msgspec.Struct, gc=False):
    task_id: _Id
    task_name: str
    worker: _Id
    attempt: _Number
    run_s: Seconds | None = None
    result_bytes: _Count | None = None
    max_attempts: _Count = 0


class _Queued(msgspec.Struct, gc=False):
    task_id: _Id
    task_name: _Id
    args: msgspec.Raw
    kwargs: msgspec.Raw
    labels: msgspec.Raw
    queued_at: _Time
    labels_types: msgspec.Raw = msgspec.Raw(b"null")
    format: str = "json"


_decode_started = msgspec.json.Decoder(_Started).decode
_decode_succeeded = msgspec.json.Decoder(_Succeeded).decode
_decode_queued = msgspec.json.Decoder(_Queued).decode


def _started(event: Event, body: msgspec.Raw) -> TaskRun | None:
    try:
        data = _decode_started(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    at = event.timestamp
    queued_at = data.queued_at.timestamp()
    if len(body) > MAX_TEXT or not EARLIEST <= queued_at <= event.received_at + MAX_CLOCK_SKEW_S:
        return None
    attempts = (Attempt(data.attempt, at, INTERNED_TEXT[data.worker], None, event.received_at),)
    return TaskRun(
        data.task_id,
        INTERNED_TEXT[canonical_name(data.task_name)],
        None,
        queued_at,
        0,
        data.max_attempts,
        attempts,
        None,
        None,
        None,
        "",
        event.received_at,
    )


def _succeeded(event: Event, body: msgspec.Raw) -> TaskRun | None:
    try:
        data = _decode_succeeded(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if len(body) > MAX_TEXT:
        return None
    at = event.timestamp
    result = AttemptResult(at, "succeeded", False, data.run_s, None, data.result_bytes)
    attempts = (Attempt(data.attempt, None, INTERNED_TEXT[data.worker], result),)
    return TaskRun(
        data.task_id,
        INTERNED_TEXT[canonical_name(data.task_name)],
        None,
        None,
        0,
        data.max_attempts,
        attempts,
        None,
        None,
        None,
        "",
        event.received_at,
    )


def _queued(event: Event, body: msgspec.Raw) -> TaskRun | None:
    try:
        data = _decode_queued(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    args, kwargs, labels = bytes(data.args), bytes(data.kwargs), bytes(data.labels)
    types = bytes(data.labels_types)
    queued_at = data.queued_at.timestamp()
    if (
        len(body) > MAX_TEXT
        or not EARLIEST <= queued_at <= event.received_at + MAX_CLOCK_SKEW_S
        or not (args[0] == _LIST and kwargs[0] == labels[0] == _OBJECT)
        or not (types == b"null" or types[0] == _OBJECT)
        or _RERUN in labels
        or _RETRY in labels
    ):
        return None
    is_child = _PARENT in labels or _PIPELINE in labels
    return TaskRun(
        data.task_id,
        INTERNED_TEXT[canonical_name(data.task_name)],
        Request(
            1,
            0,
            INTERNED_TEXT[data.task_name],
            args,
            kwargs,
            INTERNED_LABELS[labels],
            INTERNED_LABELS[types],
            INTERNED_TEXT[data.format],
        ),
        queued_at,
        1,
        last_seen=event.received_at,
        parent=parent_of(decode_labels(labels)) if is_child else "",
    )


FAST_DECODERS: Final[dict[str, Callable[[Event, msgspec.Raw], TaskRun | None]]] = {
    "task.queued": _queued,
    "task.started": _started,
    "task.succeeded": _succeeded,
}
"""By event type. Each returns None for an event that is not in the documented form."""
