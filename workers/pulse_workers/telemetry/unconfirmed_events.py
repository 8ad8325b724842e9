"""Events that were sent and not yet confirmed by a stream, and when to send them again.

Each event is confirmed by itself. While a stream changes its leader, some of the events that it
receives are lost and others are not, so that one confirmation says nothing about earlier events.
"""

import dataclasses
import math
from typing import Final

from pulse_workers.runtime.publish_ack import AckError, read_ack

CONFIRM_TIMEOUT_S: Final = 2.0
"""How long a confirmation takes at most, before the event is sent again."""
MAX_EVENTS: Final = 20_000
MAX_BYTES: Final = 64 << 20
_MAX_RESENT: Final = 1_000
"""Events of one subject that are sent again at a time."""
_STATE_TYPES: Final = frozenset({"worker.heartbeat", "worker.stopped"})
"""Events that report a state: a late copy would replace a newer one."""
_NO_SPACE: Final = frozenset({10002, 10023, 10028, 10047})
"""Error codes of a limit of the account or of the server."""
_NOT_STORED: Final = 10077
"""Error code of everything that keeps a stream from storing a message."""


@dataclasses.dataclass(frozen=True, slots=True)
class EncodedEvent:
    """An event as it is sent.

    Attributes:
        number: its number in this publisher, by which it is confirmed.
        id: its id, by which a stream recognizes it when it is sent again.
        topic: one of the topics.
        type: event name.
        subject: where it is published.
        payload: body.
    """

    number: int
    id: str
    topic: str
    type: str
    subject: str
    payload: bytes


class SubjectEvents:
    """The unconfirmed events of one subject.

    Attributes:
        subject: where they were published.
        stored: whether a stream confirms events of this subject; None while that is unknown.
        checked_at: when the server was last asked for such a stream, in monotonic seconds.
        waiting_since: when an event became overdue, if nothing has been confirmed since; else None.
        reported: whether the log says that confirmations are missing.
    """

    __slots__ = (
        "checked_at",
        "confirmed_at",
        "reported",
        "sent",
        "stored",
        "subject",
        "waiting_since",
    )

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.stored: bool | None = None
        self.checked_at = -math.inf
        self.waiting_since: float | None = None
        self.reported = False
        self.confirmed_at = -math.inf
        self.sent: dict[int, tuple[float, EncodedEvent]] = {}  # the longest unconfirmed first

    def is_overdue(self, now: float, timeout: float) -> bool:
        """Whether an event has not been confirmed in time."""
        first = next(iter(self.sent.values()), None)
        return first is not None and first[0] <= now - timeout

    def end_waiting(self) -> None:
        """Forget how long confirmations have been missing."""
        self.waiting_since = None
        self.reported = False

    def overdue(self, now: float, timeout: float) -> list[EncodedEvent]:
        """Return the events that are to be sent again: all, or one if the stream is silent."""
        found: list[EncodedEvent] = []
        limit = _MAX_RESENT if self.confirmed_at > now - timeout else 1
        for sent_at, event in self.sent.values():
            if sent_at > now - timeout or len(found) == limit:
                break
            found.append(event)
        return found


class UnconfirmedEvents:
    """Keeps events until they are confirmed, up to a limit, then drops the oldest.

    Attributes:
        dropped: events dropped for lack of room, and known to be stored by a stream otherwise.
        rejected: events that the stream or the server refused for good.
        last_rejection: what the stream said.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = 0
        self.rejected = 0
        self.last_rejection = ""
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._bytes = 0
        self._count = 0
        self._subjects: dict[str, SubjectEvents] = {}
        self._state_event: EncodedEvent | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def subjects(self) -> list[SubjectEvents]:
        """The subjects to which events have been sent."""
        return list(self._subjects.values())

    @property
    def expected(self) -> int:
        """Number of events whose confirmation can still arrive, as far as is known."""
        return sum(len(each.sent) for each in self._subjects.values() if each.stored is not False)

    def add(self, event: EncodedEvent, now: float) -> None:
        """Keep an event that is sent now, perhaps again."""
        subject = self._subjects.get(event.subject)
        if subject is None:
            subject = self._subjects[event.subject] = SubjectEvents(event.subject)
        if subject.sent.pop(event.number, None) is None:
            self._count += 1
            self._bytes += len(event.payload)
            if event.type in _STATE_TYPES:
                self._replace_state(event)
        subject.sent[event.number] = (now, event)
        while self._count > self._max_events or self._bytes > self._max_bytes:
            self._drop_oldest()

    def on_reply(self, subject_name: str, number: int, data: bytes, now: float) -> None:
        """Forget an event that is confirmed, or refused for good.

        "No responders" has no data and says nothing: a server that shuts down sends it, too.
        """
        subject = self._subjects.get(subject_name)
        if subject is None or number not in subject.sent:
            return
        ack = read_ack(data)
        if ack is None:
            return  # not of a stream
        if ack.error is not None:
            if _is_final(ack.error):
                self._remove(subject, number)
                self.rejected += 1
                self.last_rejection = ack.error.description
        elif ack.stream and ack.seq:
            self._remove(subject, number)
            subject.stored = True
            subject.confirmed_at = now
            subject.waiting_since = None

    def forget(self, subject: SubjectEvents, before: float = math.inf) -> None:
        """Forget events of a subject sent before a time: no stream is known to store them."""
        for number, (sent_at, _) in list(subject.sent.items()):
            if sent_at > before:
                break
            self._remove(subject, number)

    def reject_all(self, subject: SubjectEvents) -> None:
        """Forget the events of a subject on which the server refuses them."""
        self.rejected += len(subject.sent)
        self.forget(subject)
        subject.end_waiting()

    def discard(self, event: EncodedEvent) -> None:
        """Forget an event that could not be sent."""
        subject = self._subjects[event.subject]
        if event.number in subject.sent:
            self._remove(subject, event.number)

    def take_all(self) -> list[EncodedEvent]:
        """Remove and return all events, in the order in which they were published."""
        events = [event for each in self._subjects.values() for _, event in each.sent.values()]
        for subject in self._subjects.values():
            self.forget(subject)
            subject.end_waiting()  # begins anew on the next connection
        return sorted(events, key=lambda event: event.number)

    def _replace_state(self, event: EncodedEvent) -> None:
        earlier = self._state_event
        if earlier is not None and earlier.number > event.number:
            return
        if earlier is not None and earlier.number in self._subjects[earlier.subject].sent:
            self._remove(self._subjects[earlier.subject], earlier.number)
        self._state_event = event

    def _remove(self, subject: SubjectEvents, number: int) -> None:
        _, event = subject.sent.pop(number)
        self._count -= 1
        self._bytes -= len(event.payload)

    def _drop_oldest(self) -> None:
        subject = max(self._subjects.values(), key=lambda each: len(each.sent))
        self._remove(subject, next(iter(subject.sent)))
        if subject.stored:
            self.dropped += 1


def _is_final(error: AckError) -> bool:
    """Return whether the stream would refuse an event again: it is full, or the event too large."""
    if error.err_code == _NOT_STORED:  # or its disk failed, or its server is shutting down
        return "maximum" in error.description
    return error.code == 400 or error.err_code in _NO_SPACE
