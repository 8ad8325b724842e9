"""Sends tasks when they are due. Any number of schedulers may run; each run is sent once.

What is next stands in a heap, so that nothing is scanned; changes come from a watch on the
bucket. Who gets a run is decided in the bucket (`source`), not here: there is no leader, and when
a scheduler is killed the others go on as before.
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
from pulse_workers.errors import OUTAGE_ERRORS, ProvisionError, StoreFullError
from pulse_workers.schedules.bucket import Change, WatchLostError
from pulse_workers.schedules.entry import InvalidEntry, ScheduleEntry, unknown_task_reason
from pulse_workers.schedules.source import SCHEDULED_FOR, TAKEN_LIMIT, JsonScheduleSource

logger = logging.getLogger("pulse.workers.schedules")

_LONGEST_SLEEP: Final = 1.0
"""The wall clock may be set; sleeping follows another one."""
_AGAIN: Final = timedelta(seconds=0.5)
_TOGETHER: Final = 64
_TOGETHER_IN_DOUBT: Final = 4
"""Runs under way when a scheduler is killed are doubtful with a core broker: so, few of them."""
_MARK_KEPT: Final = timedelta(hours=1)
_WATCHED: Final = 600.0
_HEAP_SLACK: Final = 1_000
_LONGEST_PAUSE: Final = timedelta(seconds=30)


class Reporter(Protocol):
    """Who is told what people should know."""

    def broken(self, schedule_id: str, task_name: str, reason: str) -> None:
        """A schedule is not sent, and why."""


@dataclasses.dataclass(order=True, frozen=True)
class _Planned:
    at: datetime
    id: str
    revision: int


class Scheduler:
    """Sends what is due.

    Attributes:
        entries: the schedules as last heard, by id.
        sent: runs sent by this scheduler.
        watching: whether changes are heard.
    """

    def __init__(
        self,
        source: JsonScheduleSource,
        broker: AsyncBroker,
        reporter: Reporter,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Describe a scheduler; the source and the broker are started by the caller.

        Args:
            source: where schedules are.
            broker: sends tasks, and knows which there are.
            reporter: told of schedules that are not sent.
            clock: the time in UTC.
        """
        self.entries: dict[str, ScheduleEntry] = {}
        self.sent = 0
        self.watching = False
        self._source = source
        self._taskiq = TaskiqScheduler(broker, [source])
        self._reporter = reporter
        self._clock = clock
        self._known = frozenset(broker.get_all_tasks())
        self._heap: list[_Planned] = []
        self._marks: dict[str, Change] = {}
        self._told: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_TOGETHER if source.recovers else _TOGETHER_IN_DOUBT)
        self._wake = asyncio.Event()
        self._watch_anew = asyncio.Event()

    @property
    def broken(self) -> int:
        """How many schedules are not sent."""
        return len(self._told)

    @property
    def next_due(self) -> datetime | None:
        """When something is due next, as far as is known."""
        return min(
            (planned.at for planned in self._heap if self._is_current(planned)), default=None
        )

    def watch_anew(self) -> None:
        """Read everything again: the connection was away, and changes may have been missed."""
        self._watch_anew.set()

    async def run(self) -> None:
        """Send what is due until cancelled."""
        watching = asyncio.create_task(self._watch(), name="schedule watch")
        try:
            while True:
                self._wake.clear()
                self._start_due()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_next()):
                        await self._wake.wait()
        finally:
            await cancel_and_wait(watching)

    async def finish(self, limit: float) -> None:
        """Let what is being sent be sent, for `limit` seconds."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way.values(), timeout=limit)
            await cancel_and_wait(*late)

    # what there is

    async def _watch(self) -> None:
        while True:
            self._watch_anew.clear()
            try:
                await self._follow()
            except (*OUTAGE_ERRORS, WatchLostError, ProvisionError) as error:
                self.watching = False
                logger.warning("watching schedules: %s %s", type(error).__name__, error)
                await asyncio.sleep(_AGAIN.total_seconds())
                with contextlib.suppress(*OUTAGE_ERRORS, ProvisionError):
                    await self._source.provision()
            except Exception:
                self.watching = False
                logger.exception("watching the schedules failed")
                await asyncio.sleep(_AGAIN.total_seconds())

    async def _follow(self) -> None:
        """Take in changes until they have to be watched anew."""
        async with contextlib.aclosing(self._source.bucket.watch()) as changes:
            anew = asyncio.create_task(self._watch_anew.wait())
            by_itself = asyncio.get_running_loop().call_later(_WATCHED, self._watch_anew.set)
            try:
                self._replace(await anext(changes))
                while not anew.done():
                    heard = asyncio.ensure_future(anext(changes))
                    try:
                        await asyncio.wait({heard, anew}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not heard.done():
                            heard.cancel()
                            await asyncio.wait({heard})
                    if not heard.cancelled():
                        for change in heard.result():
                            self._take_in(change)
            finally:
                anew.cancel()
                by_itself.cancel()
        await self._drop_old_marks()

    def _replace(self, there: list[Change]) -> None:
        present = {change.id for change in there if change.item is not None}
        for gone in (set(self.entries) | set(self._told)) - present:
            self.entries.pop(gone, None)
            self._told.pop(gone, None)
        for change in there:
            self._take_in(change)
        if not self.watching:
            logger.info("%d schedules", len(self.entries))
        self.watching = True

    def _take_in(self, change: Change) -> None:
        self.entries.pop(change.id, None)
        self._marks.pop(change.id, None)
        if change.item is None:
            self._marks[change.id] = change
            self._told.pop(change.id, None)
        elif isinstance(change.item, InvalidEntry):
            self._tell_broken(change.id, change.item.task_name, change.item.reason)
        elif reason := unknown_task_reason(change.item.task.task_name, self._known):
            self._tell_broken(change.id, change.item.task.task_name, reason)
        else:
            self._told.pop(change.id, None)
            self.entries[change.id] = change.item
            self._plan(change.item)

    def _tell_broken(self, schedule_id: str, task_name: str, reason: str) -> None:
        if self._told.get(schedule_id) != reason:
            self._told[schedule_id] = reason
            self._reporter.broken(schedule_id, task_name, reason)

    # what is next

    def _plan(self, entry: ScheduleEntry, not_before: datetime | None = None) -> None:
        last = entry.last
        at = entry.next_due if last is None or last.sent else last.taken_at + TAKEN_LIMIT
        if at is None:
            return
        if not_before is not None:
            at = max(at, not_before)
        heapq.heappush(self._heap, _Planned(at, entry.id, entry.revision))
        if len(self._heap) > 2 * len(self.entries) + _HEAP_SLACK:
            self._heap = [planned for planned in self._heap if self._is_current(planned)]
            heapq.heapify(self._heap)
        self._wake.set()

    def _is_current(self, planned: _Planned) -> bool:
        entry = self.entries.get(planned.id)
        return entry is not None and entry.revision == planned.revision

    def _until_next(self) -> float:
        if not self._heap:
            return _LONGEST_SLEEP
        seconds = (self._heap[0].at - self._clock()).total_seconds()
        return min(_LONGEST_SLEEP, max(0.0, seconds))

    def _start_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0].at <= now:
            planned = heapq.heappop(self._heap)
            if self._is_current(planned) and planned.id not in self._under_way:
                task = asyncio.create_task(self._fire(planned.id), name=f"schedule {planned.id}")
                self._under_way[planned.id] = task

    # sending

    async def _fire(self, schedule_id: str) -> None:
        entry = self.entries[schedule_id]
        failures = self._failures.pop(schedule_id, 0)
        try:
            async with self._room:
                if self._source.is_connected:
                    await self._send(entry)
        except Exception as error:
            self._failures[schedule_id] = failures + 1
            if isinstance(error, OUTAGE_ERRORS):
                logger.warning("%s not sent yet: %s", schedule_id, type(error).__name__)
            elif isinstance(error, SendTaskError | StoreFullError):
                logger.warning("%s not sent yet: %s", schedule_id, error.__cause__ or error)
            else:
                logger.exception("%s not sent", schedule_id)
        finally:
            del self._under_way[schedule_id]
            after = self.entries.get(schedule_id)
            if after is not None:  # looked at again even if nothing is heard of it
                self._plan(
                    after, self._clock() + min(_LONGEST_PAUSE, _AGAIN * 2 ** min(failures, 8))
                )

    async def _send(self, entry: ScheduleEntry) -> None:
        try:
            task = entry.task.model_copy(deep=True)
            await self._taskiq.on_ready(self._source, task)
            self.sent += SCHEDULED_FOR in task.labels
        except SendTaskError:
            await self._source.give_back(entry.id)
            raise

    async def _drop_old_marks(self) -> None:
        """Forget removals from long ago: each is a message that nobody would ever take away."""
        old = self._clock() - _MARK_KEPT
        for change in [mark for mark in self._marks.values() if mark.at < old]:
            await self._source.bucket.forget(change.id, change.revision)
            self._marks.pop(change.id, None)
