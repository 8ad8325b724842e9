"""The task that extracts knowledge from messages: atoms by wording, topics by similarity."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pulse_desktop.model.redaction import redact_url
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.agent_calls import EXTRACTION
from pulse_workers.chat.pipeline.topics import new_topic, with_members
from pulse_workers.chat.providers.provider import ReadRequest, TopicAssignment
from pulse_workers.chat.records import Atom, Topic, Vector
from pulse_workers.chat.services import Services, current_services, current_task_id
from pulse_workers.errors import MessageNotFoundError
from pulse_workers.registry import task


@task(
    task_name="extract_knowledge",
    max_attempts=2,
    retry_delay=3,
    retry_on="TimeoutError",
)
async def extract_knowledge(
    message_ids: Sequence[str], agent: str = EXTRACTION, language: str | None = None
) -> dict[str, Any]:
    """Extract atoms and topics from messages, and store them.

    Args:
        message_ids: IDs of stored messages, which are read together.
        agent: name of the agent, for events.
        language: `en` or `uk` for sentences in that language only; None for both.

    Returns:
        Counts of created and changed atoms and topics.

    Raises:
        MessageNotFoundError: none of the messages is stored.
        ProviderRefusedError: an unsupported language, or too many messages.
    """
    services = current_services()
    task_id = current_task_id()
    identity = {"extraction_id": task_id, "task_id": task_id}
    _publish(
        services,
        "extraction_started",
        {
            "message_count": len(message_ids),
            "agent_config_id": agent,
            "agent_name": agent,
            "language": language,
            **identity,
        },
    )
    await services.store.put_state(f"run.{task_id}", {"started_at": time.time()})
    try:
        summary = await _extract(services, list(message_ids), agent, language)
    except asyncio.CancelledError:
        _publish(services, "extraction_cancelled", identity)
        raise
    except Exception as error:
        _publish(
            services,
            "extraction_failed",
            {"error": redact_url(f"{type(error).__name__}: {error}"), **identity},
        )
        raise
    finally:
        await services.store.delete_state(f"run.{task_id}")
    _publish(services, "extraction_completed", {**summary, **identity})
    return summary


async def _extract(
    services: Services, ids: list[str], agent: str, language: str | None
) -> dict[str, Any]:
    messages = await services.store.messages(ids)
    if not messages:
        raise MessageNotFoundError(f"none of the {len(ids)} messages is stored")
    task_id = current_task_id()
    async with services.topics_lock:
        topics = {topic.id: topic for topic in await services.store.topics()}
        vectors = await services.store.embeddings(message.id for message in messages)
        if missing := [message for message in messages if message.id not in vectors]:
            embedded = await services.provider.embed([message.content for message in missing])
            vectors |= {m.id: row for m, row in zip(missing, embedded.value, strict=True)}
        now = time.time()
        request = ReadRequest(messages, vectors, tuple(topics.values()), language, now)
        answer = await services.agents.call(
            agent, task_id, len(messages), services.provider.read(request)
        )
        extracted = answer.value
        analysis = _Topics(
            [
                _extended(topics.get(each.topic_id), each, vectors, answer.model, now)
                for each in extracted.topics
            ]
        )
        for topic in (*analysis.created, *analysis.changed):
            await services.store.put_topic(topic)
    for topic in analysis.created:
        _publish(
            services,
            "topic_created",
            {
                "topic_id": topic.id,
                "topic_name": topic.name,
                "key_phrases": topic.key_phrases,
                "message_count": topic.message_count,
                "quality": topic.quality,
                "task_id": task_id,
            },
        )
    for topic in analysis.changed:
        _publish(
            services,
            "version_created",
            {
                "entity_type": "topic",
                "entity_id": topic.id,
                "topic_id": topic.id,
                "topic_name": topic.name,
                "version": topic.version,
                "message_count": topic.message_count,
                "quality": topic.quality,
                "task_id": task_id,
            },
        )
    found = (*analysis.created, *analysis.changed)
    created, linked = await _store_atoms(services, extracted.atoms, found, task_id)
    return {
        "message_count": len(messages),
        "topics_created": len(analysis.created),
        "atoms_created": created,
        "atoms_known": len(extracted.atoms) - created,
        "links_created": linked,
        "messages_updated": len({i for topic in found for i in topic.message_ids} & set(ids)),
        "topic_versions_created": len(analysis.changed),
        "atom_versions_created": 0,
        "missing": len(ids) - len(messages),
        "model": answer.model,
    }


class _Topics:
    """Created and changed topics."""

    def __init__(self, topics: Sequence[tuple[Topic, bool]]) -> None:
        self.created = [topic for topic, is_new in topics if is_new]
        self.changed = [topic for topic, is_new in topics if not is_new]


def _extended(
    topic: Topic | None,
    assignment: TopicAssignment,
    vectors: Mapping[str, Vector],
    model: str,
    now: float,
) -> tuple[Topic, bool]:
    at = format_timestamp(now)
    known = topic or new_topic(assignment, model=model, at=at)
    fresh = [each for each in assignment.message_ids if each not in known.message_ids]
    if not fresh:
        return known, False
    return with_members(known, fresh, [vectors[each] for each in fresh], at), topic is None


async def _store_atoms(
    services: Services, atoms: Sequence[Atom], topics: Sequence[Topic], task_id: str
) -> tuple[int, int]:
    """Store atoms; return how many are new, and how many of those have a topic."""
    topic_of = {member: topic.id for topic in topics for member in topic.message_ids}
    created = linked = 0
    for found in atoms:
        atom = msgspec.structs.replace(
            found, topic_id=topic_of.get(found.evidence[0].message_id, "")
        )
        if not await services.store.add_atom(atom):
            continue
        created += 1
        linked += bool(atom.topic_id)
        _publish(
            services,
            "atom_created",
            {
                "atom_id": atom.id,
                "atom_title": atom.title,
                "atom_type": atom.type,
                "topic_id": atom.topic_id or None,
                "confidence": atom.confidence,
                "message_id": atom.evidence[0].message_id,
                "cue": atom.evidence[0].cue,
                "language": atom.language,
                "task_id": task_id,
            },
        )
    return created, linked


def _publish(services: Services, name: str, data: dict[str, Any]) -> None:
    services.events.publish("knowledge", f"knowledge.{name}", data)
