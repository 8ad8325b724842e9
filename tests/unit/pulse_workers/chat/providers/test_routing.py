"""A call goes to the configured provider, or to a fallback that the answer names."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from pulse_workers.chat.providers.model_errors import (
    InvalidAnswerError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from pulse_workers.chat.providers.partial_provider import PartialProvider
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    FallbackCause,
    JudgeInput,
    Judgement,
    Provider,
    Usage,
)
from pulse_workers.chat.providers.routing import UNAVAILABLE_S, RoutedProvider
from pulse_workers.chat.records import Vector
from pulse_workers.errors import ProviderRefusedError

from tests.unit.pulse_workers.chat.providers.chat_messages import chat_message


class Embedder(PartialProvider):
    """Embeds, or raises an error."""

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


async def test_a_fallback_is_in_the_answer_with_the_cost_of_what_failed() -> None:
    error = InvalidAnswerError("no JSON", "Sure!", "model", Usage(100, 20, 0.5))
    chain = [Embedder("one", error), Embedder("two", ProviderRefusedError("no")), Embedder("three")]
    answer = await RoutedProvider({Capability.EMBED: chain}).embed(["text"])
    assert answer.provider == "three"
    reason = "InvalidAnswerError: model gave no valid answer: no JSON"
    assert answer.fallback == FallbackCause("one", "model", reason)
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
    with pytest.raises(ProviderRefusedError, match="no provider is configured to classify"):
        await RoutedProvider({}).classify([])


class Judge(PartialProvider):
    """Judges messages, but not those with an error."""

    def __init__(self, name: str, errors: Mapping[str, Exception]) -> None:
        super().__init__(name, "model")
        self.errors = errors
        self.failure: Exception | None = None
        self.asked: list[str] = []

    async def classify(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        if self.failure is not None:
            raise self.failure
        self.asked = [each.message.id for each in inputs]
        value = tuple(Judgement(key, "noise", 0.0) for key in self.asked if key not in self.errors)
        errors = {key: self.errors[key] for key in self.asked if key in self.errors}
        return Answer(value, Usage(1, 1, 0.5), self.name, self.model, errors=errors)


async def test_a_fallback_is_asked_about_the_messages_that_the_first_does_not_answer() -> None:
    chat = [chat_message(text) for text in "abc"]
    a, b, c = (each.id for each in chat)
    first = Judge("one", {b: ProviderRefusedError("b"), c: ModelUnavailableError("c")})
    second = Judge("two", {c: ProviderRefusedError("still c")})
    routed = RoutedProvider({Capability.CLASSIFY: [first, second]})
    answer = await routed.classify([JudgeInput(each) for each in chat])
    assert second.asked == [b, c]
    parts = [(part.provider, [each.message_id for each in part.value]) for part in answer.parts]
    assert parts == [("one", [a]), ("two", [b])]
    assert answer.rest is not None
    assert answer.rest.fallback == FallbackCause("one", "model", "ProviderRefusedError: b")
    # The first may answer it later, so the refusal of the second is not final.
    assert list(answer.unanswered) == [c]
    assert isinstance(answer.unanswered[c], ModelUnavailableError)
    assert answer.fallback_of(a) is None
    assert answer.fallback_of(b) == answer.rest.fallback
    assert answer.usage == Usage(2, 2, 1.0)


async def test_a_fallback_is_temporary_if_the_first_may_answer_one_of_its_messages_later() -> None:
    chat = [chat_message(text) for text in "abc"]
    a, b, _ = (each.id for each in chat)
    first = Judge("one", {a: ProviderRefusedError("a"), b: ModelUnavailableError("b")})
    routed = RoutedProvider({Capability.CLASSIFY: [first, Judge("two", {})]})
    answer = await routed.classify([JudgeInput(each) for each in chat])
    reason = "ModelUnavailableError: b"
    assert answer.fallback_of(b) == FallbackCause("one", "model", reason, is_provisional=True)


async def test_a_provider_is_unavailable_from_a_failure_to_the_next_answer_or_for_a_while() -> None:
    now = [1_000.0]
    first, second = Judge("one", {}), Judge("two", {})
    routed = RoutedProvider({Capability.CLASSIFY: [first, second]}, monotonic=lambda: now[0])
    inputs = [JudgeInput(chat_message("a"))]

    async def ask(error: Exception | None) -> bool:
        first.failure = error
        answer = await routed.classify(inputs)
        return answer.fallback is not None and answer.fallback.is_provisional

    def is_available() -> bool:
        return routed.version(Capability.CLASSIFY).is_available

    assert is_available()
    for final in (ProviderRefusedError("no"), InvalidAnswerError("no JSON", "", "model")):
        assert not await ask(final)
        assert is_available()
    assert await ask(ModelUnavailableError("HTTP 500"))
    assert not is_available()
    assert not await ask(None)
    assert is_available()
    assert await ask(ModelRefusedError("wrong key", 401))
    now[0] += UNAVAILABLE_S - 1
    assert not is_available()
    now[0] += 1
    assert is_available()


async def test_any_later_answer_or_check_of_a_provider_makes_it_available_again() -> None:
    now = [1_000.0]
    judge, embedder = Judge("one", {}), Embedder("one")
    chains: dict[Capability, list[Provider]] = {
        Capability.CLASSIFY: [judge, Judge("two", {})],
        Capability.EMBED: [embedder, Embedder("two")],
    }
    routed = RoutedProvider(chains, monotonic=lambda: now[0])

    async def is_available_after(error: Exception) -> bool:
        judge.failure = error
        await routed.classify([JudgeInput(chat_message("a"))])
        now[0] += 1
        return routed.version(Capability.CLASSIFY).is_available

    assert not await is_available_after(ModelUnavailableError("HTTP 503"))
    embedder.error = ModelUnavailableError("HTTP 503")
    await routed.embed(["text"])
    assert not routed.version(Capability.CLASSIFY).is_available  # the other provider answered
    embedder.error = None
    await routed.embed(["text"])
    assert routed.version(Capability.CLASSIFY).is_available
    assert not await is_available_after(ModelUnavailableError("HTTP 503"))
    routed.mark_available("one", now[0] - 2, is_check=True)  # it began before the failure
    assert not routed.version(Capability.CLASSIFY).is_available
    routed.mark_available("one", now[0], is_check=True)
    assert routed.version(Capability.CLASSIFY).is_available
    assert not await is_available_after(ModelRateLimitedError("HTTP 429"))
    routed.mark_available("one", now[0], is_check=True)
    assert not routed.version(Capability.CLASSIFY).is_available
