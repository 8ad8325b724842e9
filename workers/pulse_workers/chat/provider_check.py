"""Is the provider there? Asked regularly with a small real call, timed."""

import asyncio
import time

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.provider import Provider
from pulse_workers.telemetry.event_publisher import EventPublisher


class ProviderCheck:
    """Publishes `provider.checked`."""

    def __init__(self, events: EventPublisher, provider: Provider) -> None:
        self._events = events
        self._provider = provider

    async def check(self) -> None:
        """Call the provider and tell how that went."""
        models: list[str] = []
        problem: str | None = None
        begin = time.perf_counter()
        try:
            models = await asyncio.to_thread(self._provider.check)
        except Exception as error:  # noqa: BLE001 - whatever a provider raises is its status
            problem = f"{type(error).__name__}: {redact_url(str(error))}"
        self._events.publish(
            "providers",
            "provider.checked",
            {
                "provider": self._provider.name,
                "kind": self._provider.kind,
                "status": "error" if problem else "connected",
                "latency_s": round(time.perf_counter() - begin, 6),
                "models": models,
                "error": problem,
            },
        )
