"""The stage `extracted`: topics and atoms that are extracted from messages."""

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.earlier_extraction import (
    EarlierExtraction,
    edited_messages,
    outdated_messages,
    remove_edited,
    replaced_messages,
)
from pulse_workers.chat.pipeline.embedding import EmbeddingRun, stored_vectors
from pulse_workers.chat.pipeline.knowledge_events import (
    announced,
    publish_atom,
    publish_topic,
)
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
    FallbackCause,
    ModelVersion,
    stored_fallback,
)
from pulse_workers.chat.records import Atom, ChatMessage, Stage, StageOutcome, StageRecord, Vector
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.bucket import Refusals
from pulse_workers.chat.store.knowledge import Provenance, TopicChange
from pulse_workers.errors import OUTAGE_ERRORS, ProviderRefusedError, TopicNotStoredError

MIN_MESSAGES: Final = 12
"""Fewer messages are extracted together with earlier ones: alone they say too little."""


@dataclasses.dataclass(frozen=True)
class ExtractionResult:
    """What was found, or why nothing was.

    Attributes:
        summary: counts of created and changed topics and atoms; empty after an error.
        error: None if the extraction succeeded.
        errors: why messages were not extracted, by message ID.
        records: of the stage; empty for an extraction in one language, which is not the stage.
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
    summary: dict[str, Any] = {}
    known_records = await services.store.stages.known(
        Stage.EXTRACTED, [message.id for message in messages]
    )
    edited = edited_messages(messages, known_records)
    version = stage_versions(services.provider)[Stage.EXTRACTED]
    outdated = outdated_messages(messages, known_records, version) if language is None else []
    with_sources = {each.id for each in edited}
    failure: Exception | None = None
    provider_errors: list[Exception] = []
    answered: Answer[Extraction] | None = None
    not_stored: dict[str, Exception] = {}
    try:
        async with announced(services, len(messages), task_id, agent, language) as completed:
            removed = await remove_edited(services, edited, task_id)
            with_sources.clear()
            earlier = await EarlierExtraction.read(services, outdated)
            read = [*await _before(services, messages), *messages]
            known = await _all_vectors(services, read, vectors, not_embedded, task_id)
            request = ExtractionRequest(
                read, known, await services.store.knowledge.topics(), language, time.time()
            )
            try:
                answer = await services.agents.call(
                    agent,
                    task_id,
                    len(messages),
                    services.provider.extract(request),
                    capability=Capability.EXTRACT,
                )
            except Exception as error:
                provider_errors.append(error)
                raise
            answered = answer
            replaced = replaced_messages(outdated, answer)
            stored = await _store(
                services, messages, request, answer, task_id, not_stored, replaced
            )
            removed += await earlier.remove_others(
                services, answer, replaced - not_stored.keys(), task_id
            )
            counts = {"sources_removed": removed["sources"], "atoms_removed": removed["atoms"]}
            summary = stored | counts
            completed.update(summary)
    except OUTAGE_ERRORS as error:
        if error not in provider_errors:
            raise
        failure = error
    except Exception as error:  # noqa: BLE001 - any error of a provider is an outcome
        failure = error
    at = format_timestamp(time.time())
    unanswered = answered.unanswered if answered else {}
    errors = {
        each.id: reason
        for each in messages
        if (reason := failure or not_stored.get(each.id) or unanswered.get(each.id)) is not None
    }
    current = await services.store.messages.unchanged(messages)  # others are edited or deleted
    records = {
        # Without the hash, what only the earlier content said is removed at the next attempt.
        each.id: failure_record(
            errors[each.id], "" if each.id in with_sources else each.content_hash, version, at
        )
        if each.id in errors
        else done_record(
            each.content_hash,
            version,
            at,
            fallback=answered.fallback_of(each.id) if answered else None,
        )
        for each in current
    }
    if language is not None:
        return ExtractionResult(summary, failure, errors, {})
    await services.store.stages.put_many(Stage.EXTRACTED, records)
    return ExtractionResult(summary, failure, errors, records)


async def _store(
    services: Services,
    messages: Sequence[ChatMessage],
    request: ExtractionRequest,
    answer: Answer[Extraction],
    task_id: str,
    errors: dict[str, Exception],
    replaced: AbstractSet[str],
) -> dict[str, Any]:
    """Store and publish what was found; return the counts.

    What cannot be stored does not prevent the rest: `errors` takes it, by message ID.
    `replaced` has the IDs of messages whose earlier extraction this one replaces.
    """
    versions = stage_versions(services.provider)
    messages_hash = _messages_hash(request.messages)
    atoms = [(atom, part.fallback) for part in answer.parts for atom in part.value.atoms]
    current = {each.id for each in await services.store.messages.unchanged(request.messages)}
    assignments = [
        (msgspec.structs.replace(each, message_ids=ids), part.model)
        for part in answer.parts
        for each in part.value.topics
        if (ids := tuple(key for key in each.message_ids if key in current))
    ]
    named = {key for each, _model in assignments for key in each.message_ids}
    named.update(evidence.message_id for atom, _cause in atoms for evidence in atom.evidence)
    # If this is interrupted, and a message is edited then, the next extraction has to know that
    # something is stored of its earlier content.
    interrupted = failure_record(
        InterruptedError("its extraction was interrupted"),
        "",
        versions[Stage.EXTRACTED],
        format_timestamp(request.now),
    )
    await services.store.stages.put_unless_current(
        Stage.EXTRACTED,
        interrupted,
        {each.id: each.content_hash for each in request.messages if each.id in named & current},
    )
    changes: list[TopicChange] = []
    member_refusals: Refusals = {}
    for assignment, model in assignments:
        provenance = Provenance(
            messages_hash, model, versions[Stage.EMBEDDED].model, format_timestamp(request.now)
        )
        try:
            change = await services.store.knowledge.assign(
                assignment, request.vectors, provenance, member_refusals
            )
        except TopicNotStoredError as error:
            errors.update(dict.fromkeys(assignment.message_ids, error))
            continue
        changes += [change] if change else []
    topic_of = {
        message_id: assignment.topic_id
        for assignment, _model in assignments
        for message_id in assignment.message_ids
    }
    current = {each.id for each in await services.store.messages.unchanged(request.messages)}
    stored = await services.store.atoms.add(
        [
            _complete(atom, topic_of, fallback)
            for atom, fallback in atoms
            if current.issuperset(evidence.message_id for evidence in atom.evidence)
        ],
        replaced,
    )
    errors.update({**member_refusals, **stored.refusals})
    for change in changes:
        publish_topic(services, change, task_id)
    for atom in stored.created:
        publish_atom(services, atom, task_id)
    own = {message.id for message in messages}
    return {
        "message_count": len(messages),
        "topics_created": sum(change.is_new for change in changes),
        "atoms_created": len(stored.created),
        "atoms_known": len(atoms) - len(stored.created),
        "links_created": sum(bool(atom.topic_id) for atom in stored.created),
        "messages_updated": len({key for change in changes for key in change.added} & own),
        "topic_versions_created": sum(not change.is_new for change in changes),
        "atom_versions_created": 0,
        "sources_added": stored.sources_added,
        "model": answer.model,
        **answer.fallback_fields,
    }


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


def _messages_hash(messages: Sequence[ChatMessage]) -> str:
    """Return a hash of the IDs and contents of messages."""
    content = "\n".join(f"{message.id} {message.content_hash}" for message in messages)
    return hashlib.blake2b(content.encode(), digest_size=10).hexdigest()


def _complete(atom: Atom, topic_of: Mapping[str, str], fallback: FallbackCause | None) -> Atom:
    return msgspec.structs.replace(
        atom,
        topic_id=topic_of.get(atom.evidence[0].message_id, "") if atom.evidence else "",
        **stored_fallback(fallback),
    )
