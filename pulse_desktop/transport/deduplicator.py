"""Putting what came into the inbox: each event once, whichever way it came.

An event can pass by live and come again from a stream. It carries no number in common, so while a
feed moves from the one to the other, it is recognised by its content.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue

REMEMBERED: Final = 100_000
MAX_GAPS: Final = 1_000


class Deduplicator:
    """The end of a feed at the inbox.

    Attributes:
        last: stream sequence up to which everything is read.
        last_at: Unix seconds when the newest event was stored, or came.
        received: events put into the inbox.
        replayed: those of them taken while `replaying`.
        replaying: whether what comes from the stream is old.
        jumps: pairs of a sequence that was expected and the one that came instead.
    """

    def __init__(self, inbox: ArrivalQueue, channel: Source, clock: Callable[[], float]) -> None:
        self._inbox = inbox
        self._channel = channel
        self._clock = clock
        self._recent = _Recent()
        self._seen: Counter[int] | None = None
        self.last = 0
        self.last_at = 0.0
        self.received = 0
        self.replayed = 0
        self.replaying = False
        self.jumps: list[tuple[int, int]] = []

    def take_live(self, subject: str, payload: bytes) -> None:
        """Take an event that passed by; without room it is dropped, and counted by the inbox."""
        now = self._clock()
        if self._inbox.put(InboundMessage(self._channel, subject, payload, now)):
            self.received += 1
            self.last_at = now
            key = hash((subject, payload))
            self._recent.add(now, key)
            if self._seen is not None:
                self._seen[key] += 1

    def take_stored(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        """Take an event from a stream; False without room: it stays in the stream.

        Args:
            subject: NATS subject.
            payload: body.
            at: Unix seconds when it was stored.
            sequence: position in the stream.
        """
        if self._seen is None or not self._came_live(subject, payload):
            inbox = self._inbox
            if not inbox.put(InboundMessage(self._channel, subject, payload, at, sequence)):
                inbox.dropped -= 1
                return False
            self.received += 1
            if self.replaying:
                self.replayed += 1
        if sequence != self.last + 1 and len(self.jumps) < MAX_GAPS:
            self.jumps.append((self.last + 1, sequence))
        self.last = sequence
        self.last_at = at
        return True

    def forget_live(self) -> None:
        """Forget what passed by: from here on it is remembered anew."""
        self._recent.clear()

    def remembers_live_since(self, moment: float) -> bool:
        """Whether everything that passed by since then is still remembered."""
        return self._recent.reaches_back_to(moment)

    def expect_again(self, since: float) -> None:
        """Recognise from now on what passed by since then, or does yet, when it is read again."""
        self._seen = Counter(self._recent.since(since))

    def expect_nothing_again(self) -> None:
        """What passed by has all come again by now, or never will."""
        self._seen = None

    def _came_live(self, subject: str, payload: bytes) -> bool:
        seen = self._seen
        key = hash((subject, payload))
        if seen is None or seen[key] <= 0:
            return False
        seen[key] -= 1
        return True


class _Recent:
    """When what passed by: the latest `REMEMBERED` of it.

    Plain numbers in a ring: as many pairs would be walked by every full garbage collection.
    """

    __slots__ = ("_count", "_keys", "_times")

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * REMEMBERED))
        self._keys = array("q", bytes(8 * REMEMBERED))
        self._count = 0

    def add(self, at: float, key: int) -> None:
        """Remember that something with a key passed by at a time, Unix seconds."""
        place = self._count % REMEMBERED
        self._times[place] = at
        self._keys[place] = key
        self._count += 1

    def clear(self) -> None:
        """Forget everything."""
        self._count = 0

    def reaches_back_to(self, moment: float) -> bool:
        """Whether nothing has been forgotten that passed by at a moment or later."""
        return self._count < REMEMBERED or self._times[self._count % REMEMBERED] <= moment

    def since(self, moment: float) -> Iterator[int]:
        """Walk the keys of what passed by since then."""
        for place in range(min(self._count, REMEMBERED)):
            if self._times[place] >= moment:
                yield self._keys[place]
