"""The built-in provider: real work by rules and statistics, with no language model and no network.

It signs what it does as `builtin-lexical` and refuses what it cannot do.
"""

from collections.abc import Sequence
from typing import Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.providers import scoring
from pulse_workers.chat.providers.atoms import atoms_in
from pulse_workers.chat.providers.embedding import DIMENSIONS, embed_texts
from pulse_workers.chat.providers.provider import (
    AnalysisResult,
    EmbeddingResult,
    ExtractionResult,
    ScoreResult,
    Usage,
    Vector,
)
from pulse_workers.chat.providers.text import language_of, token_count
from pulse_workers.chat.providers.topics import cluster_topics
from pulse_workers.chat.records import ChatMessage, Score, Topic
from pulse_workers.errors import ProviderRefusedError

LANGUAGES: Final = ("en", "uk")
MAX_CHARS: Final = 20_000
MAX_MESSAGES: Final = 500
_FOREIGN_SHARE: Final = 0.5


class BuiltinProvider:
    """Scores, vectors and knowledge by lexical statistics."""

    name = "builtin"
    kind = "lexical (no language model)"
    model = "builtin-lexical"
    embedding_model = f"builtin-hashing-{DIMENSIONS}"

    def check(self) -> list[str]:
        """Embed and score a few words for real; a failure is raised as it is."""
        if not self.embed(["is everything well?"]).vectors.any():
            raise ProviderRefusedError("the built-in vectors are empty")
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
        """Score a message by factors that can be explained.

        Raises:
            ProviderRefusedError: too long, or neither English nor Ukrainian.
        """
        self._accept(message.content, message.id)
        factors = scoring.factors_of(message, context, attachment_text, now)
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
        read = token_count(message.content) + token_count(attachment_text)
        return ScoreResult(score, Usage(read, token_count(score.classification)))

    def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Return unit vectors of 512 dimensions. Any language: letters are enough for it.

        Raises:
            ProviderRefusedError: a text is too long.
        """
        for text in texts:
            self._accept_size(text, "a text")
        return EmbeddingResult(embed_texts(texts), Usage(sum(token_count(text) for text in texts)))

    def extract(
        self, messages: Sequence[ChatMessage], language: str | None, now: float
    ) -> ExtractionResult:
        """Find atoms by their wording.

        Raises:
            ProviderRefusedError: a language it has no cues for, or too much at once.
        """
        if language is not None and language not in LANGUAGES:
            raise ProviderRefusedError(
                f"language {language!r}: {self.model} has cues for English (en) and "
                "Ukrainian (uk) only"
            )
        self._accept_number(len(messages))
        foreign = sum(language_of(message.content) == "other" for message in messages)
        if foreign > len(messages) * _FOREIGN_SHARE:
            raise ProviderRefusedError(
                f"{foreign} of {len(messages)} messages are neither English nor Ukrainian"
            )
        for message in messages:
            self._accept_size(message.content, message.id)
        atoms = tuple(atoms_in(messages, language, model=self.model, now=now))
        return ExtractionResult(
            atoms,
            Usage(
                sum(token_count(message.content) for message in messages),
                sum(token_count(atom.title) for atom in atoms),
            ),
        )

    def analyse(
        self,
        messages: Sequence[ChatMessage],
        vectors: Sequence[Vector],
        topics: Sequence[Topic],
        now: float,
    ) -> AnalysisResult:
        """Sort messages into topics by their vectors.

        Raises:
            ProviderRefusedError: too much at once.
        """
        self._accept_number(len(messages))
        created, changed = cluster_topics(messages, vectors, topics, model=self.model, now=now)
        return AnalysisResult(
            tuple(created),
            tuple(changed),
            Usage(
                sum(token_count(message.content) for message in messages),
                sum(token_count(topic.name) for topic in created),
            ),
        )

    def _accept(self, text: str, what: str) -> None:
        self._accept_size(text, what)
        if language_of(text) == "other":
            raise ProviderRefusedError(
                f"{what} is neither English nor Ukrainian: {self.model} cannot judge it"
            )

    def _accept_size(self, text: str, what: str) -> None:
        if len(text) > MAX_CHARS:
            raise ProviderRefusedError(
                f"{what} has {len(text):,} characters, {self.model} reads at most {MAX_CHARS:,}"
            )

    def _accept_number(self, count: int) -> None:
        if count > MAX_MESSAGES:
            raise ProviderRefusedError(
                f"{count} messages at once, {self.model} reads at most {MAX_MESSAGES}"
            )
