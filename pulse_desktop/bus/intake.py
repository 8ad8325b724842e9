"""Putting what came into the inbox: each event once, whichever way it came.

An event can pass by live and come again from a stream. It carries no number in common, so while a
feed moves from the one to the other, it is recognised by its content.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from pulse_desktop.bus.inbox import Inbox
from pulse_desktop.protocol.arrival import Arrival, Channel

REMEMBERED: Final = 100_000
MOST_JUMPS: Final = 1_000


class Intake:
    """The end of a feed at the inbox.

    Attributes:
        last: stream sequence up to which everything is read.
        last_at: Unix seconds when the newest event was stored, or came.
        received: events put into the inbox.
        replayed: those of them taken while `replaying`.
        replaying: whether what comes from the stream is old.
        jumps: pairs of a sequence that was expected and the one that came instead.
    """

    def __init__(self, inbox: Inbox, channel: Channel, clock: Callable[[], float]) -> None:
        self._inbox = inbox
        self._channel = channel
        self._clock = clock
        self._recent: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
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
        if self._inbox.put(Arrival(self._channel, subject, payload, now)):
            self.received += 1
            self.last_at = now
            key = hash((subject, payload))
            self._recent.append((now, key))
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
            if not inbox.put(Arrival(self._channel, subject, payload, at, sequence)):
                inbox.dropped -= 1
                return False
            self.received += 1
            if self.replaying:
                self.replayed += 1
        if sequence != self.last + 1 and len(self.jumps) < MOST_JUMPS:
            self.jumps.append((self.last + 1, sequence))
        self.last = sequence
        self.last_at = at
        return True

    def forget_live(self) -> None:
        """Forget what passed by: from here on it is remembered anew."""
        self._recent.clear()

    def remembers_live_since(self, moment: float) -> bool:
        """Whether everything that passed by since then is still remembered."""
        return len(self._recent) < REMEMBERED or self._recent[0][0] <= moment

    def expect_again(self, since: float) -> None:
        """Recognise from now on what passed by since then, or does yet, when it is read again."""
        self._seen = Counter(key for at, key in self._recent if at >= since)

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
