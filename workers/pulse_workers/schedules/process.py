"""The scheduler process, from startup to clean shutdown."""

import asyncio
import contextlib
import logging
from typing import Final

from pulse_desktop.text.translation import _
from pulse_workers.brokers.factory import make_broker
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ConnectionFailedError, ShutdownRequestedError
from pulse_workers.registry import use_broker
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.shutdown import ShutdownSignal, close_all, close_client
from pulse_workers.schedules.runtime import SchedulerRuntime
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.worker.application import Application

logger = logging.getLogger("pulse.workers.scheduler")

NAME: Final = "scheduler"
_POLL_INTERVAL_S: Final = 1.0


async def run_scheduler(
    settings: Settings, application: Application, *, parent_pipe: bool = False
) -> None:
    """Send scheduled tasks until a signal arrives.

    Raises:
        ConnectionFailedError: no connection at the start, or the server closed one for good.
        ProvisionError: streams or buckets cannot be created.
        SettingsError: a task module cannot be imported.
    """
    shutdown = ShutdownSignal()
    shutdown.install(parent_pipe=parent_pipe)
    application.import_tasks(settings)
    identity = settings.with_name(NAME).identity
    events = EventPublisher(settings, identity)
    broker = make_broker(settings, events, identity)
    use_broker(broker)
    try:
        async with shutdown.interrupts():
            await _provision(settings)
            await events.start()
            await broker.startup()
            scheduler = await SchedulerRuntime.start(settings, broker, events, identity)
    except ShutdownRequestedError:
        await close_all(events.close, broker.shutdown)
        logger.info("%s ended (%s) before it sent anything", identity, shutdown.reason)
        return
    except BaseException:
        await close_all(events.close, broker.shutdown)
        raise
    logger.info("%s sends scheduled tasks to %s", identity, settings.redacted_server)
    async with contextlib.AsyncExitStack() as closers:  # each is called, even if one fails
        closers.push_async_callback(close_all, broker.shutdown)
        closers.push_async_callback(events.close)
        closers.push_async_callback(scheduler.close)
        is_closed = await _wait_for_shutdown(shutdown, scheduler, events)
    logger.info("%s ended (%s)", identity, shutdown.reason)
    if is_closed:
        raise ConnectionFailedError(
            _("{server} closed a connection for good. Check the user, password or token.").format(
                server=settings.redacted_server
            )
        )


async def _wait_for_shutdown(
    shutdown: ShutdownSignal, scheduler: SchedulerRuntime, events: EventPublisher
) -> bool:
    """Wait for a shutdown request. Returns whether a closed connection is the cause."""
    requested = asyncio.create_task(shutdown.requested.wait())
    try:
        while not requested.done():
            await asyncio.wait(
                {requested, scheduler.running},
                timeout=_POLL_INTERVAL_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if scheduler.running.done():
                await scheduler.running  # raises its error
            if scheduler.source.is_closed or events.is_closed:
                shutdown.request("a connection was closed for good")
                return True
    finally:
        requested.cancel()
    return False


async def _provision(settings: Settings) -> None:
    client = await connect(settings, "provision")
    try:
        await provision(client.jetstream(), settings)
    finally:
        await close_client(client)
