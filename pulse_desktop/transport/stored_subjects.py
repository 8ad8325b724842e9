"""Answers about the subjects of a stream that need few of its messages.

How many messages a subject has since a time is known to a new consumer before it reads one; its
newest message is the only one that a consumer of the newest of each subject reads.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import DeliverPolicy, OrderedConsumer
from pulse_desktop.transport.range_reader import RangeReader

MAX_SUBJECTS: Final = 100
"""Senders choose the subjects."""

MAX_MESSAGES: Final = 100_000
"""Messages in memory at a time."""

_CONCURRENCY: Final = 8
"""Consumers at a time: enough that the round trips to a distant server do not add up."""

_BATCH: Final = 5_000
_ATTEMPTS: Final = 3


@dataclass(frozen=True)
class SubjectActivity:
    """The stored messages of a subject.

    Attributes:
        count: how many there are since a time.
        last_at: Unix seconds when the newest was stored.
    """

    count: int
    last_at: float


@dataclass(frozen=True)
class StreamActivity:
    """The stored messages of the subjects of a stream.

    Attributes:
        by_subject: those with the newest messages, at most `MAX_SUBJECTS`.
        is_complete: whether these are all subjects.
    """

    by_subject: Mapping[str, SubjectActivity]
    is_complete: bool


@dataclass(frozen=True)
class StoredMessages:
    """Messages of a stream.

    Attributes:
        messages: oldest first.
        is_complete: whether none is left out.
    """

    messages: Sequence[InboundMessage]
    is_complete: bool


async def subject_activity(
    connection: Connection, stream: str, pattern: str, since: float
) -> StreamActivity:
    """Return the activity of the subjects of a stream with the newest messages.

    Args:
        connection: must be connected.
        stream: the stream's name.
        pattern: matches the subjects.
        since: Unix seconds from which on messages are counted.

    Raises:
        ConsumerResetError: the stream cannot be read at the moment.
        NotConnectedError: there is no connection, or it was lost meanwhile.
        NotPermittedError: the server denies one of the subjects.
        UserFacingError: JetStream reported another error, or did not respond.
    """
    newest = await _read_newest(connection, stream, pattern)
    turns = asyncio.Semaphore(_CONCURRENCY)

    async def count(message: InboundMessage) -> int:
        if message.at < since:
            return 0
        async with turns:
            return await _count(connection, stream, message.subject, since)

    counting = [asyncio.ensure_future(count(message)) for message in newest.messages]
    try:
        counts = await asyncio.gather(*counting)
    finally:
        await cancel_and_wait(*counting)
    return StreamActivity(
        {
            message.subject: SubjectActivity(number, message.at)
            for message, number in zip(newest.messages, counts, strict=True)
        },
        newest.is_complete,
    )


async def messages_since(
    connection: Connection, stream: str, subject: str, since: float
) -> StoredMessages:
    """Return the stored events of a subject since a time, the newest `MAX_MESSAGES` of them.

    Args:
        connection: must be connected.
        stream: the stream's name.
        subject: of the events.
        since: Unix seconds.

    Raises:
        ConsumerResetError: the stream cannot be read at the moment.
        NotConnectedError: there is no connection, or it was lost meanwhile.
        NotPermittedError: the server denies one of the subjects.
        UserFacingError: JetStream reported another error, or did not respond.
    """
    reader = _NewestMessages(connection, stream, subject, MAX_MESSAGES)
    await reader.read(DeliverPolicy(since=since))
    return reader.messages


async def _count(connection: Connection, stream: str, subject: str, since: float) -> int:
    consumer = OrderedConsumer(
        connection, stream, subject, accept=lambda *_message: True, room=lambda: 0
    )
    try:
        await consumer.open(DeliverPolicy(since=since))
    finally:
        await consumer.close()
    return consumer.pending


async def _read_newest(connection: Connection, stream: str, pattern: str) -> StoredMessages:
    """Return the newest message of each subject.

    The server may stop sending when some of these are deleted meanwhile, so they are read again.
    """
    for _attempt in range(_ATTEMPTS):
        reader = _NewestMessages(connection, stream, pattern, MAX_SUBJECTS)
        if await reader.read(DeliverPolicy(newest_per_subject=True)):
            return reader.messages
    return StoredMessages(reader.found, is_complete=False)


class _NewestMessages(RangeReader):
    """Reads the messages of a subject to the end of the stream, and keeps the newest.

    Attributes:
        found: the messages, oldest first, at most as many as asked for.
        count: how many were read.
    """

    def __init__(self, connection: Connection, stream: str, subject: str, limit: int) -> None:
        super().__init__(connection, stream, subject, room=lambda: _BATCH)
        self.found: deque[InboundMessage] = deque(maxlen=limit)
        self.count = 0

    @property
    def messages(self) -> StoredMessages:
        """What was read."""
        return StoredMessages(self.found, self.count == len(self.found))

    async def read(self, start: DeliverPolicy) -> bool:
        """Read from a position on; return whether as many came as were stored at first."""
        try:
            announced = await self.open(start)
            if announced:
                await self._consume()
        finally:
            await self.close()
        return self.count >= announced

    def _accept(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        self.found.append(InboundMessage(Source.EVENT, subject, payload, at, sequence, older=True))
        self.count += 1
        return True
