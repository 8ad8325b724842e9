"""A feed receives the messages of one subject forever, across restarts of servers and streams.

Where a stream stores the subject, the stream is read, from the beginning of its newest part on:
messages stored while nothing was connected arrive as well, a lost connection leaves no gap, and
nothing is dropped for lack of room. What is stored before is read by `take_older_pages`. Elsewhere
a plain subscription receives what is published, and the times without it are recorded as gaps.
When a stream is created, removed or replaced, the feed switches without delivering anything twice.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from nats import errors
from nats.aio.msg import Msg

from pulse_desktop.model.errors import NotConnectedError, NotPermittedError, UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.protocol.inbound import Source
from pulse_desktop.text.translation import _
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.deduplicator import Deduplicator
from pulse_desktop.transport.feed_history import OlderPart, StalledReading, open_newest
from pulse_desktop.transport.feed_status import FeedStatus, GapLog, LossLog, Mode
from pulse_desktop.transport.message_pages import MessagePages
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    ConsumerStalledError,
    DeliverPolicy,
    OrderedConsumer,
)
from pulse_desktop.transport.resume_position import CLOCK_MARGIN_S, ResumePosition
from pulse_desktop.transport.source_stream import (
    NoStream,
    SourceStream,
    deletion_text,
    describe_stream,
    find_source_stream,
    no_stream,
    purge_text,
    stored_since,
)

POLL_INTERVAL_S: Final = 5.0
SETTLE_S: Final = 0.2
"""Time in which the live copy of a stored message arrives, on any but a very slow line."""

MAX_PENDING_MESSAGES: Final = 1_000_000
MAX_PENDING_BYTES: Final = 512 << 20
RETRY_PAUSE_S: Final = 0.05
OPEN_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.0)
"""Pauses after attempts to read a stream."""
MAX_RETRY_INTERVAL_S: Final = 60.0
"""Time between attempts of what the server keeps refusing; it logs each of them."""


class SubjectFeed:
    """The messages of one subject: those stored so far, and those to come."""

    def __init__(
        self,
        connection: Connection,
        queue: ArrivalQueue,
        source: Source,
        subject: str,
        *,
        stored_as: str = "",
        stream: str = "",
        since: float | None = None,
        backlog: int = 100_000,
        stored_only: bool = False,
        poll_s: float = POLL_INTERVAL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe a feed; it begins with `run`.

        Args:
            connection: run elsewhere.
            queue: gets the messages.
            source: what the messages are marked with.
            subject: what to subscribe to where no stream stores it.
            stored_as: subject by which streams are searched and read, else `subject`.
            stream: name of the stream that stores them, empty to search it.
            since: Unix seconds by this machine's clock of the oldest stored message wanted, None
                for any age.
            backlog: about how many of the newest stored messages are read at first; 0 for none.
            stored_only: whether nothing is received where no stream stores the subject: for one
                that few users may subscribe to.
            poll_s: seconds between checks whether the stream (still) exists.
            clock: Unix seconds by the server's clock, as far as it is known.
        """
        self._connection = connection
        self._queue = queue
        self._source = source
        self.subject = subject
        self._stored_as = stored_as or subject
        self._stream = stream
        self._since = since
        self._backlog = backlog
        self._stored_only = stored_only
        self._poll_s = poll_s
        self._clock = clock
        self._deduplicator = Deduplicator(queue, source, clock)
        self._gaps = GapLog()
        self._mode: Mode = "off"
        self._problem = ""
        self._unreadable = False
        self._missing = False
        self._find_now = asyncio.Event()
        self._retries = Backoff(poll_s, max(poll_s, MAX_RETRY_INTERVAL_S))
        self._position = ResumePosition(self._deduplicator, self._gaps)
        self._consumer: OrderedConsumer | None = None
        self._unread = 0
        self._losses = LossLog()
        self._stalled: StalledReading | None = None
        self._older: OlderPart | None = None
        self._caught_up = asyncio.Event()
        self._is_current = False
        self._to_replay = 0

    @property
    def status(self) -> FeedStatus:
        """The current status."""
        stream = self._position.stream if self._mode == "history" else None
        consumer = self._consumer
        return FeedStatus(
            mode=self._mode,
            stream=stream.name if stream is not None else "",
            received=self._deduplicator.received,
            replayed=self._deduplicator.replayed,
            last_sequence=self._deduplicator.last if stream is not None else 0,
            lag=consumer.lag if consumer is not None else 0,
            unread=self._unread if consumer is None else 0,
            gaps=self._gaps.gaps,
            problem=self._problem,
            caught_up=self._caught_up.is_set(),
            is_current=self._is_current,
            to_replay=self._to_replay,
            unreadable=self._unreadable,
            missing=self._missing,
            older=self._older.count if self._older is not None else 0,
            oldest_at=self._deduplicator.first_at,
            loss=self._losses.loss,
        )

    def take_older_pages(self) -> MessagePages | None:
        """Return a reader of the stored messages before the newest part, once; None for none.

        A feed has another part, and so another reader, when it could read no stream at first.
        """
        if self._older is None:
            return None
        part, self._older = self._older, None
        return MessagePages(self._connection, part, self._source, self.subject, self._stored_as)

    def find_stream_now(self) -> None:
        """Look for a stream at once, while none is read: one may have been made."""
        self._find_now.set()

    async def wait_caught_up(self, timeout_s: float) -> bool:
        """Wait until the stored messages have been read; False after `timeout_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._caught_up.wait()
        return self._caught_up.is_set()

    def echo(self, subject: str, payload: bytes) -> None:
        """Accept a message that this connection itself has published.

        The server does not send a client its own messages: a stream delivers them, a plain
        subscription does not. So in live mode the message is put into the queue here.
        """
        if self._mode == "live":
            self._deduplicator.accept_live(subject, payload)

    async def run(self) -> None:
        """Receive forever; run by a supervisor."""
        try:
            while True:
                await self._connection.wait_connected()
                with contextlib.suppress(NotConnectedError, errors.ConnectionClosedError):
                    await self._connection.run_while_connected(self._receive())
                self._is_current = False
                self._to_replay = 0
                self._gaps.disconnected(self._connection.last_alive or self._clock())
                self._set_mode("off", _("there is no connection"))
                await asyncio.sleep(RETRY_PAUSE_S)
        finally:
            self._set_mode("off", "")

    async def _receive(self) -> None:
        """Read a stream or listen, whichever is possible, and switch when that changes."""
        self._retries.reset()
        found = await self._find()
        while True:
            opened = await self._open(found) if isinstance(found, SourceStream) else found
            if not isinstance(opened, NoStream):
                found = await self._read(*opened)
            elif self._stored_only:
                found = await self._wait_for_stream(opened)
            else:
                found = await self._listen(opened)

    async def _find(self) -> SourceStream | NoStream:
        return await find_source_stream(
            self._connection, self.subject, self._stored_as, self._stream
        )

    # Reading a stream

    async def _read(
        self,
        consumer: OrderedConsumer,
        stream: SourceStream,
        end_live: Callable[[], Awaitable[None]] | None = None,
    ) -> SourceStream | NoStream:
        """Read a stream until it is removed or replaced; return what there is instead.

        Args:
            consumer: of the stream, open.
            stream: what to read.
            end_live: awaited once every later message is certain to be read.
        """
        refused: NoStream | None = None
        is_stalled = False
        started = self._clock()
        try:
            self._consumer = consumer
            if not self._is_current:
                self._to_replay = max(self._to_replay, consumer.pending)
            self._deduplicator.replaying = not consumer.at_end.is_set()
            if self._position.covers_gap:
                self._gaps.reconnected(self._clock(), missed=consumer.pending)
            else:
                reason = _("the stream was replaced while there was no connection")
                self._gaps.reconnected(self._clock(), missed=None, reason=reason)
            self._set_mode("history", "")
            if end_live is not None:
                await end_live()
            is_stalled = await self._consume(consumer, stream)
        except NotPermittedError as error:
            refused = no_stream(error)
        finally:
            self._consumer, self._unread = None, consumer.lag
            await consumer.close()
        ended = self._clock()
        if ended - started > self._poll_s:
            self._retries.reset()
        found = refused or await self._find()
        self._add_loss(self._unread, deletion_text(stream, found))
        if isinstance(found, SourceStream):
            if is_stalled and found.is_same_as(stream):
                await self._note_stall(consumer, found)
            await asyncio.sleep(RETRY_PAUSE_S)
        else:
            self._gaps.disconnected(ended, deletion_text(stream, found) or found.reason)
        return found

    async def _open(self, stream: SourceStream) -> tuple[OrderedConsumer, SourceStream] | NoStream:
        """Open a consumer at the resume position, or at the beginning, or return why not.

        A refusal is final for now. Anything else, such as a stream without a leader, may be over
        in a moment.
        """
        missing = NoStream("")
        for pause in OPEN_PAUSES_S:
            try:
                return await self._open_once(stream), stream
            except NotConnectedError:
                raise
            except NotPermittedError as error:
                return no_stream(error)
            except (ConsumerResetError, UserFacingError) as error:
                missing = no_stream(error)
            await asyncio.sleep(pause)
            found = await self._find()
            if isinstance(found, NoStream):
                return found
            stream = found
        return missing

    async def _open_once(self, stream: SourceStream) -> OrderedConsumer:
        start = self._position.start_in(stream, self._clock())
        if start is not None:
            consumer = await self._open_again(stream, start)
        else:
            since, live_since = self._since, self._position.live_since
            if since is not None:
                since -= self._connection.clock_offset_s or 0.0
            if live_since is not None:
                live_since -= 2 * CLOCK_MARGIN_S
            consumer, self._older = await open_newest(
                partial(self._open_at, stream),
                stream,
                self._backlog,
                since=since,
                live_since=live_since,
            )
            self._deduplicator.first_at = 0.0
        self._stalled = None
        self._position.begin_reading(stream, consumer.last)
        return consumer

    async def _open_again(self, stream: SourceStream, start: DeliverPolicy) -> OrderedConsumer:
        """Open a consumer at the resume position; record what is lost of what the last one left."""
        stalled, newer = self._stalled, 0
        if stalled is not None and not stream.is_same_as(stalled.stream):
            stalled = None
        if stalled is not None:
            counting = await self._open_at(stream, DeliverPolicy(stalled.stream.last + 1))
            await counting.close()
            newer = counting.pending
        consumer = await self._open_at(stream, start)
        if stalled is not None:
            try:
                lost = stalled.lost(self._deduplicator.last, max(0, consumer.pending - newer))
                if lost:
                    lost -= min(lost, await self._removed_by_limits(stalled))
            except BaseException:
                await consumer.close()
                raise
            self._add_loss(lost, purge_text(stream))
        return consumer

    async def _removed_by_limits(self, stalled: StalledReading) -> int:
        """Return how many messages the stream's own limits may have removed since a stall.

        It is all of them where that is unknown.
        """
        found = await describe_stream(self._connection, stalled.stream.name, self.subject)
        stored_at = await stored_since(self._connection, stalled.stream.name)
        if not isinstance(found, SourceStream) or stored_at is None or found.limits.max_per_subject:
            return stalled.waiting
        # All other limits remove the oldest messages of the stream.
        if found.limits.may_remove(self._clock() - stored_at):
            return max(0, found.first - stalled.read - 1)
        return 0

    async def _open_at(self, stream: SourceStream, start: DeliverPolicy) -> OrderedConsumer:
        consumer = OrderedConsumer(
            self._connection,
            stream.name,
            self._stored_as,
            accept=self._deduplicator.accept_stored,
            room=lambda: self._queue.room,
        )
        await consumer.open(start)
        return consumer

    async def _consume(self, consumer: OrderedConsumer, stream: SourceStream) -> bool:
        """Consume until the consumer ends or the stream is not the same any more.

        Returns:
            Whether the server stopped sending though messages were waiting.
        """
        consuming = asyncio.ensure_future(consumer.run())
        end = asyncio.ensure_future(self._reach_end(consumer))
        try:
            while not consuming.done():
                await asyncio.wait({consuming}, timeout=self._poll_s)
                if consuming.done():
                    break
                found = await describe_stream(self._connection, stream.name, self.subject)
                if not isinstance(found, SourceStream) or not found.is_same_as(stream):
                    break
                await self._check_purge(consumer, found)
                if end.done():
                    self._deduplicator.end_dedup()
                self._position.classify_gaps(found, self._clock())
            if not consuming.done():
                return False
            error = consuming.exception()
            if not isinstance(error, ConsumerResetError):
                consuming.result()
            return isinstance(error, ConsumerStalledError)
        finally:
            await cancel_and_wait(end, consuming)

    async def _note_stall(self, consumer: OrderedConsumer, found: SourceStream) -> None:
        """Remember what was waiting when the server stopped sending.

        Mostly it was deleted, but only the next consumer shows whether it was.
        """
        await self._check_purge(consumer, found)
        read = self._deduplicator.last
        waiting = consumer.lag - min(consumer.lag, max(0, read - consumer.last))
        self._stalled = StalledReading(found, read, waiting)

    async def _check_purge(self, consumer: OrderedConsumer, found: SourceStream) -> None:
        """Record what was deleted of the oldest stored messages while they are read.

        Args:
            consumer: reads them.
            found: the stream as it is now.
        """
        deduplicator = self._deduplicator
        if consumer.at_end.is_set() or found.first <= deduplicator.last + 1:
            return
        stored_at = await stored_since(self._connection, found.name)
        lag, read = consumer.lag, consumer.last
        missing = min(lag, found.first - read - 1)
        missing -= min(lag, max(0, deduplicator.last - read))  # recorded before
        if stored_at is None or consumer.at_end.is_set() or missing <= 0:
            return
        # All limits but one remove the oldest messages of the stream.
        if not found.limits.may_remove(self._clock() - stored_at):
            self._add_loss(missing, purge_text(found))
        deduplicator.last = max(deduplicator.last, found.first - 1)
        if found.first > found.last:
            consumer.at_end.set()  # no message comes that says so

    def _add_loss(self, count: int, reason: str) -> None:
        self._losses.add(count, reason, since=self._deduplicator.last_at, now=self._clock())

    async def _reach_end(self, consumer: OrderedConsumer) -> None:
        await consumer.at_end.wait()
        self._deduplicator.replaying = False
        self._set_current()

    # Listening without a stream

    async def _listen(self, missing: NoStream) -> SourceStream | NoStream:
        """Subscribe until a stream has been read instead; return what there is after it.

        What the server refuses is tried again, less and less often: a permission can be granted
        without a new connection.
        """
        connection, deduplicator = self._connection, self._deduplicator
        self._position.begin_listening(self._clock(), unreadable=missing.unreadable)

        async def on_message(msg: Msg) -> None:
            deduplicator.accept_live(msg.subject, msg.data)

        subscription = await connection.client.subscribe(
            self.subject,
            cb=on_message,
            pending_msgs_limit=MAX_PENDING_MESSAGES,
            pending_bytes_limit=MAX_PENDING_BYTES,
        )
        connection.client.deliver_directly(subscription, deduplicator.accept_live)
        ended = False

        async def end() -> None:
            nonlocal ended
            if not ended and connection.connected:
                ended = True
                await subscription.unsubscribe()

        try:
            with connection.violations.watch(self.subject) as refused:
                await self._wait_registered(refused)
                self._position.record_subscription(self._clock())
                if not refused.done():
                    connection.violations.granted("subscribe", self.subject)
                    self._gaps.reconnected(self._clock(), missed=None)
                    self._set_live(missing)
                while True:
                    self._set_current()
                    if refused.done():
                        return await self._wait_refused(refused.result())
                    pause = self._retries.next_delay() if missing.unreadable else self._poll_s
                    await self._wait_for_change(refused, pause)
                    if refused.done():
                        continue
                    found = await self._find()
                    if isinstance(found, SourceStream):
                        if self._position.prepare_switch(found, self._clock()):
                            await asyncio.sleep(SETTLE_S)
                        opened = await self._open(found)
                        if not isinstance(opened, NoStream):
                            return await self._read(*opened, end)
                        found = opened
                    missing = found
                    self._set_live(missing)
        finally:
            await end()

    async def _wait_for_stream(self, missing: NoStream) -> SourceStream | NoStream:
        """Wait until it is time to look for a stream again; return what there is then."""
        self._set_mode("off", missing.reason)
        self._set_current()
        pause = self._retries.next_delay() if missing.unreadable else self._poll_s
        never: asyncio.Future[NotPermittedError] = asyncio.get_running_loop().create_future()
        await self._wait_for_change(never, pause)
        return await self._find()

    async def _wait_for_change(
        self, refused: asyncio.Future[NotPermittedError], timeout_s: float
    ) -> None:
        """Wait until the subscription is refused, `find_stream_now` is called, or time is up."""
        again = asyncio.ensure_future(self._find_now.wait())
        try:
            pending: set[asyncio.Future[Any]] = {refused, again}
            await asyncio.wait(pending, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._find_now.clear()
            await cancel_and_wait(again)

    async def _wait_refused(self, error: NotPermittedError) -> SourceStream | NoStream:
        """Wait until a refused subscription can be tried again."""
        self._gaps.disconnected(self._clock(), error.detail.rstrip("."))
        self._set_mode("off", error.detail.rstrip("."), unreadable=True)
        await asyncio.sleep(self._retries.next_delay())
        return await self._find()

    async def _wait_registered(self, refused: asyncio.Future[NotPermittedError]) -> None:
        """Wait until the server has processed a subscription or refused it.

        nats-py only writes the request. What other clients publish before the server has read it
        is not delivered, so the feed is not live until then.
        """
        answered = False
        while not (answered or refused.done()):
            flush = asyncio.ensure_future(self._connection.client.flush())
            pending: set[asyncio.Future[Any]] = {flush, refused}
            try:
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if flush.done():
                    with contextlib.suppress(errors.TimeoutError):
                        flush.result()
                        answered = True
            finally:
                await cancel_and_wait(flush)

    def _set_current(self) -> None:
        self._is_current = True
        self._caught_up.set()

    def _set_live(self, missing: NoStream) -> None:
        self._set_mode("live", missing.reason, unreadable=missing.unreadable)
        self._missing = missing.missing

    def _set_mode(self, mode: Mode, problem: str, *, unreadable: bool = False) -> None:
        self._mode = mode
        self._problem = problem
        self._unreadable = unreadable
        self._missing = False
