"""Whether a task reached its stream: asked when the scheduler that was sending it is gone."""

from datetime import datetime, timedelta
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from pulse_desktop.protocol.topics import TASK_STREAM, TASK_SUBJECT

_BEFORE: Final = timedelta(seconds=5)
"""How far the clock of the scheduler may be ahead of the server's."""
_AFTER: Final = timedelta(seconds=30)
"""How long sending may take, and how far that clock may be behind."""


async def was_queued(js: JetStreamContext, task_id: str, taken_at: datetime) -> bool:
    """Tell whether the task stream holds a task that a scheduler began to send.

    The stream itself recognises a task that is sent twice, but for two minutes only.

    Args:
        js: JetStream.
        task_id: the task.
        taken_at: when the scheduler began, by its clock.

    Raises:
        nats.errors.Error: the server did not say.
    """
    try:
        state = (await js.stream_info(TASK_STREAM)).state
    except NotFoundError:
        return False
    place = await _first_at(js, taken_at - _BEFORE, state.first_seq, state.last_seq + 1)
    while (found := await _next(js, place)) is not None:
        if (found.headers or {}).get("Nats-Msg-Id") == task_id:
            return True
        if found.time is not None and found.time > taken_at + _AFTER:
            return False
        place = (found.seq or place) + 1
    return False


async def _first_at(js: JetStreamContext, moment: datetime, low: int, high: int) -> int:
    """Return the place in [low, high] of the first task that was stored at a moment or later."""
    while low < high:
        middle = (low + high) // 2
        found = await _next(js, middle)
        if found is None or found.time is None or found.time >= moment:
            high = middle
        else:
            low = (found.seq or middle) + 1
    return low


async def _next(js: JetStreamContext, place: int) -> RawStreamMsg | None:
    """Return the task at a place or the next one after it."""
    try:
        return await js.get_msg(TASK_STREAM, place, TASK_SUBJECT, next=True)
    except NotFoundError:
        return None
