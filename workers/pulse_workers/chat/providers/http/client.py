"""A model client over HTTP: one wire format, one server, many models."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

from pulse_workers.chat.providers.http.prices import PriceList
from pulse_workers.chat.providers.http.transport import Transport
from pulse_workers.chat.providers.http.wire_format import (
    RawAnswer,
    RawEmbeddings,
    TokenCounts,
    WireFormat,
)
from pulse_workers.chat.providers.model_client import (
    Completion,
    CompletionRequest,
    Embeddings,
    ModelMessage,
    OutputMode,
)
from pulse_workers.chat.providers.model_errors import ModelProtocolError
from pulse_workers.chat.providers.provider import Usage
from pulse_workers.chat.providers.structured_output import (
    ModeMemory,
    Reply,
    StructuredOutput,
    add_usage,
)
from pulse_workers.chat.records import Vector

T = TypeVar("T")

EMBEDDING_BATCH: Final = 64
"""Texts of one request for vectors."""
MAX_SLIPS: Final = 3
"""Requests in a row whose answers needed another mode; one invalid answer may be chance."""
CHECK_TIMEOUT_S: Final = 10.0
_BYTES_PER_TOKEN: Final = 3
"""Below what tokenizers reach on average (4 for English, 4 to 6 for Cyrillic in UTF-8)."""
_MAX_EXTRA_TOKENS: Final = 2_000
"""Tokens that a server may add to a prompt: template and schema."""


class HttpModelClient:
    """Asks the models of one server."""

    def __init__(
        self,
        provider: str,
        wire_format: WireFormat,
        transport: Transport,
        memory: ModeMemory,
        prices: PriceList,
        modes: Sequence[OutputMode] = tuple(OutputMode),
    ) -> None:
        """Combine the parts.

        Args:
            provider: name of the provider in the configuration.
            wire_format: protocol of the server.
            transport: makes the requests.
            memory: remembers the output mode of each model.
            prices: prices of the models.
            modes: output modes to try, the preferred one first.
        """
        self._provider = provider
        self._format = wire_format
        self._transport = transport
        self._memory = memory
        self._prices = prices
        self._modes = tuple(modes)
        self._slips: Counter[str] = Counter()

    @property
    def provider(self) -> str:
        """Name of the provider in the configuration."""
        return self._provider

    async def complete(self, request: CompletionRequest[T]) -> Completion[T]:
        """Return a valid answer; see `ModelClient`."""
        known = await self._memory.mode(request.model)
        first = self._modes.index(known) if known in self._modes else 0

        async def send(messages: Sequence[ModelMessage], mode: OutputMode) -> Reply:
            return await self._send(request, messages, mode)

        output = StructuredOutput(request, send, self._modes[first:])
        completion = await output.complete(request.validate)
        self._slips[request.model] = self._slips[request.model] + 1 if output.has_slipped else 0
        is_proven = not output.has_slipped or self._slips[request.model] >= MAX_SLIPS
        if completion.output_mode is not known and is_proven:
            await self._memory.remember_mode(request.model, completion.output_mode)
        return completion

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return unit vectors; see `ModelClient`."""
        parts: list[Vector] = []
        usage = Usage(cost_usd=0.0)
        name = model
        for first in range(0, len(texts), EMBEDDING_BATCH):
            part = await self._embed(model, texts[first : first + EMBEDDING_BATCH])
            parts.append(part.vectors)
            usage = add_usage(usage, part.usage)
            name = part.model
        if len({part.shape[1] for part in parts}) > 1:
            raise ModelProtocolError(f"{model} returned vectors of different lengths", usage)
        vectors = np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)
        return Embeddings(vectors, usage, name)

    async def list_models(self) -> list[str]:
        """Return names of models; see `ModelClient`."""
        body = await self._transport.get(self._format.models_path, timeout_s=CHECK_TIMEOUT_S)
        return self._format.decode_models(body)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def _send(
        self, request: CompletionRequest[Any], messages: Sequence[ModelMessage], mode: OutputMode
    ) -> Reply:
        payload = self._format.encode_completion(request, messages, mode)
        sent = len(msgspec.json.encode(payload))
        return await self._transport.post(
            self._format.completion_path,
            payload,
            lambda body: self._reply(request, self._format.decode_completion(body, mode), sent),
            self._prices.usage(request.model, estimate_tokens(sent), request.max_output_tokens),
            timeout_s=request.timeout_s,
        )

    def _reply(self, request: CompletionRequest[Any], answer: RawAnswer, sent: int) -> Reply:
        counts = _plausible(answer, sent, request.max_output_tokens)
        is_estimated = counts is None
        if counts is None:
            counts = estimate_tokens(sent), estimate_tokens(len(answer.text.encode()))
        return Reply(
            text=answer.text,
            model=answer.model or request.model,
            usage=self._prices.usage(request.model, *counts),
            usage_is_estimated=is_estimated,
            is_cut=answer.is_cut,
            refusal=answer.refusal,
        )

    async def _embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        sent = sum(len(text.encode()) for text in texts)

        def decode(body: bytes) -> Embeddings:
            return self._embeddings(model, self._format.decode_embeddings(body), len(texts), sent)

        return await self._transport.post(
            self._format.embedding_path,
            self._format.encode_embedding(model, texts),
            decode,
            self._prices.usage(model, estimate_tokens(sent), 0),
        )

    def _embeddings(self, model: str, raw: RawEmbeddings, texts: int, sent: int) -> Embeddings:
        tokens = raw.counts.tokens_in
        if not tokens or tokens > sent + _MAX_EXTRA_TOKENS:
            tokens = estimate_tokens(sent)
        usage = self._prices.usage(model, tokens, 0)
        if len(raw.rows) != texts:
            text = f"{model} returned {len(raw.rows)} vectors for {texts} texts"
            raise ModelProtocolError(text, usage)
        if len({len(row) for row in raw.rows}) != 1:
            raise ModelProtocolError(f"{model} returned vectors of different lengths", usage)
        rows = np.asarray(raw.rows, dtype=np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not rows.size or not np.isfinite(lengths).all() or not lengths.all():
            raise ModelProtocolError(f"{model} returned an empty or infinite vector", usage)
        vectors: Vector = (rows / lengths).astype(np.float32)
        return Embeddings(vectors, usage, raw.model or model)


def estimate_tokens(size: int) -> int:
    """Return about how many tokens a text has, rather too many.

    Args:
        size: bytes in UTF-8.
    """
    return math.ceil(size / _BYTES_PER_TOKEN)


def _plausible(answer: RawAnswer, sent: int, max_output_tokens: int) -> tuple[int, int] | None:
    """Return the counted tokens; None if they are missing or cannot be right."""
    counts: TokenCounts = answer.counts
    if not counts.tokens_in or counts.tokens_out is None:
        return None
    if counts.tokens_in > sent + _MAX_EXTRA_TOKENS:
        return None
    written = len(answer.text.encode())
    if counts.tokens_out > max(max_output_tokens, written) + _MAX_EXTRA_TOKENS:
        return None
    return None if answer.text and not counts.tokens_out else (counts.tokens_in, counts.tokens_out)
