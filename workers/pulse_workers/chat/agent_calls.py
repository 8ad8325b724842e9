"""Provider calls, traced as events: agent, model, latency and token usage.

Three agents call providers: classification judges messages, extraction finds atoms and topics, and
analysis summarises periods.
"""

import time
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.provider import Answer, Provider
from pulse_workers.telemetry.event_sink import EventSink

CLASSIFICATION: Final = "classification"
EXTRACTION: Final = "extraction"
ANALYSIS: Final = "analysis"


T = TypeVar("T")


class AgentCalls:
    """Awaits provider calls and publishes their events."""

    def __init__(self, events: EventSink, provider: Provider) -> None:
        self._events = events
        self._provider = provider

    async def call(
        self, agent: str, task_id: str, items: int, answer: Awaitable[Answer[T]]
    ) -> Answer[T]:
        """Await a provider call.

        Args:
            agent: name of the agent.
            task_id: ID of the calling task.
            items: number of messages.
            answer: the call, which has not started yet.
        """
        self._publish("agent.started", agent, task_id, items)
        started = time.perf_counter()
        try:
            result = await answer
        except BaseException as error:
            reason = f"{type(error).__name__}: {redact_url(str(error))}".rstrip(": ")
            self._publish("agent.failed", agent, task_id, items, started, error=reason)
            raise
        self._publish("agent.finished", agent, task_id, items, started, answer=result)
        return result

    def _publish(
        self,
        event_type: str,
        agent: str,
        task_id: str,
        items: int,
        started: float | None = None,
        *,
        answer: Answer[Any] | None = None,
        error: str | None = None,
    ) -> None:
        self._events.publish(
            "agents",
            event_type,
            {
                "agent": agent,
                "provider": self._provider.name if answer is None else answer.provider,
                "model": self._provider.model if answer is None else answer.model,
                "task_id": task_id,
                "items": items,
                "tokens_in": None if answer is None else answer.usage.tokens_in,
                "tokens_out": None if answer is None else answer.usage.tokens_out,
                "latency_s": None if started is None else round(time.perf_counter() - started, 6),
                "error": error,
            },
        )
