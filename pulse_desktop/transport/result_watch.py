"""A watch of a result bucket: every object in it, those stored and those to come.

The bucket's metadata is a stream of messages and is read as one, which survives restarts by its
sequence. It is read in order rather than by the newest of every object: each object has only one
message of metadata, and deletions do not stop the server. A bucket that does not exist yet is a
normal state: workers create it with the first result.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from nats import errors
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import NoJetStreamError, NotConnectedError, UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.text.translation import _
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed_status import Gap, GapLog
from pulse_desktop.transport.object_bucket import (
    UnreadableMetaError,
    decode_meta,
    meta_subjects,
    stream_name,
)
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    ConsumerStalledError,
    DeliverPolicy,
    OrderedConsumer,
)

POLL_INTERVAL_S: Final = 5.0
RETRY_PAUSE_S: Final = 0.05
READ_ATTEMPTS: Final = 5
MAX_RETRY_INTERVAL_S: Final = 60.0

Mode = Literal["watching", "absent", "off"]


@dataclass(frozen=True)
class WatchStatus:
    """Snapshot of a watch.

    Attributes:
        mode: watching, absent (there is no such bucket now) or off.
        received: objects put into the arrival queue.
        invalid_metadata: number of messages in the bucket that are not valid metadata.
        last_sequence: stream sequence of the newest message read.
        problem: why it is off; else empty.
        caught_up: whether all stored metadata has been read that can be read; true as well
            without a bucket.
        unreadable: whether there may be results that cannot be read.
        gaps: times in which results may have been missed, as a bucket was deleted before all of it
            was read.
        deleted_since: Unix seconds of the last moment when there was a bucket that was read; None
            unless it was deleted and is not there again.
    """

    mode: Mode = "off"
    received: int = 0
    invalid_metadata: int = 0
    last_sequence: int = 0
    problem: str = ""
    caught_up: bool = False
    unreadable: bool = False
    gaps: tuple[Gap, ...] = ()
    deleted_since: float | None = None


@dataclass(frozen=True)
class _Bucket:
    """The stream of a bucket; another `created` means another bucket of the same name."""

    created: float
    first: int
    last: int


class ResultWatch:
    """Watches one bucket forever."""

    def __init__(
        self,
        connection: Connection,
        queue: ArrivalQueue,
        bucket: str,
        *,
        since: float | None = None,
        backlog: int | None = None,
        poll_s: float = POLL_INTERVAL_S,
        on_removed: Callable[[], object] = lambda: None,
    ) -> None:
        """Describe a watch; it begins with `run`.

        Args:
            connection: run elsewhere.
            queue: gets a StoredObject for every object, progress and deletions included.
            bucket: name of the bucket.
            since: Unix seconds by this machine's clock of the oldest object wanted, None for any
                age.
            backlog: approximate number of the newest objects read at first, None for all.
            poll_s: seconds between checks whether the bucket (still) exists.
            on_removed: called when the bucket was deleted, or replaced by another one of its name:
                its objects do not exist any more.
        """
        self._connection = connection
        self._queue = queue
        self._bucket = bucket
        self._since = since
        self._backlog = backlog
        self._poll_s = poll_s
        self._on_removed = on_removed
        self._opened_bucket: _Bucket | None = None
        self._consumer: OrderedConsumer | None = None
        self._unread = 0  # of the last bucket when it ceased to be read
        self._checked_at = 0.0  # when that was known to be there, Unix seconds
        self._is_certain = True  # that it was watched since
        self._gaps = GapLog()
        self._look_now = asyncio.Event()
        self._last = 0
        self._mode: Mode = "off"
        self._problem = ""
        self._unreadable = False
        self._received = 0
        self._invalid_metadata = 0
        self._caught_up = asyncio.Event()

    @property
    def status(self) -> WatchStatus:
        """The current status."""
        return WatchStatus(
            self._mode,
            self._received,
            self._invalid_metadata,
            self._last,
            self._problem,
            self._caught_up.is_set(),
            self._unreadable,
            self._gaps.gaps,
            self._gaps.offline_since,
        )

    async def wait_caught_up(self, timeout_s: float) -> bool:
        """Wait until the stored metadata has been read; False after `timeout_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._caught_up.wait()
        return self._caught_up.is_set()

    async def read_to_end(self) -> None:
        """Look for the bucket at once, and wait until all metadata stored by now has been read.

        It does not return while that is impossible.

        Raises:
            UserFacingError: the server cannot be asked.
        """
        found = await self._find()
        while not self._has_read(found):
            self._look_now.set()
            await asyncio.sleep(RETRY_PAUSE_S)

    def _has_read(self, found: _Bucket | None) -> bool:
        if found is None:
            return self._mode == "absent"
        consumer, opened = self._consumer, self._opened_bucket
        if consumer is None or opened is None or opened.created != found.created:
            return False
        return consumer.at_end.is_set() and not consumer.lag

    async def run(self) -> None:
        """Watch forever; run by a supervisor."""
        try:
            while True:
                await self._connection.wait_connected()
                with contextlib.suppress(NotConnectedError, errors.ConnectionClosedError):
                    await self._connection.run_while_connected(self._watch())
                self._is_certain = False
                self._set_mode("off", _("there is no connection"))
                await asyncio.sleep(RETRY_PAUSE_S)
        finally:
            self._set_mode("off", "")

    async def _watch(self) -> None:
        """Read the bucket while it can be read, and try again when it cannot.

        What the server refuses is tried less and less often: it logs each attempt. A consumer that
        ends is normal, as a loaded server removes an idle one, and so is one that stops as the
        messages it was to send are deleted: only attempts that fail one after another are reported.
        """
        clock = asyncio.get_running_loop().time
        pauses = Backoff(RETRY_PAUSE_S, self._poll_s)
        intervals = Backoff(self._poll_s, max(self._poll_s, MAX_RETRY_INTERVAL_S))
        failures = 0
        while True:
            opened_at, before = math.inf, self._last
            try:
                found = await self._find()
                self._note_change(found)
                if found is None:
                    self._set_mode("absent", "")
                    pause, failures = self._poll_s, 0
                else:
                    consumer = await self._open(found)
                    opened_at = clock()
                    await self._read(consumer, found)
                    pause, failures = RETRY_PAUSE_S, 0
                    pauses.reset()
                    intervals.reset()
            except NotConnectedError:
                raise
            except ConsumerResetError as error:
                stalled = isinstance(error, ConsumerStalledError) and self._last == before
                if clock() - opened_at > self._poll_s and not stalled:
                    failures = 0
                    pauses.reset()
                failures += 1
                if failures >= READ_ATTEMPTS:
                    self._set_mode("off", _("it cannot be read: {reason}").format(reason=error))
                pause = pauses.next_delay()
            except UserFacingError as error:
                self._set_mode("off", error.detail or error.title)
                pause, failures = intervals.next_delay(), 0
                if isinstance(error, NoJetStreamError):
                    self._unreadable, pause = False, self._poll_s
            except (APIError, errors.Error):
                self._set_mode("off", _("JetStream did not respond"))
                pause, failures = self._poll_s, 0
            if not 0 < failures < READ_ATTEMPTS:
                self._caught_up.set()
            await self._wait_to_look(pause)

    async def _wait_to_look(self, timeout_s: float) -> None:
        """Wait until it is time to look for the bucket again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._look_now.wait()
        self._look_now.clear()

    def _note_change(self, found: _Bucket | None) -> None:
        """Note whether the bucket that was read was deleted, and what of it was not read."""
        before, now = self._opened_bucket, self._connection.now()
        if before is not None and found is None:
            if self._gaps.offline_since is None:
                self._on_removed()
                self._last = 0  # should it come back, it is read again
            self._gaps.disconnected(self._checked_at, _("the bucket was deleted"))
        elif before is not None and found is not None and found.created != before.created:
            if self._unread or not self._is_certain:
                missed = self._unread if self._is_certain else None
                self._gaps.add(Gap(self._checked_at, now, missed, filled=False))
            if self._gaps.offline_since is None:
                self._on_removed()
            self._gaps.offline_since = None
        elif found is not None:
            self._gaps.offline_since = None
        if found is not None:
            self._checked_at, self._is_certain = now, True

    async def _find(self) -> _Bucket | None:
        stream = stream_name(self._bucket)
        try:
            info = await self._connection.request(
                self._connection.js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
            )
        except NotFoundError:
            return None
        created = info.created.timestamp() if info.created is not None else 0.0
        return _Bucket(created, info.state.first_seq, info.state.last_seq)

    async def _open(self, found: _Bucket) -> OrderedConsumer:
        """Open a consumer at the next metadata to read."""
        consumer = self._make_consumer()
        same = self._opened_bucket is not None and self._opened_bucket.created == found.created
        if same and found.last >= self._last:
            await consumer.open(DeliverPolicy(self._last + 1))
        elif self._backlog == 0:
            await consumer.open(DeliverPolicy(found.last + 1))
            self._last = found.last
        else:
            oldest = DeliverPolicy(found.first)
            if self._since is not None:
                since = self._since - (self._connection.clock_offset_s or 0.0)
                oldest = DeliverPolicy(since=since)
            await consumer.open(oldest)
            self._last = 0 if self._since is None else consumer.last
            if self._backlog is not None and consumer.pending > self._backlog:
                # Most results are one chunk and one metadata message, so this is about right.
                await consumer.close()
                consumer = self._make_consumer()
                await consumer.open(DeliverPolicy(found.last - 2 * self._backlog + 1))
                self._last = consumer.last
        self._opened_bucket = found
        return consumer

    async def _read(self, consumer: OrderedConsumer, found: _Bucket) -> None:
        """Read a bucket until it is deleted or replaced."""
        try:
            self._consumer = consumer
            self._set_mode("watching", "")
            await self._consume(consumer, found)
        finally:
            self._consumer, self._unread = None, consumer.lag
            await consumer.close()

    async def _consume(self, consumer: OrderedConsumer, found: _Bucket) -> None:
        consuming = asyncio.ensure_future(consumer.run())
        end = asyncio.ensure_future(self._reach_end(consumer))
        looking = asyncio.ensure_future(self._wait_to_look(self._poll_s))
        try:
            while not consuming.done():
                await asyncio.wait({consuming, looking}, return_when=asyncio.FIRST_COMPLETED)
                if consuming.done():
                    break
                current = await self._find()
                if current is None or current.created != found.created:
                    return
                self._checked_at = self._connection.now()
                looking = asyncio.ensure_future(self._wait_to_look(self._poll_s))
            consuming.result()
        finally:
            await cancel_and_wait(end, looking, consuming)

    async def _reach_end(self, consumer: OrderedConsumer) -> None:
        await consumer.at_end.wait()
        self._caught_up.set()

    def _make_consumer(self) -> OrderedConsumer:
        return OrderedConsumer(
            self._connection,
            stream_name(self._bucket),
            meta_subjects(self._bucket),
            accept=self._accept,
            room=lambda: self._queue.room,
        )

    def _accept(self, _subject: str, payload: bytes, at: float, sequence: int) -> bool:
        try:
            stored = decode_meta(self._bucket, payload, at, sequence)
        except UnreadableMetaError:
            self._invalid_metadata += 1
        else:
            if not self._queue.offer(stored):
                return False  # it stays in the bucket and is read again
            self._received += 1
        self._last = sequence
        return True

    def _set_mode(self, mode: Mode, problem: str) -> None:
        self._mode = mode
        self._problem = problem
        self._unreadable = mode == "off" and bool(problem)
