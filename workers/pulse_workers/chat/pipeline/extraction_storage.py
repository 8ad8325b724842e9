"""Storage of what an extraction has found, and its events."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.knowledge_events import (
    publish_atom,
    publish_atom_version,
    publish_topic,
)
from pulse_workers.chat.pipeline.stages import failure_record, stage_versions
from pulse_workers.chat.providers.provider import (
    Answer,
    Extraction,
    ExtractionRequest,
    FallbackCause,
    stored_fallback,
)
from pulse_workers.chat.records import Atom, ChatMessage, Stage
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.bucket import Refusals
from pulse_workers.chat.store.knowledge import Provenance, TopicChange
from pulse_workers.errors import TopicNotStoredError


@dataclasses.dataclass(frozen=True)
class StoredAnswer:
    """The effect of storing an answer.

    Attributes:
        counts: of created and changed topics and atoms.
        errors: why what was found in messages is not stored, by message ID.
        messages: of which something may be stored.
        messages_hash: of the members that were added.
    """

    counts: dict[str, Any]
    errors: Mapping[str, Exception]
    messages: Sequence[ChatMessage]
    messages_hash: str


async def store_answer(
    services: Services,
    messages: Sequence[ChatMessage],
    request: ExtractionRequest,
    answer: Answer[Extraction],
    task_id: str,
    replaced: AbstractSet[str],
) -> StoredAnswer:
    """Store and publish what was found; what cannot be stored does not prevent the rest.

    Args:
        services: of the worker.
        messages: to extract from.
        request: which has earlier messages, too.
        answer: to the request.
        task_id: ID of the calling task.
        replaced: IDs of the messages whose earlier extraction this one replaces.
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
    read = [each for each in request.messages if each.id in named & current]
    await _record_start(services, request, read)
    changes: list[TopicChange] = []
    refusals: Refusals = {}
    errors: dict[str, Exception] = {}
    for assignment, model in assignments:
        provenance = Provenance(
            messages_hash, model, versions[Stage.EMBEDDED].model, format_timestamp(request.now)
        )
        try:
            change = await services.store.knowledge.assign(
                assignment, request.vectors, provenance, refusals
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
    current = {each.id for each in await services.store.messages.unchanged(read)}
    stored = await services.store.atoms.add(
        [
            _complete(atom, topic_of, fallback)
            for atom, fallback in atoms
            if current.issuperset(evidence.message_id for evidence in atom.evidence)
        ],
        replaced,
    )
    errors |= refusals | stored.refusals
    for change in changes:
        publish_topic(services, change, task_id)
    for atom in stored.created:
        publish_atom(services, atom, task_id)
    for atom in stored.changed:
        publish_atom_version(services, atom, task_id)
    own = {message.id for message in messages}
    counts = {
        "message_count": len(messages),
        "topics_created": sum(change.is_new for change in changes),
        "atoms_created": len(stored.created),
        "atoms_known": len(atoms) - len(stored.created),
        "links_created": sum(bool(atom.topic_id) for atom in stored.created),
        "messages_updated": len({key for change in changes for key in change.added} & own),
        "topic_versions_created": sum(not change.is_new for change in changes),
        "atom_versions_created": len(stored.changed),
        "sources_added": stored.sources_added,
        "model": answer.model,
        **answer.fallback_fields,
    }
    return StoredAnswer(counts, errors, read, messages_hash)


async def _record_start(
    services: Services, request: ExtractionRequest, messages: Sequence[ChatMessage]
) -> None:
    """Record that something may be stored of messages that have no record of their content.

    If they are edited, also after an interruption, the next extraction then knows that it has to
    remove what their earlier content said.
    """
    record = failure_record(
        InterruptedError("its extraction was interrupted"),
        "",
        stage_versions(services.provider)[Stage.EXTRACTED],
        format_timestamp(request.now),
    )
    if request.language is not None:  # this record stays until the stage runs
        reason = f"only an extraction in the language {request.language} has run"
        record = msgspec.structs.replace(record, reason=reason)
    await services.store.stages.put_unless_current(
        Stage.EXTRACTED, record, {each.id: each.content_hash for each in messages}
    )


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
