"""The NATS bucket of the schedules: reads, compare-and-set writes, and a watch for changes."""

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError
from nats.js.kv import KeyValue

from pulse_desktop.nats_client.jetstream import FULL_CODES, REVISION_CODES
from pulse_desktop.text.translation import _
from pulse_workers.errors import OUTAGE_ERRORS, StoreFullError, WorkerError
from pulse_workers.schedules.cron import InvalidScheduleError
from pulse_workers.schedules.entry import InvalidEntry, ScheduleEntry, read_entry

StoredSchedule = ScheduleEntry | InvalidEntry

_VALID_ID: Final = re.compile(r"[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*")
_REVISION_HEADER: Final = "Nats-Expected-Last-Subject-Sequence"
_OPERATION_HEADER: Final = "KV-Operation"
_MARKER_HEADER: Final = "Nats-Marker-Reason"
_INACTIVE_THRESHOLD_S: Final = 60.0
_CHECK_INTERVAL_S: Final = 5.0
_SNAPSHOT_TIMEOUT_S: Final = 10.0


@dataclasses.dataclass(frozen=True)
class ScheduleChange:
    """The current value of a key.

    Attributes:
        id: ID of the schedule.
        schedule: the schedule, None if it was removed.
        revision: revision of the key.
        stored_at: when the server stored it.
    """

    id: str
    schedule: StoredSchedule | None
    revision: int
    stored_at: datetime


class WatchEndedError(WorkerError):
    """A watch no longer receives changes and must be restarted."""


class ScheduleBucket:
    """Schedules by ID.

    Attributes:
        stream: name of the bucket's stream.
    """

    def __init__(self, js: JetStreamContext, name: str, prefix: str) -> None:
        """Create a handle; the bucket need not exist.

        Args:
            js: JetStream.
            name: name of the bucket.
            prefix: prefix of the keys, without the dot.
        """
        self.stream = f"KV_{name}"
        self._js = js
        self._name = name
        self._prefix = prefix
        self._subject_prefix = f"$KV.{name}.{prefix}."

    async def read(self, schedule_id: str) -> tuple[StoredSchedule | None, int]:
        """Return a schedule and the revision of its key, as the stream leader has them.

        The schedule is None if there is none; the revision is then that of the delete marker, or 0.

        Raises:
            InvalidScheduleError: the ID has invalid characters.
        """
        try:
            message = await self._js.get_msg(self.stream, subject=self._subject(schedule_id))
        except NotFoundError:
            return None, 0
        revision = message.seq or 0
        if _is_deletion(message.headers):
            return None, revision
        stored_at = message.time or datetime.now(UTC)
        return read_entry(schedule_id, message.data or b"", revision, stored_at), revision

    async def write(self, schedule_id: str, body: bytes, revision: int) -> int | None:
        """Store a schedule if its key is still at a revision (0 for a new key).

        Returns:
            The new revision, or None if the key is at another revision.

        Raises:
            InvalidScheduleError: the ID has invalid characters.
            StoreFullError: the bucket has reached its limit.
        """
        return await self._publish(schedule_id, body, {_REVISION_HEADER: str(revision)})

    async def remove(self, schedule_id: str, revision: int) -> bool:
        """Remove a schedule if its key is still at a revision; False if it is not."""
        headers = {_OPERATION_HEADER: "DEL", _REVISION_HEADER: str(revision)}
        return await self._publish(schedule_id, b"", headers) is not None

    async def purge_marker(self, schedule_id: str, revision: int) -> None:
        """Purge a delete marker, but nothing that was stored after it."""
        subject = self._subject(schedule_id)
        await self._js.purge_stream(self.stream, seq=revision + 1, subject=subject)

    async def entries(self) -> list[StoredSchedule]:
        """Return all schedules sorted by ID, invalid ones included."""
        async with contextlib.aclosing(self.watch()) as changes:
            snapshot = await anext(changes)
        found = [change.schedule for change in snapshot if change.schedule is not None]
        return sorted(found, key=lambda entry: entry.id)

    async def watch(self) -> AsyncGenerator[list[ScheduleChange], None]:
        """Yield the current schedules (delete markers included), then each change.

        Raises:
            WatchEndedError: the bucket was deleted or recreated, or changes were missed.
            TimeoutError: the server did not send all current schedules within 10 s.
        """
        bucket = await self._js.key_value(self._name)
        created_at = (await self._js.stream_info(self.stream)).created
        watcher = await bucket.watch(f"{self._prefix}.>", inactive_threshold=_INACTIVE_THRESHOLD_S)
        try:
            async with asyncio.timeout(_SNAPSHOT_TIMEOUT_S):
                snapshot = await self._read_snapshot(watcher)
            revision = max((change.revision for change in snapshot), default=0)
            yield snapshot
            while True:
                try:
                    entry = await _next_entry(watcher, _CHECK_INTERVAL_S)
                except NatsTimeoutError:
                    await self._check_watch(created_at, revision)
                    continue
                if entry is not None:
                    revision = max(revision, entry.revision or 0)
                    yield [self._change(entry)]
        finally:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await watcher.stop()  # type: ignore[no-untyped-call]

    async def _read_snapshot(self, watcher: KeyValue.KeyWatcher) -> list[ScheduleChange]:
        """Return the schedules at the start of the watch.

        The client library signals the end before the first entry when the consumer's "nothing
        pending" arrives before its messages. An end signal without any entry is therefore checked.
        """
        snapshot: list[ScheduleChange] = []
        while True:
            entry = await _next_entry(watcher, _SNAPSHOT_TIMEOUT_S)
            if entry is not None:
                snapshot.append(self._change(entry))
                if entry.delta == 0:
                    return snapshot
            elif snapshot or not await self._last_revision():
                return snapshot

    async def _check_watch(self, created_at: datetime | None, revision: int) -> None:
        """Raise an error if the watch is broken: a watcher without bucket or consumer is silent."""
        try:
            info = await self._js.stream_info(self.stream)
        except NotFoundError:
            raise WatchEndedError(f"the bucket {self._name} was deleted") from None
        if info.created != created_at:
            raise WatchEndedError(f"the bucket {self._name} was recreated")
        if info.state.last_seq > revision and await self._last_revision() > revision:
            raise WatchEndedError(f"changes of the bucket {self._name} were not received")

    async def _last_revision(self) -> int:
        try:
            message = await self._js.get_msg(self.stream, subject=f"{self._subject_prefix}>")
        except NotFoundError:
            return 0
        return message.seq or 0

    def _change(self, entry: KeyValue.Entry) -> ScheduleChange:
        schedule_id = entry.key.removeprefix(f"{self._prefix}.")
        revision = entry.revision or 0
        stored_at = _stored_at(entry.created)
        if entry.operation:
            return ScheduleChange(schedule_id, None, revision, stored_at)
        schedule = read_entry(schedule_id, entry.value or b"", revision, stored_at)
        return ScheduleChange(schedule_id, schedule, revision, stored_at)

    def _subject(self, schedule_id: str) -> str:
        if not _VALID_ID.fullmatch(schedule_id):
            raise InvalidScheduleError(
                _(
                    "schedule ID {id!r}: expected letters, digits and - / _ =, separated by single "
                    "dots"
                ).format(id=schedule_id)
            )
        return self._subject_prefix + schedule_id

    async def _publish(self, schedule_id: str, body: bytes, headers: dict[str, str]) -> int | None:
        try:
            receipt = await self._js.publish(self._subject(schedule_id), body, headers=headers)
        except APIError as error:
            code = getattr(error, "err_code", None)  # some subclasses lack it
            if code in REVISION_CODES:
                return None
            if code in FULL_CODES:
                raise StoreFullError(
                    _(
                        "the bucket {name} is full: {reason}. Remove schedules, or raise the limit "
                        "of the bucket."
                    ).format(name=self._name, reason=error.description)
                ) from error
            raise
        return receipt.seq


async def _next_entry(watcher: KeyValue.KeyWatcher, timeout_s: float) -> KeyValue.Entry | None:
    entry: KeyValue.Entry | None = await watcher.updates(timeout_s)  # type: ignore[no-untyped-call]
    return entry


def _is_deletion(headers: dict[str, str] | None) -> bool:
    return bool(headers and (_OPERATION_HEADER in headers or _MARKER_HEADER in headers))


def _stored_at(created: object) -> datetime:
    """Return when an entry was stored, which nats-py declares as a number."""
    return created if isinstance(created, datetime) else datetime.now(UTC)
