"""Deduplication: each event enters the arrival queue once, live or from a stream.

An event can arrive live and again from a stream. Both copies carry no common id, so while a feed
switches from one to the other, the second copy is recognized by its subject and payload.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue

MAX_RECENT: Final = 100_000
"""Live messages that can be recognized again."""
MAX_SEQUENCE_GAPS: Final = 1_000


class Deduplicator:
    """Puts the messages of one feed into the arrival queue.

    Attributes:
        last: stream sequence up to which everything has been read.
        first_at: Unix seconds when the first message from the stream was stored, 0 before it.
        last_at: Unix seconds when the newest message was stored, or received.
        received: messages put into the queue.
        replayed: those of them that were put while `replaying`.
        replaying: whether messages from the stream are older than the feed.
        sequence_gaps: pairs of the expected and the received sequence.
    """

    def __init__(self, queue: ArrivalQueue, source: Source, clock: Callable[[], float]) -> None:
        self._queue = queue
        self._source = source
        self._clock = clock
        self._recent = _RecentMessages()
        self._seen: Counter[int] | None = None
        self.last = 0
        self.first_at = 0.0
        self.last_at = 0.0
        self.received = 0
        self.replayed = 0
        self.replaying = False
        self.sequence_gaps: list[tuple[int, int]] = []

    def accept_live(self, subject: str, payload: bytes) -> None:
        """Accept a live message; without room it is dropped, which the queue counts."""
        now = self._clock()
        if self._queue.put(InboundMessage(self._source, subject, payload, now)):
            self.received += 1
            self.last_at = now
            key = hash((subject, payload))
            self._recent.add(now, key)
            if self._seen is not None:
                self._seen[key] += 1

    def accept_stored(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        """Accept a message from a stream; False without room: it stays in the stream.

        Args:
            subject: NATS subject.
            payload: body.
            at: Unix seconds when it was stored.
            sequence: position in the stream.
        """
        if self._seen is None or not self._is_duplicate(subject, payload):
            message = InboundMessage(self._source, subject, payload, at, sequence)
            if not self._queue.offer(message):
                return False
            self.received += 1
            if self.replaying:
                self.replayed += 1
        if sequence != self.last + 1 and len(self.sequence_gaps) < MAX_SEQUENCE_GAPS:
            self.sequence_gaps.append((self.last + 1, sequence))
        if not self.first_at:
            self.first_at = at
        self.last = sequence
        self.last_at = at
        return True

    def clear_recent(self) -> None:
        """Forget all live messages so far."""
        self._recent.clear()

    def has_recent_since(self, moment: float) -> bool:
        """Whether every live message since then can still be recognized."""
        return self._recent.reaches_back_to(moment)

    def begin_dedup(self, since: float) -> None:
        """Start dropping stored copies of messages received live since `since`."""
        self._seen = Counter(self._recent.since(since))

    def end_dedup(self) -> None:
        """Stop: all stored copies of live messages have been read."""
        self._seen = None

    def _is_duplicate(self, subject: str, payload: bytes) -> bool:
        seen = self._seen
        key = hash((subject, payload))
        if seen is None or seen[key] <= 0:
            return False
        seen[key] -= 1
        return True


class _RecentMessages:
    """Times and hashes of the latest `MAX_RECENT` live messages.

    Plain numbers in a ring: as many tuples would be walked by every full garbage collection.
    """

    __slots__ = ("_count", "_keys", "_times")

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * MAX_RECENT))
        self._keys = array("q", bytes(8 * MAX_RECENT))
        self._count = 0

    def add(self, at: float, key: int) -> None:
        """Add a message that was received at a time, Unix seconds."""
        index = self._count % MAX_RECENT
        self._times[index] = at
        self._keys[index] = key
        self._count += 1

    def clear(self) -> None:
        """Remove everything."""
        self._count = 0

    def reaches_back_to(self, moment: float) -> bool:
        """Whether no message that was received at a moment or later has been overwritten."""
        return self._count < MAX_RECENT or self._times[self._count % MAX_RECENT] <= moment

    def since(self, moment: float) -> Iterator[int]:
        """Yield the keys of the messages since then."""
        for index in range(min(self._count, MAX_RECENT)):
            if self._times[index] >= moment:
                yield self._keys[index]
