"""A provider that passes each call to the provider configured for it, or to a fallback."""

import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from pulse_workers.chat.providers.model_errors import (
    InvalidAnswerError,
    ModelError,
    ModelRateLimitedError,
    is_about_input,
)
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    Extraction,
    ExtractionRequest,
    FallbackCause,
    JudgeInput,
    Judgement,
    ModelVersion,
    PeriodSummary,
    Provider,
    SummaryRequest,
    Usage,
)
from pulse_workers.chat.providers.structured_output import add_usage
from pulse_workers.chat.records import Vector
from pulse_workers.config.known_secrets import describe_error
from pulse_workers.errors import ProviderRefusedError

logger = logging.getLogger("pulse.workers.providers")

T = TypeVar("T")

UNAVAILABLE_S: Final = 300.0
"""After a failure, a process expects fallbacks to answer for so long, unless the provider answers
another call or a check."""
_MAX_REASON: Final = 300
_Ids = Collection[str] | None
"""IDs of the messages that a provider is asked about; None for all of the call."""


class _Failure(NamedTuple):
    """When the first provider of a capability failed, and whether a limit was the reason."""

    at: float
    is_limit: bool


class RoutedProvider:
    """A chain of providers for each capability; the first one that answers is used.

    An answer of another one than the first has `Answer.fallback`.
    """

    def __init__(
        self,
        chains: Mapping[Capability, Sequence[Provider]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the chains; a capability without one is refused.

        Args:
            chains: providers in the order in which they are asked.
            monotonic: returns seconds of a clock that never goes back.
        """
        self._monotonic = monotonic
        self._failures: dict[Capability, _Failure] = {}
        self._chains = {capability: tuple(chain) for capability, chain in chains.items() if chain}

    @property
    def name(self) -> str:
        """Names of the first providers, each once."""
        return "+".join(dict.fromkeys(chain[0].name for chain in self._chains.values()))

    @property
    def embedding_model(self) -> str:
        """Model that embeds; that of all fallbacks is the same."""
        return self._first(Capability.EMBED, "embedding_model")

    def version(self, capability: Capability) -> ModelVersion:
        """Return the version of the first provider, also while a fallback answers."""
        chain = self._chains.get(capability, ())
        if not chain:
            return ModelVersion("")
        return dataclasses.replace(
            chain[0].version(capability),
            provider=chain[0].name,
            is_available=self._is_available(capability),
        )

    def _is_available(self, capability: Capability) -> bool:
        failure = self._failures.get(capability)
        return failure is None or failure.at + UNAVAILABLE_S <= self._monotonic()

    async def classify(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        """Judge messages; see `Provider`."""

        def call(provider: Provider, ids: _Ids) -> Awaitable[Answer[tuple[Judgement, ...]]]:
            asked = [each for each in inputs if ids is None or each.message.id in ids]
            return provider.classify(asked)

        return await self._ask(Capability.CLASSIFY, call)

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Embed texts; see `Provider`."""
        return await self._ask(
            Capability.EMBED, lambda provider, _ids: provider.embed(texts, is_query=is_query)
        )

    async def extract(self, request: ExtractionRequest) -> Answer[Extraction]:
        """Extract atoms and assign topics; see `Provider`."""

        def call(provider: Provider, ids: _Ids) -> Awaitable[Answer[Extraction]]:
            messages = [each for each in request.messages if ids is None or each.id in ids]
            return provider.extract(dataclasses.replace(request, messages=messages))

        return await self._ask(Capability.EXTRACT, call)

    async def summarise(self, request: SummaryRequest) -> Answer[PeriodSummary]:
        """Summarise a period; see `Provider`."""
        return await self._ask(
            Capability.SUMMARISE, lambda provider, _ids: provider.summarise(request)
        )

    async def _ask(
        self, capability: Capability, call: Callable[[Provider, _Ids], Awaitable[Answer[T]]]
    ) -> Answer[T]:
        """Return the first answer; a fallback is asked about the messages that it lacks.

        Raises:
            ModelError: all failed; this is the first error that may pass, or the first.
            ProviderRefusedError: likewise.
        """
        chain = self._chains.get(capability, ())
        if not chain:
            raise ProviderRefusedError(f"no provider is configured to {capability.value}")
        errors: list[Exception] = []
        spent = Usage(cost_usd=0.0)
        answers: list[Answer[T]] = []
        unanswered: dict[str, Exception] = {}
        of_first: Mapping[str, Exception] = {}
        for provider in chain:
            started_at = self._monotonic()
            try:
                answer = await call(provider, frozenset(unanswered) if answers else None)
            except (ModelError, ProviderRefusedError) as error:
                if isinstance(error, ModelError):
                    spent = add_usage(spent, error.usage)
                if provider is chain[0] and _is_temporary(error):
                    self._failures[capability] = _Failure(
                        self._monotonic(), isinstance(error, ModelRateLimitedError)
                    )
                errors.append(error)
                unanswered = {key: _lasting(old, error) for key, old in unanswered.items()}
                # A caller splits what the last provider refuses, and records what remains refused.
                if provider is not chain[-1] or not is_about_input(error):
                    logger.warning("%s failed to %s: %s", provider.name, capability.value, error)
                continue
            self.mark_available(provider.name, started_at)
            if provider is chain[0]:
                of_first = answer.errors
            spent = add_usage(spent, answer.usage)
            if errors:
                replaced = [each for key, each in of_first.items() if key not in answer.errors]
                fallback = _fallback(chain[0], capability, replaced or errors[:1])
                answer = dataclasses.replace(answer, fallback=fallback)
            answers.append(answer)
            unanswered = {
                key: _lasting(unanswered.get(key, error), error)
                for key, error in answer.errors.items()
            }
            if not unanswered:
                break
            errors += answer.errors.values()
            text = "%s failed to %s %d messages: %s"
            first = next(iter(answer.errors.values()))
            logger.warning(text, provider.name, capability.value, len(unanswered), first)
        if not answers:
            first = next((each for each in errors if not is_about_input(each)), errors[0])
            if isinstance(first, ModelError):
                first.usage = spent
            raise first
        answers[-1] = dataclasses.replace(answers[-1], errors=unanswered)
        return _joined(answers, spent)

    def mark_available(self, provider: str, since: float, *, is_check: bool = False) -> None:
        """Expect a provider to answer again, whatever it is asked: it has just answered.

        Args:
            provider: its name.
            since: when it was called, by the monotonic clock; a later failure counts.
            is_check: whether it was only checked, which says nothing of a rate or spend limit.
        """
        for capability, failure in list(self._failures.items()):
            is_over = failure.at <= since and not (is_check and failure.is_limit)
            if is_over and self._chains[capability][0].name == provider:
                del self._failures[capability]

    def _first(self, capability: Capability, attribute: str) -> str:
        chain = self._chains.get(capability, ())
        return str(getattr(chain[0], attribute)) if chain else ""


def _fallback(
    first: Provider, capability: Capability, errors: Sequence[Exception]
) -> FallbackCause:
    """Return why a fallback answered for a provider, with the errors of that provider."""
    error = next(filter(_is_temporary, errors), errors[0])
    reason = describe_error(error, _MAX_REASON)
    # Vectors of a fallback are of the same model: there is nothing to repeat.
    is_provisional = capability is not Capability.EMBED and _is_temporary(error)
    return FallbackCause(first.name, first.version(capability).model, reason, is_provisional)


def _is_temporary(error: Exception) -> bool:
    """Return whether the same call may be answered later, at no cost for what is invalid again."""
    return not is_about_input(error) and not isinstance(error, InvalidAnswerError)


def _lasting(one: Exception, other: Exception) -> Exception:
    """Return the error that counts if two providers failed: one that may pass, if there is one."""
    return other if is_about_input(one) else one


def _joined(answers: Sequence[Answer[T]], usage: Usage) -> Answer[T]:
    """Return the first answer with the others as its rest."""
    rest = _joined(answers[1:], answers[1].usage) if len(answers) > 1 else None
    return dataclasses.replace(answers[0], usage=usage, rest=rest)
