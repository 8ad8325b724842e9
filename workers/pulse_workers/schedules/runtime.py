"""A scheduler running inside a process: its source, reports and heartbeat."""

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
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.shutdown import close_all
from pulse_workers.schedules.entry import Occurrence
from pulse_workers.schedules.scheduler import Scheduler
from pulse_workers.schedules.source import JsonScheduleSource
from pulse_workers.telemetry.event_sink import EventSink

logger = logging.getLogger("pulse.workers.scheduler")

_SEND_TIMEOUT_S: Final = 10.0


class SchedulerEvents:
    """Logs and publishes runs and schedules that are not sent."""

    def __init__(self, events: EventSink, identity: str) -> None:
        self._events = events
        self._identity = identity

    def invalid(self, schedule_id: str, task_name: str, reason: str) -> None:
        """Report a schedule that is not sent, and why."""
        logger.warning("schedule %s (%s) is not sent: %s", schedule_id, task_name or "?", reason)
        detail = f"{task_name}: {reason}" if task_name else reason
        self._publish_audit("schedule_broken", schedule_id, detail)

    def unconfirmed(self, schedule_id: str, occurrence: Occurrence) -> None:
        """Report a run that may or may not have been sent, and is not sent again."""
        detail = f"{occurrence.claimed_by} did not confirm the run of {occurrence.due.isoformat()}"
        logger.warning("schedule %s: %s", schedule_id, detail)
        self._publish_audit("schedule_doubtful", schedule_id, detail)

    def _publish_audit(self, action: str, target: str, detail: str) -> None:
        fields = {"who": self._identity, "action": action, "target": target, "detail": detail}
        self._events.publish("monitoring", "audit", fields)


class SchedulerHeartbeat:
    """Publishes `scheduler.heartbeat`."""

    def __init__(self, events: EventSink, scheduler: Scheduler, identity: str) -> None:
        self._events = events
        self._scheduler = scheduler
        self._identity = identity
        self._started_at = time.time()

    async def publish(self) -> None:
        """Publish the current state; no heartbeat while changes of schedules are not received."""
        if not self._scheduler.watching:
            return
        next_due = self._scheduler.next_due
        state = {
            "scheduler": self._identity,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "schedules": len(self._scheduler.entries),
            "broken": self._scheduler.invalid_count,
            "paused": self._scheduler.paused_count,
            "sent": self._scheduler.sent,
            "next_due": next_due.isoformat() if next_due is not None else None,
            "version": __version__,
        }
        self._events.publish("monitoring", "scheduler.heartbeat", state)


class SchedulerRuntime:
    """A running scheduler with its source and heartbeat.

    Attributes:
        source: the schedule source.
        running: the scheduler's task, which ends only if the scheduler fails or is closed.
    """

    def __init__(
        self, source: JsonScheduleSource, scheduler: Scheduler, periodic_tasks: PeriodicTasks
    ) -> None:
        self.source = source
        self._scheduler = scheduler
        self._periodic_tasks = periodic_tasks
        self.running = asyncio.create_task(scheduler.run(), name="scheduler")

    @classmethod
    async def start(
        cls, settings: Settings, broker: AsyncBroker, events: EventSink, identity: str
    ) -> "SchedulerRuntime":
        """Connect and start to send due runs.

        Args:
            settings: server and bucket.
            broker: sends the tasks; the caller starts it, and closes it after this.
            events: publishes events; the caller starts it, and closes it after this.
            identity: identity of the scheduler.

        Raises:
            ConnectionFailedError: not connected in time.
            ProvisionError: the bucket cannot be created.
        """
        reporter = SchedulerEvents(events, identity)
        source = JsonScheduleSource(settings, identity=identity)
        source.on_unconfirmed = reporter.unconfirmed
        await source.startup()
        scheduler = Scheduler(source, broker, reporter)
        source.on_reconnected = scheduler.restart_watch
        heartbeat = SchedulerHeartbeat(events, scheduler, identity)
        periodic_tasks = PeriodicTasks()
        periodic_tasks.start(
            PeriodicTask("heartbeat", settings.heartbeat_interval, heartbeat.publish)
        )
        return cls(source, scheduler, periodic_tasks)

    async def close(self) -> None:
        """Finish runs that are being sent, and disconnect."""
        await self._periodic_tasks.close()
        await cancel_and_wait(self.running)
        await self._scheduler.finish(_SEND_TIMEOUT_S)
        await close_all(self.source.shutdown)
