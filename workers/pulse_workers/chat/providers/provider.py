"""The interface of providers, which score, embed and analyze messages.

Tasks depend on this protocol only. A provider that cannot do something raises
`ProviderRefusedError`; it never guesses.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from pulse_workers.chat.records import (
    Atom,
    ChatMessage,
    Score,
    Topic,
    Vector,
)


@dataclasses.dataclass(frozen=True)
class Usage:
    """Tokens read and written, as counted by the provider's tokenizer."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclasses.dataclass(frozen=True)
class ScoreResult:
    """A score and its token usage."""

    score: Score
    usage: Usage


@dataclasses.dataclass(frozen=True)
class EmbeddingResult:
    """Unit vectors, shape (texts, dimensions), and their token usage."""

    vectors: Vector
    usage: Usage


@dataclasses.dataclass(frozen=True)
class ExtractionResult:
    """Extracted atoms and their token usage."""

    atoms: tuple[Atom, ...]
    usage: Usage


@dataclasses.dataclass(frozen=True)
class AnalysisResult:
    """Created and changed topics, and their token usage."""

    created: tuple[Topic, ...]
    changed: tuple[Topic, ...]
    usage: Usage


class Provider(Protocol):
    """A source of scores, vectors and knowledge.

    Attributes:
        name: name of the provider, such as `builtin`.
        kind: its technique, such as `lexical`; `llm` only for language models.
        model: name of the model that scores, extracts and analyzes.
        embedding_model: name of the embedding model.
    """

    name: str
    kind: str
    model: str
    embedding_model: str

    def check(self) -> list[str]:
        """Make a small real call and return the names of the models that responded."""
        ...

    def score(
        self,
        message: ChatMessage,
        context: Sequence[ChatMessage],
        attachment_text: str,
        now: float,
    ) -> ScoreResult:
        """Score a message; `context` holds the messages before it. `now` is Unix seconds."""
        ...

    def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Return one unit vector per text."""
        ...

    def extract(
        self, messages: Sequence[ChatMessage], language: str | None, now: float
    ) -> ExtractionResult:
        """Extract atoms from messages; `language` is `en`, `uk`, or None for both."""
        ...

    def analyze(
        self,
        messages: Sequence[ChatMessage],
        vectors: Sequence[Vector],
        topics: Sequence[Topic],
        now: float,
    ) -> AnalysisResult:
        """Assign messages to existing and new topics."""
        ...
