"""Events of extractions, and of the topics and atoms that they find."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from pulse_workers.chat.records import Atom
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.knowledge import TopicChange
from pulse_workers.chat.store.state import RUN, task_key
from pulse_workers.config.known_secrets import describe_error

_RENEWAL_S: Final = 60.0


@contextlib.asynccontextmanager
async def announced(
    services: Services, count: int, task_id: str, agent: str, language: str | None
) -> AsyncIterator[dict[str, Any]]:
    """Publish start and end of an extraction, and mark it as running."""
    identity = {"extraction_id": task_id, "task_id": task_id}
    started = {
        "message_count": count,
        "agent_config_id": agent,
        "agent_name": agent,
        "language": language,
    }
    _publish(services, "extraction_started", started | identity)
    started_at = time.time()

    def running() -> dict[str, float]:
        return {"started_at": started_at, "renewed_at": time.time()}

    completed: dict[str, Any] = {}
    async with services.store.state.marked(task_key(RUN, task_id), running, _RENEWAL_S):
        try:
            yield completed
        except asyncio.CancelledError:
            _publish(services, "extraction_cancelled", identity)
            raise
        except Exception as error:
            failed = {"error": describe_error(error), **identity}
            _publish(services, "extraction_failed", failed)
            raise
    _publish(services, "extraction_completed", completed | identity)


def publish_topic(services: Services, change: TopicChange, task_id: str) -> None:
    """Publish a new topic, or a new version of one."""
    topic = change.topic
    fields = {
        "topic_id": topic.id,
        "topic_name": topic.name,
        "message_count": topic.message_count,
        "quality": topic.quality,
        "task_id": task_id,
    }
    if change.is_new:
        created = fields | {"key_phrases": topic.key_phrases}
        _publish(services, "topic_created", created, key=f"{task_id} {topic.id}")
        return
    version = {"entity_type": "topic", "entity_id": topic.id, "version": topic.version}
    key = f"{task_id} {topic.id} {topic.version}"
    _publish(services, "version_created", version | fields, key=key)


def publish_atom(services: Services, atom: Atom, task_id: str) -> None:
    """Publish a new atom."""
    _publish(services, "atom_created", _fields(atom, task_id), key=f"{task_id} {atom.id}")


def publish_atom_version(services: Services, atom: Atom, task_id: str) -> None:
    """Publish that an atom is described in another way, such as with another title."""
    version = {"entity_type": "atom", "entity_id": atom.id}
    fields = version | _fields(atom, task_id)
    _publish(services, "version_created", fields, key=f"{task_id} version {atom.id}")


def _fields(atom: Atom, task_id: str) -> dict[str, Any]:
    return {
        "atom_id": atom.id,
        "atom_title": atom.title,
        "atom_type": atom.type,
        "topic_id": atom.topic_id or None,
        "confidence": atom.confidence,
        "message_id": atom.evidence[0].message_id if atom.evidence else None,
        "cue": atom.evidence[0].cue if atom.evidence else None,
        "language": atom.language,
        "task_id": task_id,
    }


def publish_removed(services: Services, atom: Atom, task_id: str) -> None:
    """Publish that an atom is removed."""
    fields = {"atom_id": atom.id, "atom_title": atom.title, "atom_type": atom.type}
    topic = {"topic_id": atom.topic_id or None, "task_id": task_id}
    _publish(services, "atom_removed", fields | topic, key=f"{task_id} removed {atom.id}")


def _publish(services: Services, name: str, data: dict[str, Any], *, key: str = "") -> None:
    services.events.publish("knowledge", f"knowledge.{name}", data, key=key)
