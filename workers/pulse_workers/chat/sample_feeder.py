"""The sample feeder: enqueues the bundled sample chat, slice by slice, so that there is activity.

The embedded stack runs it beside its worker. When all messages of the export are ingested, it
starts over and enqueues scoring, embedding and extraction for them again. Its position is stored,
so that it continues where it was after a restart. No failure is invented: damaged attachments and
messages in other languages belong to the sample, and some slices request an extraction in a
language that the built-in provider does not support. It also runs a scheduler.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from nats.js import JetStreamContext

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM
from pulse_workers.brokers.factory import make_broker
from pulse_workers.chat.application import CHAT
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import ExportCache
from pulse_workers.chat.store.lease import Lease, lease_duration
from pulse_workers.chat.store.store import Store
from pulse_workers.chat.tasks.embedding import embed_messages_batch
from pulse_workers.chat.tasks.ingestion import ingest_messages
from pulse_workers.chat.tasks.knowledge import extract_knowledge
from pulse_workers.chat.tasks.scoring import score_message_task
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS, ShutdownRequestedError
from pulse_workers.registry import use_broker
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.periodic_tasks import PeriodicTask, PeriodicTasks
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.shutdown import ShutdownSignal, close_all
from pulse_workers.schedules.runtime import SchedulerRuntime
from pulse_workers.telemetry.event_publisher import EventPublisher
from pulse_workers.worker.connection_watchdog import WATCHDOG_INTERVAL_S, ConnectionWatchdog

logger = logging.getLogger("pulse.workers.feed")

EXTRACTION_SIZE: Final = 12
"""Messages of one extraction, once all of them were ingested."""
SLICE: Final = 3
FIRST_SLICE: Final = 12
MAX_BACKLOG: Final = 100
REQUEST_INTERVAL: Final = 6
"""Slices between extractions in a language; the third slice requests the first."""
REQUESTED_LANGUAGES: Final = ("pl", "uk", "cs")
"""Their languages, in turn; the built-in provider refuses Czech."""
_FIRST_REQUEST: Final = 2


class Position(msgspec.Struct, frozen=True):
    """Stored position: number of the round, messages done in it, slices enqueued ever."""

    pass_number: int = 1
    offset: int = 0
    slices: int = 0


def to_position(stored: Any) -> Position:
    """Return a stored position, the first one if there is none or it cannot be read."""
    try:
        return msgspec.convert(stored or {}, Position)
    except msgspec.ValidationError as error:
        logger.warning("the sample chat begins again: its position cannot be read (%s)", error)
        return Position()


@dataclasses.dataclass(frozen=True)
class Slice:
    """Messages to enqueue together, and an extraction if `to_extract` is not empty."""

    position: Position
    messages: tuple[ChatMessage, ...]
    to_extract: tuple[str, ...]
    language: str | None


def next_slice(export: Sequence[ChatMessage], position: Position) -> tuple[Slice, Position]:
    """Return the next slice, which is never empty, and the position after it."""
    count = FIRST_SLICE if position.slices == 0 else SLICE
    start = position.offset if position.offset < len(export) else 0
    number = position.pass_number + (start != position.offset)
    current = Position(number, start, position.slices)
    slice_ = tuple(export[start : start + count])
    end = start + len(slice_)
    to_extract: tuple[str, ...] = ()
    language: str | None = None
    if number > 1 and end // EXTRACTION_SIZE > start // EXTRACTION_SIZE:
        last = end // EXTRACTION_SIZE * EXTRACTION_SIZE
        to_extract = tuple(message.id for message in export[last - EXTRACTION_SIZE : last])
    elif end >= EXTRACTION_SIZE and position.slices % REQUEST_INTERVAL == _FIRST_REQUEST:
        request_number = position.slices // REQUEST_INTERVAL
        language = REQUESTED_LANGUAGES[request_number % len(REQUESTED_LANGUAGES)]
        to_extract = tuple(message.id for message in export[end - EXTRACTION_SIZE : end])
    following = Position(number, end, position.slices + 1)
    return Slice(current, slice_, to_extract, language), following


class SampleFeeder:
    """Enqueues slices of an export."""

    def __init__(
        self, store: Store, js: JetStreamContext, path: str, holder: str, interval: float
    ) -> None:
        """Prepare without reading anything.

        Args:
            store: where the position and the lease are.
            js: context of the task stream.
            path: of the export, empty for the bundled one.
            holder: identity of this process.
            interval: seconds between two slices.
        """
        self._store = store
        self._js = js
        self._path = path
        self._exports = ExportCache(AllowedFolders([path] if path else []))
        name = hashlib.blake2b(path.encode(), digest_size=6).hexdigest() if path else "sample"
        self._key = f"feed.{name}"
        self._lease = Lease(store, self._key, holder, lease_duration(interval))

    async def step(self) -> bool:
        """Enqueue a slice; False if another feeder holds the lease, or enough tasks are pending."""
        if not await self._lease.acquire(time.time()) or await self._pending() > MAX_BACKLOG:
            return False
        export = (await self._exports.read(self._path)).messages
        if not export:
            return False
        found, _revision = await self._store.state.get(self._key)
        position = to_position(found)
        slice_, following = next_slice(export, position)
        await self._enqueue(slice_)
        await self._store.state.put(self._key, following)
        return True

    async def release(self) -> None:
        """Release the lease, so that another feeder can continue at once."""
        await self._lease.release()

    async def _pending(self) -> int:
        info = await self._js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        return info.num_pending or 0

    async def _enqueue(self, slice_: Slice) -> None:
        if slice_.position.pass_number == 1:
            await ingest_messages.kiq(self._path, slice_.position.offset, len(slice_.messages))
        else:
            for message in slice_.messages:
                await score_message_task.kiq(message.id)
            await embed_messages_batch.kiq([message.id for message in slice_.messages])
        if slice_.to_extract:
            await extract_knowledge.kiq(list(slice_.to_extract), language=slice_.language)


async def run_sample_feeder(
    settings: Settings, *, path: str = "", parent_pipe: bool = False
) -> None:
    """Feed until a signal arrives.

    Raises:
        ConnectionFailedError: no connection at the start, or the server closed one permanently.
        ProvisionError: streams or buckets cannot be created.
        SettingsError: a task module cannot be imported.
    """
    shutdown = ShutdownSignal()
    shutdown.install(parent_pipe=parent_pipe)
    CHAT.import_tasks(settings)
    identity = settings.with_name("feed").identity
    events = EventPublisher(settings, identity)
    broker = make_broker(settings, events, identity)
    use_broker(broker)
    closers: list[Callable[[], Awaitable[None]]] = [events.close, broker.shutdown]
    try:
        async with shutdown.interrupts():
            client = await connect(settings, "feed")
            closers.append(client.close)
            await provision(client.jetstream(), settings)
            await events.start()
            await broker.startup()
            js = client.jetstream()
            store = await Store.open(js)
            feeder = SampleFeeder(store, js, path, identity, settings.feed_interval)
            scheduler = await SchedulerRuntime.start(settings, broker, events, identity)
    except ShutdownRequestedError:
        await close_all(*closers)
        logger.info("%s ended (%s) before it enqueued anything", identity, shutdown.reason)
        return
    except BaseException:
        await close_all(*closers)
        raise
    logger.info("%s enqueues a slice every %g s", identity, settings.feed_interval)
    watchdog = ConnectionWatchdog(shutdown, settings.redacted_server, client, events, broker)
    watching = PeriodicTasks()
    watching.start(PeriodicTask("connections", WATCHDOG_INTERVAL_S, watchdog.check))
    while not shutdown.requested.is_set():
        try:
            await feeder.step()
        except OUTAGE_ERRORS as error:
            logger.warning("slice not enqueued: %s", type(error).__name__)
        except Exception:
            logger.exception("slice not enqueued")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.feed_interval):
                await shutdown.requested.wait()
    await watching.close()
    with contextlib.suppress(*OUTAGE_ERRORS):
        async with asyncio.timeout(2):
            await feeder.release()
    await scheduler.close()
    await close_all(*closers)
    logger.info("%s ended (%s)", identity, shutdown.reason)
    if watchdog.error is not None:
        raise watchdog.error
