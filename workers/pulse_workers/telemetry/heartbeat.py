"""Signs of life: who this worker is, what it is busy with, what it can do, what it costs."""

import os
import socket
import time
from collections.abc import Callable

import psutil

from pulse_desktop import __version__
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.config.settings import Settings
from pulse_workers.runtime.log_level import log_level
from pulse_workers.runtime.receiver import DeliveryReceiver, Running
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.load import RateMeter
from pulse_workers.telemetry.task_schemas import TaskSchemaAnnouncer


class Heartbeat:
    """Publishes `worker.heartbeat` when told to.

    Attributes:
        control: subject on which this worker takes orders, empty when it takes none.
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
        self._catalogue = TaskSchemaAnnouncer(receiver.tasks)
        self._started_at = time.time()
        self._process = psutil.Process()
        self._cpu = RateMeter(time.process_time, clock)
        self._busy = RateMeter(receiver.slot_time.total, clock)

    async def beat(self) -> None:
        """Tell the state of now, and from time to time which tasks there are."""
        state = self._state()
        tasks = self._catalogue.due(self._clock())
        if tasks is not None:
            state["catalogue"] = tasks
        self._events.publish("monitoring", "worker.heartbeat", state)

    def tell_change(self) -> None:
        """Tell the state of now between two beats: somebody waits to see it change."""
        self._events.publish("monitoring", "worker.heartbeat", self._state())

    def stopped(self, given_back: int) -> None:
        """Tell that this worker ends, and how many tasks it handed back."""
        state = self._state()
        state["given_back"] = given_back
        self._events.publish("monitoring", "worker.stopped", state)

    def _state(self) -> dict[str, object]:
        running = [_told(run) for run in self._receiver.running.values()]
        broker = self._receiver.tasks
        cpu, busy = self._cpu.look(), self._busy.look()
        return {
            "worker": self._worker,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "slots": self._settings.slots,
            "busy": len(running),
            "busy_mean": None if busy is None else round(busy, 3),
            "running": running,
            "tasks": running,  # its older name
            "waiting": broker.waiting,
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


def _told(run: Running) -> dict[str, object]:
    return {
        "task_id": run.task_id,
        "task_name": run.task_name,
        "started_at": format_timestamp(run.started_at),
        "attempt": run.delivery.attempt,
    }
