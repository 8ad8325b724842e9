"""Provider calls, traced as events: agent, model, latency and token usage.

Three agents call providers: classification scores messages, extraction finds atoms, and analysis
assigns messages to topics.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.provider import Provider, Usage
from pulse_workers.telemetry.event_sink import EventSink

CLASSIFICATION: Final = "classification"
EXTRACTION: Final = "extraction"
ANALYSIS: Final = "analysis"


class _HasUsage(Protocol):
    @property
    def usage(self) -> Usage: ...


T = TypeVar("T", bound=_HasUsage)


class AgentCalls:
    """Runs provider calls in threads and publishes their events."""

    def __init__(self, events: EventSink, provider: Provider) -> None:
        self._events = events
        self._provider = provider

    async def call(self, agent: str, task_id: str, items: int, function: Callable[[], T]) -> T:
        """Run a provider call.

        Args:
            agent: name of the agent.
            task_id: ID of the calling task.
            items: number of messages.
            function: the call. It runs in a thread, so that the event loop is not blocked.
        """
        self._publish("agent.started", agent, task_id, items)
        started = time.perf_counter()
        try:
            result = await asyncio.to_thread(function)
        except BaseException as error:
            reason = f"{type(error).__name__}: {redact_url(str(error))}".rstrip(": ")
            self._publish("agent.failed", agent, task_id, items, started, error=reason)
            raise
        self._publish("agent.finished", agent, task_id, items, started, usage=result.usage)
        return result

    def _publish(
        self,
        event_type: str,
        agent: str,
        task_id: str,
        items: int,
        started: float | None = None,
        *,
        usage: Usage | None = None,
        error: str | None = None,
    ) -> None:
        self._events.publish(
            "agents",
            event_type,
            {
                "agent": agent,
                "provider": self._provider.name,
                "model": self._provider.model,
                "task_id": task_id,
                "items": items,
                "tokens_in": usage.tokens_in if usage is not None else None,
                "tokens_out": usage.tokens_out if usage is not None else None,
                "latency_s": None if started is None else round(time.perf_counter() - started, 6),
                "error": error,
            },
        )
