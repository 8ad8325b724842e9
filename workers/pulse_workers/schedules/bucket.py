"""The NATS bucket with schedules: read and written one key at a time, never over a newer value."""

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

from pulse_workers.errors import OUTAGE_ERRORS, StoreFullError, WorkerError
from pulse_workers.schedules.entry import InvalidEntry, ScheduleEntry, read_entry
from pulse_workers.schedules.errors import InvalidScheduleError

StoredSchedule = ScheduleEntry | InvalidEntry

_VALID_ID: Final = re.compile(r"[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*")
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_OPERATION: Final = "KV-Operation"
_MARKER: Final = "Nats-Marker-Reason"
_INACTIVE: Final = 60.0
_LOOK_AFTER: Final = 5.0
_WRITTEN_BEFORE: Final = frozenset({10071, 10164})
_FULL: Final = frozenset({10077, 10023})
_SNAPSHOT_LIMIT: Final = 10.0


@dataclasses.dataclass(frozen=True)
class Change:
    """What is under a key now.

    Attributes:
        id: the schedule's.
        item: the schedule, None when it was removed.
        revision: of the key.
        at: when the server stored it.
    """

    id: str
    item: StoredSchedule | None
    revision: int
    at: datetime


class WatchLostError(WorkerError):
    """What is watched tells nothing any more. Watch anew."""


class ScheduleBucket:
    """Schedules by id.

    Attributes:
        stream: name of the stream that is the bucket.
    """

    def __init__(self, js: JetStreamContext, name: str, prefix: str) -> None:
        """Describe a bucket.

        Args:
            js: JetStream.
            name: of the bucket.
            prefix: what its keys begin with, before a dot.
        """
        self.stream = f"KV_{name}"
        self._js = js
        self._name = name
        self._prefix = prefix
        self._before_id = f"$KV.{name}.{prefix}."

    async def read(self, schedule_id: str) -> tuple[StoredSchedule | None, int]:
        """Return a schedule and the revision of its key, as the leader has them.

        None stands for none; the revision is then that of the mark of its removal, or 0.

        Raises:
            InvalidScheduleError: this can be no id.
        """
        try:
            found = await self._js.get_msg(self.stream, subject=self._subject(schedule_id))
        except NotFoundError:
            return None, 0
        revision = found.seq or 0
        if _is_removal(found.headers):
            return None, revision
        stored_at = found.time or datetime.now(UTC)
        return read_entry(schedule_id, found.data or b"", revision, stored_at), revision

    async def write(self, schedule_id: str, body: bytes, revision: int) -> int | None:
        """Store a schedule if its key is still at a revision (0 for a new key).

        Returns:
            The new revision, or None when somebody else wrote or removed it.

        Raises:
            InvalidScheduleError: this can be no id.
            StoreFullError: the bucket has reached its limit.
        """
        return await self._publish(schedule_id, body, {_EXPECTED: str(revision)})

    async def remove(self, schedule_id: str, revision: int) -> bool:
        """Remove a schedule if its key is still at a revision; False when it is not."""
        headers = {_OPERATION: "DEL", _EXPECTED: str(revision)}
        return await self._publish(schedule_id, b"", headers) is not None

    async def forget(self, schedule_id: str, revision: int) -> None:
        """Drop the mark of a removal, and nothing that was stored after it."""
        subject = self._subject(schedule_id)
        await self._js.purge_stream(self.stream, seq=revision + 1, subject=subject)

    async def entries(self) -> list[StoredSchedule]:
        """Return all schedules by id, broken ones too."""
        async with contextlib.aclosing(self.watch()) as changes:
            first = await anext(changes)
        found = [change.item for change in first if change.item is not None]
        return sorted(found, key=lambda entry: entry.id)

    async def watch(self) -> AsyncGenerator[list[Change], None]:
        """Yield what is there (removals that are remembered included), then each change.

        Raises:
            WatchLostError: the bucket was removed or made anew, or the server forgot us.
            TimeoutError: the server did not send everything within 10 s.
        """
        bucket = await self._js.key_value(self._name)
        made_at = (await self._js.stream_info(self.stream)).created
        watcher = await bucket.watch(f"{self._prefix}.>", inactive_threshold=_INACTIVE)
        try:
            async with asyncio.timeout(_SNAPSHOT_LIMIT):
                there = await self._there(watcher)
            seen = max((change.revision for change in there), default=0)
            yield there
            while True:
                try:
                    entry = await _next(watcher, _LOOK_AFTER)
                except NatsTimeoutError:
                    await self._look_after(made_at, seen)
                    continue
                if entry is not None:
                    seen = max(seen, entry.revision or 0)
                    yield [self._change(entry)]
        finally:
            with contextlib.suppress(*OUTAGE_ERRORS):
                await watcher.stop()  # type: ignore[no-untyped-call]

    async def _there(self, watcher: KeyValue.KeyWatcher) -> list[Change]:
        """Return what the bucket held when the watch began.

        The client library says "that was all" before the first entry when the server's word that
        nothing is left to send overtakes what it has sent. So that word alone is not believed.
        """
        there: list[Change] = []
        while True:
            entry = await _next(watcher, _SNAPSHOT_LIMIT)
            if entry is not None:
                there.append(self._change(entry))
                if entry.delta == 0:
                    return there
            elif there or not await self._last_revision():
                return there

    async def _look_after(self, made_at: datetime | None, seen: int) -> None:
        """A watcher whose bucket or consumer is gone hears nothing, not even that."""
        try:
            info = await self._js.stream_info(self.stream)
        except NotFoundError:
            raise WatchLostError(f"the bucket {self._name} was removed") from None
        if info.created != made_at:
            raise WatchLostError(f"the bucket {self._name} was made anew")
        if info.state.last_seq > seen and await self._last_revision() > seen:
            raise WatchLostError(f"changes of {self._name} did not arrive")

    async def _last_revision(self) -> int:
        try:
            last = await self._js.get_msg(self.stream, subject=f"{self._before_id}>")
        except NotFoundError:
            return 0
        return last.seq or 0

    def _change(self, entry: KeyValue.Entry) -> Change:
        schedule_id = entry.key.removeprefix(f"{self._prefix}.")
        revision = entry.revision or 0
        at = _moment(entry.created)
        if entry.operation:
            return Change(schedule_id, None, revision, at)
        item = read_entry(schedule_id, entry.value or b"", revision, at)
        return Change(schedule_id, item, revision, at)

    def _subject(self, schedule_id: str) -> str:
        if not _VALID_ID.fullmatch(schedule_id):
            raise InvalidScheduleError(
                f"schedule id {schedule_id!r}: wanted letters, digits and - / _ = with single dots "
                "between them"
            )
        return self._before_id + schedule_id

    async def _publish(self, schedule_id: str, body: bytes, headers: dict[str, str]) -> int | None:
        try:
            answer = await self._js.publish(self._subject(schedule_id), body, headers=headers)
        except APIError as error:
            code = getattr(error, "err_code", None)  # some of its subclasses have none
            if code in _WRITTEN_BEFORE:
                return None
            if code in _FULL:
                raise StoreFullError(
                    f"the bucket {self._name} is full: {error.description}. "
                    "Remove schedules, or give the bucket more room."
                ) from error
            raise
        return answer.seq


async def _next(watcher: KeyValue.KeyWatcher, limit: float) -> KeyValue.Entry | None:
    found: KeyValue.Entry | None = await watcher.updates(limit)  # type: ignore[no-untyped-call]
    return found


def _is_removal(headers: dict[str, str] | None) -> bool:
    return bool(headers and (_OPERATION in headers or _MARKER in headers))


def _moment(created: object) -> datetime:
    """Return when an entry was stored; nats-py declares it as a number."""
    return created if isinstance(created, datetime) else datetime.now(UTC)
