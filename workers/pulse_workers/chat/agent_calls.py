"""Calls to a provider, made visible: who asked what of which model, how long it took, what it cost.

Three agents use providers: classification scores messages, extraction finds atoms, analysis sorts
into topics.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.provider import Provider, Usage
from pulse_workers.telemetry.event_publisher import EventPublisher

CLASSIFICATION: Final = "classification"
EXTRACTION: Final = "extraction"
ANALYSIS: Final = "analysis"


class _HasUsage(Protocol):
    @property
    def usage(self) -> Usage: ...


T = TypeVar("T", bound=_HasUsage)


class AgentCalls:
    """Runs provider calls in a thread and tells of them."""

    def __init__(self, events: EventPublisher, provider: Provider) -> None:
        self._events = events
        self._provider = provider

    async def call(self, agent: str, task_id: str, items: int, work: Callable[[], T]) -> T:
        """Run a provider call.

        Args:
            agent: who asks.
            task_id: the task it is for.
            items: how many messages it is about.
            work: the call; it runs in a thread, so that the worker stays responsive.
        """
        self._tell("agent.started", agent, task_id, items)
        begin = time.perf_counter()
        try:
            result = await asyncio.to_thread(work)
        except BaseException as error:
            reason = f"{type(error).__name__}: {redact_url(str(error))}".rstrip(": ")
            self._tell("agent.failed", agent, task_id, items, begin, error=reason)
            raise
        self._tell("agent.finished", agent, task_id, items, begin, usage=result.usage)
        return result

    def _tell(
        self,
        type_: str,
        agent: str,
        task_id: str,
        items: int,
        begin: float | None = None,
        *,
        usage: Usage | None = None,
        error: str | None = None,
    ) -> None:
        self._events.publish(
            "agents",
            type_,
            {
                "agent": agent,
                "provider": self._provider.name,
                "model": self._provider.model,
                "task_id": task_id,
                "items": items,
                "tokens_in": usage.tokens_in if usage is not None else None,
                "tokens_out": usage.tokens_out if usage is not None else None,
                "latency_s": None if begin is None else round(time.perf_counter() - begin, 6),
                "error": error,
            },
        )
