"""Taking a task out of the task stream before anybody runs it.

A stream keeps finished tasks too, so the task is looked for only behind what is answered. One
that was handed out once may wait for its next attempt, or run at a worker that takes no orders:
it is removed all the same, and the answer says so.
"""

import asyncio
import contextlib
import dataclasses
import functools
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.task_message import UnreadableTaskError, decode_task
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT

_BATCH: Final = 200


@dataclasses.dataclass(frozen=True)
class QueuedTask:
    """A task in the stream that is not answered yet.

    Attributes:
        sequence: its place.
        data: the task message.
        queued_at: Unix seconds when the server stored it.
        handed_out: whether it was delivered to a worker before.
    """

    sequence: int
    data: bytes
    queued_at: float
    handed_out: bool


async def find_queued(
    js: JetStreamContext, task_id: str, sequence: int | None = None
) -> QueuedTask | None:
    """Return a task that nobody has answered for, or None.

    Args:
        js: of a connected client.
        task_id: whose.
        sequence: where it may stand; looked at first.
    """
    info = await js.consumer_info(TASK_STREAM, TASK_CONSUMER)
    answered = info.ack_floor.stream_seq if info.ack_floor is not None else 0
    delivered = info.delivered.stream_seq if info.delivered is not None else 0
    stream = await js.stream_info(TASK_STREAM)
    look = functools.partial(_at, js, task_id, direct=bool(stream.config.allow_direct))
    found = await look(sequence) if sequence is not None and sequence > answered else None
    for first in range(
        max(answered + 1, stream.state.first_seq), stream.state.last_seq + 1, _BATCH
    ):
        if found is not None:
            break
        places = range(first, min(first + _BATCH, stream.state.last_seq + 1))
        looked = await asyncio.gather(*(look(place) for place in places))
        found = next((task for task in looked if task is not None), None)
    if found is None or found.seq is None or found.time is None:
        return None
    return QueuedTask(found.seq, found.data or b"", found.time.timestamp(), found.seq <= delivered)


async def remove_queued(js: JetStreamContext, task: QueuedTask) -> bool:
    """Delete the task's message; False when it is gone already."""
    try:
        return await js.delete_msg(TASK_STREAM, task.sequence)
    except NotFoundError:
        return False


async def _at(
    js: JetStreamContext, task_id: str, sequence: int, *, direct: bool
) -> RawStreamMsg | None:
    with contextlib.suppress(NotFoundError):
        found = await js.get_msg(TASK_STREAM, sequence, direct=direct)
        if found.subject == TASK_SUBJECT and _is(found.data or b"", task_id):
            return found
    return None


def _is(data: bytes, task_id: str) -> bool:
    if task_id.isascii() and task_id.isalnum() and task_id.encode() not in data:
        return False  # the usual case, without reading the whole message
    try:
        return decode_task(data).task_id == task_id
    except UnreadableTaskError:
        return False
