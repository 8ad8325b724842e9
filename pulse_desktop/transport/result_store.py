"""The result store: list the buckets on a server, and read, save or delete the objects of one.

Nothing here decodes a body; it returns verified bytes.
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
from pulse_desktop.text.translation import _
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
from pulse_desktop.transport.object_pages import count_results
from pulse_desktop.transport.ordered_consumer import (
    ConsumerResetError,
    DeliverPolicy,
    OrderedConsumer,
)

MAX_READ_BYTES: Final = 64 << 20
MAX_COUNTED: Final = 2_000
"""Objects up to which a count reads the metadata of each; it is repeated every few seconds."""

API_TIMEOUT_S: Final = 5.0
_MAX_VERSIONS: Final = 5
"""Versions of an object that are tried while others replace it."""
_STREAM_NOT_FOUND_CODE: Final = 10059


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
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        subject = "$JS.API.STREAM.NAMES"
        names: list[str] = []
        while True:
            self._connection.require_jetstream()
            request = msgspec.json.encode({"offset": len(names), "subject": ANY_OBJECT})
            response = await self._request(
                self._connection.client.request(subject, request, timeout=API_TIMEOUT_S), subject
            )
            page = msgspec.json.decode(response.data, type=_Names)
            names += page.streams or []
            if not page.streams or len(names) >= page.total:
                break
        return sorted(n.removeprefix(STREAM_PREFIX) for n in names if n.startswith(STREAM_PREFIX))

    async def status(self) -> BucketStatus:
        """Return the state of the bucket.

        Raises:
            NotFoundError: there is no such bucket.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        stream = stream_name(self.bucket)
        info = await self._request(
            self._connection.js.stream_info(stream), f"$JS.API.STREAM.INFO.{stream}"
        )
        limit = info.config.max_bytes
        objects, exact, notes = await self._count_objects()
        return BucketStatus(
            self.bucket,
            objects=objects,
            exact=exact,
            notes=notes,
            bytes=info.state.bytes,
            ttl_s=info.config.max_age or None,
            max_bytes=limit if limit is not None and limit > 0 else None,
        )

    async def info(self, key: str) -> StoredObject:
        """Return the metadata of an object.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            BrokenObjectError: its metadata cannot be read.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        stream = stream_name(self.bucket)
        message = await self._request(
            self._connection.js.get_last_msg(stream, object_meta_subject(self.bucket, key)),
            f"$JS.API.STREAM.MSG.GET.{stream}",
            key=key,
        )
        at = message.time.timestamp() if message.time is not None else 0.0
        try:
            stored = decode_meta(self.bucket, message.data or b"", at, message.seq or 0)
        except UnreadableMetaError as error:
            title = _("Cannot read {key}").format(key=key)
            raise BrokenObjectError(title, f"{error}.") from None
        if stored.deleted:
            raise NotFoundError(_("No {key}").format(key=key), _("it was deleted."))
        return stored

    async def read(self, wanted: str | StoredObject, *, limit: int = MAX_READ_BYTES) -> bytes:
        """Return a body, verified.

        Args:
            wanted: the object's name for its latest version, or one version of it.
            limit: most bytes to read.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            TooLargeError: it is larger than `limit`; nothing was read.
            BrokenObjectError: chunks are missing or damaged.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        if isinstance(wanted, str):
            return (await self.read_latest(await self.info(wanted), limit=limit))[1]
        stored = wanted
        if stored.deleted:
            raise NotFoundError(_("No {key}").format(key=stored.key), _("it was deleted."))
        if stored.size > limit:
            raise TooLargeError(
                _("{key} is too large").format(key=stored.key),
                _("it has {size} bytes, and at most {limit} are read at once.").format(
                    size=stored.size, limit=limit
                ),
                _("Save it to a file instead."),
                size=stored.size,
                limit=limit,
            )
        async with aclosing(read_object_body(self._connection, stored)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def is_current(self, stored: StoredObject) -> bool:
        """Return whether nothing has replaced an object since its metadata was read.

        Raises:
            NotFoundError: it was deleted.
            BrokenObjectError, UserFacingError: the metadata cannot be read, see `info`.
        """
        return (await self.info(stored.key)).nuid == stored.nuid

    async def read_latest(
        self, stored: StoredObject, *, limit: int = MAX_READ_BYTES
    ) -> tuple[StoredObject, bytes]:
        """Return a body with its metadata, those of the next version if it is replaced meanwhile.

        Raises:
            NotFoundError: it was deleted.
            UserFacingError: see `read`.
        """
        for _version in range(_MAX_VERSIONS):
            try:
                return stored, await self.read(stored, limit=limit)
            except BrokenObjectError:
                if await self.is_current(stored):
                    raise
                stored = await self.info(stored.key)
        return stored, await self.read(stored, limit=limit)

    async def save(
        self, key: str, path: Path, *, on_progress: Callable[[int, int], None] | None = None
    ) -> StoredObject:
        """Write a body of any size to a file, which appears only when it is complete.

        Args:
            key: the object's name.
            path: the file; replaced when it exists.
            on_progress: called with the bytes written so far and the total.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            BrokenObjectError: chunks are missing or damaged.
            UserFacingError: the file cannot be written; no part of it is left.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
        """
        stored = await self.info(key)
        for _version in range(_MAX_VERSIONS):
            try:
                return await self._save(stored, path, on_progress)
            except BrokenObjectError:
                if await self.is_current(stored):
                    raise
                stored = await self.info(key)
        return await self._save(stored, path, on_progress)

    async def _save(
        self, stored: StoredObject, path: Path, on_progress: Callable[[int, int], None] | None
    ) -> StoredObject:
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
        """Delete an object; the bucket keeps a marker of the deletion.

        Raises:
            NotFoundError: there is no such object, or it was deleted before.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        stream = stream_name(self.bucket)
        store = await self._request(
            self._connection.js.object_store(self.bucket), f"$JS.API.STREAM.INFO.{stream}"
        )
        await self._request(
            store.delete(key),
            f"$JS.API.STREAM.MSG.GET.{stream}",
            object_meta_subject(self.bucket, key),
            f"$JS.API.STREAM.PURGE.{stream}",
            key=key,
        )

    async def _count_objects(self) -> tuple[int, bool, int]:
        """Return the number of results, whether it is exact, and the number of progress objects.

        Metadata remains when an object is deleted, and chunks remain when two workers store the
        same object at once. So the lower one of the two numbers is an upper limit; few objects are
        counted one by one.
        """
        names, notes = await self._count_names()
        try:
            if names <= MAX_COUNTED:
                return await count_results(self._connection, self.bucket), True, notes
            bodies = await self._count_bodies()
        except ConsumerResetError as error:
            raise UserFacingError(_("Cannot count the objects"), f"{error}.") from None
        return max(0, min(names, bodies) - notes), False, notes

    async def _count_names(self) -> tuple[int, int]:
        """Count the objects, deleted ones included, and those of progress, by their subjects."""
        stream, found, seen = stream_name(self.bucket), 0, 0
        while True:
            request = {"subjects_filter": meta_subjects(self.bucket), "offset": seen}
            subject = f"$JS.API.STREAM.INFO.{stream}"
            response = await self._request(
                self._connection.client.request(
                    subject, msgspec.json.encode(request), timeout=API_TIMEOUT_S
                ),
                subject,
            )
            page = msgspec.json.decode(response.data, type=_Subjects)
            names = page.state.subjects or {}
            found += sum(is_progress(name) for name in names)
            seen += len(names)
            if not names or seen >= page.total:
                return seen, found

    async def _count_bodies(self) -> int:
        """Count bodies by the subjects of their chunks."""
        consumer = OrderedConsumer(
            self._connection,
            stream_name(self.bucket),
            chunk_subject(self.bucket),
            accept=lambda *_message: False,
            room=lambda: 0,
        )
        try:
            await consumer.open(DeliverPolicy(newest_per_subject=True))
        finally:
            await consumer.close()
        return consumer.pending

    async def _request(self, request: Any, *subjects: str, key: str = "") -> Any:
        try:
            return await self._connection.request(request, *subjects)
        except BucketNotFoundError:
            raise self._no_bucket() from None
        except MissingError as error:
            if not key or getattr(error, "err_code", None) == _STREAM_NOT_FOUND_CODE:
                raise self._no_bucket() from None
            detail = _("{bucket} holds no such object.").format(bucket=self.bucket)
            raise NotFoundError(_("No {key}").format(key=key), detail) from None
        except errors.TimeoutError:
            raise UserFacingError(
                _("No response"), _("the server did not respond in time."), _("Try again.")
            ) from None
        except (APIError, errors.Error) as error:
            raise UserFacingError(_("The server refused the request"), f"{error}.") from None

    def _no_bucket(self) -> NotFoundError:
        return NotFoundError(
            _("No bucket {bucket}").format(bucket=self.bucket),
            _("it does not exist on this server."),
            _("Workers create it when they store their first result."),
        )
