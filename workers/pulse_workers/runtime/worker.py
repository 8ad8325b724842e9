"""One worker process, from its start to a clean end.

TaskIQ's own command line ignores SIGTERM while idle, for more than 15 s. This one wakes at once:
it fetches nothing more, gives back what was not started, lets running tasks finish within a
limit, gives back the rest, says that it ended, and exits with 0.
"""

import asyncio
import dataclasses
import logging
from typing import Final

from nats.aio.client import Client

from pulse_workers.brokers.base_broker import BaseBroker
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.brokers.jetstream_broker import JetStreamBroker
from pulse_workers.brokers.retries import RetryMiddleware
from pulse_workers.brokers.stream_retention import TRIM_INTERVAL_S, StreamTrimmer
from pulse_workers.chat.metrics import MetricsReporter
from pulse_workers.chat.provider_check import ProviderCheck
from pulse_workers.chat.services import Services, install_services, make_services
from pulse_workers.config.settings import Settings
from pulse_workers.control.commands import CommandHandler
from pulse_workers.control.listener import ControlListener
from pulse_workers.errors import (
    CannotConnectError,
    StoppedEarlyError,
    TasksRefusedError,
    WorkerError,
)
from pulse_workers.registry import import_tasks
from pulse_workers.results.backend import JsonResultBackend
from pulse_workers.runtime.closing import close_all
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.drain import work_until_stopped
from pulse_workers.runtime.periodic_tasks import PeriodicTasks
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.receiver import DeliveryReceiver
from pulse_workers.runtime.shutdown_signal import ShutdownSignal
from pulse_workers.runtime.threads import TaskThreads
from pulse_workers.telemetry.event_middleware import EventMiddleware
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.heartbeat import Heartbeat

logger = logging.getLogger("pulse.workers.process")

_OTHER_THREADS: Final = 32
"""For `asyncio.to_thread` and names of hosts."""


@dataclasses.dataclass(frozen=True)
class ExitStatus:
    """How a worker ended.

    Attributes:
        threads_left: threads run on that nobody waits for: leave the process without them.
        error: why it could not go on; None if it was told to end.
    """

    threads_left: bool = False
    error: WorkerError | None = None


async def run_worker(settings: Settings, *, parent_pipe: bool = False) -> ExitStatus:
    """Run tasks until told to stop.

    Raises:
        CannotConnectError: no connection at the start.
        ProvisionError: streams or buckets cannot be made.
        SettingsError: a task module cannot be imported.
    """
    stop = ShutdownSignal()
    stop.install(parent_pipe=parent_pipe)
    import_tasks(settings.task_modules)
    threads = TaskThreads(settings.slots, "task")
    others = TaskThreads(_OTHER_THREADS, "other")
    asyncio.get_running_loop().set_default_executor(others)
    try:
        async with stop.cuts_short():
            parts = await WorkerRuntime.start(settings)
    except StoppedEarlyError:
        logger.info("%s ended (%s) before it took tasks", settings.identity, stop.reason)
        return ExitStatus(others.busy)
    given_back, error = await _work(parts, stop, settings, threads)
    for executor in (threads, others):
        executor.shutdown(wait=False, cancel_futures=True)
    left = threads.busy or others.busy
    if left and not given_back:
        logger.warning("not waiting for threads of tasks that were answered before they ended")
    logger.info("%s ended (%s), %d tasks given back", settings.identity, stop.reason, given_back)
    return ExitStatus(bool(given_back) or left, error)


async def _work(
    parts: "WorkerRuntime", stop: ShutdownSignal, settings: Settings, threads: TaskThreads
) -> tuple[int, WorkerError | None]:
    """Run tasks, and come to an end. Returns how many were given back, and what went wrong."""
    events, client, broker, worker = parts.events, parts.client, parts.broker, settings.identity
    receiver = DeliveryReceiver(broker, settings, executor=threads)
    heartbeat = Heartbeat(events, receiver, settings, worker)
    orders = CommandHandler(client.jetstream(), receiver, events, stop, heartbeat.tell_change)
    control = ControlListener(client, orders, worker)
    if settings.control:
        await control.start()
        heartbeat.control = control.subject
    background = _start_background(settings, parts.services, heartbeat)
    connections = ConnectionWatchdog(stop, parts, settings.redacted_server)
    background.repeat("connections", 1.0, connections.look)
    if settings.broker == "jetstream":
        background.repeat("task room", TRIM_INTERVAL_S, StreamTrimmer(client.jetstream()).look)
    logger.info("%s takes tasks from %s", worker, settings.redacted_server)
    given_back = await work_until_stopped(receiver, stop, settings)
    await background.close()
    await control.close()
    heartbeat.stopped(given_back)
    await parts.close()
    return given_back, connections.error


@dataclasses.dataclass(frozen=True)
class WorkerRuntime:
    """What a worker is connected with."""

    client: Client
    events: EventPublisher
    broker: BaseBroker
    services: Services

    @classmethod
    async def start(cls, settings: Settings) -> "WorkerRuntime":
        """Connect everything and make what is missing on the server.

        Raises:
            CannotConnectError: no connection in time.
            ProvisionError: streams or buckets cannot be made.
        """
        worker = settings.identity
        events = EventPublisher(settings, worker)
        broker = make_broker(settings, events, worker)
        broker.is_worker_process = True
        client = await connect(settings, "store")
        try:
            await provision(client.jetstream(), settings)
            await events.start()
            services = await make_services(client, events, worker)
            install_services(broker, services)
            await broker.startup()
        except BaseException:
            await close_all(events.close, broker.shutdown, client.close)
            raise
        return cls(client, events, broker, services)

    async def close(self) -> None:
        """Send what is left, and disconnect."""
        await close_all(self.events.close, self.broker.shutdown, self.client.close)


class ConnectionWatchdog:
    """Ends the worker when it is alive but deaf, which is worse than gone.

    So it is when a connection is closed for good, and when the user may not take tasks.

    Attributes:
        error: what happened, None while all is well.
    """

    def __init__(self, stop: ShutdownSignal, parts: WorkerRuntime, server: str) -> None:
        self._stop = stop
        self._parts = parts
        self._server = server
        self.error: WorkerError | None = None

    async def look(self) -> None:
        """Ask to stop if tasks cannot come any more."""
        if self._stop.asked.is_set():
            return
        if refused := self._parts.broker.refused:
            self.error = TasksRefusedError(
                f"{self._server} does not let this user take tasks: {refused}. "
                "`pulse-worker check` tells what is missing."
            )
            self._stop.ask("this user may not take tasks")
        elif self._is_one_closed():
            self.error = CannotConnectError(
                f"{self._server} closed a connection for good. Check the user, password or token."
            )
            self._stop.ask("a connection was closed for good")

    def _is_one_closed(self) -> bool:
        parts = self._parts
        results = parts.broker.result_backend
        return (
            parts.broker.client.is_closed
            or parts.client.is_closed
            or parts.events.is_closed
            or (isinstance(results, JsonResultBackend) and results.nats_client.is_closed)
        )


def make_broker(settings: Settings, events: EventPublisher, who: str) -> BaseBroker:
    """Return a broker for a worker or for anything that enqueues, with events and retries."""
    results = JsonResultBackend(settings)
    broker = CoreBroker(settings) if settings.broker == "core" else JetStreamBroker(settings)
    broker.with_result_backend(results)
    middleware = EventMiddleware(events, who)
    middleware.watch(results)
    broker.add_middlewares(middleware, RetryMiddleware())
    return broker


def _start_background(
    settings: Settings, services: Services, heartbeat: Heartbeat
) -> PeriodicTasks:
    background = PeriodicTasks()
    background.repeat("heartbeat", settings.heartbeat_interval, heartbeat.beat)
    check = ProviderCheck(services.events, services.provider)
    background.repeat("provider check", settings.provider_interval, check.check)
    metrics = MetricsReporter(services)
    background.repeat("metrics", settings.metrics_interval, metrics.report)
    return background
