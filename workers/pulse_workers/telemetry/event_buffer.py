"""Events that wait to be sent. Their number and their bytes are limited."""

import collections
import logging
from collections.abc import Iterable
from typing import Final

from pulse_workers.telemetry.unconfirmed_events import MAX_BYTES, MAX_EVENTS, EncodedEvent

logger = logging.getLogger("pulse.workers.events")

_MIB: Final = 1 << 20


class EventBuffer:
    """Keeps events in the order in which they are sent; drops the newest ones for lack of room.

    The log says when events are dropped, and how many there were once all others are sent.

    Attributes:
        dropped: number of events that did not fit.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        """Start empty.

        Args:
            max_events: maximum number of events.
            max_bytes: maximum size of their payloads together.
        """
        self.dropped = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: collections.deque[EncodedEvent] = collections.deque()
        self._dropped_before = 0  # as the log has said

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: EncodedEvent) -> None:
        """Add an event behind the others, or drop it."""
        self._events.append(event)
        self._bytes += len(event.payload)
        self._drop_newest()

    def put_back(self, events: Iterable[EncodedEvent]) -> None:
        """Add events before the others, in this order; they were taken and are not stored."""
        returned = list(events)
        self._events.extendleft(reversed(returned))
        self._bytes += sum(len(event.payload) for event in returned)
        self._drop_newest()

    def take(self, limit: int) -> list[EncodedEvent]:
        """Remove and return the events to send next, at most `limit`."""
        events = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        self._bytes -= sum(len(event.payload) for event in events)
        if not self._events and self.dropped > self._dropped_before:
            count = self.dropped - self._dropped_before
            logger.warning("the event buffer is empty again; %d events were dropped", count)
            self._dropped_before = self.dropped
        return events

    def _drop_newest(self) -> None:
        while len(self._events) > self._max_events or self._bytes > self._max_bytes:
            if self.dropped == self._dropped_before:
                logger.warning(
                    "the event buffer is full (%d events, %.1f MiB), newer events are dropped",
                    len(self._events) - 1,
                    (self._bytes - len(self._events[-1].payload)) / _MIB,
                )
            self._bytes -= len(self._events.pop().payload)
            self.dropped += 1
