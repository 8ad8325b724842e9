"""What a provider can be asked for. Tasks know this protocol and no provider.

A provider that cannot do something raises `ProviderRefusedError`; it never guesses.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pulse_workers.chat.records import (
    Atom,
    ChatMessage,
    Score,
    Topic,
)

Vector = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Usage:
    """Tokens read and written, counted by the provider's own tokenizer."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclasses.dataclass(frozen=True)
class ScoreResult:
    """A score, and what it took."""

    score: Score
    usage: Usage


@dataclasses.dataclass(frozen=True)
class EmbeddingResult:
    """One unit vector per text, shape (texts, dimensions), and what it took."""

    vectors: Vector
    usage: Usage


@dataclasses.dataclass(frozen=True)
class ExtractionResult:
    """Atoms found, and what it took."""

    atoms: tuple[Atom, ...]
    usage: Usage


@dataclasses.dataclass(frozen=True)
class AnalysisResult:
    """Topics that are new or changed, and what it took."""

    created: tuple[Topic, ...]
    changed: tuple[Topic, ...]
    usage: Usage


class Provider(Protocol):
    """A source of scores, vectors and knowledge.

    Attributes:
        name: which one, such as `builtin`.
        kind: what it is, such as `lexical`; never `llm` unless it is one.
        model: name of the model that reads.
        embedding_model: name of what makes vectors.
    """

    name: str
    kind: str
    model: str
    embedding_model: str

    def check(self) -> list[str]:
        """Do a small real call and return the names of the models that answered."""
        ...

    def score(
        self,
        message: ChatMessage,
        context: Sequence[ChatMessage],
        attachment_text: str,
        now: float,
    ) -> ScoreResult:
        """Score one message among the messages before it. `now` is Unix seconds."""
        ...

    def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Return one unit vector per text."""
        ...

    def extract(
        self, messages: Sequence[ChatMessage], language: str | None, now: float
    ) -> ExtractionResult:
        """Find atoms in messages; `language` is en, uk, or None for "each as it is"."""
        ...

    def analyse(
        self,
        messages: Sequence[ChatMessage],
        vectors: Sequence[Vector],
        topics: Sequence[Topic],
        now: float,
    ) -> AnalysisResult:
        """Sort messages into known and new topics."""
        ...
