"""Event middleware for the broker of any TaskIQ project.

    from pulse_workers import EventMiddleware

    broker = NatsBroker("nats://localhost:4222").with_middlewares(
        EventMiddleware("nats://localhost:4222")
    )

Pulse Desktop then shows starts, outcomes, errors with their traceback, and the workers. The
broker, its results and its tasks stay as they are. While the server is unreachable, tasks run on
and events are buffered.
"""

import asyncio
import logging
import os
import socket
import time
from typing import Any, Final

from taskiq import TaskiqMessage, TaskiqResult
from taskiq.exceptions import NoResultError

from pulse_desktop import __version__
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.task_message import RETRIES
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.brokers.delivery import SyntheticDelivery, current_delivery
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ConnectionFailedError
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.telemetry.event_middleware import DeliveryEventMiddleware
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.task_schemas import TaskSchemaAnnouncer

logger = logging.getLogger("pulse.workers.middleware")

_CLOSE_TIMEOUT_S: Final = 3.0
"""Less than TaskIQ's default of 5 s for shutting down."""
_CONNECT_RETRY_S: Final = 5.0


class EventMiddleware(DeliveryEventMiddleware):
    """Publishes the events of tasks and, in a worker process, heartbeats."""

    def __init__(
        self,
        server: str = "",
        *,
        name: str = "",
        slots: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Configure the connection; it is opened when the broker starts.

        Args:
            server: URL of the NATS server, or several separated by commas; wins over `settings`.
            name: first part of this process's identity `name@host:pid`.
            slots: how many tasks a worker process runs concurrently, shown with its load.
            settings: credentials, TLS and the heartbeat interval, as `load_settings()` returns
                them from the environment and settings files.

        Raises:
            SettingsError: the credentials in `settings` are invalid.
        """
        settings = settings or Settings()
        changes = {"server": server, "worker_name": name}
        self._settings = settings.model_copy(update={k: v for k, v in changes.items() if v})
        self._slots = slots
        self._publisher = EventPublisher(self._settings, self._settings.identity)
        super().__init__(self._publisher, self._settings.identity)
        self._started_at = time.time()
        self._running: dict[str, dict[str, Any]] = {}
        self._schemas: TaskSchemaAnnouncer | None = None
        self._background = PeriodicTasks()
        self._connecting: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Start connecting, and in a worker process start the heartbeats."""
        self._connecting = asyncio.create_task(self._connect(), name="event connection")
        if self.broker.is_worker_process:
            self._schemas = TaskSchemaAnnouncer(self.broker)
            interval = self._settings.heartbeat_interval
            self._background.start(PeriodicTask("heartbeat", interval, self._publish_heartbeat))

    async def shutdown(self) -> None:
        """Publish that the worker stops, send what is buffered, and disconnect."""
        await self._background.close()
        if self.broker.is_worker_process:
            self._publisher.publish("monitoring", "worker.stopped", self._state())
        if self._connecting is not None:
            await cancel_and_wait(self._connecting)
        await self._publisher.close(_CLOSE_TIMEOUT_S)

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Publish that an attempt starts."""
        delivery = SyntheticDelivery(b"", _retries(message) + 1, queued_at=0.0)
        delivery.task_id = message.task_id
        delivery.result_bytes = None  # other result backends do not report it
        current_delivery.set(delivery)
        self._running[message.task_id] = {
            "task_id": message.task_id,
            "task_name": message.task_name,
            "started_at": format_timestamp(time.time()),
            "attempt": delivery.attempt,
        }
        return super().pre_execute(message)

    def on_error(
        self,
        message: TaskiqMessage,  # noqa: ARG002 - TaskIQ's signature
        result: TaskiqResult[Any],  # noqa: ARG002
        exception: BaseException,
    ) -> None:
        """Keep the error for `post_execute`: another middleware may still request a retry."""
        delivery = current_delivery.get()
        if delivery is not None:
            delivery.error = exception

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """Publish an attempt that failed and will be retried."""
        self._running.pop(message.task_id, None)
        delivery = current_delivery.get()
        if delivery is not None and isinstance(result.error, NoResultError):
            self.publish_attempt(message, delivery, delivery.error or result.error)

    async def _connect(self) -> None:
        while True:
            try:
                await self._publisher.start()
            except ConnectionFailedError as error:
                logger.warning("no events are published: %s", error)
                await asyncio.sleep(_CONNECT_RETRY_S)
            else:
                return

    async def _publish_heartbeat(self) -> None:
        state = self._state()
        schemas = self._schemas.due(time.monotonic()) if self._schemas is not None else None
        if schemas is not None:
            state["catalogue"] = schemas
        self._publisher.publish("monitoring", "worker.heartbeat", state)

    def _state(self) -> dict[str, Any]:
        running = list(self._running.values())
        return {
            "worker": self._settings.identity,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": format_timestamp(self._started_at),
            "slots": self._slots,
            "busy": len(running),
            "running": running,
            "broker": type(self.broker).__name__,
            "events_sent": self._publisher.sent,
            "events_dropped": self._publisher.dropped,
            "version": __version__,
        }


def _retries(message: TaskiqMessage) -> int:
    """Return how often TaskIQ's retry middleware has sent the task again."""
    try:
        return max(0, int(message.labels.get(RETRIES, 0)))
    except (TypeError, ValueError):
        return 0
