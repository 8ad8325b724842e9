"""The task that processes a window of messages."""

from collections.abc import Sequence
from typing import Any

from pulse_workers.chat.pipeline.window import process_window
from pulse_workers.chat.services import current_services, current_task_id
from pulse_workers.registry import task


@task(
    task_name="process_messages",
    max_attempts=10,
    retry_delay=2,
    retry_max_delay=30,
    retry_on="TimeoutError,OSError,Error",  # outages of the server
)
async def process_messages(message_ids: Sequence[str]) -> dict[str, Any]:
    """Score, embed and extract knowledge from messages, as far as that is missing.

    Args:
        message_ids: IDs of stored messages, oldest first, which are read together.

    Returns:
        Number of messages with each outcome of each stage, and the counts of the extraction.

    Raises:
        StoreFullError: the outcome of a stage cannot be stored.
    """
    services = current_services()
    ids = list(message_ids)
    task_id = current_task_id()
    await services.store.state.put(f"window.{task_id}", {"worker": services.worker})
    try:
        result = await process_window(services, ids, task_id)
    finally:
        await services.store.state.delete(f"window.{task_id}")
    return {
        "total": len(ids),
        "ran": {stage.value: count for stage, count in result.runs.items()},
        **result.outcomes.to_fields(),
        "extraction": dict(result.summary),
    }
