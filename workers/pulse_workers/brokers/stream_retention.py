"""Retention of the task stream: old acknowledged tasks are purged before it is full.

The stream keeps acknowledged tasks as history, and rejects new ones when it is full, so that a
sender learns of a task that was not stored. The history would fill it: here a worker purges the
oldest part in time, as much as is needed and never an unacknowledged task. Any number of workers
may do so at once.
"""

import logging
import math
from typing import Final

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, DiscardPolicy, RetentionPolicy, StreamInfo
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM, TASK_SUBJECT

logger = logging.getLogger("pulse.workers.retention")

TRIM_INTERVAL_S: Final = 5.0
HIGH_WATERMARK: Final = 0.8
LOW_WATERMARK: Final = 0.5


class StreamTrimmer:
    """Purges acknowledged tasks from the task stream."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._warned = ""

    async def trim(self) -> None:
        """Purge the oldest acknowledged tasks if the stream is more than 80 % full.

        A stream that discards old messages by itself, or holds other subjects too, is left alone.

        Raises:
            nats.errors.Error: the server is unreachable.
        """
        try:
            info = await self._js.stream_info(TASK_STREAM)
        except NotFoundError:
            return
        full = fullness(info)
        if full <= HIGH_WATERMARK or not _is_task_stream(info):
            self._warned = ""
            return
        try:
            await self._purge(info, full)
        except NatsTimeoutError:  # a request that lacks permission times out
            self._warn_once(
                "%s cannot be purged: no response. `pulse-worker check` shows which permission is "
                "missing. While the stream is full, new tasks are rejected"
            )
        except APIError as error:
            logger.debug("%s: %s", TASK_STREAM, error)
            self._warn_once("%s cannot be purged: the server rejects the request")

    async def _purge(self, info: StreamInfo, full: float) -> None:
        floor = await self._ack_floor()
        first = info.state.first_seq
        surplus = math.ceil(info.state.messages * (1 - LOW_WATERMARK / full))
        end = min(first + surplus, floor + 1)
        if end <= first:
            self._warn_once(
                "%s is nearly full of tasks that are not acknowledged, or that follow one that is "
                "not. When it is full, new tasks are rejected"
            )
            return
        # Purges below the sequence `end`; messages that another worker has purged are no error.
        await self._js.purge_stream(TASK_STREAM, seq=end)
        self._warned = ""
        logger.info("%s: acknowledged tasks below sequence %d purged", TASK_STREAM, end)

    async def _ack_floor(self) -> int:
        """Return the lowest ack floor of all consumers that acknowledge; 0 for none."""
        floors: dict[str, int] = {}
        offset = 0
        while page := await self._js.consumers_info(TASK_STREAM, offset):
            offset += len(page)
            for consumer in page:
                if consumer.config.ack_policy != AckPolicy.NONE:  # others only read
                    floor = consumer.ack_floor
                    floors[consumer.name] = floor.stream_seq if floor is not None else 0
        return min(floors.values()) if TASK_CONSUMER in floors else 0

    def _warn_once(self, text: str) -> None:
        """Log a warning, and do not repeat it until the stream has space again."""
        if text != self._warned:
            self._warned = text
            logger.warning(text, TASK_STREAM)


def fullness(info: StreamInfo) -> float:
    """Return the used share of a stream's limits, 0 to 1; 0 for a stream without limits."""
    config, state = info.config, info.state
    limits = ((state.bytes, config.max_bytes), (state.messages, config.max_msgs))
    return max(used / limit if limit and limit > 0 else 0.0 for used, limit in limits)


def _is_task_stream(info: StreamInfo) -> bool:
    config = info.config
    return (
        config.discard == DiscardPolicy.NEW
        and config.retention == RetentionPolicy.LIMITS
        and config.subjects == [TASK_SUBJECT]
    )
