"""Following one subject for ever, through everything that can happen to a server and its streams.

Where a stream keeps the subject, it is read: what was stored while nobody looked comes as well, an
interruption leaves no gap, and nothing is dropped for want of room. Elsewhere a plain subscription
shows what passes, and the times in which it could not are recorded. When a stream appears,
disappears or is replaced, the feed moves over without showing anything twice.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from nats import errors
from nats.aio.msg import Msg

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.inbound import Source
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.deduplicator import Deduplicator
from pulse_desktop.transport.feed_status import FeedStatus, Mode
from pulse_desktop.transport.gap_log import GapLog
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)
from pulse_desktop.transport.resume_position import ResumePosition
from pulse_desktop.transport.source_stream import (
    NoStream,
    SourceStream,
    describe_history,
    find_history,
)

POLL: Final = 5.0
SETTLE: Final = 0.2
"""Seconds in which the live copy of a stored message arrives, on any but a very slow line."""

PENDING_MESSAGES: Final = 1_000_000
PENDING_BYTES: Final = 512 << 20
RETRY_PAUSE: Final = 0.05


class SubjectFeed:
    """One subject, from the past as far as it is kept, and from now on."""

    def __init__(
        self,
        connection: Connection,
        inbox: ArrivalQueue,
        channel: Source,
        subject: str,
        *,
        stored_as: str = "",
        since: float | None = None,
        backlog: int = 100_000,
        poll: float = POLL,
        on_change: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe a feed; it begins with `run`.

        Args:
            connection: kept by somebody else.
            inbox: where the arrivals go.
            channel: what they are marked with.
            subject: what to subscribe to where no stream keeps it.
            stored_as: subject by which streams are searched and read, else `subject`.
            since: Unix seconds of the oldest stored message wanted, None for any age.
            backlog: most stored messages wanted at first; 0 for only what is new.
            poll: seconds between looks at whether the stream is (still) there.
            on_change: told when the mode, a problem or a gap changes.
            clock: Unix seconds.
        """
        self._connection = connection
        self._inbox = inbox
        self._subject = subject
        self._stored_as = stored_as or subject
        self._since = since
        self._backlog = backlog
        self._poll = poll
        self._on_change = on_change
        self._clock = clock
        self._intake = Deduplicator(inbox, channel, clock)
        self._gaps = GapLog(self._changed)
        self._mode: Mode = "off"
        self._problem = ""
        self._position = ResumePosition(self._intake, self._gaps)
        self._reader: OrderedConsumer | None = None
        self._caught_up = asyncio.Event()

    @property
    def status(self) -> FeedStatus:
        """What is true of the feed now."""
        stream = self._position.stream if self._mode == "history" else None
        return FeedStatus(
            mode=self._mode,
            stream=stream.name if stream is not None else "",
            received=self._intake.received,
            replayed=self._intake.replayed,
            last_sequence=self._intake.last if stream is not None else 0,
            lag=self._reader.lag if self._reader is not None else 0,
            gaps=self._gaps.gaps,
            problem=self._problem,
            caught_up=self._caught_up.is_set(),
        )

    async def caught_up(self, timeout: float) -> bool:  # noqa: ASYNC109 - an answer, not an error
        """Wait until what was stored has been read; False when that takes longer than `timeout`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._caught_up.wait()
        return self._caught_up.is_set()

    def echo(self, subject: str, payload: bytes) -> None:
        """Take note of what this connection itself published.

        The server sends a client nothing of its own: a stream brings it back, a plain subscription
        does not. So in live mode it is put into the inbox here.
        """
        if self._mode == "live":
            self._intake.take_live(subject, payload)

    async def run(self) -> None:
        """Follow for ever; meant to be run by a supervisor."""
        try:
            while True:
                await self._connection.wait_connected()
                with contextlib.suppress(NotConnectedError, errors.ConnectionClosedError):
                    await self._connection.run_while_connected(self._follow())
                self._gaps.lose_sight(self._connection.last_alive or self._clock())
                self._set_mode("off", "there is no connection")
                await asyncio.sleep(RETRY_PAUSE)
        finally:
            self._set_mode("off", "")

    async def _follow(self) -> None:
        """Read or listen, whichever is possible, and move over as it changes."""
        found = await self._find()
        while True:
            if isinstance(found, SourceStream):
                found = await self._read(found)
            else:
                found = await self._listen(found)

    async def _find(self) -> SourceStream | NoStream:
        return await find_history(self._connection, self._subject, self._stored_as)

    # Reading a stream

    async def _read(
        self, stream: SourceStream, end_live: Callable[[], Awaitable[None]] | None = None
    ) -> SourceStream | NoStream:
        """Read a stream until it is gone or another one; return what is there instead.

        Args:
            stream: what to read.
            end_live: awaited once every later message is certain to be read.
        """
        reader = await self._open(stream)
        if reader is None:
            await asyncio.sleep(RETRY_PAUSE)
            return await self._find()
        try:
            self._reader = reader
            self._intake.replaying = not reader.at_end.is_set()
            self._gaps.see_again(self._clock(), missed=reader.pending)
            self._set_mode("history", "")
            if end_live is not None:
                await end_live()
            await self._read_on(reader, stream)
        finally:
            self._reader = None
            await reader.close()
        ended = self._clock()
        found = await self._find()
        if isinstance(found, SourceStream):
            await asyncio.sleep(RETRY_PAUSE)
        else:
            self._gaps.lose_sight(ended)
        return found

    async def _open(self, stream: SourceStream) -> OrderedConsumer | None:
        """Begin reading where it was left, or at the beginning; None when the server would not."""
        start = self._position.start_in(stream, self._clock())
        newest = DeliverPolicy(stream.last - self._backlog + 1)
        try:
            if start is not None:
                reader = await self._open_at(stream, start)
            elif self._since is None:
                reader = await self._open_at(stream, newest)
            else:
                reader = await self._open_at(stream, DeliverPolicy(since=self._since))
                if reader.pending > self._backlog:
                    await reader.close()
                    reader = await self._open_at(stream, newest)
        except NotConnectedError:
            raise
        except (ConsumerResetError, UserFacingError) as error:
            self._set_mode("off", str(error))
            return None
        self._position.begin_reading(stream, reader.last)
        return reader

    async def _open_at(self, stream: SourceStream, start: DeliverPolicy) -> OrderedConsumer:
        reader = OrderedConsumer(
            self._connection,
            stream.name,
            self._stored_as,
            accept=self._intake.take_stored,
            room=lambda: self._inbox.room,
        )
        await reader.open(start)
        return reader

    async def _read_on(self, reader: OrderedConsumer, stream: SourceStream) -> None:
        """Read until it ends by itself or the stream is not the same any more."""
        reading = asyncio.ensure_future(reader.follow())
        end = asyncio.ensure_future(self._reach_end(reader))
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=self._poll)
                if reading.done():
                    break
                found = await describe_history(self._connection, stream.name, self._subject)
                if not isinstance(found, SourceStream) or not found.is_same_as(stream):
                    break
                if end.done():
                    self._intake.expect_nothing_again()
                self._position.explain_jumps(found, self._clock())
            if reading.done() and not isinstance(reading.exception(), ConsumerResetError):
                reading.result()
        finally:
            await cancel_and_wait(end)
            await cancel_and_wait(reading)

    async def _reach_end(self, reader: OrderedConsumer) -> None:
        await reader.at_end.wait()
        self._intake.replaying = False
        self._caught_up.set()
        self._changed()

    # Listening without a stream

    async def _listen(self, why: NoStream) -> SourceStream | NoStream:
        """Subscribe until a stream appears; return what is there then."""
        connection, intake = self._connection, self._intake
        self._position.begin_listening(self._clock())

        async def on_message(msg: Msg) -> None:
            intake.take_live(msg.subject, msg.data)

        subscription = await connection.client.subscribe(
            self._subject,
            cb=on_message,
            pending_msgs_limit=PENDING_MESSAGES,
            pending_bytes_limit=PENDING_BYTES,
        )
        connection.client.deliver_directly(subscription, intake.take_live)
        ended = False

        async def end() -> None:
            nonlocal ended
            if not ended and connection.connected:
                ended = True
                await subscription.unsubscribe()

        try:
            with connection.violations.watch(self._subject) as refused:
                self._gaps.see_again(self._clock(), missed=None)
                self._set_mode("live", why.reason)
                self._caught_up.set()
                while True:
                    await asyncio.wait({refused}, timeout=self._poll)
                    if refused.done():
                        self._set_mode("off", f"not allowed to subscribe to {self._subject}")
                        await connection.wait_lost()
                        raise NotConnectedError
                    found = why if why.settled else await self._find()
                    if isinstance(found, SourceStream):
                        return await self._take_over(found, end)
        finally:
            await end()

    async def _take_over(
        self, stream: SourceStream, end_live: Callable[[], Awaitable[None]]
    ) -> SourceStream | NoStream:
        """Move from listening to reading: nothing lost, nothing twice."""
        if self._position.prepare_taking_over(stream, self._clock()):
            await asyncio.sleep(SETTLE)
        return await self._read(stream, end_live)

    # Telling

    def _set_mode(self, mode: Mode, problem: str) -> None:
        if (mode, problem) != (self._mode, self._problem):
            self._mode = mode
            self._problem = problem
            self._changed()

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change()
