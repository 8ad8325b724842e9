"""The task that embeds a batch of messages."""

from collections.abc import Sequence
from typing import Any

from taskiq import TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker, TaskState

from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.pipeline.batch import BATCH_SIZE
from pulse_workers.chat.pipeline.embedding import embed_messages
from pulse_workers.chat.services import current_services
from pulse_workers.errors import MessageNotFoundError
from pulse_workers.registry import task


@task(
    task_name="embed_messages_batch",
    max_attempts=3,
    retry_delay=2,
    retry_on="TimeoutError",
)
async def embed_messages_batch(
    message_ids: Sequence[str],
    *,
    progress: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008 - TaskIQ injects it
) -> dict[str, Any]:
    """Store a unit vector for each message.

    Args:
        message_ids: IDs of stored messages.
        progress: injected by TaskIQ, not an argument.

    Returns:
        Number of vectors stored, their dimensions, and numbers of messages without text, which have
        no vector, and of those that failed or are not stored.

    Raises:
        MessageNotFoundError: none of the messages is stored.
        ProviderRefusedError: none of the messages can be embedded.
        StoreFullError: a bucket has reached its limit.
    """
    services = current_services()
    ids = list(dict.fromkeys(message_ids))
    found = embedded = without_text = empty = tokens = dimensions = 0
    model = services.provider.embedding_model
    errors: dict[str, Exception] = {}
    fallback: dict[str, str | None] = {"fallback_from": None, "fallback_reason": None}
    for first in range(0, len(ids), BATCH_SIZE):
        if len(ids) > BATCH_SIZE:
            await _report_progress(progress, first, len(ids))
        messages = await services.store.messages.get_many(ids[first : first + BATCH_SIZE])
        part = await embed_messages(services, messages, current_task_id())
        errors |= part.errors
        found += len(messages)
        embedded += sum(bool(record.block) for record in part.records.values())
        without_text += sum(not message.content.strip() for message in messages)
        empty += sum(not vector.any() for vector in part.vectors.values())
        dimensions = next((len(each) for each in part.vectors.values()), dimensions)
        tokens += part.tokens
        model = part.model or model
        for record in part.records.values():
            if record.fallback_from:
                fallback = {
                    "fallback_from": record.fallback_from,
                    "fallback_reason": record.fallback_reason,
                }
    if len(ids) > BATCH_SIZE:
        await _report_progress(progress, len(ids), len(ids))
    if ids and not found:
        raise MessageNotFoundError(f"none of the {len(ids)} messages is stored")
    if errors and not embedded:
        raise next(iter(errors.values()))
    counts: dict[str, Any] = {
        "embedded": embedded,
        "failed": len(errors) + len(ids) - found,
        "without_text": without_text,
        "dimensions": dimensions,
        "empty": empty,
        "tokens": tokens,
        "model": model,
        **fallback,
    }
    if errors:
        counts["message"] = str(next(iter(errors.values())))
    elif found < len(ids):
        counts["message"] = f"{len(ids) - found} of {len(ids)} messages are not stored"
    return counts


async def _report_progress(progress: ProgressTracker[Any], done: int, total: int) -> None:
    await progress.set_progress(
        TaskState.STARTED, {"done": done, "total": total, "message": "vectors stored"}
    )
