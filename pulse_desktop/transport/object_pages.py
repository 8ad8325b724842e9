"""The stored objects of a bucket, newest first, a page at a time.

A consumer reads forwards only, and the order by age is that of the metadata in the bucket's stream.
So each page reads the next older range of sequences. Its consumer says how many messages are in
the range before one is read, so a page is never much larger than requested, however unevenly the
messages are distributed.
"""

import asyncio
import contextlib
import sys
from typing import Final

from nats import errors
from nats.js.errors import APIError, NotFoundError

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.text.translation import _
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_bucket import (
    UnreadableMetaError,
    decode_meta,
    meta_subjects,
    stream_name,
)
from pulse_desktop.transport.ordered_consumer import ConsumerResetError, DeliverPolicy
from pulse_desktop.transport.range_reader import RangeReader

_MAX_GROWTH: Final = 16
"""How many times longer the next range is at most, after one with few objects."""


class ObjectPages:
    """Reads the metadata of the results in a bucket, newest first; progress objects are left out.

    Attributes:
        unread: about how many objects are older than the pages read so far.
    """

    def __init__(self, connection: Connection, bucket: str, *, since: float | None = None) -> None:
        """Describe the pages; nothing is read before `next`.

        Args:
            connection: must be connected.
            bucket: name of the bucket.
            since: Unix seconds; older objects are left out.
        """
        self._connection = connection
        self._bucket = bucket
        self._since = since
        self._per_object: float = 2  # most objects are one chunk and one message of metadata
        self._first = 1
        self._stop = 0  # sequence up to which, without it, nothing has been read
        self._newer = 0  # metadata from there on
        self._opened = False
        self.unread = 0

    async def next(self, size: int) -> list[StoredObject]:
        """Return the next older objects, newest first; none after the last page.

        Args:
            size: about how many; at most twice as many are returned.

        Raises:
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        if not self._opened:
            await self._open()
            self._opened = True
        while self._stop > self._first:
            start = max(self._first, self._stop - max(1, int(size * self._per_object)))
            found = await self._read_range(start, 2 * size)
            if found:
                found.sort(key=lambda stored: stored.sequence, reverse=True)
                return found
        self.unread = 0
        return []

    async def _open(self) -> None:
        stream = stream_name(self._bucket)
        try:
            info = await self._connection.request(
                self._connection.js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
            )
        except NotFoundError:
            return  # no bucket
        except (APIError, errors.Error) as error:
            raise self._error(error) from None
        self._first, self._stop = max(1, info.state.first_seq), info.state.last_seq + 1
        start = DeliverPolicy(self._first)
        if self._since is not None:
            start = DeliverPolicy(since=self._since)
        reader = _MetadataRange(self._connection, self._bucket, 0)
        try:
            self.unread = await reader.open(start)
        except ConsumerResetError as error:
            raise self._error(error) from None
        finally:
            await reader.close()
        self._first = max(self._first, reader.first)

    async def _read_range(self, start: int, limit: int) -> list[StoredObject]:
        """Read the range from a sequence up to `_stop`, unless it has more messages than `limit`.

        Either way the length of the next range follows from the number of messages in this one.
        """
        length = self._stop - start
        reader = _MetadataRange(self._connection, self._bucket, self._stop)
        try:
            pending = await reader.open(DeliverPolicy(start))
            count = max(0, pending - self._newer)
            if count > limit:
                # Messages stored since the previous page are among them.
                self._newer, pending = await self._measure(start)
                count = max(1, pending - self._newer)
            if count > limit and length > 1:
                self._adapt(length, count)
                return []
            if count:
                await reader.read(count)
        except (ConsumerResetError, APIError, errors.Error) as error:
            raise self._error(error) from None
        finally:
            await reader.close()
        self._adapt(length, reader.count)
        self._stop, self._newer = start, pending
        self.unread = max(0, self.unread - reader.count)
        return reader.found

    async def _measure(self, start: int) -> tuple[int, int]:
        """Return how many messages there are now from `_stop` and from a sequence on.

        Both are requested at once, because more may be stored between two requests.
        """
        readers = [_MetadataRange(self._connection, self._bucket, 0) for _position in range(2)]
        opening = [
            asyncio.ensure_future(reader.open(DeliverPolicy(sequence)))
            for reader, sequence in zip(readers, (self._stop, start), strict=True)
        ]
        try:
            newer, pending = await asyncio.gather(*opening)
        finally:
            await cancel_and_wait(*opening)
            for reader in readers:
                await reader.close()
        return newer, pending

    def _adapt(self, length: int, count: int) -> None:
        """Choose the length of the next range after one with a number of messages."""
        self._per_object = min(length / max(1, count), self._per_object * _MAX_GROWTH)

    def _error(self, error: Exception) -> UserFacingError:
        title = _("Cannot list {bucket}").format(bucket=self._bucket)
        if isinstance(error, errors.TimeoutError):
            return UserFacingError(title, _("the server did not respond in time."), _("Try again."))
        return UserFacingError(title, f"{error}.", _("Try again."))


async def count_results(connection: Connection, bucket: str) -> int:
    """Count the results in a bucket, without deleted ones, by reading all of its metadata.

    Raises:
        ConsumerResetError: the stream cannot be read at the moment.
        NotConnectedError: there is no connection, or it was lost meanwhile.
        NotPermittedError: the server denies one of the subjects.
        UserFacingError: JetStream reported another error, or did not respond.
    """
    reader = _MetadataRange(connection, bucket, sys.maxsize)
    try:
        if announced := await reader.open(DeliverPolicy(1)):
            await reader.read(announced)
    finally:
        await reader.close()
    return len({stored.key for stored in reader.found})


class _MetadataRange(RangeReader):
    """Reads the metadata from a sequence up to another one.

    Attributes:
        found: the results in it, oldest first.
        count: number of messages read in it, those of other objects included.
    """

    def __init__(self, connection: Connection, bucket: str, stop: int) -> None:
        super().__init__(
            connection,
            stream_name(bucket),
            meta_subjects(bucket),
            room=lambda: max(1, self._left),
        )
        self._bucket = bucket
        self._stop = stop
        self._left = 0
        self.found: list[StoredObject] = []
        self.count = 0

    async def read(self, count: int) -> None:
        """Read to the end of the range, which has about `count` messages."""
        self._left = count + 1  # one more shows that the range has ended
        await self._consume()

    def _accept(self, _subject: str, payload: bytes, at: float, sequence: int) -> bool:
        self._left -= 1
        if sequence >= self._stop:
            self._end()
            return True
        self.count += 1
        with contextlib.suppress(UnreadableMetaError):
            stored = decode_meta(self._bucket, payload, at, sequence)
            if not (stored.deleted or stored.key.startswith(PROGRESS_PREFIX)):
                self.found.append(stored)
        return True
