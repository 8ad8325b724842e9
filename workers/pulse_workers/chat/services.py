"""Services that tasks use: store, provider and events. A task gets them by `current_services()`.

They are in a context variable rather than in an argument, so that the signature of a task consists
of the arguments it is enqueued with.
"""

import contextlib
import contextvars
import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import Final

from nats.aio.client import Client

from pulse_workers.chat.agents.call_tracing import AgentCalls
from pulse_workers.chat.provider_factory import CheckedProvider, make_providers
from pulse_workers.chat.providers.provider import Provider
from pulse_workers.chat.search import KnowledgeSearch
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.store.store import Store
from pulse_workers.config.settings import Settings
from pulse_workers.telemetry.event_sink import EventSink

_REQUEST_TIMEOUT_S: Final = 20.0


@dataclasses.dataclass(frozen=True)
class Services:
    """Services of one worker.

    Attributes:
        store: messages, scores, stages, vectors and knowledge.
        events: publishes events.
        agents: provider calls that are traced as events.
        provider: classifies, embeds, extracts and summarises, as configured per agent.
        checked_providers: providers whose state is published.
        search: search over messages and atoms.
        folders: where exports and their attachments may be.
        worker: identity of this process.
    """

    store: Store
    events: EventSink
    agents: AgentCalls
    provider: Provider
    checked_providers: Sequence[CheckedProvider]
    search: KnowledgeSearch
    folders: AllowedFolders
    worker: str


@contextlib.asynccontextmanager
async def open_services(
    client: Client, events: EventSink, worker: str, settings: Settings
) -> AsyncIterator[Services]:
    """Open the store and create the services; close the connections of providers at the end.

    Raises:
        SettingsError: the configuration of providers is invalid.
    """
    folders = AllowedFolders(settings.chat_folders)
    store = await Store.open(client.jetstream(timeout=_REQUEST_TIMEOUT_S))
    async with contextlib.aclosing(make_providers(settings, store.state)) as providers:
        agents = AgentCalls(events, providers.provider)
        yield Services(
            store=store,
            events=events,
            agents=agents,
            provider=providers.provider,
            checked_providers=providers.checks,
            search=KnowledgeSearch(store, providers.provider, agents),
            folders=folders,
            worker=worker,
        )


_services: contextvars.ContextVar[Services] = contextvars.ContextVar("services")


def use_services(services: Services) -> None:
    """Set the services of the tasks that are started from this context."""
    _services.set(services)


def current_services() -> Services:
    """Return the services of the running task.

    Raises:
        LookupError: not called in a worker.
    """
    return _services.get()
