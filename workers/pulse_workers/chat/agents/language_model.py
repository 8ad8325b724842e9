"""The provider that asks language models: one agent's calls over a model client."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from pulse_workers.chat.agents import analysis, classification, extraction
from pulse_workers.chat.agents.answer_schema import AnswerSchema
from pulse_workers.chat.agents.prompt import Prompt, load_prompt
from pulse_workers.chat.agents.prompt_data import (
    PromptData,
    estimated_tokens,
    estimated_tokens_before,
    estimated_tokens_of_topic,
    prompt_data,
)
from pulse_workers.chat.agents.prompt_injection import has_prompt_injection, is_prompt_injection
from pulse_workers.chat.providers.configuration import AgentConfiguration
from pulse_workers.chat.providers.model_client import CompletionRequest, ModelClient
from pulse_workers.chat.providers.model_errors import ModelError
from pulse_workers.chat.providers.partial_provider import PartialProvider
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    Extraction,
    ExtractionRequest,
    JudgeInput,
    Judgement,
    ModelVersion,
    PeriodSummary,
    SummaryRequest,
)
from pulse_workers.chat.providers.split_requests import SplitRequests
from pulse_workers.chat.records import NOT_JUDGED, ChatMessage, Topic

A = TypeVar("A", bound=msgspec.Struct)
T = TypeVar("T")

WITHHELD: Final = "possible prompt injection; not sent to the model"
"""Reason of a message that was not judged."""
_ANSWERS: Final[Mapping[Capability, AnswerSchema[Any]]] = {
    Capability.CLASSIFY: classification.ANSWER,
    Capability.EXTRACT: extraction.ANSWER,
    Capability.SUMMARISE: analysis.ANSWER,
}
_MAX_MESSAGES: Final = {Capability.CLASSIFY: 40, Capability.EXTRACT: 120, Capability.SUMMARISE: 300}
"""Of one request: with more, models overlook some."""
_MAX_BEFORE: Final = 5
_CONCURRENCY: Final = 4
"""Requests of one call at the same time; the limits of the server hold as well."""
_CHAT_SHARE: Final = 0.6
"""Share of the budget for chat text: prompt, schema and a rejected answer need the rest."""
_TOPICS_SHARE: Final = 0.1
"""Share of the budget for names of existing topics."""


class LanguageModelProvider(PartialProvider):
    """Does the work of one agent with a language model."""

    def __init__(
        self, client: ModelClient, model: str, capability: Capability, agent: AgentConfiguration
    ) -> None:
        """Select a model and read the prompt.

        Args:
            client: connection to the server.
            model: name of the model.
            capability: what the agent does; one of `AGENTS`.
            agent: prompt, schema, language and budget.

        Raises:
            SettingsError: the prompt or schema cannot be read.
        """
        super().__init__(client.provider, model)
        self._capability = capability
        self._schema = _ANSWERS[capability]
        self._client = client
        self._agent = agent
        self._prompt = load_prompt(capability.agent, agent)

    def version(self, capability: Capability) -> ModelVersion:
        """Return model and prompt version; see `Provider`."""
        del capability  # a provider has one
        schema = self._schema.version(self._prompt)
        return ModelVersion(self.model, self._prompt.version, schema_version=schema)

    async def classify(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        """Classify messages; see `Provider`. A possible prompt injection is not judged.

        Raises:
            ModelError: all requests failed, or were not answered validly.
            ProviderRefusedError: this agent does not classify.
        """
        self._check(Capability.CLASSIFY)
        given = await asyncio.to_thread(_without_injections, inputs)

        def before_of(message: ChatMessage) -> Sequence[ChatMessage]:
            return given[message.id].recent[::-1]

        def request(
            messages: Sequence[ChatMessage], *, has_context: bool = True
        ) -> CompletionRequest[Sequence[Judgement]]:
            before = before_of(messages[0]) if has_context else ()
            attachments = {each.id: given[each.id].attachment_text for each in messages}
            data = prompt_data(messages, before=before, attachments=attachments)
            return self._request(
                classification.ANSWER,
                data,
                classification.task_for(len(messages)),
                classification.convert_judgements,
            )

        parts = self._parts(
            [each.message for each in given.values()],
            tokens_of_answer=classification.TOKENS_PER_MESSAGE,
            attachments={key: each.attachment_text for key, each in given.items()},
            context=lambda message: estimated_tokens_before(before_of(message)),
        )

        def request_alone(
            message: ChatMessage,
        ) -> CompletionRequest[Sequence[Judgement]] | None:
            return request([message], has_context=False) if before_of(message) else None

        asked = await self._ask(parts, request, request_alone)
        judged = {each.message_id: each for answer in asked.values for each in answer}
        judgements = tuple(
            judged.get(each.message.id) or Judgement(each.message.id, NOT_JUDGED, None, WITHHELD)
            for each in inputs
            if each.message.id not in asked.errors
        )
        return self._answer(judgements, asked)

    async def extract(self, request: ExtractionRequest) -> Answer[Extraction]:
        """Extract atoms and topics; see `Provider`. Prompt injections are left out.

        Raises:
            ModelError: all requests failed, or were not answered validly.
            ProviderRefusedError: this agent does not extract.
        """
        self._check(Capability.EXTRACT)
        prompt = self._in_language(request.language)
        language = request.language or self._agent.language or ""
        converter = extraction.ExtractionConverter(request, self.model, language)
        topics, tokens = await asyncio.to_thread(self._topics, request.topics)
        with_text = [each for each in request.messages if each.content.strip()]
        messages = await asyncio.to_thread(_safe_messages, with_text)

        def request_for(
            part: Sequence[ChatMessage], *, has_context: bool = True
        ) -> CompletionRequest[Extraction]:
            data = prompt_data(part, topics=topics if has_context else ())
            task = extraction.task_for(len(part))
            return self._request(extraction.ANSWER, data, task, converter.convert, prompt)

        parts = self._parts(
            messages, tokens_of_answer=extraction.TOKENS_PER_MESSAGE, context=lambda _first: tokens
        )

        def request_alone(message: ChatMessage) -> CompletionRequest[Extraction] | None:
            return request_for([message], has_context=False) if topics else None

        asked = await self._ask(parts, request_for, request_alone)
        merged = extraction.merge_extractions(asked.values)
        return self._answer(merged, asked, prompt)

    async def summarise(self, request: SummaryRequest) -> Answer[PeriodSummary]:
        """Summarise a period; see `Provider`. A long one is summarised in parts.

        Raises:
            ModelError: a request failed, or was not answered validly.
            ProviderRefusedError: this agent does not summarise.
        """
        self._check(Capability.SUMMARISE)
        prompt = self._in_language(request.language)
        messages = await asyncio.to_thread(_safe_messages, request.messages)

        def request_for(part: Sequence[ChatMessage]) -> CompletionRequest[PeriodSummary]:
            task = analysis.task_for(len(part))
            return self._request(
                analysis.ANSWER, prompt_data(part), task, analysis.convert_summary, prompt
            )

        asked = await self._ask(self._parts(messages, tokens_of_answer=0), request_for)
        for error in asked.errors.values():  # a summary without a part of the period misleads
            if isinstance(error, ModelError):
                error.usage = asked.usage
            raise error
        return self._answer(analysis.merge_summaries(asked.values), asked, prompt)

    def _topics(self, topics: Sequence[Topic]) -> tuple[list[str], int]:
        """Return the names of existing topics that a model is given, and their tokens."""
        budget = self._agent.max_input_tokens * _TOPICS_SHARE
        names: list[str] = []
        size = 0
        for name in extraction.given_topics(topics):
            tokens = estimated_tokens_of_topic(name)
            if size + tokens <= budget and not is_prompt_injection(name):
                names.append(name)
                size += tokens
        return names, size

    def _check(self, capability: Capability) -> None:
        if capability is not self._capability:
            self._raise_unsupported(capability.value)

    def _in_language(self, language: str | None) -> Prompt:
        """Return the prompt for a language that differs from the configured one."""
        if not language or language == self._agent.language:
            return self._prompt
        agent = msgspec.structs.replace(self._agent, language=language)
        return load_prompt(self._capability.agent, agent)

    def _request(
        self,
        answer: AnswerSchema[A],
        data: PromptData,
        task: str,
        convert: Callable[[A, PromptData], T],
        prompt: Prompt | None = None,
    ) -> CompletionRequest[T]:
        return answer.request(
            prompt or self._prompt,
            data,
            task,
            convert,
            model=self.model,
            max_output_tokens=self._agent.max_output_tokens,
        )

    def _parts(
        self,
        messages: Sequence[ChatMessage],
        *,
        tokens_of_answer: int,
        attachments: dict[str, str] | None = None,
        context: Callable[[ChatMessage], int] = lambda _first: 0,
    ) -> Iterator[list[ChatMessage]]:
        """Split messages so that each part fits into the budget; a message is not split.

        Args:
            messages: in the order in which they were sent.
            tokens_of_answer: tokens of the answer about a message, 0 if they do not depend on it.
            attachments: texts of attachments by message ID.
            context: returns the tokens that are given besides a part, by its first message.
        """
        budget = self._agent.max_input_tokens * _CHAT_SHARE
        limit = _MAX_MESSAGES[self._capability]
        if tokens_of_answer:
            limit = max(1, min(limit, self._agent.max_output_tokens // tokens_of_answer))
        part: list[ChatMessage] = []
        size = 0
        for message in messages:
            tokens = estimated_tokens(message, (attachments or {}).get(message.id, ""))
            if part and (len(part) >= limit or size + tokens > budget):
                yield part
                part = []
            if not part:
                size = context(message)
            part.append(message)
            size += tokens
        if part:
            yield part

    async def _ask(
        self,
        parts: Iterable[Sequence[ChatMessage]],
        request: Callable[[Sequence[ChatMessage]], CompletionRequest[T]],
        request_alone: Callable[[ChatMessage], CompletionRequest[T] | None] = lambda _message: None,
    ) -> SplitRequests[T]:
        """Make a request for each part, and split the parts that fail; see `SplitRequests`.

        Raises:
            ModelError: all failed; it is the first error and has the usage of all.
        """
        asked = SplitRequests(self._client, request, request_alone, concurrency=_CONCURRENCY)
        await asked.ask(list(parts))
        return asked

    def _answer(
        self, value: T, asked: SplitRequests[Any], prompt: Prompt | None = None
    ) -> Answer[T]:
        used = prompt or self._prompt
        return Answer(
            value,
            asked.usage,
            self.name,
            asked.model or self.model,
            used.version,
            self._schema.version(used),
            errors=asked.errors,
        )


def _safe_messages(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Return the messages without possible prompt injections."""
    return [each for each in messages if not has_prompt_injection(each)]


def _without_injections(inputs: Iterable[JudgeInput]) -> dict[str, JudgeInput]:
    """Return by message ID what may be sent to a model, with the nearest earlier messages."""
    return {
        each.message.id: dataclasses.replace(each, recent=_safe_messages(each.recent[:_MAX_BEFORE]))
        for each in inputs
        if not has_prompt_injection(each.message, each.attachment_text)
    }
