"""One scheduler process, from its start to a clean end."""

import asyncio
import logging
import os
import socket
import time
from typing import Final

from taskiq import AsyncBroker

from pulse_desktop import __version__
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.brokers.factory import make_broker
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ConnectionFailedError, ShutdownRequestedError
from pulse_workers.registry import use_broker
from pulse_workers.runtime.application import Application
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.shutdown import ShutdownSignal, close_all, close_client
from pulse_workers.schedules.entry import Occurrence
from pulse_workers.schedules.scheduler import Scheduler
from pulse_workers.schedules.source import JsonScheduleSource
from pulse_workers.telemetry.event_publisher import EventPublisher

logger = logging.getLogger("pulse.workers.scheduler")

NAME: Final = "scheduler"
_SEND_LIMIT: Final = 10.0
_FIRST: Final = asyncio.FIRST_COMPLETED


class SchedulerEvents:
    """Tells people, by log and by event, what a scheduler does not do and why."""

    def __init__(self, events: EventPublisher, who: str) -> None:
        self._events = events
        self._who = who

    def broken(self, schedule_id: str, task_name: str, reason: str) -> None:
        """Tell that a schedule is not sent, and why."""
        logger.warning("schedule %s (%s) is not sent: %s", schedule_id, task_name or "?", reason)
        detail = f"{task_name}: {reason}" if task_name else reason
        self._audit("schedule_broken", schedule_id, detail)

    def doubtful(self, schedule_id: str, firing: Occurrence) -> None:
        """Tell of a run of which nobody can say whether it was sent; it is not sent again."""
        detail = f"{firing.by} did not confirm that it sent the run of {firing.due.isoformat()}"
        logger.warning("schedule %s: %s", schedule_id, detail)
        self._audit("schedule_doubtful", schedule_id, detail)

    def _audit(self, action: str, target: str, detail: str) -> None:
        fields = {"who": self._who, "action": action, "target": target, "detail": detail}
        self._events.publish("monitoring", "audit", fields)


class SchedulerHeartbeat:
    """Publishes `scheduler.heartbeat` when told to."""

    def __init__(self, events: EventPublisher, scheduler: Scheduler, who: str) -> None:
        self._events = events
        self._scheduler = scheduler
        self._who = who
        self._started_at = time.time()

    async def beat(self) -> None:
        """Tell the state of now; a scheduler that does not hear its schedules is not well."""
        if not self._scheduler.watching:
            return
        next_due = self._scheduler.next_due
        state = {
            "scheduler": self._who,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "schedules": len(self._scheduler.entries),
            "broken": self._scheduler.broken,
            "sent": self._scheduler.sent,
            "next_due": next_due.isoformat() if next_due is not None else None,
            "version": __version__,
        }
        self._events.publish("monitoring", "scheduler.heartbeat", state)


class SchedulerRuntime:
    """A scheduler at work inside a process, with what belongs to it.

    Attributes:
        source: its schedules.
        running: ends only when the scheduler fails or is closed.
    """

    def __init__(
        self, source: JsonScheduleSource, scheduler: Scheduler, background: PeriodicTasks
    ) -> None:
        self.source = source
        self._scheduler = scheduler
        self._background = background
        self.running = asyncio.create_task(scheduler.run(), name="scheduler")

    @classmethod
    async def start(
        cls, settings: Settings, broker: AsyncBroker, events: EventPublisher, who: str
    ) -> "SchedulerRuntime":
        """Begin to send what is due.

        Args:
            settings: which server and bucket.
            broker: sends tasks; started by the caller, who closes it after this.
            events: where to tell what happens; likewise.
            who: by which name runs are taken.

        Raises:
            ConnectionFailedError: no connection in time.
            ProvisionError: the bucket cannot be made.
        """
        reports = SchedulerEvents(events, who)
        source = JsonScheduleSource(settings, who=who)
        source.on_doubtful = reports.doubtful
        await source.startup()
        scheduler = Scheduler(source, broker, reports)
        source.on_reconnected = scheduler.watch_anew
        heartbeat = SchedulerHeartbeat(events, scheduler, who)
        background = PeriodicTasks()
        background.start(PeriodicTask("heartbeat", settings.heartbeat_interval, heartbeat.beat))
        return cls(source, scheduler, background)

    async def close(self) -> None:
        """Send what was begun, nothing more, and disconnect."""
        await self._background.close()
        await cancel_and_wait(self.running)
        await self._scheduler.finish(_SEND_LIMIT)
        await close_all(self.source.shutdown)


async def run_scheduler(
    settings: Settings, application: Application, *, parent_pipe: bool = False
) -> None:
    """Send tasks by their schedules until told to stop.

    Raises:
        ConnectionFailedError: no connection at the start, or one was closed for good later.
        ProvisionError: streams or buckets cannot be made.
        SettingsError: a task module cannot be imported.
    """
    stop = ShutdownSignal()
    stop.install(parent_pipe=parent_pipe)
    application.import_tasks(settings)
    who = settings.with_name(NAME).identity
    events = EventPublisher(settings, who)
    broker = make_broker(settings, events, who)
    use_broker(broker)
    try:
        async with stop.interrupts():
            await _provision(settings)
            await events.start()
            await broker.startup()
            scheduling = await SchedulerRuntime.start(settings, broker, events, who)
    except ShutdownRequestedError:
        await close_all(events.close, broker.shutdown)
        logger.info("%s ended (%s) before it sent anything", who, stop.reason)
        return
    except BaseException:
        await close_all(events.close, broker.shutdown)
        raise
    logger.info("%s sends scheduled tasks to %s", who, settings.redacted_server)
    lost = await _until_asked(stop, scheduling, events)
    await scheduling.close()
    await close_all(events.close, broker.shutdown)
    logger.info("%s ended (%s)", who, stop.reason)
    if lost:
        raise ConnectionFailedError(f"{settings.redacted_server} {lost}")


async def _until_asked(
    stop: ShutdownSignal, scheduling: SchedulerRuntime, events: EventPublisher
) -> str:
    """Wait until the process is to end. Returns what was lost, empty if nothing was."""
    asked = asyncio.create_task(stop.requested.wait())
    try:
        while not asked.done():
            await asyncio.wait({asked, scheduling.running}, timeout=1.0, return_when=_FIRST)
            if scheduling.running.done():
                await scheduling.running  # raises what ended it
            if scheduling.source.is_closed or events.is_closed:
                stop.request("a connection was closed for good")
                return "closed a connection for good. Check the user, password or token."
    finally:
        asked.cancel()
    return ""


async def _provision(settings: Settings) -> None:
    client = await connect(settings, "provision")
    try:
        await provision(client.jetstream(), settings)
    finally:
        await close_client(client)
