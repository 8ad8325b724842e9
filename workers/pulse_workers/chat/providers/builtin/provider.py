"""The built-in provider: rules and statistics, without a language model and without network.

It refuses what it cannot do. Its calls compute in
threads.
"""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Final, TypeVar

from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.atoms import extract_atoms
from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS, embed_texts
from pulse_workers.chat.providers.builtin.judging import judge_message
from pulse_workers.chat.providers.builtin.languages import LANGUAGES
from pulse_workers.chat.providers.builtin.summary import summarise_atoms
from pulse_workers.chat.providers.builtin.text import count_tokens
from pulse_workers.chat.providers.builtin.topics import assign_topics
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
    Usage,
)
from pulse_workers.chat.records import ChatMessage, Vector
from pulse_workers.errors import ProviderRefusedError, TooManyMessagesError

T = TypeVar("T")

MAX_CHARS: Final = 20_000
MAX_MESSAGES: Final = 500


class BuiltinProvider:
    """A provider that uses lexical statistics."""

    name = "builtin"
    kind = "lexical (no language model)"
    model = "builtin-lexical-4"
    embedding_model = f"builtin-stems-{DIMENSIONS}"

    def version(self, capability: Capability) -> ModelVersion:
        """Return the model that answers; there are no prompts."""
        is_embedding = capability is Capability.EMBED
        return ModelVersion(self.embedding_model if is_embedding else self.model)

    async def check(self) -> list[str]:
        """Embed and judge a few words; errors are raised unchanged."""
        if not (await self.embed(["is everything well?"])).value.any():
            raise ProviderRefusedError("the embedding model returned an empty vector")
        probe = ChatMessage("check", "check", "we decided to keep it", "", "", "", "check")
        await self.classify([JudgeInput(probe)])
        return [self.model, self.embedding_model]

    async def classify(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        """Judge messages by explainable factors.

        A message that is too long, or in an unknown language, is not judged; an alarm in any
        language is.
        """
        return await asyncio.to_thread(self._judge, inputs)

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Return unit vectors of 512 dimensions, for text in any language.

        Raises:
            ProviderRefusedError: a text is too long.
        """
        del is_query  # texts and queries are embedded in the same way
        return await asyncio.to_thread(self._embed, texts)

    async def extract(self, request: ExtractionRequest) -> Answer[Extraction]:
        """Extract atoms by their wording, and assign messages to topics by their vectors.

        Vectors that the request lacks are computed. A message that is too long is left out.

        Raises:
            ProviderRefusedError: an unsupported language, or all messages are too long.
            TooManyMessagesError: too many messages at once.
        """
        return await asyncio.to_thread(self._read, request)

    async def summarise(self, request: SummaryRequest) -> Answer[PeriodSummary]:
        """List what was extracted in a period; no text is written, and nothing is translated."""
        return self._answer(summarise_atoms(request.atoms), Usage(0, 0, 0.0))

    def _judge(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        judgements = tuple(self._judge_one(each) for each in inputs)
        read = sum(
            count_tokens(each.message.content) + count_tokens(each.attachment_text)
            for each, judgement in zip(inputs, judgements, strict=True)
            if judgement.importance is not None
        )
        written = sum(count_tokens(judgement.classification) for judgement in judgements)
        return self._answer(judgements, Usage(read, written, 0.0))

    def _judge_one(self, given: JudgeInput) -> Judgement:
        message = given.message
        if len(message.content) > MAX_CHARS:
            reason = f"{len(message.content):,} characters, more than {MAX_CHARS:,}"
            return Judgement(message.id, "not_judged", None, reason)
        return judge_message(given)

    def _embed(self, texts: Sequence[str]) -> Answer[Vector]:
        for text in texts:
            if (error := self._length_error(text, "a text")) is not None:
                raise error
        tokens = sum(count_tokens(text) for text in texts)
        return Answer(embed_texts(texts), Usage(tokens, 0, 0.0), self.name, self.embedding_model)

    def _read(self, request: ExtractionRequest) -> Answer[Extraction]:
        self._check_request(request)
        errors = {
            each.id: error
            for each in request.messages
            if (error := self._length_error(each.content, each.id)) is not None
        }
        messages = [each for each in request.messages if each.id not in errors]
        if errors and not messages:
            raise next(iter(errors.values()))
        atoms = tuple(
            extract_atoms(
                messages,
                request.language,
                scoring.load_rules(),
                model_name=self.model,
                now=request.now,
            )
        )
        missing = [each for each in messages if each.id not in request.vectors]
        computed = embed_texts([each.content for each in missing])
        vectors = {each.id: row for each, row in zip(missing, computed, strict=True)}
        topics = assign_topics(messages, {**request.vectors, **vectors}, request.topics)
        usage = Usage(
            sum(count_tokens(message.content) for message in messages),
            sum(count_tokens(atom.title) for atom in atoms)
            + sum(count_tokens(topic.name) for topic in topics),
            0.0,
        )
        answer = self._answer(Extraction(atoms, tuple(topics)), usage)
        return dataclasses.replace(answer, errors=errors)

    def _answer(self, value: T, usage: Usage) -> Answer[T]:
        return Answer(value, usage, self.name, self.model)

    def _check_request(self, request: ExtractionRequest) -> None:
        language, count = request.language, len(request.messages)
        if language is not None and language not in LANGUAGES:
            raise ProviderRefusedError(
                f"language {language!r}: {self.model} has cues for {', '.join(LANGUAGES)} only"
            )
        if count > MAX_MESSAGES:
            raise TooManyMessagesError(
                f"{count} messages at once, but {self.model} reads at most {MAX_MESSAGES}"
            )

    def _length_error(self, text: str, name: str) -> ProviderRefusedError | None:
        """Return why a text is refused, None if it is short enough."""
        if len(text) <= MAX_CHARS:
            return None
        return ProviderRefusedError(
            f"{name} has {len(text):,} characters, but {self.model} reads at most {MAX_CHARS:,}"
        )
