"""The built-in provider: rules and statistics, without a language model and without network.

It records `builtin-lexical` as its model, and refuses what it cannot do.
"""

from collections.abc import Sequence
from typing import Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers.builtin import scoring
from pulse_workers.chat.providers.builtin.atoms import extract_atoms
from pulse_workers.chat.providers.builtin.embedding import DIMENSIONS, embed_texts
from pulse_workers.chat.providers.builtin.text import count_tokens, detect_language
from pulse_workers.chat.providers.builtin.topics import cluster_topics
from pulse_workers.chat.providers.provider import (
    AnalysisResult,
    EmbeddingResult,
    ExtractionResult,
    ScoreResult,
    Usage,
)
from pulse_workers.chat.records import ChatMessage, Score, Topic, Vector
from pulse_workers.errors import ProviderRefusedError

LANGUAGES: Final = ("en", "uk")
MAX_CHARS: Final = 20_000
MAX_MESSAGES: Final = 500
_MAX_FOREIGN_SHARE: Final = 0.5


class BuiltinProvider:
    """A provider that uses lexical statistics."""

    name = "builtin"
    kind = "lexical (no language model)"
    model = "builtin-lexical"
    embedding_model = f"builtin-hashing-{DIMENSIONS}"

    def check(self) -> list[str]:
        """Embed and score a few words; errors are raised unchanged."""
        if not self.embed(["is everything well?"]).vectors.any():
            raise ProviderRefusedError("the embedding model returned an empty vector")
        probe = ChatMessage("check", "check", "we decided to keep it", "", "", "", "check")
        self.score(probe, (), "", 0.0)
        return [self.model, self.embedding_model]

    def score(
        self,
        message: ChatMessage,
        context: Sequence[ChatMessage],
        attachment_text: str,
        now: float,
    ) -> ScoreResult:
        """Score a message by explainable factors.

        Raises:
            ProviderRefusedError: the message is too long, or neither English nor Ukrainian.
        """
        self._check_text(message.content, message.id)
        factors = scoring.measure_factors(message, context, attachment_text, now)
        importance = scoring.importance(factors)
        score = Score(
            message_id=message.id,
            importance_score=importance,
            classification=scoring.classify(importance),
            factors=factors,
            weights=dict(scoring.WEIGHTS),
            scored_at=format_timestamp(now),
            model=self.model,
            attachment_chars=len(attachment_text),
        )
        tokens = count_tokens(message.content) + count_tokens(attachment_text)
        return ScoreResult(score, Usage(tokens, count_tokens(score.classification)))

    def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Return unit vectors of 512 dimensions, for text in any language.

        Raises:
            ProviderRefusedError: a text is too long.
        """
        for text in texts:
            self._check_length(text, "a text")
        return EmbeddingResult(embed_texts(texts), Usage(sum(count_tokens(text) for text in texts)))

    def extract(
        self, messages: Sequence[ChatMessage], language: str | None, now: float
    ) -> ExtractionResult:
        """Extract atoms by their cue phrases.

        Raises:
            ProviderRefusedError: an unsupported language, or too many or too long messages.
        """
        if language is not None and language not in LANGUAGES:
            raise ProviderRefusedError(
                f"language {language!r}: {self.model} has cues for English (en) and "
                "Ukrainian (uk) only"
            )
        self._check_count(len(messages))
        foreign = sum(detect_language(message.content) == "other" for message in messages)
        if foreign > len(messages) * _MAX_FOREIGN_SHARE:
            raise ProviderRefusedError(
                f"{foreign} of {len(messages)} messages are neither English nor Ukrainian"
            )
        for message in messages:
            self._check_length(message.content, message.id)
        atoms = tuple(extract_atoms(messages, language, model=self.model, now=now))
        return ExtractionResult(
            atoms,
            Usage(
                sum(count_tokens(message.content) for message in messages),
                sum(count_tokens(atom.title) for atom in atoms),
            ),
        )

    def analyze(
        self,
        messages: Sequence[ChatMessage],
        vectors: Sequence[Vector],
        topics: Sequence[Topic],
        now: float,
    ) -> AnalysisResult:
        """Assign messages to topics by their vectors.

        Raises:
            ProviderRefusedError: too many messages.
        """
        self._check_count(len(messages))
        created, changed = cluster_topics(messages, vectors, topics, model=self.model, now=now)
        return AnalysisResult(
            tuple(created),
            tuple(changed),
            Usage(
                sum(count_tokens(message.content) for message in messages),
                sum(count_tokens(topic.name) for topic in created),
            ),
        )

    def _check_text(self, text: str, name: str) -> None:
        self._check_length(text, name)
        if detect_language(text) == "other":
            raise ProviderRefusedError(
                f"{name} is neither English nor Ukrainian: {self.model} cannot score it"
            )

    def _check_length(self, text: str, name: str) -> None:
        if len(text) > MAX_CHARS:
            raise ProviderRefusedError(
                f"{name} has {len(text):,} characters, but {self.model} reads at most {MAX_CHARS:,}"
            )

    def _check_count(self, count: int) -> None:
        if count > MAX_MESSAGES:
            raise ProviderRefusedError(
                f"{count} messages at once, but {self.model} reads at most {MAX_MESSAGES}"
            )
