"""Application of a worker: its task modules, and the services that its tasks use.

The runtime knows no application. An entry point passes one in, such as
`pulse_workers.chat.application`.
"""

import contextlib
import dataclasses
import importlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from nats.aio.client import Client

from pulse_workers.config.settings import Settings
from pulse_workers.registry import import_tasks
from pulse_workers.runtime.periodic_tasks import PeriodicTask
from pulse_workers.telemetry.event_publisher import EventPublisher


@dataclasses.dataclass(frozen=True)
class WorkerContext:
    """Settings and connections of a worker that its application may use.

    Attributes:
        settings: of the worker.
        client: a connected client.
        events: publishes events.
        worker: identity of this process.
    """

    settings: Settings
    client: Client
    events: EventPublisher
    worker: str


OpenServices = Callable[[WorkerContext], AbstractAsyncContextManager[Sequence[PeriodicTask]]]


@contextlib.asynccontextmanager
async def _no_services(_context: WorkerContext) -> AsyncIterator[Sequence[PeriodicTask]]:
    yield ()


@dataclasses.dataclass(frozen=True)
class Application:
    """Tasks and their services.

    Attributes:
        task_modules: modules that define tasks.
        open_services: returns a context manager, which a worker enters once, before its first
            task. It yields the periodic work that belongs to the services; context variables that
            it sets are visible to tasks. It exits after the last task and the periodic work,
            while the connections of the worker are still open.
    """

    task_modules: tuple[str, ...] = ()
    open_services: OpenServices = _no_services

    def import_tasks(self, settings: Settings) -> None:
        """Import the application's task modules and those of PULSE_WORKER_TASKS.

        Raises:
            SettingsError: a module of PULSE_WORKER_TASKS cannot be imported.
        """
        for name in self.task_modules:
            importlib.import_module(name)
        import_tasks(settings.task_modules)
