"""Heartbeats of a worker: identity, running tasks, task schemas, load."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import psutil
from taskiq import AsyncBroker

from pulse_desktop import __version__
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.execution.running_tasks import RunningTask
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.load import RateMeter, SlotTime
from pulse_workers.telemetry.task_schemas import TaskSchemaAnnouncer


class TaskRunner(Protocol):
    """What runs the tasks of a process: our receiver, or the middleware of another project.

    Attributes:
        broker: knows the tasks.
        running: tasks in progress.
        slot_time: busy time of the slots.
        finished: number of deliveries processed since the start.
    """

    @property
    def broker(self) -> AsyncBroker: ...  # noqa: D102

    running: dict[int, RunningTask]
    slot_time: SlotTime
    finished: int


class Heartbeat:
    """Publishes `worker.heartbeat` events.

    Attributes:
        control: subject on which this worker accepts commands, empty when it accepts none.
    """

    def __init__(
        self,
        events: EventPublisher,
        runner: TaskRunner,
        worker: str,
        slots: int | None,
        details: Callable[[], Mapping[str, Any]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare without publishing.

        Args:
            events: publishes the events, and counts them.
            runner: runs the tasks.
            worker: identity of this process.
            slots: how many tasks it runs concurrently, None if unknown.
            details: returns what only this kind of worker has.
            clock: monotonic seconds.
        """
        self.control = ""
        self._events = events
        self._runner = runner
        self._worker = worker
        self._slots = slots
        self._details = details
        self._clock = clock
        self._schemas = TaskSchemaAnnouncer(runner.broker)
        self._started_at = time.time()
        self._process = psutil.Process()
        self._cpu = RateMeter(time.process_time, clock)
        self._busy = RateMeter(runner.slot_time.total, clock)

    async def publish(self) -> None:
        """Publish the current state, with the task schemas when they are due."""
        state = self._state()
        schemas = self._schemas.due(self._clock())
        if schemas is not None:
            state["catalogue"] = schemas
        self._events.publish("monitoring", "worker.heartbeat", state)

    def announce(self) -> None:
        """Publish the current state with the task schemas, whether they are due or not."""
        self._schemas.announce_next()
        state = {**self._state(), "catalogue": self._schemas.due(self._clock())}
        self._events.publish("monitoring", "worker.heartbeat", state)

    def announce_next(self) -> None:
        """Publish the task schemas with the next heartbeat."""
        self._schemas.announce_next()

    def publish_change(self) -> None:
        """Publish the current state before the next heartbeat is due: it has just changed."""
        self._events.publish("monitoring", "worker.heartbeat", self._state())

    def publish_stopped(self, requeued: int) -> None:
        """Publish that this worker stops, and how many tasks it requeued."""
        state = self._state()
        state["given_back"] = requeued
        self._events.publish("monitoring", "worker.stopped", state)

    def _state(self) -> dict[str, object]:
        runner = self._runner
        running = [run.describe() for run in runner.running.values()]
        cpu, busy = self._cpu.sample(), self._busy.sample()
        return {
            "worker": self._worker,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "slots": self._slots,
            "busy": len(running),
            "busy_mean": None if busy is None else round(busy, 3),
            "running": running,
            "tasks": running,  # the field's earlier name
            "finished": runner.finished,
            "cpu_percent": None if cpu is None else round(100 * cpu, 1),
            "rss_bytes": self._process.memory_info().rss,
            "control": self.control or None,
            "events_sent": self._events.sent,
            "events_dropped": self._events.dropped,
            "version": __version__,
            **self._details(),
        }
