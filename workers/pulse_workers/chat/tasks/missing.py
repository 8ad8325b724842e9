"""The task that processes what stored messages miss."""

import time
from typing import Any, Final

from taskiq import Context, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker

from pulse_workers.chat.current_task import current_task_id, queued_at
from pulse_workers.chat.pipeline.batch import StageOutcomes
from pulse_workers.chat.pipeline.checkpoint import delete_at_end
from pulse_workers.chat.pipeline.missing import checkpoint_key, process_missing
from pulse_workers.chat.services import current_services
from pulse_workers.chat.store.lease import Lease, LeaseLostError
from pulse_workers.chat.tasks.batch import make_batch_queue, percent_reporter
from pulse_workers.registry import task

_LEASE_S: Final = 60.0
_RENEWAL_S: Final = 15.0


@task(
    task_name="process_missing_messages",
    max_attempts=30,
    retry_delay=2,
    retry_max_delay=30,
    retry_on="TimeoutError,OSError,Error",  # outages of the server: it continues where it was
)
async def process_missing_messages(
    limit: int = 0,
    *,
    context: Context = TaskiqDepends(),  # noqa: B008 - TaskIQ injects it
    progress: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008
) -> dict[str, Any]:
    """Score, embed and extract knowledge from stored messages: the stages that are due.

    It goes over the messages of all sources: what failed is repeated, and what another model,
    prompt or embedding did is done again. Vectors of single messages are joined in blocks. One such
    task works at a time; another one ends at once.

    Args:
        limit: maximum number of messages to process, 0 for all.
        context: injected by TaskIQ, not an argument.
        progress: injected by TaskIQ, not an argument.

    Returns:
        Numbers of messages that were checked and that had a due stage, the outcomes of each stage,
        whether everything was checked, and whether another task was at work already.
    """
    services, task_id = current_services(), current_task_id()
    outcomes = StageOutcomes()
    busy = {"checked": 0, "missing": 0, "enqueued": 0, "finished": False, "busy": True}
    lease = Lease(services.store, "missing", task_id, _LEASE_S)
    if not await lease.acquire(time.time()):
        return busy

    try:
        async with (
            delete_at_end(services.store.state, checkpoint_key(task_id)),
            lease.held(_RENEWAL_S),
        ):
            queue = make_batch_queue(services, context.broker, task_id, outcomes)
            found = await process_missing(
                services,
                task_id,
                queue,
                outcomes,
                max(0, limit),
                queued_at(),
                percent_reporter(progress),
            )
    except LeaseLostError:
        return busy
    return {**found, "busy": False}
