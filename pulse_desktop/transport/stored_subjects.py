"""Answers about the subjects of a stream that need few of its messages.

How many messages a subject has since a time is known to a new consumer before it reads one; its
newest message is the only one that a consumer of the newest of each subject reads.
"""

from dataclasses import dataclass
from typing import Final

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import DeliverPolicy, OrderedConsumer
from pulse_desktop.transport.range_reader import RangeReader

MAX_SUBJECTS: Final = 100
"""Senders choose the subjects."""

_MAX_MESSAGES: Final = 100_000


@dataclass(frozen=True)
class SubjectActivity:
    """The stored messages of a subject.

    Attributes:
        count: how many there are since a time.
        last_at: Unix seconds when the newest was stored.
    """

    count: int
    last_at: float


async def subject_activity(
    connection: Connection, stream: str, pattern: str, since: float
) -> dict[str, SubjectActivity]:
    """Return the activity of the subjects of a stream, at most `MAX_SUBJECTS` of them.

    Args:
        connection: must be connected.
        stream: the stream's name.
        pattern: matches the subjects.
        since: Unix seconds from which on messages are counted.

    Raises:
        ConsumerResetError, NotConnectedError, NotPermittedError, UserFacingError.
    """
    newest = await _read(connection, stream, pattern, DeliverPolicy(newest_per_subject=True))
    newest.sort(key=lambda message: message.at, reverse=True)
    return {
        each.subject: SubjectActivity(
            await _count(connection, stream, each.subject, since) if each.at >= since else 0,
            each.at,
        )
        for each in newest[:MAX_SUBJECTS]
    }


async def messages_since(
    connection: Connection, stream: str, subject: str, since: float
) -> list[InboundMessage]:
    """Return the stored events of a subject since a time, Unix seconds, oldest first.

    Raises:
        ConsumerResetError, NotConnectedError, NotPermittedError, UserFacingError.
    """
    return await _read(connection, stream, subject, DeliverPolicy(since=since))


async def _count(connection: Connection, stream: str, subject: str, since: float) -> int:
    consumer = OrderedConsumer(
        connection, stream, subject, accept=lambda *_message: True, room=lambda: 0
    )
    try:
        await consumer.open(DeliverPolicy(since=since))
    finally:
        await consumer.close()
    return consumer.pending


async def _read(
    connection: Connection, stream: str, subject: str, start: DeliverPolicy
) -> list[InboundMessage]:
    reader = _SubjectMessages(connection, stream, subject)
    try:
        await reader.read(start)
    finally:
        await reader.close()
    return reader.found


class _SubjectMessages(RangeReader):
    """Reads the messages of a subject to the end of the stream.

    Attributes:
        found: the messages, oldest first, at most `_MAX_MESSAGES`.
    """

    def __init__(self, connection: Connection, stream: str, subject: str) -> None:
        super().__init__(connection, stream, subject, room=lambda: _MAX_MESSAGES - len(self.found))
        self.found: list[InboundMessage] = []

    async def read(self, start: DeliverPolicy) -> None:
        """Read from a position on."""
        if await self.open(start):
            await self._consume()

    def _accept(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        self.found.append(InboundMessage(Source.EVENT, subject, payload, at, sequence, older=True))
        if len(self.found) >= _MAX_MESSAGES:
            self._end()
        return True
