"""What an earlier extraction of messages found, and a new one removes."""

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.chat.pipeline.extraction_storage import StoredAnswer
from pulse_workers.chat.pipeline.knowledge_events import publish_removed, publish_topic
from pulse_workers.chat.pipeline.stages import failure_record, is_due
from pulse_workers.chat.providers.provider import Answer, Extraction, ModelVersion
from pulse_workers.chat.records import ChatMessage, Stage, StageRecord
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.atoms import RemovedSources
from pulse_workers.chat.store.knowledge import TopicChange


def edited_messages(
    messages: Sequence[ChatMessage], records: Mapping[str, StageRecord | None]
) -> list[ChatMessage]:
    """Return the messages that had another content, or may have had, when they were extracted.

    Args:
        messages: stored messages.
        records: of those that have one, or None if it was deleted.
    """
    return [
        each
        for each in messages
        if each.id in records
        and ((record := records[each.id]) is None or record.content_hash != each.content_hash)
    ]


def outdated_messages(
    messages: Sequence[ChatMessage],
    records: Mapping[str, StageRecord | None],
    version: ModelVersion,
) -> list[ChatMessage]:
    """Return the messages with an extraction that a new one replaces.

    It had another content, model or prompt, was a fallback's during an outage, or did not end.
    What the same model found again and again, if it is asked to, is kept.

    Args:
        messages: stored messages.
        records: of those that have one, or None if it was deleted.
        version: of the new extraction.
    """
    return [
        each
        for each in messages
        if each.id in records
        and (
            (record := records[each.id]) is None
            or record.is_provisional
            or is_due(record, each.content_hash, version)
        )
    ]


def replaced_messages(
    outdated: Iterable[ChatMessage], answer: Answer[Extraction]
) -> frozenset[str]:
    """Return the IDs of the messages whose earlier extraction an answer replaces.

    What a fallback answers during an outage replaces nothing: it is to be replaced itself.
    """
    causes = {
        each.id: answer.fallback_of(each.id)
        for each in outdated
        if each.id not in answer.unanswered
    }
    return frozenset(
        key for key, cause in causes.items() if cause is None or not cause.is_provisional
    )


async def remove_edited(
    services: Services,
    edited: Sequence[ChatMessage],
    task_id: str,
    messages_hash: str | None = None,
) -> Counter[str]:
    """Remove what only the earlier content of messages said; publish and count it.

    Args:
        services: of the worker.
        edited: messages with their present content.
        task_id: ID of the calling task.
        messages_hash: of the extraction whose members are removed; None for all.
    """
    at = format_timestamp(time.time())
    changes = await services.store.knowledge.remove_members(edited, at, messages_hash)
    removed = await services.store.atoms.remove_sources(edited)
    return _publish_removal(services, changes, removed, task_id)


async def remove_changed(
    services: Services, stored: StoredAnswer, version: ModelVersion, task_id: str
) -> Counter[str]:
    """Remove what was stored of messages that were edited meanwhile; publish and count it.

    The extraction of the new content may have ended before. It may also have relied on a member
    that is removed here, so the stage is due again.

    Args:
        services: of the worker.
        stored: what was stored.
        version: of the stage.
        task_id: ID of the calling task.
    """
    messages = services.store.messages
    unchanged = {each.id for each in await messages.unchanged(stored.messages)}
    changed = [each.id for each in stored.messages if each.id not in unchanged]
    edited = await messages.get_many(changed)
    if not edited:
        return Counter()
    removed = await remove_edited(services, edited, task_id, stored.messages_hash)
    record = failure_record(
        InterruptedError("it was edited while what its earlier content said was stored"),
        "",
        version,
        format_timestamp(time.time()),
    )
    await services.store.stages.put_many(Stage.EXTRACTED, {each.id: record for each in edited})
    return removed


@dataclasses.dataclass(frozen=True)
class EarlierExtraction:
    """What was stored of messages before they are extracted again, as revisions by key."""

    messages: Sequence[ChatMessage]
    sources: Mapping[str, int]
    members: Mapping[str, int]

    @classmethod
    async def read(cls, services: Services, messages: Sequence[ChatMessage]) -> "EarlierExtraction":
        """Read what is stored of these messages."""
        ids = [message.id for message in messages]
        return cls(
            messages,
            await services.store.atoms.sources_of(ids),
            await services.store.knowledge.members_of(ids),
        )

    async def remove_others(
        self,
        services: Services,
        answer: Answer[Extraction],
        replaced: AbstractSet[str],
        task_id: str,
    ) -> Counter[str]:
        """Remove what a stored answer does not have of messages; publish and count it.

        It is the last step before the stage is done: after a crash, all steps are repeated.

        Args:
            services: of the worker.
            answer: the new extraction.
            replaced: IDs of the messages whose earlier extraction it replaces.
            task_id: ID of the calling task.
        """
        unchanged = await services.store.messages.unchanged(self.messages)
        gone = replaced & {each.id for each in unchanged}
        found = {
            f"source.{atom.id}.{evidence.message_id}"
            for part in answer.parts
            for atom in part.value.atoms
            for evidence in atom.evidence
        }
        found |= {
            f"member.{topic.topic_id}.{message_id}"
            for part in answer.parts
            for topic in part.value.topics
            for message_id in topic.message_ids
        }

        def others(revisions: Mapping[str, int]) -> dict[str, int]:
            return {
                key: revision
                for key, revision in revisions.items()
                if key not in found and key.split(".", 2)[2] in gone
            }

        at = format_timestamp(time.time())
        changes = await services.store.knowledge.remove(others(self.members), at)
        removed = await services.store.atoms.remove(others(self.sources))
        return _publish_removal(services, changes, removed, task_id)


def _publish_removal(
    services: Services, changes: Sequence[TopicChange], removed: RemovedSources, task_id: str
) -> Counter[str]:
    for change in changes:
        publish_topic(services, change, task_id)
    for atom in removed.atoms:
        publish_removed(services, atom, task_id)
    return Counter(sources=removed.count, atoms=len(removed.atoms))
