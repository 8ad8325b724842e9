"""The stage `embedded`: vectors of messages."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.stages import (
    done_record,
    failure_record,
    is_due,
    stage_versions,
)
from pulse_workers.chat.providers.model_errors import (
    ModelProtocolError,
    ModelRefusedError,
    is_about_input,
)
from pulse_workers.chat.providers.provider import Answer, Capability, FallbackCause, Usage
from pulse_workers.chat.providers.split_requests import halves
from pulse_workers.chat.providers.structured_output import add_usage
from pulse_workers.chat.records import ChatMessage, Stage, StageRecord, Vector
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.bucket import Refusals
from pulse_workers.errors import ProviderRefusedError, StoreFullError

MAX_DIMENSIONS: Final = 16_384
"""A topic, whose centroid is stored as JSON, has to fit into a message of the server."""


@dataclasses.dataclass(frozen=True)
class EmbeddingResult:
    """Vectors and errors by message ID, the stage record of each message, and the cost.

    Attributes:
        vectors: unit vectors.
        errors: of the messages without a vector.
        records: of the stage.
        model: embedding model that answered, empty if none did.
        tokens: number of tokens read.
    """

    vectors: Mapping[str, Vector]
    errors: Mapping[str, Exception]
    records: Mapping[str, StageRecord]
    model: str
    tokens: int


async def embed_messages(
    services: Services, messages: Sequence[ChatMessage], task_id: str
) -> EmbeddingResult:
    """Embed messages, and store their vectors and the outcome of the stage.

    Args:
        services: of the worker.
        messages: stored messages.
        task_id: ID of the calling task.

    Raises:
        StoreFullError: the outcome cannot be stored.
    """
    version = stage_versions(services.provider)[Stage.EMBEDDED]
    work = EmbeddingRun(services, task_id)
    try:
        await work.embed(messages)
    except Exception as error:  # noqa: BLE001 - any error of a provider is an outcome
        ended = {*work.vectors, *work.errors}
        left = [each for each in messages if each.id not in ended and each.content.strip()]
        work.errors.update({each.id: error for each in left})
    blocks: Mapping[str, str] = {}
    current = await services.store.messages.unchanged(messages)  # others are edited or deleted
    embedded = [message for message in current if message.id in work.vectors]
    if embedded:
        refusals: Refusals = {}
        try:
            blocks = await services.store.vectors.put(
                [message.id for message in embedded],
                [message.content_hash for message in embedded],
                np.stack([work.vectors[message.id] for message in embedded]),
                version.model,
                refusals,
            )
        except StoreFullError as error:
            work.errors.update({message.id: error for message in embedded})
        work.errors.update(refusals)
    at = format_timestamp(time.time())
    records = {
        each.id: failure_record(work.errors[each.id], each.content_hash, version, at)
        if each.id in work.errors
        else done_record(
            each.content_hash,
            version,
            at,
            vector_block=blocks.get(each.id, ""),
            fallback=work.fallbacks.get(each.id),
        )
        for each in current
    }
    await services.store.stages.put_many(Stage.EMBEDDED, records)
    return EmbeddingResult(work.vectors, work.errors, records, work.model, work.usage.tokens_in)


async def stored_vectors(
    services: Services, messages: Sequence[ChatMessage]
) -> Mapping[str, Vector]:
    """Return the vectors by message ID that the configured model made of the same content."""
    records = await services.store.stages.get_many([each.id for each in messages], [Stage.EMBEDDED])
    version = stage_versions(services.provider)[Stage.EMBEDDED]
    blocks = {
        each.id: record.block
        for each in messages
        if (record := records[each.id].get(Stage.EMBEDDED))
        and not is_due(record, each.content_hash, version)
    }
    return await services.store.vectors.get(blocks)


class EmbeddingRun:
    """Calls of the provider: a text that it refuses does not prevent the others.

    Attributes:
        vectors: unit vectors by message ID.
        errors: refusals by message ID.
        fallbacks: by message ID, of messages that a fallback embedded.
        model: embedding model that answered, empty if none did.
        usage: tokens and cost.
    """

    def __init__(self, services: Services, task_id: str) -> None:
        self._services = services
        self._task_id = task_id
        self.vectors: dict[str, Vector] = {}
        self.errors: dict[str, Exception] = {}
        self.fallbacks: dict[str, FallbackCause] = {}
        self.model = ""
        self.usage = Usage(cost_usd=0.0)
        self._answer: Answer[None] | None = None

    async def embed(self, messages: Sequence[ChatMessage]) -> None:
        """Embed messages; those without text, such as a photo, have no vector and no error.

        Raises:
            ModelError: the provider failed; some messages may have vectors.
            ProviderRefusedError: it refused all messages.
        """
        if texts := [each for each in messages if each.content.strip()]:
            await self._services.agents.call(
                Capability.EMBED.agent,
                self._task_id,
                len(texts),
                self._embed(texts),
                capability=Capability.EMBED,
            )

    async def _embed(self, messages: Sequence[ChatMessage]) -> Answer[None]:
        """Embed messages, and return the provider and the usage."""
        parts: list[Sequence[ChatMessage]] = [messages]
        splits = 0
        while parts:
            failed = [(part, error) for part in parts if (error := await self._try(part))]
            parts = []
            for part, error in failed:
                # Without a vector, each text may be refused: a setting may be wrong.
                may_succeed = is_about_input(error) or bool(self.vectors) or not splits
                if len(part) > 1 and may_succeed:
                    parts += halves(part)
                elif len(part) == 1 and self.vectors:  # others are accepted
                    self.errors[part[0].id] = ProviderRefusedError(str(error))
                else:
                    self.errors.update({each.id: error for each in part})
            splits += 1
        if self._answer is None:
            raise next(iter(self.errors.values()))
        return self._answer

    async def _try(self, messages: Sequence[ChatMessage]) -> Exception | None:
        """Embed messages, or return why they were refused."""
        try:
            answer = await self._services.provider.embed([each.content for each in messages])
        except ProviderRefusedError as error:
            return error
        except ModelRefusedError as error:
            if not error.may_be_about_input:
                raise
            return error
        if answer.value.shape[1] > MAX_DIMENSIONS:
            text = f"{answer.model} returned vectors of {answer.value.shape[1]:,} dimensions, "
            text += f"at most {MAX_DIMENSIONS:,} can be stored"
            raise ModelProtocolError(text, answer.usage)
        known = next(iter(self.vectors.values()), None)
        if known is not None and len(known) != answer.value.shape[1]:
            text = f"{answer.model} returned vectors of different lengths"
            raise ModelProtocolError(text, answer.usage)
        self.vectors.update(zip((each.id for each in messages), answer.value, strict=True))
        if answer.fallback is not None:
            self.fallbacks.update(dict.fromkeys((each.id for each in messages), answer.fallback))
        self.model = answer.model
        self.usage = add_usage(self.usage, answer.usage)
        self._answer = Answer(
            None, self.usage, answer.provider, answer.model, fallback=answer.fallback
        )
        return None
