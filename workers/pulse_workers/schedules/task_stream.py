"""Searches the task stream for a task that a killed scheduler may have enqueued."""

from datetime import datetime, timedelta
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT

_MAX_CLOCK_LEAD: Final = timedelta(seconds=5)
"""How far the scheduler's clock may be ahead of the server's."""
_MAX_ENQUEUE_TIME: Final = timedelta(seconds=30)
"""How long enqueuing may take, plus how far the scheduler's clock may be behind."""


async def was_enqueued(js: JetStreamContext, task_id: str, claimed_at: datetime) -> bool:
    """Return whether a task that a scheduler claimed was enqueued.

    JetStream de-duplicates by `Nats-Msg-Id`, but only within its two-minute duplicate window.

    Args:
        js: JetStream context.
        task_id: id of the task, which is its `Nats-Msg-Id`.
        claimed_at: when the scheduler claimed it, by the scheduler's clock.

    Raises:
        nats.errors.Error: the server did not respond.
    """
    try:
        state = (await js.stream_info(TASK_STREAM)).state
    except NotFoundError:
        return False
    sequence = await _first_since(
        js, claimed_at - _MAX_CLOCK_LEAD, state.first_seq, state.last_seq + 1
    )
    while (message := await _next_task(js, sequence)) is not None:
        if (message.headers or {}).get("Nats-Msg-Id") == task_id:
            return True
        if message.time is not None and message.time > claimed_at + _MAX_ENQUEUE_TIME:
            return False
        sequence = (message.seq or sequence) + 1
    return False


async def _first_since(js: JetStreamContext, time: datetime, low: int, high: int) -> int:
    """Return the sequence in [low, high] of the first task enqueued at a time or later."""
    while low < high:
        middle = (low + high) // 2
        message = await _next_task(js, middle)
        if message is None or message.time is None or message.time >= time:
            high = middle
        else:
            low = (message.seq or middle) + 1
    return low


async def _next_task(js: JetStreamContext, sequence: int) -> RawStreamMsg | None:
    """Return the first task at a sequence or after it."""
    try:
        return await js.get_msg(TASK_STREAM, sequence, TASK_SUBJECT, next=True)
    except NotFoundError:
        return None
