"""The chat application: its tasks, services and periodic jobs, as an entry point passes them in."""

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from pulse_workers.chat.metrics import MetricsReporter
from pulse_workers.chat.provider_factory import CheckedProvider, ModelServerCheck
from pulse_workers.chat.services import open_services, use_services
from pulse_workers.config.known_secrets import describe_error
from pulse_workers.runtime.periodic_tasks import PeriodicTask
from pulse_workers.telemetry.event_sink import EventSink
from pulse_workers.worker.application import Application, WorkerContext

logger = logging.getLogger("pulse.workers.providers")


class ProviderCheck:
    """Publishes `provider.checked` after a timed request without cost to the provider.

    A failure is logged when it begins and when it ends, at the start of the worker at the latest.
    """

    def __init__(self, events: EventSink, provider: CheckedProvider) -> None:
        self.name = f"check of {provider.name}"
        self._events = events
        self._provider = provider
        self._error: str | None = None

    async def check(self) -> None:
        """Call the provider and publish its status."""
        models: list[str] = []
        error_text: str | None = None
        started = time.perf_counter()
        try:
            models = await self._provider.check()
        except Exception as error:  # noqa: BLE001 - any error of a provider is its status
            error_text = describe_error(error)
        self._log(error_text)
        server = self._provider if isinstance(self._provider, ModelServerCheck) else None
        self._events.publish(
            "providers",
            "provider.checked",
            {
                "provider": self._provider.name,
                "kind": self._provider.kind,
                "status": "error" if error_text else "connected",
                "latency_s": round(time.perf_counter() - started, 6),
                "models": models,
                "error": error_text,
                "protocol": server.protocol if server is not None else None,
                "url": server.url if server is not None else None,
            },
        )

    def _log(self, error: str | None) -> None:
        if error == self._error:
            return
        self._error = error
        if error is None:
            logger.info("the provider %s answers", self._provider.name)
        else:
            logger.warning("the provider %s cannot be used: %s", self._provider.name, error)


@contextlib.asynccontextmanager
async def _open_services(context: WorkerContext) -> AsyncIterator[Sequence[PeriodicTask]]:
    settings = context.settings
    async with open_services(context.client, context.events, context.worker, settings) as services:
        use_services(services)
        checks = [ProviderCheck(services.events, each) for each in services.checked_providers]
        metrics = MetricsReporter(services, settings.metrics_interval)
        interval = settings.provider_interval
        yield (
            *(PeriodicTask(check.name, interval, check.check) for check in checks),
            PeriodicTask("metrics", settings.metrics_interval, metrics.report),
        )


CHAT: Final = Application(
    task_modules=(
        "pulse_workers.chat.tasks.ingestion",
        "pulse_workers.chat.tasks.scoring",
        "pulse_workers.chat.tasks.embedding",
        "pulse_workers.chat.tasks.knowledge",
        "pulse_workers.chat.tasks.analysis",
        "pulse_workers.chat.tasks.search",
        "pulse_workers.chat.tasks.corrections",
        "pulse_workers.chat.tasks.batch",
        "pulse_workers.chat.tasks.missing",
        "pulse_workers.chat.tasks.upstream_names",
    ),
    open_services=_open_services,
)
