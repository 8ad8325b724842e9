"""Sends tasks when they are due. Any number of schedulers may run; each run is sent once.

Due times are in a heap, so that nothing is scanned; changes come from a watch on the bucket. The
bucket decides which scheduler gets a run (see `source`), so there is no leader, and when a
scheduler is killed, the others carry on.
"""

import asyncio
import contextlib
import dataclasses
import heapq
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from taskiq import AsyncBroker, TaskiqScheduler
from taskiq.exceptions import SendTaskError

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_workers.errors import OUTAGE_ERRORS, ProvisionError, StoreFullError
from pulse_workers.schedules.bucket import ScheduleChange, WatchEndedError
from pulse_workers.schedules.entry import InvalidEntry, ScheduleEntry, unknown_task_reason
from pulse_workers.schedules.source import CLAIM_TIMEOUT, SCHEDULED_FOR, JsonScheduleSource

logger = logging.getLogger("pulse.workers.schedules")

_MAX_SLEEP_S: Final = 1.0
"""The wall clock can be set while sleeping, which follows the monotonic clock."""
_RETRY_DELAY: Final = timedelta(seconds=0.5)
_MAX_RETRY_DELAY: Final = timedelta(seconds=30)
_CONCURRENCY: Final = 64
_CORE_CONCURRENCY: Final = 4
"""With a core broker, runs in progress when a scheduler is killed remain unconfirmed."""
_MARKER_MAX_AGE: Final = timedelta(hours=1)
_WATCH_RENEWAL_S: Final = 600.0
_MAX_STALE_RUNS: Final = 1_000


class Reporter(Protocol):
    """Receives what operators should know."""

    def invalid(self, schedule_id: str, task_name: str, reason: str) -> None:
        """Report a schedule that is not sent, and why."""


@dataclasses.dataclass(order=True, frozen=True)
class _PlannedRun:
    at: datetime
    id: str
    revision: int


class Scheduler:
    """Sends tasks when they are due.

    Attributes:
        entries: valid schedules by ID.
        sent: number of runs sent by this scheduler.
        watching: whether changes of schedules are received.
    """

    def __init__(
        self,
        source: JsonScheduleSource,
        broker: AsyncBroker,
        reporter: Reporter,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create a scheduler; the caller starts the source and the broker.

        Args:
            source: the schedules.
            broker: sends the tasks; only tasks it knows are sent.
            reporter: receives the schedules that are not sent.
            clock: returns the current time in UTC.
        """
        self.entries: dict[str, ScheduleEntry] = {}
        self.sent = 0
        self.watching = False
        self._source = source
        self._taskiq = TaskiqScheduler(broker, [source])
        self._reporter = reporter
        self._clock = clock
        self._known_tasks = frozenset(broker.get_all_tasks())
        self._heap: list[_PlannedRun] = []
        self._markers: dict[str, ScheduleChange] = {}
        self._invalid: dict[str, str] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._retry_at: dict[str, datetime] = {}
        self._in_progress: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_CONCURRENCY if source.can_verify else _CORE_CONCURRENCY)
        self._wake = asyncio.Event()
        self._restart_watch = asyncio.Event()

    @property
    def invalid_count(self) -> int:
        """Number of schedules that are not sent."""
        return len(self._invalid)

    @property
    def paused_count(self) -> int:
        """Number of schedules that are paused."""
        return sum(entry.paused is not None for entry in self.entries.values())

    @property
    def next_due(self) -> datetime | None:
        """Time of the next run, None if there is none."""
        return min(
            (planned.at for planned in self._heap if self._is_current(planned)), default=None
        )

    def restart_watch(self) -> None:
        """Read all schedules again: after a reconnection, changes may have been missed."""
        self._restart_watch.set()

    async def run(self) -> None:
        """Send due runs until cancelled."""
        watching = asyncio.create_task(self._watch(), name="schedule watch")
        try:
            while True:
                self._wake.clear()
                self._start_due()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds_to_next()):
                        await self._wake.wait()
        finally:
            await cancel_and_wait(watching)

    async def finish(self, timeout_s: float) -> None:
        """Wait for runs that are being sent; cancel them after `timeout_s`."""
        if self._in_progress:
            _done, late = await asyncio.wait(self._in_progress.values(), timeout=timeout_s)
            await cancel_and_wait(*late)

    # watching

    async def _watch(self) -> None:
        while True:
            self._restart_watch.clear()
            try:
                await self._follow_changes()
            except (*OUTAGE_ERRORS, WatchEndedError, ProvisionError) as error:
                self.watching = False
                logger.warning("watching the schedules: %s %s", type(error).__name__, error)
                await asyncio.sleep(_RETRY_DELAY.total_seconds())
                with contextlib.suppress(*OUTAGE_ERRORS, ProvisionError):
                    await self._source.provision()
            except Exception:
                self.watching = False
                logger.exception("watching the schedules failed")
                await asyncio.sleep(_RETRY_DELAY.total_seconds())

    async def _follow_changes(self) -> None:
        """Apply changes until the watch must be restarted."""
        async with contextlib.aclosing(self._source.bucket.watch()) as changes:
            restart = asyncio.create_task(self._restart_watch.wait())
            renewal = asyncio.get_running_loop().call_later(
                _WATCH_RENEWAL_S, self._restart_watch.set
            )
            try:
                self._replace_all(await anext(changes))
                while not restart.done():
                    received = asyncio.ensure_future(anext(changes))
                    try:
                        await asyncio.wait({received, restart}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not received.done():
                            received.cancel()
                            await asyncio.wait({received})
                    if not received.cancelled():
                        for change in received.result():
                            self._apply(change)
            finally:
                restart.cancel()
                renewal.cancel()
        await self._purge_old_markers()

    def _replace_all(self, snapshot: list[ScheduleChange]) -> None:
        present = {change.id for change in snapshot if change.schedule is not None}
        for removed in (set(self.entries) | set(self._invalid)) - present:
            self.entries.pop(removed, None)
            self._invalid.pop(removed, None)
        for change in snapshot:
            self._apply(change)
        if not self.watching:
            logger.info("%d schedules", len(self.entries))
        self.watching = True

    def _apply(self, change: ScheduleChange) -> None:
        self.entries.pop(change.id, None)
        self._markers.pop(change.id, None)
        schedule = change.schedule
        if schedule is None:
            self._markers[change.id] = change
            self._invalid.pop(change.id, None)
        elif isinstance(schedule, InvalidEntry):
            self._report_invalid(change.id, schedule.task_name, schedule.reason)
        elif reason := unknown_task_reason(schedule.task.task_name, self._known_tasks):
            self._report_invalid(change.id, schedule.task.task_name, reason)
        else:
            self._invalid.pop(change.id, None)
            self.entries[change.id] = schedule
            self._plan(schedule, self._retry_at.get(change.id))

    def _report_invalid(self, schedule_id: str, task_name: str, reason: str) -> None:
        if self._invalid.get(schedule_id) != reason:
            self._invalid[schedule_id] = reason
            self._reporter.invalid(schedule_id, task_name, reason)

    # planning

    def _plan(self, entry: ScheduleEntry, not_before: datetime | None = None) -> None:
        if entry.paused is not None:
            return
        last = entry.last
        at = entry.next_due if last is None or last.sent else last.claimed_at + CLAIM_TIMEOUT
        if at is None:
            return
        if not_before is not None:
            at = max(at, not_before)
        heapq.heappush(self._heap, _PlannedRun(at, entry.id, entry.revision))
        if len(self._heap) > 2 * len(self.entries) + _MAX_STALE_RUNS:
            self._heap = [planned for planned in self._heap if self._is_current(planned)]
            heapq.heapify(self._heap)
        self._wake.set()

    def _is_current(self, planned: _PlannedRun) -> bool:
        entry = self.entries.get(planned.id)
        return entry is not None and entry.revision == planned.revision

    def _seconds_to_next(self) -> float:
        if not self._heap:
            return _MAX_SLEEP_S
        seconds = (self._heap[0].at - self._clock()).total_seconds()
        return min(_MAX_SLEEP_S, max(0.0, seconds))

    def _start_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0].at <= now:
            planned = heapq.heappop(self._heap)
            if self._is_current(planned) and planned.id not in self._in_progress:
                task = asyncio.create_task(
                    self._send_run(planned.id), name=f"schedule {planned.id}"
                )
                self._in_progress[planned.id] = task

    # sending

    async def _send_run(self, schedule_id: str) -> None:
        entry = self.entries[schedule_id]
        backoff = self._backoffs.pop(schedule_id, None) or Backoff(
            _RETRY_DELAY.total_seconds(), _MAX_RETRY_DELAY.total_seconds()
        )
        try:
            async with self._slots:
                if self._source.is_connected:
                    await self._send(entry)
                    self._retry_at.pop(schedule_id, None)
        except Exception as error:
            self._backoffs[schedule_id] = backoff
            if isinstance(error, OUTAGE_ERRORS):
                logger.warning("%s not sent yet: %s", schedule_id, type(error).__name__)
            elif isinstance(error, SendTaskError | StoreFullError):
                logger.warning("%s not sent yet: %s", schedule_id, error.__cause__ or error)
            else:
                logger.exception("%s not sent", schedule_id)
        finally:
            del self._in_progress[schedule_id]
            pause = self._clock() + timedelta(seconds=backoff.next_delay())
            if schedule_id in self._backoffs:
                self._retry_at[schedule_id] = pause
            current = self.entries.get(schedule_id)
            if current is not None:  # planned again even if its change is not received
                self._plan(current, pause)

    async def _send(self, entry: ScheduleEntry) -> None:
        try:
            task = entry.task.model_copy(deep=True)
            await self._taskiq.on_ready(self._source, task)
            self.sent += SCHEDULED_FOR in task.labels
        except SendTaskError:
            await self._source.release_claim(entry.id)
            raise

    async def _purge_old_markers(self) -> None:
        """Purge old delete markers, which nothing else removes from the bucket."""
        oldest = self._clock() - _MARKER_MAX_AGE
        for change in [marker for marker in self._markers.values() if marker.stored_at < oldest]:
            await self._source.bucket.purge_marker(change.id, change.revision)
            self._markers.pop(change.id, None)
