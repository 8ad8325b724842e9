"""The receiver: stores the messages of a Telegram bot, and enqueues their processing.

Any number of receivers may run; the one that holds the lease polls.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from taskiq.exceptions import SendTaskError

from pulse_workers.brokers.factory import make_broker
from pulse_workers.chat.application import CHAT
from pulse_workers.chat.pipeline.ingestion import store_messages
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import Services, open_services
from pulse_workers.chat.sources.telegram_bot.bot_api import (
    BotApi,
    BotApiError,
    BotTokenRefusedError,
    read_token,
)
from pulse_workers.chat.sources.telegram_bot.poller import LEASE_S, TelegramPoller
from pulse_workers.chat.store.lease import Lease
from pulse_workers.chat.tasks.batch import process_messages
from pulse_workers.chat.tasks.missing import process_missing_messages
from pulse_workers.config.settings import Settings
from pulse_workers.errors import ShutdownRequestedError
from pulse_workers.registry import use_broker
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.shutdown import ShutdownSignal, close_all
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.worker.connection_watchdog import WATCHDOG_INTERVAL_S, ConnectionWatchdog

logger = logging.getLogger("pulse.workers.telegram")

_INGESTED_BY: Final = "telegram"
"""Stands for the task that stored a message."""
_CHECK_S: Final = 1.0


class ReceivedMessages:
    """Passes received messages to the store and to the tasks.

    Attributes:
        refused: number of messages that can never be stored, which are skipped.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.refused = 0
        self._is_first = True

    async def add(self, messages: Sequence[ChatMessage]) -> None:
        """Store messages, and enqueue a task for those that are new or edited.

        Raises:
            StoreFullError: the bucket has reached its limit.
        """
        own = [msgspec.structs.replace(each, ingested_by=_INGESTED_BY) for each in messages]
        # A process before this one may have stored the first ones, and not have announced them.
        is_retry, self._is_first = self._is_first, True  # also after an interruption of this one
        stored = await store_messages(self._services, own, "", is_retry=is_retry)
        if stored.full is not None:
            raise stored.full
        self._is_first = False
        for message_id, error in stored.refused.items():
            self.refused += 1
            logger.warning(
                "message %s is skipped, the %d. so far: %s", message_id[:100], self.refused, error
            )
        if stored.due:
            await process_messages.kiq(list(stored.due))

    async def delete(self, message_ids: Sequence[str]) -> None:
        """Delete messages, and announce that."""
        for message in await self._services.store.delete_messages(message_ids):
            fields = {
                "id": message.id,
                "external_message_id": message.external_message_id,
                "source_name": message.source_name,
                "source_id": message.id.rpartition(".")[0],
            }
            self._services.events.publish("messages", "message.deleted", fields)


class MissingMessages:
    """Enqueues `process_missing_messages` at the start and periodically.

    Messages of a bot are received once: without it, what failed would never be repeated.
    """

    def __init__(self, interval_s: float, is_receiving: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            interval_s: seconds between two tasks, 0 for none.
            is_receiving: returns whether this process receives; those that stand by do not enqueue.
        """
        self._interval_s = interval_s
        self._is_receiving = is_receiving
        self._next = 0.0 if interval_s else math.inf

    async def check(self) -> None:
        """Enqueue the task, if it is time."""
        now = time.monotonic()
        if now < self._next or not self._is_receiving():
            return
        try:
            await process_missing_messages.kiq()
        except SendTaskError as error:
            logger.warning("process_missing_messages not enqueued: %s", error)
            return
        self._next = now + self._interval_s


async def run_telegram_receiver(settings: Settings, *, parent_pipe: bool = False) -> None:
    """Receive until a signal arrives.

    Raises:
        BotTokenRefusedError: the token is not that of a bot.
        ConnectionFailedError: no connection to the NATS server at the start, or the server closed
            one permanently.
        ProvisionError: streams or buckets cannot be created.
        SettingsError: there is no usable token or URL.
    """
    shutdown = ShutdownSignal()
    shutdown.install(parent_pipe=parent_pipe)
    await _make_api(settings).close()  # tells of an unusable setting before anything is connected
    CHAT.import_tasks(settings)
    identity = settings.with_name("telegram").identity
    events = EventPublisher(settings, identity)
    broker = make_broker(settings, events, identity)
    use_broker(broker)
    opened = contextlib.AsyncExitStack()
    watchdog: ConnectionWatchdog | None = None
    closers: list[Callable[[], Awaitable[None]]] = [opened.aclose, events.close, broker.shutdown]
    try:
        async with shutdown.interrupts():
            client = await connect(settings, "telegram")
            closers.append(client.close)
            js = client.jetstream()
            await provision(js, settings)
            await events.start()
            await broker.startup()
            services = await opened.enter_async_context(
                open_services(client, events, identity, settings)
            )
            poller = TelegramPoller(
                lambda: _make_api(settings),
                ReceivedMessages(services),
                services.store.state,
                lambda name: Lease(services.store, name, identity, LEASE_S),
                chats=settings.telegram_chats,
            )
            closers.insert(0, poller.close)
            await _start(poller)
            missing = MissingMessages(settings.missing_interval, lambda: poller.is_receiving)
            watchdog = ConnectionWatchdog(
                shutdown, settings.redacted_server, client, events, broker
            )
            background = PeriodicTasks()
            closers.insert(0, background.close)
            background.start(
                PeriodicTask("missing messages", _CHECK_S, missing.check),
                PeriodicTask("connections", WATCHDOG_INTERVAL_S, watchdog.check),
            )
            while True:
                wait_s = await poller.step()
                await asyncio.sleep(wait_s)
    except ShutdownRequestedError:
        logger.info("%s ended (%s)", identity, shutdown.reason)
    finally:
        await close_all(*closers)
    if watchdog is not None and watchdog.error is not None:
        raise watchdog.error


async def _start(poller: TelegramPoller) -> None:
    """Check the token; a server that cannot be reached now may be reached later."""
    try:
        bot = await poller.start()
    except BotTokenRefusedError:
        raise
    except BotApiError as error:
        logger.warning("%s: %s", type(error).__name__, error)
    else:
        logger.info("receives the messages of @%s", bot.name)


def _make_api(settings: Settings) -> BotApi:
    token = read_token(settings.telegram_token.get_secret_value(), settings.telegram_token_file)
    return BotApi(settings.telegram_url, token)
