"""Construction of a broker with results, events and retries."""

from pulse_workers.brokers.base_broker import BaseBroker
from pulse_workers.brokers.core_broker import CoreBroker
from pulse_workers.brokers.jetstream_broker import JetStreamBroker
from pulse_workers.brokers.task_names import TaskNameMiddleware
from pulse_workers.config.settings import Settings
from pulse_workers.execution.retries import RetryMiddleware
from pulse_workers.results.backend import ObjectStoreResultBackend
from pulse_workers.telemetry.event_middleware import DeliveryEventMiddleware
from pulse_workers.telemetry.event_publisher import EventPublisher


def make_broker(settings: Settings, events: EventPublisher, source: str) -> BaseBroker:
    """Return a broker for a worker or for a process that only enqueues.

    Args:
        settings: servers, credentials and the kind of broker.
        events: publishes task events.
        source: identity of this process in these events.
    """
    results = ObjectStoreResultBackend(settings)
    broker = CoreBroker(settings) if settings.broker == "core" else JetStreamBroker(settings)
    broker.with_result_backend(results)
    middleware = DeliveryEventMiddleware(
        events, source, task_log=settings.task_log, secrets=settings.secrets
    )
    middleware.watch(results)
    names = TaskNameMiddleware(settings.heartbeat_interval)
    broker.add_middlewares(names, middleware, RetryMiddleware())
    return broker
