"""What a task may use: the store, the provider, events. `current_services()` gives it to a task.

It travels in a context variable, not in an argument: a task's signature says what it is told by
whoever enqueues it, and nothing else.
"""

import asyncio
import contextvars
import dataclasses
import hashlib
from pathlib import Path

from nats.aio.client import Client

from pulse_desktop.resources import resource_path
from pulse_workers.brokers.delivery import current_delivery
from pulse_workers.chat.agent_calls import AgentCalls
from pulse_workers.chat.attachments import SAMPLE
from pulse_workers.chat.providers.builtin import BuiltinProvider
from pulse_workers.chat.providers.provider import Provider
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.store import Store
from pulse_workers.chat.telegram import read_export
from pulse_workers.telemetry.event_publisher import EventPublisher


class ExportCache:
    """Telegram exports, of which the last one read is kept in memory."""

    def __init__(self) -> None:
        self._key: tuple[str, int, int] | None = None
        self._messages: list[ChatMessage] = []
        self._lock = asyncio.Lock()

    async def read(self, path: str) -> list[ChatMessage]:
        """Return the messages of an export; an empty path is the bundled sample.

        Raises:
            ExportUnreadableError: no such file, or it is not an export.
        """
        file = Path(path) if path else resource_path("sample", "result.json")
        async with self._lock:
            status = file.stat() if file.exists() else None
            key = (str(file), status.st_mtime_ns, status.st_size) if status else None
            if key is None or key != self._key:
                source = "" if path else SAMPLE
                self._messages = await asyncio.to_thread(read_export, file, source=source)
                self._key = key
            return self._messages


@dataclasses.dataclass(frozen=True)
class Services:
    """Everything a task may use.

    Attributes:
        store: messages, scores, vectors, knowledge.
        events: where to tell what happens.
        agents: provider calls that are told of.
        provider: who does the reading.
        exports: Telegram exports.
        worker: this process's identity.
        topics_lock: held while topics are read, changed and written.
    """

    store: Store
    events: EventPublisher
    agents: AgentCalls
    provider: Provider
    exports: ExportCache
    worker: str
    topics_lock: asyncio.Lock


async def make_services(client: Client, events: EventPublisher, worker: str) -> Services:
    """Open the store and put the services together."""
    provider = BuiltinProvider()
    return Services(
        store=await Store.open(client.jetstream()),
        events=events,
        agents=AgentCalls(events, provider),
        provider=provider,
        exports=ExportCache(),
        worker=worker,
        topics_lock=asyncio.Lock(),
    )


_services: contextvars.ContextVar[Services] = contextvars.ContextVar("services")


def install_services(services: Services) -> None:
    """Give the tasks of this worker their services."""
    _services.set(services)


def current_services() -> Services:
    """Return what the running task may use.

    Raises:
        LookupError: called outside of a worker.
    """
    return _services.get()


def current_task_id() -> str:
    """Return the id of the task that is running, empty outside of one."""
    delivery = current_delivery.get()
    return delivery.task_id if delivery is not None else ""


def child_id(parent: str, purpose: str) -> str:
    """Return the id of a task enqueued by another one.

    It is the same each time, so that a task that is run again does not enqueue its children
    twice: the queue recognises the id.
    """
    return hashlib.blake2b(f"{parent} {purpose}".encode(), digest_size=16).hexdigest()
