"""A worker process, from start to clean exit.

TaskIQ's own command line ignores SIGTERM for more than 15 s while idle. This worker reacts at
once: it stops consuming, requeues tasks that were not started, lets running tasks finish within a
limit, requeues the rest, publishes that it stopped, and exits with 0.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from nats.aio.client import Client

from pulse_workers.brokers.base_broker import BaseBroker
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.brokers.factory import make_broker
from pulse_workers.brokers.stream_retention import TRIM_INTERVAL_S, StreamTrimmer
from pulse_workers.config.settings import Settings
from pulse_workers.control.listener import ControlListener
from pulse_workers.errors import (
    ShutdownRequestedError,
    WorkerError,
)
from pulse_workers.registry import use_broker
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.logging_setup import log_level
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.shutdown import ShutdownSignal, close_all
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.telemetry.heartbeat import Heartbeat
from pulse_workers.worker.application import Application, WorkerContext
from pulse_workers.worker.commands import CommandHandler
from pulse_workers.worker.connection_watchdog import WATCHDOG_INTERVAL_S, ConnectionWatchdog
from pulse_workers.worker.drain import run_until_shutdown
from pulse_workers.worker.receiver import DeliveryReceiver

logger = logging.getLogger("pulse.workers.process")

_DEFAULT_THREADS: Final = 32
"""Size of the default executor: `asyncio.to_thread` and host name resolution."""


@dataclasses.dataclass(frozen=True)
class ExitStatus:
    """How a worker ended.

    Attributes:
        has_busy_threads: threads are still running: exit the process without joining them.
        error: why the worker could not continue; None after a requested shutdown.
    """

    has_busy_threads: bool = False
    error: WorkerError | None = None


async def run_worker(
    settings: Settings, application: Application, *, parent_pipe: bool = False
) -> ExitStatus:
    """Run tasks until shutdown is requested.

    Args:
        settings: of the worker.
        application: its tasks and their services.
        parent_pipe: stop at the end of stdin too.

    Raises:
        ConnectionFailedError: no connection at the start.
        ProvisionError: streams or buckets cannot be created.
        SettingsError: a task module cannot be imported.
    """
    shutdown = ShutdownSignal()
    shutdown.install(parent_pipe=parent_pipe)
    application.import_tasks(settings)
    task_threads = TrackingThreadPool(settings.slots, "task")
    other_threads = TrackingThreadPool(_DEFAULT_THREADS, "other")
    asyncio.get_running_loop().set_default_executor(other_threads)
    try:
        async with shutdown.interrupts():
            runtime = await WorkerRuntime.start(settings, application)
    except ShutdownRequestedError:
        logger.info("%s stopped (%s) before it took tasks", settings.identity, shutdown.reason)
        return ExitStatus(other_threads.busy)
    requeued, error = await _work(runtime, shutdown, settings, task_threads)
    for executor in (task_threads, other_threads):
        executor.shutdown(wait=False, cancel_futures=True)
    busy = task_threads.busy or other_threads.busy
    if busy and not requeued:
        logger.warning("not waiting for threads of tasks that have timed out or were cancelled")
    logger.info("%s stopped (%s), %d tasks requeued", settings.identity, shutdown.reason, requeued)
    return ExitStatus(bool(requeued) or busy, error)


async def _work(
    runtime: "WorkerRuntime",
    shutdown: ShutdownSignal,
    settings: Settings,
    threads: "TrackingThreadPool",
) -> tuple[int, WorkerError | None]:
    """Run tasks and shut down. Returns how many were requeued, and the error that ended it."""
    client, worker = runtime.client, settings.identity
    receiver = DeliveryReceiver(runtime.broker, settings, executor=threads)
    heartbeat = Heartbeat(
        runtime.events, receiver, worker, settings.slots, lambda: _worker_details(receiver)
    )
    runtime.broker.on_new_worker = heartbeat.announce_next
    commands = CommandHandler(
        client.jetstream(),
        receiver,
        runtime.events,
        shutdown,
        on_change=heartbeat.publish_change,
        announce=heartbeat.announce,
    )
    control = ControlListener(client, commands.commands(), worker)
    if settings.control:
        await control.start()
        heartbeat.control = control.subject
    background = PeriodicTasks()
    watchdog = ConnectionWatchdog(
        shutdown, settings.redacted_server, client, runtime.events, runtime.broker
    )
    background.start(
        PeriodicTask("heartbeat", settings.heartbeat_interval, heartbeat.publish),
        PeriodicTask("connections", WATCHDOG_INTERVAL_S, watchdog.check),
        *runtime.periodic_tasks,
    )
    if settings.broker == "jetstream":
        trimmer = StreamTrimmer(client.jetstream())
        background.start(PeriodicTask("stream retention", TRIM_INTERVAL_S, trimmer.trim))
    logger.info("%s takes tasks from %s", worker, settings.redacted_server)
    requeued = await run_until_shutdown(receiver, shutdown)
    await background.close()
    await control.close()
    heartbeat.publish_stopped(requeued)
    await runtime.close()
    return requeued, watchdog.error


def _worker_details(receiver: DeliveryReceiver) -> dict[str, object]:
    """Return the part of a heartbeat that only our own workers have."""
    broker = receiver.broker
    return {
        "waiting": broker.pending,
        "broker": broker.kind,
        "queue_group": broker.queue if isinstance(broker, CoreBroker) else None,
        "paused": broker.paused,
        "draining": receiver.draining,
        "log_level": log_level(),
        **broker.unknown.fields(),
    }


@dataclasses.dataclass(frozen=True)
class WorkerRuntime:
    """Connections of a worker, and the services and periodic work of its application."""

    client: Client
    events: EventPublisher
    broker: BaseBroker
    services: contextlib.AsyncExitStack
    periodic_tasks: tuple[PeriodicTask, ...]

    @classmethod
    async def start(cls, settings: Settings, application: Application) -> "WorkerRuntime":
        """Connect, create what is missing on the server, and start the application's services.

        Raises:
            ConnectionFailedError: no connection in time.
            ProvisionError: streams or buckets cannot be created.
        """
        worker = settings.identity
        events = EventPublisher(settings, worker)
        broker = make_broker(settings, events, worker)
        broker.is_worker_process = True
        client = await connect(settings, "store")
        services = contextlib.AsyncExitStack()
        try:
            await provision(client.jetstream(), settings)
            await events.start()
            context = WorkerContext(settings, client, events, worker)
            periodic = await services.enter_async_context(application.open_services(context))
            use_broker(broker)
            await broker.startup()
        except BaseException:
            await close_all(services.aclose, events.close, broker.shutdown, client.close)
            raise
        return cls(client, events, broker, services, tuple(periodic))

    async def close(self) -> None:
        """Close the services, send what is buffered, and disconnect.

        The last two at once, as each waits for a server that hangs.
        """
        await close_all(self.services.aclose)
        disconnecting = asyncio.ensure_future(close_all(self.broker.shutdown, self.client.close))
        try:
            await self.events.close()
        finally:
            await disconnecting


class TrackingThreadPool(ThreadPoolExecutor):
    """A thread pool that knows whether a thread is busy.

    A thread cannot be stopped from outside. One whose task was requeued or timed out continues,
    and must not keep its process from exiting.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, thread_name_prefix=name)
        self._futures: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in a thread."""
        future = super().submit(fn, *args, **kwargs)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        return future

    @property
    def busy(self) -> bool:
        """Whether a thread is still running, even if its result is not awaited any more."""
        return bool(self._futures)
