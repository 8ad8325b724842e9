"""Stored results: which buckets there are, what is in them, and reading, saving, deleting one.

Nothing here decodes a body; it hands over verified bytes.
"""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import msgspec
from nats import errors
from nats.js.errors import APIError, BucketNotFoundError
from nats.js.errors import NotFoundError as MissingError

from pulse_desktop.atomic_file import AtomicFile
from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.errors import (
    BrokenObjectError,
    NotFoundError,
    TooLargeError,
    UserFacingError,
)
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.topics import RESULT_BUCKET
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_body import read_object_body
from pulse_desktop.transport.object_bucket import (
    ANY_OBJECT,
    STREAM_PREFIX,
    UnreadableMetaError,
    chunk_subject,
    decode_meta,
    is_progress,
    meta_subjects,
    object_meta_subject,
    stream_name,
)
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

DEFAULT_LIMIT: Final = 64 << 20
API_TIMEOUT: Final = 5.0
_NO_STREAM: Final = 10059  # the server's code for a stream that is not there


class _State(msgspec.Struct):
    subjects: dict[str, int] | None = None


class _Subjects(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)
    total: int = 0


class _Names(msgspec.Struct):
    total: int = 0
    streams: list[str] | None = None


class ResultStore:
    """The objects of one bucket."""

    def __init__(self, connection: Connection, bucket: str = RESULT_BUCKET) -> None:
        self._connection = connection
        self.bucket = bucket

    async def buckets(self) -> list[str]:
        """Return the names of all buckets on the server, sorted.

        Raises:
            NotConnectedError, NoJetStreamError, NotPermittedError, UserFacingError.
        """
        subject = "$JS.API.STREAM.NAMES"
        names: list[str] = []
        while True:
            _ = self._connection.js  # says so when there is no JetStream
            request = msgspec.json.encode({"offset": len(names), "subject": ANY_OBJECT})
            asking = self._connection.client.request(subject, request, timeout=API_TIMEOUT)
            page = msgspec.json.decode((await self._ask(asking, subject)).data, type=_Names)
            names += page.streams or []
            if not page.streams or len(names) >= page.total:
                break
        return sorted(n.removeprefix(STREAM_PREFIX) for n in names if n.startswith(STREAM_PREFIX))

    async def status(self) -> BucketStatus:
        """Return what the server says of the bucket.

        Raises:
            NotFoundError: there is no such bucket.
            NotConnectedError, NoJetStreamError, NotPermittedError, UserFacingError.
        """
        stream = stream_name(self.bucket)
        info = await self._ask(
            self._connection.js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
        )
        limit = info.config.max_bytes
        notes = await self._count_notes()
        return BucketStatus(
            self.bucket,
            max(0, await self._count_bodies() - notes),
            notes,
            info.state.bytes,
            info.config.max_age or None,
            limit if limit is not None and limit > 0 else None,
        )

    async def info(self, key: str) -> StoredObject:
        """Return what the bucket knows of an object.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            BrokenObjectError: its metadata cannot be read.
            NotConnectedError, NoJetStreamError, NotPermittedError, UserFacingError.
        """
        stream = stream_name(self.bucket)
        message = await self._ask(
            self._connection.js.get_last_msg(stream, object_meta_subject(self.bucket, key)),
            f"$JS.API.STREAM.MSG.GET.{stream}",
            key=key,
        )
        at = message.time.timestamp() if message.time is not None else 0.0
        try:
            stored = decode_meta(self.bucket, message.data or b"", at, message.seq or 0)
        except UnreadableMetaError as error:
            raise BrokenObjectError(f"Cannot read {key}", f"{error}.") from None
        if stored.deleted:
            raise NotFoundError(f"No {key}", "it was deleted.")
        return stored

    async def read(self, wanted: str | StoredObject, *, limit: int = DEFAULT_LIMIT) -> bytes:
        """Return a body, verified.

        Args:
            wanted: the object's name, or itself.
            limit: most bytes to read.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            TooLargeError: it is larger than `limit`; nothing was read.
            BrokenObjectError: chunks are missing or damaged.
            NotConnectedError, NoJetStreamError, NotPermittedError, UserFacingError.
        """
        stored = wanted if isinstance(wanted, StoredObject) else await self.info(wanted)
        if stored.deleted:
            raise NotFoundError(f"No {stored.key}", "it was deleted.")
        if stored.size > limit:
            raise TooLargeError(
                f"{stored.key} is too large",
                f"it has {stored.size} bytes, and at most {limit} are read at once.",
                "Save it to a file instead.",
                size=stored.size,
                limit=limit,
            )
        async with aclosing(read_object_body(self._connection, stored)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def save(
        self, key: str, path: Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> StoredObject:
        """Write a body to a file, of any size; the file appears only when it is whole.

        Args:
            key: the object's name.
            path: the file; replaced when it exists.
            on_progress: told bytes written and bytes in all.

        Raises:
            NotFoundError, BrokenObjectError: as `read`.
            UserFacingError: the file cannot be written; no part of it is left.
            NotConnectedError, NoJetStreamError, NotPermittedError.
        """
        stored = await self.info(key)
        done = 0
        async with AtomicFile(path) as file:
            async with aclosing(read_object_body(self._connection, stored)) as chunks:
                async for chunk in chunks:
                    await file.write(chunk)
                    done += len(chunk)
                    if on_progress is not None:
                        on_progress(done, stored.size)
            await file.finish()
        return stored

    async def delete(self, key: str) -> None:
        """Remove an object; the bucket keeps a mark of the deletion.

        Raises:
            NotFoundError: there is no such object, or it was deleted before.
            NotConnectedError, NoJetStreamError, NotPermittedError, UserFacingError.
        """
        stream = stream_name(self.bucket)
        store = await self._ask(
            self._connection.js.object_store(self.bucket), f"$JS.API.STREAM.INFO.{stream}"
        )
        await self._ask(
            store.delete(key),
            f"$JS.API.STREAM.MSG.GET.{stream}",
            object_meta_subject(self.bucket, key),
            f"$JS.API.STREAM.PURGE.{stream}",
            key=key,
        )

    async def _count_notes(self) -> int:
        """Count the progress notes by the names of their subjects; nobody deletes them."""
        stream, found, seen = stream_name(self.bucket), 0, 0
        while True:
            request = {"subjects_filter": meta_subjects(self.bucket), "offset": seen}
            subject = f"$JS.API.STREAM.INFO.{stream}"
            asking = self._connection.client.request(
                subject, msgspec.json.encode(request), timeout=API_TIMEOUT
            )
            page = msgspec.json.decode((await self._ask(asking, subject)).data, type=_Subjects)
            names = page.state.subjects or {}
            found += sum(is_progress(name) for name in names)
            seen += len(names)
            if not names or seen >= page.total:
                return found

    async def _count_bodies(self) -> int:
        """Count by their chunks: metadata stays behind when an object is deleted."""
        reader = OrderedConsumer(
            self._connection,
            stream_name(self.bucket),
            chunk_subject(self.bucket),
            accept=lambda *_: False,
            room=lambda: 0,
        )
        try:
            await reader.open(DeliverPolicy(newest_per_subject=True))
        except ConsumerResetError as error:
            raise UserFacingError("Cannot count the objects", f"{error}.") from None
        await reader.close()
        return reader.pending

    async def _ask(self, request: Any, *subjects: str, key: str = "") -> Any:
        try:
            return await self._connection.request(request, *subjects)
        except BucketNotFoundError:
            raise self._no_bucket() from None
        except MissingError as error:
            if not key or getattr(error, "err_code", None) == _NO_STREAM:
                raise self._no_bucket() from None
            raise NotFoundError(f"No {key}", f"{self.bucket} holds no such object.") from None
        except errors.TimeoutError:
            raise UserFacingError(
                "No answer", "the server did not answer in time.", "Try again."
            ) from None
        except (APIError, errors.Error) as error:
            raise UserFacingError("The server refused it", f"{error}.") from None

    def _no_bucket(self) -> NotFoundError:
        return NotFoundError(
            f"No bucket {self.bucket}",
            "it does not exist on this server.",
            "Workers create it when they store their first result.",
        )
