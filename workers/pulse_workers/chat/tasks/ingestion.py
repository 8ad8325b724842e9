"""Taking chat messages in: from a Telegram Desktop export into the store."""

from collections.abc import Sequence
from typing import Any, Final

from taskiq import TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker, TaskState

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import (
    Services,
    child_id,
    current_services,
    current_task_id,
)
from pulse_workers.chat.store import Change
from pulse_workers.chat.tasks.embedding import embed_messages_batch
from pulse_workers.chat.tasks.knowledge import extract_knowledge
from pulse_workers.chat.tasks.scoring import score_message_task
from pulse_workers.registry import task

BATCH: Final = 32
WINDOW: Final = 12
"""Messages read together for knowledge."""
PARENT: Final = "parent_task_id"


@task(task_name="workers.tasks.ingestion:ingest_messages", max_attempts=3, retry_delay=2)
async def ingest_messages(
    path: str = "",
    offset: int = 0,
    limit: int = 50,
    *,
    progress: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008 - TaskIQ reads it
) -> dict[str, Any]:
    """Store messages of an export and enqueue what is to be done with the new ones.

    Args:
        path: a Telegram Desktop `result.json`; empty for the bundled sample.
        offset: how many messages to skip.
        limit: how many to read.
        progress: of storing them; not an argument, TaskIQ fills it in.

    Returns:
        Counts of new, updated and unchanged messages, the offset to go on from, and whether the
        export has ended.

    Raises:
        ExportUnreadableError: no such file, or it is not an export.
        StoreFullError: the bucket has reached its limit.
    """
    services = current_services()
    export = await services.exports.read(path)
    begin = max(0, offset)
    part = export[begin : begin + max(0, limit)]
    task_id = current_task_id()
    counts = dict.fromkeys(Change, 0)
    fresh: list[ChatMessage] = []
    for done, message in enumerate(part):
        await progress.set_progress(
            TaskState.STARTED, {"done": done, "total": len(part), "message": "messages stored"}
        )
        change = await services.store.put_message(_signed(message, task_id))
        counts[change] += 1
        if change is not Change.UNCHANGED:
            _tell(services, message, change)
            fresh.append(message)
        elif await services.store.score(message.id) is None:
            fresh.append(message)  # stored by an attempt that ended before it could go on
    await progress.set_progress(
        TaskState.STARTED, {"done": len(part), "total": len(part), "message": "messages stored"}
    )
    enqueued = await _enqueue(task_id, fresh, _windows(export, begin, len(part)))
    return {
        "source_name": part[0].source_name if part else "",
        "offset": begin,
        "read": len(part),
        "new": counts[Change.NEW],
        "updated": counts[Change.UPDATED],
        "unchanged": counts[Change.UNCHANGED],
        "enqueued": enqueued,
        "next_offset": begin + len(part),
        "total": len(export),
        "finished": begin + len(part) >= len(export),
    }


def _signed(message: ChatMessage, task_id: str) -> ChatMessage:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return ChatMessage(**{**fields, "ingested_by": task_id})


def _tell(services: Services, message: ChatMessage, change: Change) -> None:
    told: dict[str, Any] = {
        "id": message.id,
        "external_message_id": message.external_message_id,
        "content": message.content,
        "author": message.author,
        "author_id": message.author_id,
        "author_name": message.author,
        "sent_at": message.sent_at,
        "source_name": message.source_name,
        "source_id": message.id.rpartition(".")[0],
        "attachments": [attachment.name for attachment in message.attachments],
        "media_type": message.media_type or None,
        "reply_to": message.reply_to,
        "task_id": current_task_id(),
    }
    if change is Change.UPDATED:
        told |= {"persisted": True, "avatar_url": None, "edited_at": message.edited_at}
    services.events.publish("messages", f"message.{change.value}", told)


def _windows(export: Sequence[ChatMessage], begin: int, count: int) -> list[list[str]]:
    """Return the windows that end within the part just read, and the rest at the export's end."""
    end = begin + count
    edges = [edge for edge in range(WINDOW, len(export) + 1, WINDOW) if begin < edge <= end]
    if end == len(export) and count and end % WINDOW:
        edges.append(end)
    return [
        [message.id for message in export[(edge - 1) // WINDOW * WINDOW : edge]] for edge in edges
    ]


async def _enqueue(
    parent: str, fresh: Sequence[ChatMessage], windows: Sequence[Sequence[str]]
) -> int:
    """Enqueue scoring, embedding and reading; the same parent never enqueues them twice."""
    if not fresh:
        return 0
    count = 0
    for message in fresh:
        scoring = score_message_task.kicker().with_labels(**{PARENT: parent})
        await scoring.with_task_id(child_id(parent, f"score {message.id}")).kiq(message.id)
        count += 1
    ids = [message.id for message in fresh]
    for first in range(0, len(ids), BATCH):
        batch = ids[first : first + BATCH]
        embedding = embed_messages_batch.kicker().with_labels(**{PARENT: parent})
        await embedding.with_task_id(child_id(parent, f"embed {batch[0]}")).kiq(batch)
        count += 1
    for window in windows:
        reading = extract_knowledge.kicker().with_labels(**{PARENT: parent})
        await reading.with_task_id(child_id(parent, f"read {window[0]}")).kiq(list(window))
        count += 1
    return count
