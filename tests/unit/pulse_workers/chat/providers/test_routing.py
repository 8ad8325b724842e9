"""A call goes to the configured provider, or to a fallback that the answer names."""

from collections.abc import Sequence

import numpy as np
import pytest
from pulse_workers.chat.providers.model_errors import InvalidAnswerError, ModelUnavailableError
from pulse_workers.chat.providers.partial_provider import PartialProvider
from pulse_workers.chat.providers.provider import Answer, Capability, Fallback, Usage
from pulse_workers.chat.providers.routing import RoutedProvider
from pulse_workers.chat.records import Vector
from pulse_workers.errors import ProviderRefusedError


class Embedder(PartialProvider):
    """Embeds, or raises an error."""

    capabilities = frozenset({Capability.EMBED})

    def __init__(self, name: str, error: Exception | None = None) -> None:
        super().__init__(name, embedding_model="model")
        self.error = error

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        del is_query
        if self.error is not None:
            raise self.error
        vectors = np.ones((len(texts), 1), dtype=np.float32)
        return Answer(vectors, Usage(10, 0, 0.25), self.name, self.embedding_model)


async def test_the_first_provider_answers() -> None:
    routed = RoutedProvider({Capability.EMBED: [Embedder("one"), Embedder("two")]})
    answer = await routed.embed(["text"])
    assert (answer.provider, answer.fallback) == ("one", None)
    assert (routed.name, routed.embedding_model) == ("one", "model")
    assert routed.capabilities == {Capability.EMBED}


async def test_a_fallback_is_in_the_answer_with_the_cost_of_what_failed() -> None:
    error = InvalidAnswerError("no JSON", "Sure!", "model", Usage(100, 20, 0.5))
    chain = [Embedder("one", error), Embedder("two", ProviderRefusedError("no")), Embedder("three")]
    answer = await RoutedProvider({Capability.EMBED: chain}).embed(["text"])
    assert answer.provider == "three"
    reason = "InvalidAnswerError: model gave no valid answer: no JSON"
    assert answer.fallback == Fallback("one", "model", reason)
    assert answer.usage == Usage(110, 20, 0.75)


async def test_if_all_fail_the_error_of_the_first_is_raised() -> None:
    errors = [ModelUnavailableError("HTTP 500"), ProviderRefusedError("no")]
    chain = [Embedder(str(number), error) for number, error in enumerate(errors)]
    with pytest.raises(ModelUnavailableError, match="HTTP 500"):
        await RoutedProvider({Capability.EMBED: chain}).embed(["text"])


async def test_a_bug_is_no_reason_for_a_fallback() -> None:
    chain = [Embedder("one", TypeError("bug")), Embedder("two")]
    with pytest.raises(TypeError):
        await RoutedProvider({Capability.EMBED: chain}).embed(["text"])


async def test_what_nobody_can_is_refused() -> None:
    with pytest.raises(ProviderRefusedError, match="no provider is configured to judge"):
        await RoutedProvider({}).judge([])
