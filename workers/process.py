"""One worker process, from its start to a clean end.

TaskIQ's own command line ignores SIGTERM while idle, for more than 15 s. This one wakes at once:
it fetches nothing more, gives back what was not started, lets running tasks finish within a
limit, gives back the rest, says that it ended, and exits with 0.
"""

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor

from nats.aio.client import Client

from workers.background import Background
from workers.broker import PulseBroker
from workers.connection import connect
from workers.control import Control
from workers.core_broker import CoreBroker
from workers.drain import CLOSE_LIMIT, work_until_stopped
from workers.errors import CannotConnectError
from workers.event_publisher import EventPublisher
from workers.heartbeat import Heartbeat
from workers.metrics import MetricsReporter
from workers.middleware.events import EventMiddleware
from workers.orders import Orders
from workers.provider_check import ProviderCheck
from workers.provisioning import provision
from workers.receiver import PulseReceiver
from workers.registry import import_tasks
from workers.results import JsonResults
from workers.retries import RetryMiddleware
from workers.services import Services, install_services, make_services
from workers.settings import Settings
from workers.stop_signal import StopSignal
from workers.task_broker import TaskBroker

logger = logging.getLogger("pulse.workers.process")


async def run_worker(settings: Settings, *, parent_pipe: bool = False) -> int:
    """Run tasks until told to stop.

    Returns:
        How many tasks were given back unfinished. Threads of sync tasks among them still run:
        leave the process without waiting for them.

    Raises:
        CannotConnectError: no connection at the start, or one was closed for good later.
        ProvisionError: streams or buckets cannot be made.
        SettingsError: a task module cannot be imported.
    """
    stop = StopSignal()
    stop.install(parent_pipe=parent_pipe)
    import_tasks(settings.task_modules)
    worker = settings.identity
    client = await connect(settings, "store")
    try:
        await provision(client.jetstream(), settings)
        events = EventPublisher(settings, worker)
        await events.start()
        services = await make_services(client, events, worker)
        broker = make_broker(settings, events, worker)
        broker.is_worker_process = True
        install_services(broker, services)
        await broker.startup()
    except BaseException:
        await client.close()
        raise
    executor = ThreadPoolExecutor(settings.slots, thread_name_prefix="task")
    receiver = PulseReceiver(broker, settings, executor=executor)
    heartbeat = Heartbeat(events, receiver, settings, worker)
    orders = Orders(client.jetstream(), receiver, events, stop, heartbeat.tell_change)
    control = Control(client, orders, worker)
    if settings.control:
        await control.start()
        heartbeat.control = control.subject
    background = _start_background(settings, services, heartbeat)
    connections = Connections(stop, broker, client, events)
    background.repeat("connections", 1.0, connections.look)
    logger.info("%s takes tasks from %s", worker, settings.shown_server)
    given_back = await work_until_stopped(receiver, stop, settings)
    await background.close()
    await control.close()
    heartbeat.stopped(given_back)
    await _close_all(events, broker, client)
    executor.shutdown(wait=not given_back, cancel_futures=True)
    logger.info("%s ended (%s), %d tasks given back", worker, stop.reason, given_back)
    if connections.lost:
        raise CannotConnectError(f"{settings.shown_server} {connections.lost}")
    return given_back


class Connections:
    """Ends the worker when a connection is closed for good: alive but deaf is worse than gone.

    Attributes:
        lost: what happened, empty while all is well.
    """

    def __init__(
        self, stop: StopSignal, broker: TaskBroker, client: Client, events: EventPublisher
    ) -> None:
        self._stop = stop
        self._broker = broker
        self._client = client
        self._events = events
        self.lost = ""

    async def look(self) -> None:
        """Ask to stop if a connection is closed."""
        results = self._broker.result_backend
        closed = (
            self._broker.client.is_closed
            or self._client.is_closed
            or self._events.is_closed
            or (isinstance(results, JsonResults) and results.nats_client.is_closed)
        )
        if closed and not self._stop.asked.is_set():
            self.lost = "closed a connection for good. Check the user, password or token."
            self._stop.ask("a connection was closed for good")


def make_broker(settings: Settings, events: EventPublisher, who: str) -> TaskBroker:
    """Return a broker for a worker or for anything that enqueues, with events and retries."""
    results = JsonResults(settings)
    broker = CoreBroker(settings) if settings.broker == "core" else PulseBroker(settings)
    broker.with_result_backend(results)
    middleware = EventMiddleware(events, who)
    middleware.watch(results)
    broker.add_middlewares(middleware, RetryMiddleware())
    return broker


def _start_background(settings: Settings, services: Services, heartbeat: Heartbeat) -> Background:
    background = Background()
    background.repeat("heartbeat", settings.heartbeat_interval, heartbeat.beat)
    check = ProviderCheck(services.events, services.provider)
    background.repeat("provider check", settings.provider_interval, check.check)
    metrics = MetricsReporter(services)
    background.repeat("metrics", settings.metrics_interval, metrics.report)
    return background


async def _close_all(events: EventPublisher, broker: TaskBroker, client: Client) -> None:
    """Close connections, none of which may hold up the end."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_LIMIT):
            await events.close()
            await broker.shutdown()
            await client.close()
