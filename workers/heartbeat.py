"""Signs of life: who this worker is, what it is busy with, what it costs the machine."""

import os
import socket
import time

import psutil

from pulse_desktop import __version__
from pulse_desktop.protocol.timestamps import format_timestamp
from workers.event_publisher import EventPublisher
from workers.receiver import PulseReceiver
from workers.settings import Settings


class Heartbeat:
    """Publishes `worker.heartbeat` when told to."""

    def __init__(
        self, events: EventPublisher, receiver: PulseReceiver, settings: Settings, worker: str
    ) -> None:
        self._events = events
        self._receiver = receiver
        self._settings = settings
        self._worker = worker
        self._started_at = time.time()
        self._process = psutil.Process()
        self._process.cpu_percent(None)  # the first call only sets the beginning

    async def beat(self) -> None:
        """Tell the state of now."""
        self._events.publish("monitoring", "worker.heartbeat", self._state())

    def stopped(self, given_back: int) -> None:
        """Tell that this worker ends, and how many tasks it handed back."""
        state = self._state()
        state["given_back"] = given_back
        self._events.publish("monitoring", "worker.stopped", state)

    def _state(self) -> dict[str, object]:
        running = list(self._receiver.running.values())
        with self._process.oneshot():
            cpu = self._process.cpu_percent(None)
            rss = self._process.memory_info().rss
        return {
            "worker": self._worker,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "slots": self._settings.slots,
            "busy": len(running),
            "tasks": [
                {
                    "task_id": run.task_id,
                    "task_name": run.task_name,
                    "started_at": format_timestamp(run.started_at),
                    "attempt": run.delivery.attempt,
                }
                for run in running
            ],
            "finished": self._receiver.finished,
            "cpu_percent": round(cpu, 1),
            "rss_bytes": rss,
            "broker": "jetstream",
            "draining": self._receiver.draining,
            "events_sent": self._events.sent,
            "events_dropped": self._events.dropped,
            "version": __version__,
        }
