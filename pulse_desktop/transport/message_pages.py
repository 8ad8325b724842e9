"""The stored messages of a subject before a position, a page at a time, the newest page first.

A consumer reads forwards only, so each page reads the next older range of sequences with a consumer
of its own. Pages have about the same number of messages, and never too many bytes, however they are
distributed.
"""

import asyncio
from typing import Final

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed_history import OlderPart
from pulse_desktop.transport.ordered_consumer import ConsumerResetError, DeliverPolicy
from pulse_desktop.transport.range_reader import RangeReader
from pulse_desktop.transport.source_stream import (
    NoStream,
    SourceStream,
    deletion_text,
    describe_stream,
    purge_text,
)

PAGE_SIZE: Final = 10_000
FIRST_PAGE_SIZE: Final = 2_000
"""How large the messages are is not known before."""

MAX_PAGE_BYTES: Final = 16 << 20
_TARGET_BYTES: Final = MAX_PAGE_BYTES // 2
_MAX_GROWTH: Final = 4
_FEW_DELETED: Final = 100
"""Fewer that are missing may have been deleted one by one, such as tasks that were cancelled."""
_RETRY_PAUSES_S: Final = (0.05, 0.2, 1.0)
"""Pauses after attempts to read a page, such as while a stream has no leader."""


class MessagePages:
    """Reads a part of a stream backwards. A page that could not be read is the next one again.

    Attributes:
        ended_by: why older ones cannot be read any more; empty if all have been read.
        lost: about how many of them there were: they were deleted before they could be read. What
            the stream's own limits remove is not among them.
    """

    def __init__(
        self, connection: Connection, part: OlderPart, source: Source, subject: str, stored_as: str
    ) -> None:
        """Describe the pages; nothing is read before `next`.

        Args:
            connection: run elsewhere.
            part: what to read.
            source: what the messages are marked with.
            subject: what the stream has to store.
            stored_as: only messages of this subject are read.
        """
        self._connection = connection
        self._part = part
        self._source = source
        self._subject = subject
        self._stored_as = stored_as
        self._first, self._stop = part.first, part.stop
        self._length = FIRST_PAGE_SIZE * max(1, (part.stop - part.first) // max(1, part.count))
        self._count = part.count
        self._oldest_at = 0.0
        self.ended_by = ""
        self.lost = 0

    @property
    def unread(self) -> int:
        """About how many messages can still be read, 0 only if there are none."""
        return max(1, self._count) if self._stop > self._first else 0

    async def next(self) -> list[InboundMessage]:
        """Return the next older messages, the oldest first; none after the last page.

        Raises:
            ConsumerResetError: the stream cannot be read at the moment.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        failures = 0
        while self._stop > self._first:
            try:
                found = await self._read_range(max(self._first, self._stop - self._length))
            except ConsumerResetError:
                if failures == len(_RETRY_PAUSES_S):
                    raise
                await asyncio.sleep(_RETRY_PAUSES_S[failures])
                failures += 1
                continue
            if found:
                return found
        return []

    async def _describe(self) -> SourceStream | None:
        """Return the stream; None if it is another one, so that nothing more can be read of it.

        Raises:
            ConsumerResetError: that is unknown at the moment.
        """
        found = await describe_stream(self._connection, self._part.stream.name, self._subject)
        if isinstance(found, SourceStream) and found.is_same_as(self._part.stream):
            return found
        if isinstance(found, NoStream) and found.unreadable:
            raise ConsumerResetError(found.reason)
        self._end(deletion_text(self._part.stream, found))
        return None

    def _end(self, reason: str) -> None:
        """Record that what has not been read is lost."""
        self.ended_by = reason
        self.lost = max(1, self._count)
        self._first = self._stop

    def _check_end(self, stream: SourceStream, *, is_cut: bool) -> None:
        """Record what was deleted, once nothing older is there.

        Args:
            stream: as it is now.
            is_cut: whether the last range was empty because the stream begins after it.
        """
        if self._stop > self._first or self._count < (1 if is_cut else _FEW_DELETED):
            return
        if not stream.limits.may_remove(self._connection.now() - self._oldest_at):
            self._end(purge_text(stream))

    async def _read_range(self, start: int) -> list[InboundMessage]:
        """Read from a sequence up to `_stop`; return nothing if that is too much at once."""
        length = self._stop - start
        reader = _MessageRange(
            self._connection, self._part, self._source, self._stored_as, self._stop
        )
        first = 0
        lost: ConsumerResetError | None = None
        try:
            first = await reader.read(start)
        except ConsumerResetError as error:
            lost = error
        finally:
            await reader.close()
        # Another stream of the same name has other messages at these sequences.
        stream = await self._describe()
        if stream is None:
            return []
        if lost is not None:
            raise lost
        found = reader.found
        if reader.is_too_much and length > 1:
            self._length = max(1, length // _MAX_GROWTH)
            return []
        growth = min(
            _MAX_GROWTH,
            PAGE_SIZE / max(1, len(found)),
            _TARGET_BYTES / max(1, reader.bytes),
        )
        self._length = max(1, int(length * growth))
        # The stream may have removed its oldest messages meanwhile: none is before those read.
        self._stop = start if first <= start else self._first
        self._count -= len(found)
        if found:
            self._oldest_at = found[0].at
        self._check_end(stream, is_cut=first > start and not found)
        return found


class _MessageRange(RangeReader):
    """Reads the messages from a sequence up to another one.

    Attributes:
        found: the messages, oldest first.
        bytes: size of their payloads.
        is_too_much: whether reading was ended because of their number or size.
    """

    def __init__(
        self, connection: Connection, part: OlderPart, source: Source, stored_as: str, stop: int
    ) -> None:
        super().__init__(connection, part.stream.name, stored_as, room=self._room)
        self._source = source
        self._stop = stop
        self.found: list[InboundMessage] = []
        self.bytes = 0
        self.is_too_much = False

    async def read(self, start: int) -> int:
        """Read from `start` up to `stop`, without it; return where the stream has messages from."""
        pending = await self.open(DeliverPolicy(start))
        first = self.first
        if first < self._stop and pending:
            await self._consume()
        return first

    def _room(self) -> int:
        return max(0, self._stop - self.first)

    def _accept(self, subject: str, payload: bytes, at: float, sequence: int) -> bool:
        if sequence >= self._stop or self._ended.is_set():
            self._end()
            return True
        found = self.found
        found.append(InboundMessage(self._source, subject, payload, at, sequence, True))
        self.bytes += len(payload)
        if self.bytes > MAX_PAGE_BYTES or len(found) > 2 * PAGE_SIZE:
            self.is_too_much = True
            self._end()
        elif sequence == self._stop - 1:
            self._end()
        return True
