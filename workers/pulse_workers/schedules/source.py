"""TaskIQ's schedule source on a NATS bucket: JSON, and safe with any number of schedulers.

A run is taken in `pre_send` and confirmed in `post_send`, both by writing the schedule's entry
under the condition that nobody else wrote it. Whoever does not get the run raises TaskIQ's own
"cancelled", so TaskIQ's scheduler process is as safe with this source as ours.

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

from pulse_workers.config.settings import Settings
from pulse_workers.runtime.connection import ConnectionLog, connect
from pulse_workers.runtime.provisioning import explain_errors, provision_schedules
from pulse_workers.runtime.shutdown import close_client
from pulse_workers.schedules.bucket import ScheduleBucket
from pulse_workers.schedules.entry import (
    Occurrence,
    ScheduleEntry,
    encode_schedule,
    same_times,
    timing_of,
)
from pulse_workers.schedules.errors import ScheduleBusyError, ScheduleNotFoundError
from pulse_workers.schedules.sent import was_queued

logger = logging.getLogger("pulse.workers.schedules")

SCHEDULED_FOR: Final = "scheduled_for"
LATE: Final = "late_s"
TAKEN_LIMIT: Final = timedelta(seconds=2)
"""A run that is taken and not sent for longer than this was left by a scheduler that ended."""
PUNCTUAL: Final = timedelta(seconds=2)
_TRIES: Final = 10
_REQUEST_LIMIT: Final = 2.0


class JsonScheduleSource(ScheduleSource):
    """Schedules in the bucket that the settings name.

    Attributes:
        bucket: where they are. There after `startup` or `connect`.
        on_doubtful: called with a schedule's id and a run of which nobody can say whether it was
            sent, and which is not sent again.
        on_reconnected: called when the connection is back.
    """

    bucket: ScheduleBucket

    def __init__(
        self,
        settings: Settings,
        *,
        who: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Describe a source; `startup` connects it.

        Args:
            settings: which server and which bucket.
            who: by which name runs are taken; the process's identity by default.
            clock: the time in UTC.
        """
        self._settings = settings
        self._who = who or settings.identity
        self._clock = clock
        self._log = ConnectionLog("schedules")
        self._client: Client | None = None
        self._js: JetStreamContext
        self._taken: dict[str, tuple[ScheduleEntry, Occurrence, int]] = {}
        self.on_reconnected: Callable[[], None] = lambda: None
        self.on_doubtful: Callable[[str, Occurrence], None] = lambda _id, _firing: None

    @property
    def recovers(self) -> bool:
        """Whether the queue can tell if a run was sent by a scheduler that is gone."""
        return self._settings.broker != "core"

    @property
    def is_connected(self) -> bool:
        """Whether the server can be asked at the moment."""
        return self._client is not None and self._client.is_connected

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed and will not come back."""
        return self._client is not None and self._client.is_closed

    async def startup(self) -> None:
        """Connect, and make the bucket if there is none.

        Raises:
            CannotConnectError: no connection in time.
            ProvisionError: the bucket cannot be made.
        """
        await self.connect()
        try:
            await self.provision()
        except BaseException:
            await self.shutdown()
            raise

    async def connect(self) -> None:
        """Connect, and make nothing: for whoever only looks.

        Raises:
            CannotConnectError: no connection in time.
        """
        self._client = await connect(
            self._settings, "schedules", self._log, reconnected_cb=self._reconnected
        )
        self._js = self._client.jetstream(timeout=_REQUEST_LIMIT)
        self.bucket = ScheduleBucket(
            self._js, self._settings.schedule_bucket, self._settings.schedule_prefix
        )

    async def shutdown(self) -> None:
        """Disconnect."""
        if self._client is not None and not self._client.is_closed:
            await close_client(self._client)

    async def provision(self) -> None:
        """Make the bucket if there is none.

        Raises:
            ProvisionError: it cannot be made.
        """
        await provision_schedules(self._js, self._settings)

    def explained(self) -> contextlib.AbstractContextManager[None]:
        """Turn what requests end with into a `ProvisionError`, in words for a person."""
        return explain_errors(self._js, self._settings)

    async def get_schedules(self) -> list[ScheduledTask]:
        """Return the schedules that can be used."""
        return [
            entry.task for entry in await self.bucket.entries() if isinstance(entry, ScheduleEntry)
        ]

    async def add_schedule(self, schedule: ScheduledTask) -> None:
        """Store a schedule, in place of one of the same id.

        If that one has the same times, it goes on where it was: a program may store its schedules
        each time it starts. With other times it begins anew.

        Raises:
            BadScheduleError: it can never come due, or has no JSON form.
            StoreFullError: the bucket has reached its limit.
        """
        now = self._clock()
        timing_of(schedule, now)
        for _ in range(_TRIES):
            known, revision = await self.bucket.read(schedule.schedule_id)
            since, last = now, None
            if isinstance(known, ScheduleEntry) and same_times(known.task, schedule):
                since, last = known.timing.since, known.last
            body = encode_schedule(schedule, since, last)
            if await self.bucket.write(schedule.schedule_id, body, revision) is not None:
                return
        raise ScheduleBusyError(f"{schedule.schedule_id}: others change it all the time")

    async def delete_schedule(self, schedule_id: str) -> None:
        """Remove a schedule, broken ones too.

        Raises:
            ScheduleNotFoundError: there is none of this id.
        """
        for _ in range(_TRIES):
            known, revision = await self.bucket.read(schedule_id)
            if known is None:
                raise ScheduleNotFoundError(f"no schedule {schedule_id!r}")
            if await self.bucket.remove(schedule_id, revision):
                return
        raise ScheduleBusyError(f"{schedule_id}: others change it all the time")

    async def pre_send(self, task: ScheduledTask) -> None:
        """Take the run that is due, and put its id and time into the task.

        Raises:
            ScheduledTaskCancelledError: nothing is due, or another scheduler has it.
        """
        entry, _ = await self.bucket.read(task.schedule_id)
        if not isinstance(entry, ScheduleEntry):
            raise ScheduledTaskCancelledError
        now = self._clock()
        firing = await self._to_take(entry, now)
        if firing is None:
            raise ScheduledTaskCancelledError
        revision = await self.bucket.write(entry.id, entry.body(firing), entry.revision)
        if revision is None:
            raise ScheduledTaskCancelledError
        self._taken[entry.id] = (entry, firing, revision)
        task.task_id = firing.task_id
        task.labels[SCHEDULED_FOR] = firing.due.isoformat()
        task.labels.pop(LATE, None)
        if now - firing.due > PUNCTUAL:
            task.labels[LATE] = round((now - firing.due).total_seconds(), 1)

    async def post_send(self, task: ScheduledTask) -> None:
        """Note that the run was sent; a schedule for one moment is removed."""
        taken = self._taken.pop(task.schedule_id, None)
        if taken is not None:
            await self._finish(*taken)

    async def give_back(self, schedule_id: str) -> None:
        """Let a run be taken again that was taken and could not be sent."""
        taken = self._taken.pop(schedule_id, None)
        if taken is not None:
            entry, _, revision = taken
            await self.bucket.write(schedule_id, entry.body(entry.last), revision)

    async def _to_take(self, entry: ScheduleEntry, now: datetime) -> Occurrence | None:
        """Return the run to take: one that is due, or one that was left unsent."""
        last = entry.last
        if last is None or last.sent:
            due = entry.due(now)
            return entry.take(due, self._who, now) if due is not None else None
        if now - last.taken_at < TAKEN_LIMIT:
            return None
        if not self.recovers:
            self.on_doubtful(entry.id, last)
        elif not await was_queued(self._js, last.task_id, last.taken_at):
            logger.warning("%s was left unsent by %s: sending it", entry.id, last.by)
            return entry.take(last.due, self._who, now)
        await self._finish(entry, last, entry.revision)
        return None

    async def _finish(self, entry: ScheduleEntry, firing: Occurrence, revision: int) -> None:
        """Note that a run was sent, unless the schedule has gone on since.

        Args:
            entry: the schedule.
            firing: the run.
            revision: of its key, when last seen.
        """
        for _ in range(_TRIES):
            if await self._noted(entry, firing, revision):
                return
            known, revision = await self.bucket.read(entry.id)
            if not isinstance(known, ScheduleEntry) or known.last is None or known.last.sent:
                return
            if known.last.task_id != firing.task_id:
                return
            entry = known

    async def _noted(self, entry: ScheduleEntry, firing: Occurrence, revision: int) -> bool:
        if entry.timing.at is not None:
            return await self.bucket.remove(entry.id, revision)
        body = entry.body(msgspec.structs.replace(firing, sent=True))
        return await self.bucket.write(entry.id, body, revision) is not None

    async def _reconnected(self) -> None:
        await self._log.on_reconnected()
        self.on_reconnected()
