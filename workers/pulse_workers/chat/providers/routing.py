"""A provider that passes each call to the provider configured for it, or to a fallback."""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.providers.model_errors import ModelError
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    Fallback,
    JudgeInput,
    Judgement,
    ModelVersion,
    PeriodSummary,
    Provider,
    Reading,
    ReadRequest,
    SummaryRequest,
    Usage,
)
from pulse_workers.chat.providers.structured_output import add_usage
from pulse_workers.chat.records import Vector
from pulse_workers.errors import ProviderRefusedError

logger = logging.getLogger("pulse.workers.providers")

T = TypeVar("T")

_MAX_REASON: Final = 300


class RoutedProvider:
    """A chain of providers for each capability; the first one that answers is used.

    An answer of another one than the first has `Answer.fallback`.
    """

    def __init__(self, chains: Mapping[Capability, Sequence[Provider]]) -> None:
        """Set the chains; a capability without one is refused."""
        self._chains = {capability: tuple(chain) for capability, chain in chains.items() if chain}

    @property
    def name(self) -> str:
        """Names of the first providers, each once."""
        return "+".join(dict.fromkeys(chain[0].name for chain in self._chains.values()))

    @property
    def kind(self) -> str:
        """Technique of the first provider that judges."""
        return self._first(Capability.JUDGE, "kind")

    @property
    def model(self) -> str:
        """Model that judges; an answer names the model that gave it."""
        return self._first(Capability.JUDGE, "model")

    @property
    def embedding_model(self) -> str:
        """Model that embeds; that of all fallbacks is the same."""
        return self._first(Capability.EMBED, "embedding_model")

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What at least one provider of a chain can do."""
        return frozenset(
            capability
            for capability, chain in self._chains.items()
            if any(capability in provider.capabilities for provider in chain)
        )

    def version(self, capability: Capability) -> ModelVersion:
        """Return the version of the first provider, also while a fallback answers."""
        chain = self._chains.get(capability, ())
        if not chain:
            return ModelVersion("")
        return dataclasses.replace(chain[0].version(capability), provider=chain[0].name)

    async def check(self) -> list[str]:
        """Check each provider that is used, and return all models."""
        used = {id(each): each for chain in self._chains.values() for each in chain}
        return [model for each in used.values() for model in await each.check()]

    async def judge(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        """Judge messages; see `Provider`."""
        return await self._ask(Capability.JUDGE, lambda provider: provider.judge(inputs))

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Embed texts; see `Provider`."""
        return await self._ask(
            Capability.EMBED, lambda provider: provider.embed(texts, is_query=is_query)
        )

    async def read(self, request: ReadRequest) -> Answer[Reading]:
        """Extract atoms and assign topics; see `Provider`."""
        return await self._ask(Capability.READ, lambda provider: provider.read(request))

    async def summarise(self, request: SummaryRequest) -> Answer[PeriodSummary]:
        """Summarise a period; see `Provider`."""
        return await self._ask(Capability.SUMMARISE, lambda provider: provider.summarise(request))

    async def _ask(
        self, capability: Capability, call: Callable[[Provider], Awaitable[Answer[T]]]
    ) -> Answer[T]:
        """Return the first answer.

        Raises:
            ModelError: all failed; this is the error of the first.
            ProviderRefusedError: likewise.
        """
        chain = self._chains.get(capability, ())
        if not chain:
            raise ProviderRefusedError(f"no provider is configured to {capability.value}")
        errors: list[ModelError | ProviderRefusedError] = []
        spent = Usage(cost_usd=0.0)
        for provider in chain:
            try:
                answer = await call(provider)
            except (ModelError, ProviderRefusedError) as error:
                if isinstance(error, ModelError):
                    spent = add_usage(spent, error.usage)
                errors.append(error)
                logger.warning("%s failed to %s: %s", provider.name, capability.value, error)
                continue
            if not errors:
                return answer
            reason = redact_url(f"{type(errors[0]).__name__}: {errors[0]}")[:_MAX_REASON]
            model = chain[0].version(capability).model
            return dataclasses.replace(
                answer,
                usage=add_usage(spent, answer.usage),
                fallback=Fallback(chain[0].name, model, reason),
            )
        first = errors[0]
        if isinstance(first, ModelError):
            first.usage = spent
        raise first

    def _first(self, capability: Capability, attribute: str) -> str:
        chain = self._chains.get(capability, ())
        return str(getattr(chain[0], attribute)) if chain else ""
