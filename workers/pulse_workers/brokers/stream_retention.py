"""Room in the task stream: old answered tasks go before it is full, unanswered ones never.

The stream keeps answered tasks as history, and refuses new ones when it is full, so that a sender
learns of a task that was not stored. The history would fill it: here a worker removes its oldest
part in time, as much as is needed and nothing else. Any number of workers may do so at once.
"""

import logging
import math
from typing import Final

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, DiscardPolicy, RetentionPolicy, StreamInfo
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT

logger = logging.getLogger("pulse.workers.task_room")

TRIM_INTERVAL_S: Final = 5.0
"""Seconds between two looks."""
HIGH_WATERMARK: Final = 0.8
LOW_WATERMARK: Final = 0.5


class StreamTrimmer:
    """Makes room in the task stream."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._told = ""

    async def look(self) -> None:
        """Remove the oldest answered tasks if the stream is more than 80 % full.

        A stream that drops the oldest by itself, or keeps other subjects too, is left alone.

        Raises:
            nats.errors.Error: the server is away.
        """
        try:
            info = await self._js.stream_info(TASK_STREAM)
        except NotFoundError:
            return
        full = fullness(info)
        if full <= HIGH_WATERMARK or not _is_for_tasks_alone(info):
            self._told = ""
            return
        try:
            await self._make_room(info, full)
        except NatsTimeoutError:  # what a refused request ends with
            self._tell(
                "room in %s cannot be made: no answer. `pulse-worker check` says what this user "
                "may not do. While the stream is full, new tasks are refused"
            )
        except APIError as error:
            logger.debug("%s: %s", TASK_STREAM, error)
            self._tell("room in %s cannot be made: the server refuses")

    async def _make_room(self, info: StreamInfo, full: float) -> None:
        floor = await self._answered_up_to()
        first = info.state.first_seq
        surplus = math.ceil(info.state.messages * (1 - LOW_WATERMARK / full))
        end = min(first + surplus, floor + 1)
        if end <= first:
            self._tell(
                "%s is nearly full of tasks that are not answered, or came after one that is not. "
                "When it is full, new tasks are refused"
            )
            return
        # Not up to the sequence `end`, but below it. What another worker removed meanwhile is gone.
        await self._js.purge_stream(TASK_STREAM, seq=end)
        self._told = ""
        logger.info("%s: answered tasks below %d removed, to make room", TASK_STREAM, end)

    async def _answered_up_to(self) -> int:
        """Return the last sequence below which everybody who answers has answered; 0 for none."""
        floors: dict[str, int] = {}
        offset = 0
        while page := await self._js.consumers_info(TASK_STREAM, offset):
            offset += len(page)
            for consumer in page:
                if consumer.config.ack_policy != AckPolicy.NONE:  # else it only reads
                    floor = consumer.ack_floor
                    floors[consumer.name] = floor.stream_seq if floor is not None else 0
        return min(floors.values()) if TASK_CONSUMER in floors else 0

    def _tell(self, text: str) -> None:
        """Warn once, until there is room again."""
        if text != self._told:
            self._told = text
            logger.warning(text, TASK_STREAM)


def fullness(info: StreamInfo) -> float:
    """Return how much of its limit a stream holds, 0 to 1; 0 for one without a limit."""
    config, state = info.config, info.state
    parts = ((state.bytes, config.max_bytes), (state.messages, config.max_msgs))
    return max(held / limit if limit and limit > 0 else 0.0 for held, limit in parts)


def _is_for_tasks_alone(info: StreamInfo) -> bool:
    config = info.config
    return (
        config.discard == DiscardPolicy.NEW
        and config.retention == RetentionPolicy.LIMITS
        and config.subjects == [TASK_SUBJECT]
    )
