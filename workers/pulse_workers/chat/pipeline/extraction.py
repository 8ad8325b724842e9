"""The stage `extracted`: topics and atoms that are extracted from messages."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.earlier_extraction import (
    EarlierExtraction,
    edited_messages,
    outdated_messages,
    remove_changed,
    remove_edited,
    replaced_messages,
)
from pulse_workers.chat.pipeline.embedding import EmbeddingRun, stored_vectors
from pulse_workers.chat.pipeline.extraction_storage import store_answer
from pulse_workers.chat.pipeline.knowledge_events import announced
from pulse_workers.chat.pipeline.stages import (
    done_record,
    failure_record,
    is_due,
    stage_versions,
)
from pulse_workers.chat.providers.model_errors import ModelError
from pulse_workers.chat.providers.provider import (
    Answer,
    Capability,
    Extraction,
    ExtractionRequest,
    ModelVersion,
)
from pulse_workers.chat.records import ChatMessage, Stage, StageOutcome, StageRecord, Vector
from pulse_workers.chat.services import Services
from pulse_workers.errors import OUTAGE_ERRORS, ProviderRefusedError, TooManyMessagesError

MIN_MESSAGES: Final = 12
"""Fewer messages are extracted together with earlier ones: alone they say too little."""


@dataclasses.dataclass(frozen=True)
class ExtractionResult:
    """What was found, or why nothing was.

    Attributes:
        summary: counts of created and changed topics and atoms; empty after an error.
        error: None if the extraction succeeded.
        errors: why messages were not extracted, by message ID.
        records: of the stage; empty for an extraction in one language, which is not the stage, and
            after an error that says nothing about the messages.
    """

    summary: dict[str, Any]
    error: Exception | None
    errors: Mapping[str, Exception]
    records: Mapping[str, StageRecord]


async def extract_messages(
    services: Services,
    messages: Sequence[ChatMessage],
    vectors: Mapping[str, Vector],
    task_id: str,
    *,
    not_embedded: AbstractSet[str] = frozenset(),
    agent: str = Capability.EXTRACT.agent,
    language: str | None = None,
) -> ExtractionResult:
    """Extract topics and atoms; store and publish them, and the outcome of the stage.

    What only an earlier content of a message said is removed before; what an earlier extraction
    found, and this one does not, is removed when all that this one found is stored.

    Args:
        services: of the worker.
        messages: stored messages, oldest first.
        vectors: their unit vectors, as far as they are known.
        task_id: ID of the calling task.
        not_embedded: IDs of messages whose embedding has just failed: it is not tried again.
        agent: name of the agent, for events.
        language: language of what is found; None for that of the messages.

    Raises:
        StoreFullError: the outcome cannot be stored.
    """
    run = await _ExtractionRun.create(services, messages, task_id, agent, language)
    summary: dict[str, Any] = {}
    failure: Exception | None = None
    try:
        async with announced(services, len(messages), task_id, agent, language) as completed:
            summary = await run.extract(vectors, not_embedded)
            completed.update(summary)
    except OUTAGE_ERRORS as error:
        if error is not run.provider_error:
            raise
        failure = error
    except Exception as error:  # noqa: BLE001 - any error of a provider is an outcome
        failure = error
    errors = run.errors(failure)
    records: Mapping[str, StageRecord] = {}
    if language is None and not isinstance(failure, TooManyMessagesError):
        records = await run.records(errors)
        await services.store.stages.put_many(Stage.EXTRACTED, records)
    return ExtractionResult(summary, failure, errors, records)


@dataclasses.dataclass
class _ExtractionRun:
    """An extraction, with what its records depend on when it ends with an error.

    Attributes:
        edited: messages that had another content when they were extracted.
        outdated: messages with an extraction that this one replaces.
        is_removed: whether what only an earlier content said is removed.
        provider_error: what the provider raised.
        answer: what it answered.
        not_stored: why what was found in messages is not stored, by message ID.
    """

    services: Services
    messages: Sequence[ChatMessage]
    task_id: str
    agent: str
    language: str | None
    version: ModelVersion
    edited: Sequence[ChatMessage]
    outdated: Sequence[ChatMessage]
    is_removed: bool = False
    provider_error: Exception | None = None
    answer: Answer[Extraction] | None = None
    not_stored: Mapping[str, Exception] = dataclasses.field(default_factory=dict)

    @classmethod
    async def create(
        cls,
        services: Services,
        messages: Sequence[ChatMessage],
        task_id: str,
        agent: str,
        language: str | None,
    ) -> "_ExtractionRun":
        """Compare the messages with the records of their last extraction."""
        known = await services.store.stages.known(Stage.EXTRACTED, [each.id for each in messages])
        version = stage_versions(services.provider)[Stage.EXTRACTED]
        outdated = outdated_messages(messages, known, version) if language is None else []
        edited = edited_messages(messages, known)
        return cls(services, messages, task_id, agent, language, version, edited, outdated)

    async def extract(
        self, vectors: Mapping[str, Vector], not_embedded: AbstractSet[str]
    ) -> dict[str, Any]:
        """Ask the provider, store what it finds in place of what is outdated; return the counts."""
        services, task_id = self.services, self.task_id
        removed = await remove_edited(services, self.edited, task_id)
        self.is_removed = True
        earlier = await EarlierExtraction.read(services, self.outdated)
        request = await self._request(vectors, not_embedded)
        answer = self.answer = await self._ask(request)
        replaced = replaced_messages(self.outdated, answer)
        stored = await store_answer(services, self.messages, request, answer, task_id, replaced)
        self.not_stored = stored.errors
        removed += await remove_changed(services, stored, self.version, task_id)
        replaced -= stored.errors.keys()
        removed += await earlier.remove_others(services, answer, replaced, task_id)
        return {
            **stored.counts,
            "sources_removed": removed["sources"],
            "atoms_removed": removed["atoms"],
        }

    async def _request(
        self, vectors: Mapping[str, Vector], not_embedded: AbstractSet[str]
    ) -> ExtractionRequest:
        read = [*await _before(self.services, self.messages), *self.messages]
        known = await _all_vectors(self.services, read, vectors, not_embedded, self.task_id)
        topics = await self.services.store.knowledge.topics()
        return ExtractionRequest(read, known, topics, self.language, time.time())

    async def _ask(self, request: ExtractionRequest) -> Answer[Extraction]:
        try:
            return await self.services.agents.call(
                self.agent,
                self.task_id,
                len(self.messages),
                self.services.provider.extract(request),
                capability=Capability.EXTRACT,
            )
        except Exception as error:
            self.provider_error = error
            raise

    def errors(self, failure: Exception | None) -> dict[str, Exception]:
        """Return why messages were not extracted, by message ID.

        Args:
            failure: of the whole extraction.
        """
        unanswered = self.answer.unanswered if self.answer else {}
        return {
            each.id: error
            for each in self.messages
            if (error := failure or self.not_stored.get(each.id) or unanswered.get(each.id))
            is not None
        }

    async def records(self, errors: Mapping[str, Exception]) -> dict[str, StageRecord]:
        """Return the records of the stage; messages that were edited or deleted have none."""
        at = format_timestamp(time.time())
        # Without the hash, what only the earlier content said is removed at the next attempt.
        not_removed = set() if self.is_removed else {each.id for each in self.edited}

        def record(message: ChatMessage) -> StageRecord:
            if error := errors.get(message.id):
                content_hash = "" if message.id in not_removed else message.content_hash
                return failure_record(error, content_hash, self.version, at)
            fallback = self.answer.fallback_of(message.id) if self.answer else None
            return done_record(message.content_hash, self.version, at, fallback=fallback)

        unchanged = await self.services.store.messages.unchanged(self.messages)
        return {each.id: record(each) for each in unchanged}


async def _before(services: Services, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the earlier messages that few messages are extracted with, oldest first.

    Those that the provider has refused are left out: it would refuse them again.
    """
    if len(messages) >= MIN_MESSAGES:
        return []
    own = {message.id for message in messages}
    ids = [key for key in messages[0].recent if key not in own]
    records = await services.store.stages.get_many(ids, [Stage.EXTRACTED])
    version = stage_versions(services.provider)[Stage.EXTRACTED]
    accepted = [key for key in ids if not _is_refused(records[key].get(Stage.EXTRACTED), version)]
    found = await services.store.messages.get_many(accepted[: MIN_MESSAGES - len(messages)])
    return found[::-1]


def _is_refused(record: StageRecord | None, version: ModelVersion) -> bool:
    """Return whether the same provider refused a message."""
    if record is None or record.outcome is not StageOutcome.REFUSED:
        return False
    return not is_due(record, record.content_hash, version)


async def _all_vectors(
    services: Services,
    messages: Sequence[ChatMessage],
    vectors: Mapping[str, Vector],
    not_embedded: AbstractSet[str],
    task_id: str,
) -> Mapping[str, Vector]:
    """Return the vectors of messages: stored ones, others as far as the provider embeds them."""
    known = vectors.keys() | not_embedded
    others = [message for message in messages if message.id not in known]
    found = {**vectors, **await stored_vectors(services, others)}
    embedding = EmbeddingRun(services, task_id)
    with contextlib.suppress(
        ModelError, ProviderRefusedError
    ):  # the stage `embedded` has the reason
        await embedding.embed([message for message in others if message.id not in found])
    return {**found, **embedding.vectors}
