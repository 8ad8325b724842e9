"""TaskIQ's schedule source on a NATS bucket: JSON, and safe with any number of schedulers.

A run is claimed in `pre_send` and confirmed in `post_send`, both by a compare-and-set write of the
schedule's entry. A scheduler that does not get the run raises TaskIQ's own "cancelled" error, so
that this source is as safe with TaskIQ's scheduler process as with ours.

    source = JsonScheduleSource(load_settings())
    await source.startup()
    await my_task.schedule_by_cron(source, "0 3 * * *", 42)
"""

import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext
from taskiq import ScheduledTask, ScheduleSource
from taskiq.exceptions import ScheduledTaskCancelledError

from pulse_desktop.text.translation import _
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ScheduleBusyError, ScheduleNotFoundError
from pulse_workers.runtime.connection import ConnectionLog, connect
from pulse_workers.runtime.provisioning import explain_errors, provision_schedules
from pulse_workers.runtime.shutdown import close_client
from pulse_workers.schedules.bucket import ScheduleBucket
from pulse_workers.schedules.entry import (
    Occurrence,
    ScheduleEntry,
    encode_schedule,
    has_same_timing,
    timing_of,
)
from pulse_workers.schedules.task_stream import was_enqueued

logger = logging.getLogger("pulse.workers.schedules")

SCHEDULED_FOR: Final = "scheduled_for"
"""Label with the due time."""
LATE: Final = "late_s"
"""Label with the delay, if it is worth mentioning."""
CLAIM_TIMEOUT: Final = timedelta(seconds=2)
"""A run that is claimed for longer without being sent was left by a scheduler that was killed."""
LATE_THRESHOLD: Final = timedelta(seconds=2)
_MAX_ATTEMPTS: Final = 10
_REQUEST_TIMEOUT_S: Final = 2.0


class JsonScheduleSource(ScheduleSource):
    """Schedules in the bucket that the settings name.

    Attributes:
        bucket: the bucket. Set by `startup` and `connect`.
        on_unconfirmed: called with the ID of a schedule and a run that may or may not have been
            sent, and is not sent again.
        on_reconnected: called when the connection is restored.
    """

    bucket: ScheduleBucket

    def __init__(
        self,
        settings: Settings,
        *,
        identity: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create a source; `startup` connects it.

        Args:
            settings: server and bucket.
            identity: identity of the scheduler in claims; that of the process by default.
            clock: returns the current time in UTC.
        """
        self._settings = settings
        self._identity = identity or settings.identity
        self._clock = clock
        self._log = ConnectionLog("schedules")
        self._client: Client | None = None
        self._js: JetStreamContext
        self._claims: dict[str, tuple[ScheduleEntry, Occurrence, int]] = {}
        self.on_reconnected: Callable[[], None] = lambda: None
        self.on_unconfirmed: Callable[[str, Occurrence], None] = lambda _id, _occurrence: None

    @property
    def can_verify(self) -> bool:
        """Whether the queue can be searched for a run that another scheduler may have sent."""
        return self._settings.broker != "core"

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up."""
        return self._client is not None and self._client.is_connected

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed and will not be restored."""
        return self._client is not None and self._client.is_closed

    async def startup(self) -> None:
        """Connect, and create the bucket if it does not exist.

        Raises:
            ConnectionFailedError: not connected in time.
            ProvisionError: the bucket cannot be created.
        """
        await self.connect()
        try:
            await self.provision()
        except BaseException:
            await self.shutdown()
            raise

    async def connect(self) -> None:
        """Connect without creating the bucket, for read access.

        Raises:
            ConnectionFailedError: not connected in time.
        """
        self._client = await connect(
            self._settings, "schedules", self._log, reconnected_cb=self._reconnected
        )
        self._js = self._client.jetstream(timeout=_REQUEST_TIMEOUT_S)
        self.bucket = ScheduleBucket(
            self._js, self._settings.schedule_bucket, self._settings.schedule_prefix
        )

    async def shutdown(self) -> None:
        """Disconnect."""
        if self._client is not None and not self._client.is_closed:
            await close_client(self._client)

    async def provision(self) -> None:
        """Create the bucket if it does not exist.

        Raises:
            ProvisionError: it cannot be created.
        """
        await provision_schedules(self._js, self._settings)

    def explain_errors(self) -> contextlib.AbstractContextManager[None]:
        """Turn the errors of requests into a `ProvisionError` with a message for an operator."""
        return explain_errors(self._js, self._settings)

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return the valid schedules that are not paused."""
        return [
            entry.task
            for entry in await self.bucket.entries()
            if isinstance(entry, ScheduleEntry) and entry.paused is None
        ]

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Store a schedule; it replaces one with the same ID.

        With the same timing it continues where the replaced one was, so that a program can store
        its schedules at every start. With another timing it starts over. Either way it stays
        paused if it was.

        Raises:
            InvalidScheduleError: it is never due, or has no JSON form.
            StoreFullError: the bucket has reached its limit.
            ScheduleBusyError: other programs keep changing the schedule.
        """
        now = self._clock()
        new_timing = timing_of(schedule, now)
        for _attempt in range(_MAX_ATTEMPTS):
            stored, revision = await self.bucket.read(schedule.schedule_id)
            timing, last, paused = new_timing, None, None
            if isinstance(stored, ScheduleEntry):
                paused = stored.paused
                if has_same_timing(stored.task, schedule):
                    timing, last = stored.timing, stored.last
            body = encode_schedule(schedule, timing, last, paused)
            if await self.bucket.write(schedule.schedule_id, body, revision) is not None:
                return
        raise _busy(schedule.schedule_id)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Remove a schedule, valid or invalid.

        Raises:
            ScheduleNotFoundError: there is no schedule with this ID.
            ScheduleBusyError: other programs keep changing the schedule.
        """
        for _attempt in range(_MAX_ATTEMPTS):
            stored, revision = await self.bucket.read(schedule_id)
            if stored is None:
                raise ScheduleNotFoundError(_("no schedule {id!r}").format(id=schedule_id))
            if await self.bucket.remove(schedule_id, revision):
                return
        raise _busy(schedule_id)

    async def pause_schedule(self, schedule_id: str, by: str) -> bool:
        """Pause a schedule: no scheduler sends it until it is resumed.

        Args:
            schedule_id: ID of the schedule.
            by: `user@host`.

        Returns:
            False if it was paused already.

        Raises:
            ScheduleNotFoundError: there is no valid schedule with this ID.
            ScheduleBusyError: other programs keep changing the schedule.
        """
        return await self._change(
            schedule_id,
            lambda entry: entry.pause(by, self._clock()) if entry.paused is None else None,
        )

    async def resume_schedule(self, schedule_id: str) -> bool:
        """Resume a schedule; runs of cron and interval that were due meanwhile are left out.

        Returns:
            False if it was not paused.

        Raises:
            ScheduleNotFoundError: there is no valid schedule with this ID.
            ScheduleBusyError: other programs keep changing the schedule.
        """
        return await self._change(
            schedule_id,
            lambda entry: entry.resume(self._clock()) if entry.paused is not None else None,
        )

    async def entry(self, schedule_id: str) -> ScheduleEntry:
        """Return a schedule.

        Raises:
            ScheduleNotFoundError: there is none with this ID, or it is invalid.
        """
        stored, _revision = await self.bucket.read(schedule_id)
        if stored is None:
            raise ScheduleNotFoundError(_("no schedule {id!r}").format(id=schedule_id))
        if not isinstance(stored, ScheduleEntry):
            raise ScheduleNotFoundError(
                _("{id} is not a valid schedule: {reason}").format(
                    id=schedule_id, reason=stored.reason
                )
            )
        return stored

    async def pre_send(self, task: ScheduledTask) -> None:
        """Claim the run that is due, and set the task's ID and labels.

        Raises:
            ScheduledTaskCancelledError: no run is due, or another scheduler has claimed it.
        """
        entry, _revision = await self.bucket.read(task.schedule_id)
        if not isinstance(entry, ScheduleEntry):
            raise ScheduledTaskCancelledError
        now = self._clock()
        occurrence = await self._next_claim(entry, now)
        if occurrence is None:
            raise ScheduledTaskCancelledError
        revision = await self.bucket.write(entry.id, entry.encode(occurrence), entry.revision)
        if revision is None:
            raise ScheduledTaskCancelledError
        self._claims[entry.id] = (entry, occurrence, revision)
        task.task_id = occurrence.task_id
        task.labels[SCHEDULED_FOR] = occurrence.due.isoformat()
        task.labels.pop(LATE, None)
        if now - occurrence.due > LATE_THRESHOLD:
            task.labels[LATE] = round((now - occurrence.due).total_seconds(), 1)

    async def post_send(self, task: ScheduledTask) -> None:
        """Confirm that the run was sent; a schedule for a single run is removed."""
        claim = self._claims.pop(task.schedule_id, None)
        if claim is not None:
            await self._confirm(*claim)

    async def release_claim(self, schedule_id: str) -> None:
        """Release the claim of a run that could not be sent, so that it can be claimed again."""
        claim = self._claims.pop(schedule_id, None)
        if claim is not None:
            entry, _occurrence, revision = claim
            await self.bucket.write(schedule_id, entry.encode(entry.last), revision)

    async def _change(
        self, schedule_id: str, change: Callable[[ScheduleEntry], bytes | None]
    ) -> bool:
        """Store what `change` returns for the current entry; False if that is None."""
        for _attempt in range(_MAX_ATTEMPTS):
            entry = await self.entry(schedule_id)
            body = change(entry)
            if body is None:
                return False
            if await self.bucket.write(schedule_id, body, entry.revision) is not None:
                return True
        raise _busy(schedule_id)

    async def _next_claim(self, entry: ScheduleEntry, now: datetime) -> Occurrence | None:
        """Return the run to claim: one that is due, or one that was claimed but not sent."""
        last = entry.last
        if entry.paused is not None:
            return None
        if last is None or last.sent:
            due = entry.due(now)
            return entry.claim(due, self._identity, now) if due is not None else None
        if now - last.claimed_at < CLAIM_TIMEOUT:
            return None
        if not self.can_verify:
            self.on_unconfirmed(entry.id, last)
        elif not await was_enqueued(self._js, last.task_id, last.claimed_at):
            logger.warning("%s was not sent by %s: sending it", entry.id, last.claimed_by)
            return entry.claim(last.due, self._identity, now)
        await self._confirm(entry, last, entry.revision)
        return None

    async def _confirm(self, entry: ScheduleEntry, occurrence: Occurrence, revision: int) -> None:
        """Record that a run was sent, unless the schedule was changed or run again since.

        Args:
            entry: the schedule.
            occurrence: the run.
            revision: last known revision of the key.
        """
        for _attempt in range(_MAX_ATTEMPTS):
            if await self._write_confirmation(entry, occurrence, revision):
                return
            stored, revision = await self.bucket.read(entry.id)
            if not isinstance(stored, ScheduleEntry) or stored.last is None or stored.last.sent:
                return
            if stored.last.task_id != occurrence.task_id:
                return
            entry = stored

    async def _write_confirmation(
        self, entry: ScheduleEntry, occurrence: Occurrence, revision: int
    ) -> bool:
        if entry.timing.at is not None:
            return await self.bucket.remove(entry.id, revision)
        body = entry.encode(msgspec.structs.replace(occurrence, sent=True))
        return await self.bucket.write(entry.id, body, revision) is not None

    async def _reconnected(self) -> None:
        await self._log.on_reconnected()
        self.on_reconnected()


def _busy(schedule_id: str) -> ScheduleBusyError:
    return ScheduleBusyError(
        _("{id}: other programs keep changing this schedule").format(id=schedule_id)
    )
