"""Reading messages for knowledge: atoms by their wording, topics by nearness."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from pulse_desktop.model.redaction import redact_url
from pulse_workers.chat.agent_calls import ANALYSIS, EXTRACTION
from pulse_workers.chat.providers.provider import AnalysisResult, Vector
from pulse_workers.chat.records import Atom, ChatMessage, Topic
from pulse_workers.chat.services import Services, current_services, current_task_id
from pulse_workers.errors import MessageNotFoundError
from pulse_workers.registry import task


@task(
    task_name="workers.tasks.knowledge:extract_knowledge",
    max_attempts=2,
    retry_delay=3,
    retry_on="TimeoutError",
)
async def extract_knowledge(
    message_ids: Sequence[str], agent: str = EXTRACTION, language: str | None = None
) -> dict[str, Any]:
    """Find atoms and topics in messages and store them.

    Args:
        message_ids: ids of stored messages, read together.
        agent: name of the agent that asks.
        language: `en` or `uk` to read only what is written in it; None for both.

    Returns:
        What was created and changed.

    Raises:
        MessageNotFoundError: none of the messages is stored.
        ProviderRefusedError: a language the provider does not know, or too much at once.
    """
    services = current_services()
    run = current_task_id()
    identity = {"extraction_id": run, "task_id": run}
    _tell(
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
    await services.store.put_state(f"run.{run}", {"started_at": time.time()})
    try:
        done = await _read(services, list(message_ids), agent, language)
    except asyncio.CancelledError:
        _tell(services, "extraction_cancelled", identity)
        raise
    except Exception as error:
        _tell(
            services,
            "extraction_failed",
            {"error": redact_url(f"{type(error).__name__}: {error}"), **identity},
        )
        raise
    finally:
        await services.store.drop_state(f"run.{run}")
    _tell(services, "extraction_completed", {**done, **identity})
    return done


async def _read(
    services: Services, ids: list[str], agent: str, language: str | None
) -> dict[str, Any]:
    messages = await services.store.messages(ids)
    if not messages:
        raise MessageNotFoundError(f"none of the {len(ids)} messages is stored")
    task_id = current_task_id()
    extracted = await services.agents.call(
        agent,
        task_id,
        len(messages),
        lambda: services.provider.extract(messages, language, time.time()),
    )
    async with services.topics_lock:
        analysed = await _analyse(services, messages, task_id)
        for topic in (*analysed.created, *analysed.changed):
            await services.store.put_topic(topic)
    for topic in analysed.created:
        _tell(
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
    for topic in analysed.changed:
        _tell(
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
    touched = (*analysed.created, *analysed.changed)
    created, linked = await _store_atoms(services, extracted.atoms, touched, task_id)
    return {
        "message_count": len(messages),
        "topics_created": len(analysed.created),
        "atoms_created": created,
        "atoms_known": len(extracted.atoms) - created,
        "links_created": linked,
        "messages_updated": len({i for topic in touched for i in topic.message_ids} & set(ids)),
        "topic_versions_created": len(analysed.changed),
        "atom_versions_created": 0,
        "missing": len(ids) - len(messages),
        "model": services.provider.model,
    }


async def _analyse(
    services: Services, messages: Sequence[ChatMessage], task_id: str
) -> AnalysisResult:
    """Sort the messages into topics, with vectors made now where none is stored yet."""
    topics = await services.store.topics()
    known = await services.store.embeddings(message.id for message in messages)
    missing = [message for message in messages if message.id not in known]
    if missing:
        embedded = await asyncio.to_thread(
            services.provider.embed, [message.content for message in missing]
        )
        known |= {m.id: row for m, row in zip(missing, embedded.vectors, strict=True)}
    vectors: list[Vector] = [known[message.id] for message in messages]
    return await services.agents.call(
        ANALYSIS,
        task_id,
        len(messages),
        lambda: services.provider.analyse(messages, vectors, topics, time.time()),
    )


async def _store_atoms(
    services: Services, atoms: Sequence[Atom], topics: Sequence[Topic], task_id: str
) -> tuple[int, int]:
    """Store atoms and return how many are new, and how many of those have a topic."""
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
        _tell(
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


def _tell(services: Services, name: str, data: dict[str, Any]) -> None:
    services.events.publish("knowledge", f"knowledge.{name}", data)
