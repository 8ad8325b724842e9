"""Hearing of every object in a result bucket: those that are there, and those to come.

The bucket's metadata is a stream of messages and is read as one, which survives restarts by its
numbering. A bucket that does not exist yet is a normal state: workers create it with the first
result.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from nats import errors
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_bucket import (
    UnreadableMetaError,
    decode_meta,
    meta_subjects,
    stream_name,
)
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

POLL: Final = 5.0
RETRY_PAUSE: Final = 0.05


@dataclass(frozen=True)
class WatchStatus:
    """One moment of a watch.

    Attributes:
        mode: watching, absent (there is no such bucket now) or off.
        received: metadata messages put into the inbox.
        unreadable: messages in the bucket that are no metadata.
        last_sequence: of the newest message read.
        problem: why it is off, in plain words.
        caught_up: whether all that was there has been read; true as well without a bucket.
    """

    mode: Literal["watching", "absent", "off"] = "off"
    received: int = 0
    unreadable: int = 0
    last_sequence: int = 0
    problem: str = ""
    caught_up: bool = False


@dataclass(frozen=True)
class _Bucket:
    """The stream behind a bucket; another `created` means another bucket of the same name."""

    created: float
    first: int
    last: int


class ResultWatch:
    """Follows one bucket for ever."""

    def __init__(
        self,
        connection: Connection,
        inbox: ArrivalQueue,
        bucket: str,
        *,
        backlog: int | None = None,
        poll: float = POLL,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """Describe a watch; it begins with `run`.

        Args:
            connection: kept by somebody else.
            inbox: gets a StoredObject for every object, progress and deletions included.
            bucket: name of the bucket.
            backlog: about how many of the newest objects are wanted at first, None for all.
            poll: seconds between looks at whether the bucket is (still) there.
            on_change: told when the mode or a problem changes.
        """
        self._connection = connection
        self._inbox = inbox
        self._bucket = bucket
        self._backlog = backlog
        self._poll = poll
        self._on_change = on_change
        self._known: _Bucket | None = None
        self._last = 0
        self._mode: Literal["watching", "absent", "off"] = "off"
        self._problem = ""
        self._received = 0
        self._unreadable = 0
        self._caught_up = asyncio.Event()

    @property
    def status(self) -> WatchStatus:
        """What is true of the watch now."""
        return WatchStatus(
            self._mode,
            self._received,
            self._unreadable,
            self._last,
            self._problem,
            self._caught_up.is_set(),
        )

    async def caught_up(self, timeout: float) -> bool:  # noqa: ASYNC109 - an answer, not an error
        """Wait until what was stored has been heard of; False when it takes longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._caught_up.wait()
        return self._caught_up.is_set()

    async def run(self) -> None:
        """Watch for ever; meant to be run by a supervisor."""
        try:
            while True:
                await self._connection.wait_connected()
                with contextlib.suppress(NotConnectedError, errors.ConnectionClosedError):
                    await self._connection.run_while_connected(self._watch())
                self._set("off", "there is no connection")
                await asyncio.sleep(RETRY_PAUSE)
        finally:
            self._set("off", "")

    async def _watch(self) -> None:
        while True:
            found = await self._find()
            if found is None:
                self._caught_up.set()
                await asyncio.sleep(self._poll)
                continue
            with contextlib.suppress(ConsumerResetError):
                await self._read(found)
            await asyncio.sleep(RETRY_PAUSE)

    async def _find(self) -> _Bucket | None:
        stream = stream_name(self._bucket)
        try:
            info = await self._connection.request(
                self._connection.js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
            )
        except NotFoundError:
            self._set("absent", "")
        except NotConnectedError:
            raise
        except UserFacingError as error:
            self._set("off", error.detail or error.title)
        except (APIError, errors.Error):
            self._set("off", "JetStream did not answer")
        else:
            created = info.created.timestamp() if info.created is not None else 0.0
            return _Bucket(created, info.state.first_seq, info.state.last_seq)
        return None

    async def _read(self, found: _Bucket) -> None:
        reader = self._reader()
        same = self._known is not None and self._known.created == found.created
        if same and found.last >= self._last:
            await reader.open(DeliverPolicy(self._last + 1))
        else:
            await reader.open(DeliverPolicy(newest_per_subject=True))
            self._last = 0
            if self._backlog is not None and reader.pending > self._backlog:
                # Most results are one chunk and one metadata message, so this is about right.
                await reader.close()
                reader = self._reader()
                await reader.open(DeliverPolicy(found.last - 2 * self._backlog + 1))
                self._last = reader.last
        self._known = found
        try:
            self._set("watching", "")
            await self._read_on(reader, found)
        finally:
            await reader.close()

    async def _read_on(self, reader: OrderedConsumer, found: _Bucket) -> None:
        reading = asyncio.ensure_future(reader.follow())
        end = asyncio.ensure_future(self._reach_end(reader))
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=self._poll)
                if reading.done():
                    break
                now = await self._find()
                if now is None or now.created != found.created:
                    return
            reading.result()
        finally:
            await cancel_and_wait(end)
            await cancel_and_wait(reading)

    async def _reach_end(self, reader: OrderedConsumer) -> None:
        await reader.at_end.wait()
        self._caught_up.set()
        if self._on_change is not None:
            self._on_change()

    def _reader(self) -> OrderedConsumer:
        return OrderedConsumer(
            self._connection,
            stream_name(self._bucket),
            meta_subjects(self._bucket),
            accept=self._accept,
            room=lambda: self._inbox.room,
        )

    def _accept(self, _subject: str, payload: bytes, at: float, sequence: int) -> bool:
        try:
            stored = decode_meta(self._bucket, payload, at, sequence)
        except UnreadableMetaError:
            self._unreadable += 1
        else:
            if not self._inbox.put(stored):
                self._inbox.dropped -= 1  # it stays in the bucket and is read again
                return False
            self._received += 1
        self._last = sequence
        return True

    def _set(self, mode: Literal["watching", "absent", "off"], problem: str) -> None:
        if (mode, problem) != (self._mode, self._problem):
            self._mode = mode
            self._problem = problem
            if self._on_change is not None:
                self._on_change()
