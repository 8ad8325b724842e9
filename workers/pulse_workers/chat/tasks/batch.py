"""The task that processes a batch of messages."""

import time
from collections.abc import Sequence
from typing import Any

from taskiq import AsyncBroker
from taskiq.depends.progress_tracker import ProgressTracker, TaskState

from pulse_desktop.protocol.task_message import PARENT
from pulse_workers.brokers.base_broker import BaseBroker
from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.pipeline.batch import StageOutcomes, process_batch
from pulse_workers.chat.pipeline.batch_queue import STARTED, STARTED_S, BatchQueue
from pulse_workers.chat.pipeline.ingestion import ReportProgress
from pulse_workers.chat.services import Services, current_services
from pulse_workers.chat.store.state import task_key
from pulse_workers.registry import task


@task(
    task_name="process_messages",
    max_attempts=10,
    retry_delay=2,
    retry_max_delay=30,
    retry_on="TimeoutError,OSError,Error",  # outages of the server
)
async def process_messages(message_ids: Sequence[str]) -> dict[str, Any]:
    """Score, embed and extract knowledge from messages: the stages that are due.

    Args:
        message_ids: IDs of stored messages, oldest first, which are extracted together.

    Returns:
        Number of messages with each outcome of each stage, and the counts of the extraction.

    Raises:
        StoreFullError: the outcome of a stage cannot be stored.
    """
    services = current_services()
    ids = list(message_ids)
    task_id = current_task_id()

    def started() -> dict[str, Any]:
        return {"worker": services.worker, "at": time.time()}

    async with services.store.state.marked(task_key(STARTED, task_id), started, STARTED_S / 4):
        result = await process_batch(services, ids, task_id)
    return {
        "total": len(ids),
        "ran": {stage.value: count for stage, count in result.runs.items()},
        **result.outcomes.to_fields(),
        "extraction": dict(result.summary),
    }


def percent_reporter(progress: ProgressTracker[Any]) -> ReportProgress:
    """Return a function that reports per cent and a text as the progress of a task."""

    async def report(percent: int, text: str) -> None:
        await progress.set_progress(
            TaskState.STARTED, {"done": percent, "total": 100, "message": text}
        )

    return report


def make_batch_queue(
    services: Services, broker: AsyncBroker, task_id: str, outcomes: StageOutcomes
) -> BatchQueue:
    """Return the queue of the batches that a task enqueues, with their outcomes added up."""

    async def enqueue(child: str, message_ids: Sequence[str]) -> None:
        kicker = process_messages.kicker().with_labels(**{PARENT: task_id})
        await kicker.with_task_id(child).kiq(list(message_ids))

    async def run_here(message_ids: Sequence[str], child: str) -> dict[str, Any]:
        holder = f"{child} in {task_id}"  # a worker may start the task of the batch meanwhile
        result = await process_batch(services, message_ids, child, holder=holder)
        return result.outcomes.to_fields()

    def may_enqueue() -> bool:
        name = process_messages.task_name
        return not isinstance(broker, BaseBroker) or broker.is_known_to_all(name)

    return BatchQueue(
        broker, services.store.state, enqueue, run_here, outcomes.add_fields, may_enqueue
    )
