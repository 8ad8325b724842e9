"""The stage `embedded`: vectors of messages."""

import dataclasses
import time
from collections.abc import Mapping, Sequence

import numpy as np

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.stages import done, not_done, stage_versions
from pulse_workers.chat.providers.provider import Fallback
from pulse_workers.chat.records import ChatMessage, Stage, StageRecord, Vector
from pulse_workers.chat.services import Services
from pulse_workers.errors import ProviderRefusedError, StoreFullError


@dataclasses.dataclass(frozen=True)
class Embedded:
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


async def embed_messages(services: Services, messages: Sequence[ChatMessage]) -> Embedded:
    """Embed messages, and store their vectors and the outcome of the stage.

    Raises:
        StoreFullError: the outcome cannot be stored.
    """
    version = stage_versions(services.provider)[Stage.EMBEDDED]
    work = MessageEmbedding(services)
    try:
        await work.embed(messages)
    except Exception as error:  # noqa: BLE001 - any error of a provider is an outcome
        work.errors.update({each.id: error for each in messages if each.id not in work.vectors})
    blocks: Mapping[str, str] = {}
    embedded = [message for message in messages if message.id in work.vectors]
    if embedded:
        try:
            blocks = await services.store.vectors.put(
                [message.id for message in embedded],
                [message.content_hash for message in embedded],
                np.stack([work.vectors[message.id] for message in embedded]),
                version.model,
            )
        except StoreFullError as error:
            work.errors.update({message.id: error for message in embedded})
    at = format_timestamp(time.time())
    records = {
        each.id: not_done(work.errors[each.id], each.content_hash, version, at)
        if each.id in work.errors
        else done(
            each.content_hash,
            version,
            at,
            block=blocks[each.id],
            fallback=work.fallbacks.get(each.id),
        )
        for each in messages
    }
    await services.store.stages.put_many(Stage.EMBEDDED, records)
    return Embedded(work.vectors, work.errors, records, work.model, work.tokens)


class MessageEmbedding:
    """Calls of the provider: a text that it refuses does not prevent the others.

    Attributes:
        vectors: unit vectors by message ID.
        errors: refusals by message ID.
        fallbacks: by message ID, of messages that a fallback embedded.
        model: embedding model that answered, empty if none did.
        tokens: number of tokens read.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.vectors: dict[str, Vector] = {}
        self.errors: dict[str, Exception] = {}
        self.fallbacks: dict[str, Fallback] = {}
        self.model = ""
        self.tokens = 0

    async def embed(self, messages: Sequence[ChatMessage]) -> None:
        """Embed messages; errors of the provider other than a refusal are raised unchanged."""
        if not messages:
            return
        try:
            answer = await self._services.provider.embed([each.content for each in messages])
        except ProviderRefusedError as error:
            if len(messages) == 1:
                self.errors[messages[0].id] = error
                return
            middle = len(messages) // 2
            await self.embed(messages[:middle])
            await self.embed(messages[middle:])
            return
        self.vectors.update(zip((each.id for each in messages), answer.value, strict=True))
        if answer.fallback is not None:
            self.fallbacks.update(dict.fromkeys((each.id for each in messages), answer.fallback))
        self.model = answer.model
        self.tokens += answer.usage.tokens_in
