"""Heartbeats of a worker: identity, running tasks, task schemas, load."""

import os
import socket
import time
from collections.abc import Callable

import psutil

from pulse_desktop import __version__
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.logging_setup import log_level
from pulse_workers.runtime.receiver import DeliveryReceiver, RunningTask
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.load import RateMeter
from pulse_workers.telemetry.task_schemas import TaskSchemaAnnouncer


class Heartbeat:
    """Publishes `worker.heartbeat` events.

    Attributes:
        control: subject on which this worker accepts commands, empty when it accepts none.
    """

    def __init__(
        self,
        events: EventPublisher,
        receiver: DeliveryReceiver,
        settings: Settings,
        worker: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.control = ""
        self._events = events
        self._receiver = receiver
        self._settings = settings
        self._worker = worker
        self._clock = clock
        self._schemas = TaskSchemaAnnouncer(receiver.broker)
        self._started_at = time.time()
        self._process = psutil.Process()
        self._cpu = RateMeter(time.process_time, clock)
        self._busy = RateMeter(receiver.slot_time.total, clock)

    async def publish(self) -> None:
        """Publish the current state, with the task schemas when they are due."""
        state = self._state()
        schemas = self._schemas.due(self._clock())
        if schemas is not None:
            state["catalogue"] = schemas
        self._events.publish("monitoring", "worker.heartbeat", state)

    def publish_change(self) -> None:
        """Publish the current state before the next heartbeat is due: it has just changed."""
        self._events.publish("monitoring", "worker.heartbeat", self._state())

    def publish_stopped(self, requeued: int) -> None:
        """Publish that this worker stops, and how many tasks it requeued."""
        state = self._state()
        state["given_back"] = requeued
        self._events.publish("monitoring", "worker.stopped", state)

    def _state(self) -> dict[str, object]:
        running = [_running_task(run) for run in self._receiver.running.values()]
        broker = self._receiver.broker
        cpu, busy = self._cpu.sample(), self._busy.sample()
        return {
            "worker": self._worker,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "slots": self._settings.slots,
            "busy": len(running),
            "busy_mean": None if busy is None else round(busy, 3),
            "running": running,
            "tasks": running,  # the field's earlier name
            "waiting": broker.pending,
            "finished": self._receiver.finished,
            "cpu_percent": None if cpu is None else round(100 * cpu, 1),
            "rss_bytes": self._process.memory_info().rss,
            "broker": broker.kind,
            "control": self.control or None,
            "paused": broker.paused,
            "draining": self._receiver.draining,
            "log_level": log_level(),
            "events_sent": self._events.sent,
            "events_dropped": self._events.dropped,
            "version": __version__,
        }


def _running_task(run: RunningTask) -> dict[str, object]:
    return {
        "task_id": run.task_id,
        "task_name": run.task_name,
        "started_at": format_timestamp(run.started_at),
        "attempt": run.delivery.attempt,
    }
