"""Removal of a task from the task stream before a worker runs it.

The stream keeps finished tasks too, so the search starts after the last acknowledged one. A task
that was delivered before may be waiting for its next attempt, or running on a worker that accepts
no commands: it is removed all the same, and the reply to the operator says so.
"""

import asyncio
import contextlib
import dataclasses
import functools
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.task_message import has_task_id
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT

_BATCH: Final = 200


@dataclasses.dataclass(frozen=True)
class QueuedTask:
    """A task in the stream that is not acknowledged yet.

    Attributes:
        sequence: the message's sequence in the stream.
        data: the task message.
        queued_at: Unix seconds when the server stored it.
        delivered: whether it was delivered to a worker before.
    """

    sequence: int
    data: bytes
    queued_at: float
    delivered: bool


async def find_queued(
    js: JetStreamContext, task_id: str, sequence: int | None = None
) -> QueuedTask | None:
    """Return a task that is not acknowledged, or None.

    Args:
        js: of a connected client.
        task_id: the task's id.
        sequence: the expected stream sequence, tried first.

    Raises:
        nats.js.errors.NotFoundError: there is no task stream or no consumer.
    """
    info = await js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    acknowledged = info.ack_floor.stream_seq if info.ack_floor is not None else 0
    delivered = info.delivered.stream_seq if info.delivered is not None else 0
    stream = await js.stream_info(TASK_STREAM)
    read = functools.partial(_read_if_task, js, task_id, direct=bool(stream.config.allow_direct))
    found = await read(sequence) if sequence is not None and sequence > acknowledged else None
    first, last = max(acknowledged + 1, stream.state.first_seq), stream.state.last_seq
    for start in range(first, last + 1, _BATCH):
        if found is not None:
            break
        batch = range(start, min(start + _BATCH, last + 1))
        candidates = await asyncio.gather(*(read(number) for number in batch))
        found = next((candidate for candidate in candidates if candidate is not None), None)
    if found is None or found.seq is None or found.time is None:
        return None
    return QueuedTask(found.seq, found.data or b"", found.time.timestamp(), found.seq <= delivered)


async def remove_queued(js: JetStreamContext, task: QueuedTask) -> bool:
    """Delete the task's message; return False if it does not exist any more."""
    try:
        return await js.delete_msg(TASK_STREAM, task.sequence)
    except NotFoundError:
        return False


async def _read_if_task(
    js: JetStreamContext, task_id: str, sequence: int, *, direct: bool
) -> RawStreamMsg | None:
    """Return the message of a sequence if it holds this task."""
    with contextlib.suppress(NotFoundError):
        message = await js.get_msg(TASK_STREAM, sequence, direct=direct)
        if message.subject == TASK_SUBJECT and has_task_id(message.data or b"", task_id):
            return message
    return None
