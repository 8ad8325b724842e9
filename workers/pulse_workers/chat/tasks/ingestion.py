"""The task that ingests messages of a Telegram Desktop export."""

import contextlib
from typing import Any

from taskiq import Context, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker

from pulse_workers.chat.current_task import current_task_id
from pulse_workers.chat.pipeline.batch import BATCH_SIZE, StageOutcomes
from pulse_workers.chat.pipeline.ingestion import IngestRun
from pulse_workers.chat.services import current_services
from pulse_workers.chat.sources.telegram_export import read_batches
from pulse_workers.chat.tasks.batch import make_batch_queue, percent_reporter
from pulse_workers.registry import task


@task(
    task_name="ingest_messages",
    max_attempts=30,
    retry_delay=2,
    retry_max_delay=30,
    retry_on="TimeoutError,OSError,Error",  # outages of the server: it continues where it was
)
async def ingest_messages(
    path: str = "",
    offset: int = 0,
    limit: int = 0,
    *,
    context: Context = TaskiqDepends(),  # noqa: B008 - TaskIQ injects it
    progress: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008 - TaskIQ injects it
) -> dict[str, Any]:
    """Store messages of an export; score, embed and extract knowledge from them.

    Only the stages that are due run: running it again changes nothing, continues after an
    interruption, repeats what failed, and follows edits and another model.

    Args:
        path: path to a Telegram Desktop `result.json`, or to its folder; empty for the bundled
            sample.
        offset: number of messages to skip.
        limit: maximum number of messages to read, 0 for all.
        context: injected by TaskIQ, not an argument.
        progress: injected by TaskIQ, not an argument.

    Returns:
        Counts of new, updated, unchanged and skipped messages and of the outcomes of each stage,
        the next offset, and whether the export is finished. With a stage that was refused or that
        failed, or of a file that is cut off or damaged, it is a soft failure, with the reason.

    Raises:
        PathNotAllowedError: the path is outside the folders that the worker may read.
        ExportUnreadableError: the file does not exist, or is not an export.
    """
    services = current_services()
    task_id = current_task_id()
    outcomes = StageOutcomes()

    queue = make_batch_queue(services, context.broker, task_id, outcomes)
    batches = read_batches(path, BATCH_SIZE, services.folders)
    async with contextlib.aclosing(batches):
        return await IngestRun(services, task_id, queue, outcomes).run(
            batches, max(0, offset), max(0, limit), percent_reporter(progress)
        )
