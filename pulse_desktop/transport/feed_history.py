"""The part of a stream that a feed begins with, and the part before it.

A stream may hold millions of messages, and a consumer reads forwards only. So a feed begins with
the newest part and is current soon. What is older is read back afterwards, see `MessagePages`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pulse_desktop.transport.ordered_consumer import DeliverPolicy, OrderedConsumer
from pulse_desktop.transport.source_stream import SourceStream

_MAX_GROWTH: Final = 16
"""How many times longer the part is at most, after one with few messages of the subject."""


@dataclass(frozen=True)
class OlderPart:
    """Stored messages of a feed that are older than all that it has received.

    Attributes:
        stream: where they are stored.
        first: sequence of the oldest one wanted.
        stop: sequence after the newest of them.
        count: about how many there are; the stream may store other subjects as well.
    """

    stream: SourceStream
    first: int
    stop: int
    count: int


@dataclass(frozen=True)
class StalledReading:
    """The state of a reading that ended because the server sent nothing of what was waiting.

    The next reading shows what is lost.

    Attributes:
        stream: what was read, as it was just after the end.
        read: sequence up to which everything was read or is known to be removed.
        waiting: messages that were still to be read.
    """

    stream: SourceStream
    read: int
    waiting: int

    def lost(self, read: int, waiting: int) -> int:
        """Return how many of the messages are not in the stream any more.

        Args:
            read: sequence up to which everything was read or is known to be removed, now.
            waiting: messages that are to be read now, without those that were stored later.
        """
        return max(0, self.waiting - max(0, read - self.read) - waiting)


class FeedStart(NamedTuple):
    """The consumer that a feed begins with.

    Attributes:
        consumer: open, at the beginning of the newest part.
        older: what is stored before it, None for nothing.
    """

    consumer: OrderedConsumer
    older: OlderPart | None


async def open_newest(
    open_at: Callable[[DeliverPolicy], Awaitable[OrderedConsumer]],
    stream: SourceStream,
    size: int,
    *,
    since: float | None = None,
    live_since: float | None = None,
) -> FeedStart:
    """Open a consumer of the newest messages of a stream.

    Args:
        open_at: opens a consumer of the feed's subject.
        stream: the stream.
        size: about how many messages the part has; more if they were stored meanwhile.
        since: Unix seconds of the oldest stored message wanted, None for any age.
        live_since: Unix seconds since which messages were received live. All of these are in the
            part, so that none of them is read back as older.

    Raises:
        ConsumerResetError: the server refuses, or the stream no longer exists.
        UserFacingError: no connection, no JetStream, no permission.
    """
    wanted = DeliverPolicy(stream.first) if since is None else DeliverPolicy(since=since)
    if since is None and stream.last - stream.first < size:
        return FeedStart(await open_at(wanted), None)
    consumer = await open_at(wanted)
    total, first = consumer.pending, consumer.last + 1
    if total <= size:
        return FeedStart(consumer, None)
    await consumer.close()
    latest = stream.last + 1
    if live_since is not None:
        consumer = await open_at(DeliverPolicy(since=live_since))
        await consumer.close()
        latest = min(latest, consumer.last + 1)
    length = size
    while True:
        begin = max(first, min(latest, stream.last - length + 1))
        consumer = await open_at(DeliverPolicy(begin))
        if begin == first or consumer.pending >= size // 2:
            break
        await consumer.close()
        # The stream stores other subjects too, between those of the feed.
        length *= max(2, min(_MAX_GROWTH, size // max(1, consumer.pending)))
    count = total - consumer.pending
    older = OlderPart(stream, first, begin, count) if begin > first and count > 0 else None
    return FeedStart(consumer, older)
