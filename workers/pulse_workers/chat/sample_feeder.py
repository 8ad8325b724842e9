"""Something to see from the first second: the bundled chat, taken in slice by slice.

The embedded default runs this beside its worker. It enqueues a few messages at a time; when the
export is exhausted it goes through the messages again, scoring and reading them anew, as a team
does after it changed a setting. Where it is stands in the store, so that it goes on after a
restart. Nothing here invents a failure: the sample's damaged attachments and its few foreign
messages fail by themselves, and now and then somebody asks for a summary in a language that the
built-in provider does not have. A scheduler runs inside, so that schedules work there as well.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from nats.js import JetStreamContext

from pulse_desktop.protocol.topics import TASK_CONSUMER, TASK_STREAM
from pulse_workers.brokers.factory import make_broker
from pulse_workers.chat.application import CHAT
from pulse_workers.chat.lease import Lease
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import ExportCache
from pulse_workers.chat.store import Store
from pulse_workers.chat.tasks.embedding import embed_messages_batch
from pulse_workers.chat.tasks.ingestion import WINDOW, ingest_messages
from pulse_workers.chat.tasks.knowledge import extract_knowledge
from pulse_workers.chat.tasks.scoring import score_message_task
from pulse_workers.config.settings import Settings
from pulse_workers.errors import OUTAGE_ERRORS, ShutdownRequestedError
from pulse_workers.registry import use_broker
from pulse_workers.runtime.connection import connect
from pulse_workers.runtime.provisioning import provision
from pulse_workers.runtime.shutdown import ShutdownSignal, close_all
from pulse_workers.schedules.process import SchedulerRuntime
from pulse_workers.telemetry.event_publisher import EventPublisher

logger = logging.getLogger("pulse.workers.feed")

SLICE: Final = 3
FIRST_SLICE: Final = 12
BACKLOG_LIMIT: Final = 100
REQUEST_EVERY: Final = 6
"""Slices between two wishes for a summary; the third slice has the first one."""
REQUESTED_LANGUAGES: Final = ("pl", "uk", "cs")
"""Languages asked for in turn: for the partner, the team, the colleague on call.
Polish and Czech are refused, with the reason."""
_FIRST_REQUEST: Final = 2
_LEASE: Final = 20.0


class Position(msgspec.Struct, frozen=True):
    """Where the feed is: which pass, how many messages of it are done, slices ever enqueued."""

    pass_number: int = 1
    offset: int = 0
    slices: int = 0


@dataclasses.dataclass(frozen=True)
class Slice:
    """What to enqueue next."""

    position: Position
    messages: tuple[ChatMessage, ...]
    window: tuple[str, ...]
    language: str | None


def next_slice(export: Sequence[ChatMessage], position: Position) -> tuple[Slice, Position]:
    """Return what to enqueue, and where the feed is afterwards. Pure, and never empty-handed."""
    size = FIRST_SLICE if position.slices == 0 else SLICE
    begin = position.offset if position.offset < len(export) else 0
    number = position.pass_number + (begin != position.offset)
    here = Position(number, begin, position.slices)
    part = tuple(export[begin : begin + size])
    end = begin + len(part)
    window: tuple[str, ...] = ()
    language: str | None = None
    if number > 1 and end // WINDOW > begin // WINDOW:
        edge = end // WINDOW * WINDOW
        window = tuple(message.id for message in export[edge - WINDOW : edge])
    elif end >= WINDOW and position.slices % REQUEST_EVERY == _FIRST_REQUEST:
        asked = position.slices // REQUEST_EVERY
        language = REQUESTED_LANGUAGES[asked % len(REQUESTED_LANGUAGES)]
        window = tuple(message.id for message in export[end - WINDOW : end])
    after = Position(number, end, position.slices + 1)
    return Slice(here, part, window, language), after


class SampleFeeder:
    """Enqueues slices of one export."""

    def __init__(self, store: Store, js: JetStreamContext, path: str, holder: str) -> None:
        self._store = store
        self._js = js
        self._path = path
        self._exports = ExportCache()
        name = hashlib.blake2b(path.encode(), digest_size=6).hexdigest() if path else "sample"
        self._key = f"feed.{name}"
        self._lease = Lease(store, self._key, holder, _LEASE)

    async def step(self) -> bool:
        """Enqueue one slice; False when another feed has the turn or the queue is long enough."""
        if not await self._lease.acquire(time.time()) or await self._backlog() > BACKLOG_LIMIT:
            return False
        export = await self._exports.read(self._path)
        if not export:
            return False
        found, _ = await self._store.get_state(self._key)
        position = msgspec.convert(found, Position) if found else Position()
        part, after = next_slice(export, position)
        await self._enqueue(part)
        await self._store.put_state(self._key, after)
        return True

    async def release(self) -> None:
        """Let another feed go on at once."""
        await self._lease.release()

    async def _backlog(self) -> int:
        info = await self._js.consumer_info(TASK_STREAM, TASK_CONSUMER)
        return info.num_pending or 0

    async def _enqueue(self, part: Slice) -> None:
        if part.position.pass_number == 1:
            await ingest_messages.kiq(self._path, part.position.offset, len(part.messages))
        else:
            for message in part.messages:
                await score_message_task.kiq(message.id)
            await embed_messages_batch.kiq([message.id for message in part.messages])
        if part.window:
            await extract_knowledge.kiq(list(part.window), language=part.language)


async def run_sample_feeder(
    settings: Settings, *, path: str = "", parent_pipe: bool = False
) -> None:
    """Feed until told to stop.

    Raises:
        CannotConnectError: no connection at the start.
        ProvisionError: streams or buckets cannot be made.
        SettingsError: a task module cannot be imported.
    """
    stop = ShutdownSignal()
    stop.install(parent_pipe=parent_pipe)
    CHAT.import_tasks(settings)
    who = settings.with_name("feed").identity
    events = EventPublisher(settings, who)
    broker = make_broker(settings, events, who)
    use_broker(broker)
    closings: list[Callable[[], Awaitable[None]]] = [events.close, broker.shutdown]
    try:
        async with stop.interrupts():
            client = await connect(settings, "feed")
            closings.append(client.close)
            await provision(client.jetstream(), settings)
            await events.start()
            await broker.startup()
            feed = SampleFeeder(await Store.open(client.jetstream()), client.jetstream(), path, who)
            scheduling = await SchedulerRuntime.start(settings, broker, events, who)
    except ShutdownRequestedError:
        await close_all(*closings)
        logger.info("%s ended (%s) before it enqueued anything", who, stop.reason)
        return
    except BaseException:
        await close_all(*closings)
        raise
    logger.info("%s enqueues a slice every %g s", who, settings.feed_interval)
    while not stop.requested.is_set():
        try:
            await feed.step()
        except OUTAGE_ERRORS as error:
            logger.warning("slice not enqueued: %s", type(error).__name__)
        except Exception:
            logger.exception("slice not enqueued")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.feed_interval):
                await stop.requested.wait()
    with contextlib.suppress(*OUTAGE_ERRORS):
        async with asyncio.timeout(2):
            await feed.release()
    await scheduling.close()
    await close_all(*closings)
    logger.info("%s ended (%s)", who, stop.reason)
