"""Taking a task out of the task stream before anybody runs it.

A stream keeps finished tasks too, so the task is looked for only behind what is answered. One
that was handed out once may wait for its next attempt, or run at a worker that takes no orders:
it is removed all the same, and the answer says so.
"""

import contextlib
import dataclasses
import logging
from typing import Final

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RawStreamMsg
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.task_message import UnreadableTaskError, decode_task
from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT
from workers.connection import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.removal")

_BATCH: Final = 500
_FETCH_LIMIT: Final = 2.0


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
    if sequence is not None and sequence > answered:
        found = await _at(js, sequence, task_id)
        if found is not None and found.time is not None:
            queued_at = found.time.timestamp()
            return QueuedTask(sequence, found.data or b"", queued_at, sequence <= delivered)
    message = await _search(js, task_id, answered + 1)
    if message is None:
        return None
    place = message.metadata.sequence.stream
    return QueuedTask(
        place, message.data, message.metadata.timestamp.timestamp(), place <= delivered
    )


async def remove_queued(js: JetStreamContext, task: QueuedTask) -> bool:
    """Delete the task's message; False when it is gone already."""
    try:
        return await js.delete_msg(TASK_STREAM, task.sequence)
    except NotFoundError:
        return False


async def _at(js: JetStreamContext, sequence: int, task_id: str) -> RawStreamMsg | None:
    with contextlib.suppress(NotFoundError):
        found = await js.get_msg(TASK_STREAM, sequence)
        if found.subject == TASK_SUBJECT and _is(found.data or b"", task_id):
            return found
    return None


async def _search(js: JetStreamContext, task_id: str, begin: int) -> Msg | None:
    """Read the unanswered part of the stream until the task is found."""
    subscription = await js.pull_subscribe(
        TASK_SUBJECT,
        stream=TASK_STREAM,
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=begin,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=30,
            mem_storage=True,
        ),
    )
    wanted = task_id.encode()
    try:
        left = (await subscription.consumer_info()).num_pending
        while left:
            try:
                messages = await subscription.fetch(_BATCH, timeout=_FETCH_LIMIT)
            except NatsTimeoutError:
                return None
            for message in messages:
                if wanted in message.data and _is(message.data, task_id):
                    return message
            left = messages[-1].metadata.num_pending if messages else 0
        return None
    finally:
        with contextlib.suppress(*OUTAGE_ERRORS):
            await subscription.unsubscribe()


def _is(data: bytes, task_id: str) -> bool:
    try:
        return decode_task(data).task_id == task_id
    except UnreadableTaskError:
        return False
