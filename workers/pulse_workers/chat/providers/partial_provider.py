"""Base of providers with a part of the capabilities: unsupported calls raise an error."""

from collections.abc import Sequence
from typing import NoReturn

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
from pulse_workers.chat.records import Vector
from pulse_workers.errors import ProviderRefusedError


class PartialProvider:
    """Base class: each call raises `ProviderRefusedError` unless a subclass implements it."""

    kind = "llm"

    def __init__(self, name: str, model: str = "", embedding_model: str = "") -> None:
        """Name the provider and its models; see `Provider`."""
        self.name = name
        self.model = model
        self.embedding_model = embedding_model

    def version(self, capability: Capability) -> ModelVersion:
        """Return the model of a capability; see `Provider`."""
        is_embedding = capability is Capability.EMBED
        return ModelVersion(self.embedding_model if is_embedding else self.model)

    async def check(self) -> list[str]:
        """Return no models: there is nothing to check."""
        return []

    async def classify(self, inputs: Sequence[JudgeInput]) -> Answer[tuple[Judgement, ...]]:
        """Raise `ProviderRefusedError`; see `Provider`."""
        self._raise_unsupported(f"classify {len(inputs)} messages")

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Raise `ProviderRefusedError`; see `Provider`."""
        del is_query
        self._raise_unsupported(f"embed {len(texts)} texts")

    async def extract(self, request: ExtractionRequest) -> Answer[Extraction]:
        """Raise `ProviderRefusedError`; see `Provider`."""
        self._raise_unsupported(f"extract from {len(request.messages)} messages")

    async def summarise(self, request: SummaryRequest) -> Answer[PeriodSummary]:
        """Raise `ProviderRefusedError`; see `Provider`."""
        self._raise_unsupported(f"summarise {len(request.messages)} messages")

    def _raise_unsupported(self, what: str) -> NoReturn:
        raise ProviderRefusedError(f"{self.name} is not configured to {what}")
