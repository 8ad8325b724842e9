"""Answers about the subjects of a stream that need few of its messages.

How many messages a subject has since a time is known to a new consumer before it reads one; its
newest message is the only one that a consumer of the newest of each subject reads.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.ordered_consumer import DeliverPolicy, OrderedConsumer

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
    found: list[InboundMessage] = []

    def accept(name: str, payload: bytes, at: float, sequence: int) -> bool:
        found.append(InboundMessage(Source.EVENT, name, payload, at, sequence, older=True))
        if len(found) >= _MAX_MESSAGES:
            consumer.at_end.set()
        return True

    consumer = OrderedConsumer(
        connection,
        stream,
        subject,
        accept=accept,
        room=lambda: _MAX_MESSAGES - len(found),
        follow=False,
    )
    try:
        await consumer.open(start)
        consuming = asyncio.ensure_future(consumer.run())
        end = asyncio.ensure_future(consumer.at_end.wait())
        try:
            await connection.run_while_connected(_first_of(consuming, end))
            if consuming.done():
                consuming.result()
        finally:
            await cancel_and_wait(consuming, end)
    finally:
        await consumer.close()
    return found


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
