"""Chat application as a worker runs it: its tasks, services and periodic work."""

from collections.abc import Sequence
from typing import Final

from pulse_workers.chat.metrics import MetricsReporter
from pulse_workers.chat.provider_check import ProviderCheck
from pulse_workers.chat.services import install_services, make_services
from pulse_workers.runtime.application import Application, WorkerContext
from pulse_workers.runtime.periodic_tasks import PeriodicTask


async def _start_services(context: WorkerContext) -> Sequence[PeriodicTask]:
    services = await make_services(context.client, context.events, context.worker)
    install_services(services)
    settings = context.settings
    check = ProviderCheck(services.events, services.provider)
    metrics = MetricsReporter(services)
    return (
        PeriodicTask("provider check", settings.provider_interval, check.check),
        PeriodicTask("metrics", settings.metrics_interval, metrics.report),
    )


CHAT: Final = Application(
    task_modules=(
        "pulse_workers.chat.tasks.ingestion",
        "pulse_workers.chat.tasks.scoring",
        "pulse_workers.chat.tasks.embedding",
        "pulse_workers.chat.tasks.knowledge",
    ),
    start_services=_start_services,
)
