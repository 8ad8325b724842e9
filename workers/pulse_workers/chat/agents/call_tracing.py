"""Provider calls, traced as events: agent, model, latency, tokens and cost.

Three agents call providers: classification rates messages, extraction finds atoms and topics, and
analysis summarises periods. Embedding has the same events.
"""

import time
import uuid
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from pulse_workers.chat.providers.model_errors import InvalidAnswerError, ModelError
from pulse_workers.chat.providers.provider import Answer, Capability, Provider, Usage
from pulse_workers.config.known_secrets import describe_error
from pulse_workers.telemetry.event_sink import EventSink

MAX_ANSWER: Final = 2_000
"""Characters of a rejected answer in an event."""

T = TypeVar("T")


class AgentCalls:
    """Awaits provider calls and publishes their events."""

    def __init__(self, events: EventSink, provider: Provider) -> None:
        self._events = events
        self._provider = provider

    async def call(
        self,
        agent: str,
        task_id: str,
        items: int,
        answer: Awaitable[Answer[T]],
        *,
        capability: Capability,
    ) -> Answer[T]:
        """Await a provider call.

        Args:
            agent: name of the agent.
            task_id: ID of the calling task.
            items: number of messages, or of search queries.
            answer: the call, which has not started yet.
            capability: what is called.
        """
        version = self._provider.version(capability)
        fields: dict[str, Any] = {
            "agent": agent,
            "provider": version.provider or self._provider.name,
            "model": version.model,
            "task_id": task_id,
            "call_id": uuid.uuid4().hex,
            "items": items,
            "tokens_in": None,
            "tokens_out": None,
            "cost_usd": None,
            "latency_s": None,
            "prompt_version": version.prompt_version or None,
            "schema_version": version.schema_version or None,
            "fallback_from": None,
            "fallback_reason": None,
            "answer": None,
            "error": None,
        }
        self._publish("agent.started", fields)
        started = time.perf_counter()
        try:
            result = await answer
        except BaseException as error:
            latency = {"latency_s": round(time.perf_counter() - started, 6)}
            self._publish("agent.failed", fields | latency | _of_error(error))
            raise
        latency = {"latency_s": round(time.perf_counter() - started, 6)}
        self._publish("agent.finished", fields | latency | _of_answer(result))
        return result

    def _publish(self, event_type: str, fields: dict[str, Any]) -> None:
        self._events.publish("agents", event_type, fields)


def _of_answer(answer: Answer[Any]) -> dict[str, Any]:
    return {
        "provider": answer.provider,
        "model": answer.model,
        "prompt_version": answer.prompt_version or None,
        "schema_version": answer.schema_version or None,
        **answer.fallback_fields,
        **_of_usage(answer.usage),
    }


def _of_error(error: BaseException) -> dict[str, Any]:
    fields: dict[str, Any] = {"error": describe_error(error)}
    if isinstance(error, ModelError):
        fields |= _of_usage(error.usage)
    if isinstance(error, InvalidAnswerError):
        fields["answer"] = error.text[:MAX_ANSWER]
    return fields


def _of_usage(usage: Usage) -> dict[str, Any]:
    return {
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "cost_usd": None if usage.cost_usd is None else round(usage.cost_usd, 8),
    }
