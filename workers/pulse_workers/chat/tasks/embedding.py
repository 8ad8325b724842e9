"""The task that embeds a batch of messages."""

from collections.abc import Sequence
from typing import Any, Final

from taskiq import TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker, TaskState

from pulse_workers.chat.services import current_services
from pulse_workers.registry import task

SLICE: Final = 64
"""Vectors stored between progress updates; a batch of this size or less has none."""


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
        Number of vectors stored, their dimensions, and number of missing messages.

    Raises:
        ProviderRefusedError: a message is too long.
    """
    services = current_services()
    messages = await services.store.messages(message_ids)
    texts = [message.content for message in messages]
    answer = await services.provider.embed(texts)
    vectors = answer.value
    ids = [message.id for message in messages]
    for first in range(0, len(ids), SLICE):
        if len(ids) > SLICE:
            await _report_progress(progress, first, len(ids))
        part = slice(first, first + SLICE)
        await services.store.put_embeddings(ids[part], vectors[part])
    if len(ids) > SLICE:
        await _report_progress(progress, len(ids), len(ids))
    return {
        "embedded": len(messages),
        "failed": len(message_ids) - len(messages),
        "dimensions": int(vectors.shape[1]) if len(messages) else 0,
        "empty": int((~vectors.any(axis=1)).sum()) if len(messages) else 0,
        "tokens": answer.usage.tokens_in,
        "model": answer.model,
    }


async def _report_progress(progress: ProgressTracker[Any], done: int, total: int) -> None:
    await progress.set_progress(
        TaskState.STARTED, {"done": done, "total": total, "message": "vectors stored"}
    )
