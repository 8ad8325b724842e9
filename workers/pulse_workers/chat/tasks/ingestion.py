"""The task that ingests messages of a Telegram Desktop export."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from taskiq import TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker, TaskState

from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.services import (
    Services,
    child_id,
    current_services,
    current_task_id,
)
from pulse_workers.chat.store import MessageChange
from pulse_workers.chat.tasks.embedding import embed_messages_batch
from pulse_workers.chat.tasks.knowledge import extract_knowledge
from pulse_workers.chat.tasks.scoring import score_message_task
from pulse_workers.registry import task

EMBEDDING_BATCH: Final = 32
WINDOW: Final = 12
"""Messages per knowledge extraction."""
PARENT: Final = "parent_task_id"


@task(task_name="ingest_messages", max_attempts=3, retry_delay=2)
async def ingest_messages(
    path: str = "",
    offset: int = 0,
    limit: int = 50,
    *,
    progress: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008 - TaskIQ injects it
) -> dict[str, Any]:
    """Store messages of an export, and enqueue scoring, embedding and extraction of new ones.

    Args:
        path: path to a Telegram Desktop `result.json`, or to its folder; empty for the bundled
            sample.
        offset: number of messages to skip.
        limit: maximum number of messages to read.
        progress: injected by TaskIQ, not an argument.

    Returns:
        Counts of new, updated, unchanged and, in the whole export, skipped messages, the next
        offset, and whether the export is finished.

    Raises:
        ExportUnreadableError: the file does not exist, or is not an export.
        StoreFullError: the bucket has reached its limit.
    """
    services = current_services()
    read = await services.exports.read(path)
    export = read.messages
    start = max(0, offset)
    batch = export[start : start + max(0, limit)]
    task_id = current_task_id()
    counts = dict.fromkeys(MessageChange, 0)
    changed: list[ChatMessage] = []
    for done, message in enumerate(batch):
        await progress.set_progress(
            TaskState.STARTED, {"done": done, "total": len(batch), "message": "messages stored"}
        )
        change = await services.store.put_message(_with_task_id(message, task_id))
        counts[change] += 1
        if change is not MessageChange.UNCHANGED:
            _publish(services, message, change)
            changed.append(message)
        elif await services.store.score(message.id) is None:
            changed.append(message)  # stored by an attempt that did not get further
    await progress.set_progress(
        TaskState.STARTED, {"done": len(batch), "total": len(batch), "message": "messages stored"}
    )
    enqueued = await _enqueue(task_id, changed, _windows(export, start, len(batch)))
    return {
        "source_name": batch[0].source_name if batch else "",
        "offset": start,
        "read": len(batch),
        "new": counts[MessageChange.NEW],
        "updated": counts[MessageChange.UPDATED],
        "unchanged": counts[MessageChange.UNCHANGED],
        "enqueued": enqueued,
        "next_offset": start + len(batch),
        "total": len(export),
        "skipped": read.skipped,
        "finished": start + len(batch) >= len(export),
    }


def _with_task_id(message: ChatMessage, task_id: str) -> ChatMessage:
    return msgspec.structs.replace(message, ingested_by=task_id)


def _publish(services: Services, message: ChatMessage, change: MessageChange) -> None:
    fields: dict[str, Any] = {
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
    if change is MessageChange.UPDATED:
        fields |= {"persisted": True, "avatar_url": None, "edited_at": message.edited_at}
    services.events.publish("messages", f"message.{change.value}", fields)


def _windows(export: Sequence[ChatMessage], start: int, count: int) -> list[list[str]]:
    """Return the windows that end in the batch just read, and the rest at the end of the export."""
    stop = start + count
    ends = [end for end in range(WINDOW, len(export) + 1, WINDOW) if start < end <= stop]
    if stop == len(export) and count and stop % WINDOW:
        ends.append(stop)
    return [[message.id for message in export[(end - 1) // WINDOW * WINDOW : end]] for end in ends]


async def _enqueue(
    parent: str, changed: Sequence[ChatMessage], windows: Sequence[Sequence[str]]
) -> int:
    """Enqueue tasks for changed messages; a retry of the parent does not enqueue them again."""
    if not changed:
        return 0
    count = 0
    for message in changed:
        scoring = score_message_task.kicker().with_labels(**{PARENT: parent})
        await scoring.with_task_id(child_id(parent, f"score {message.id}")).kiq(message.id)
        count += 1
    ids = [message.id for message in changed]
    for first in range(0, len(ids), EMBEDDING_BATCH):
        embedded = ids[first : first + EMBEDDING_BATCH]
        embedding = embed_messages_batch.kicker().with_labels(**{PARENT: parent})
        await embedding.with_task_id(child_id(parent, f"embed {embedded[0]}")).kiq(embedded)
        count += 1
    for window in windows:
        reading = extract_knowledge.kicker().with_labels(**{PARENT: parent})
        await reading.with_task_id(child_id(parent, f"read {window[0]}")).kiq(list(window))
        count += 1
    return count
