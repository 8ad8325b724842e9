"""Search for due stages of all stored messages, which are enqueued in batches."""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pulse_workers.chat.pipeline.batch import BATCH_SIZE, StageOutcomes
from pulse_workers.chat.pipeline.batch_queue import BatchQueue, QueuedBatch
from pulse_workers.chat.pipeline.ingestion import ReportProgress
from pulse_workers.chat.pipeline.stages import due_stages, stage_versions
from pulse_workers.chat.pipeline.unreadable import UnreadableSearch
from pulse_workers.chat.records import Stage
from pulse_workers.chat.services import Services
from pulse_workers.chat.store.compaction import (
    delete_other_lengths,
    delete_unused_blocks,
    join_blocks,
)
from pulse_workers.chat.store.messages import read_message
from pulse_workers.chat.store.state import task_key
from pulse_workers.runtime.provisioning import MESSAGES

PAGE_SIZE: Final = 1_000
"""Messages that are read at a time."""
GRACE_S: Final = 600.0
"""Messages that were stored a shorter time ago, and have no record of a stage, are left to the
batch that their source has enqueued: it may be running."""
_KEY: Final = "missing"
_UNUSED: Final = "unused_blocks"
"""Key of the time at which unused blocks were deleted last: edits and deletions leave some too."""
_UNUSED_INTERVAL_S: Final = 86_400.0


class MissingCheckpoint(msgspec.Struct):
    """Stored progress of a run, from which an interrupted one continues.

    Attributes:
        position: sequence in the bucket of messages up to which they are checked and enqueued.
        checked: number of messages.
        missing: number of those with a due stage, which were enqueued.
        is_cut: whether more messages had a due stage than the limit.
        unreadable: number of messages that cannot be read.
        unreadable_name: bucket and key of one of them.
        has_embedded: whether some were due to be embedded, so that earlier blocks may be unused.
        enqueued: number of batches.
        outcomes: of the batches, as fields of a result.
        queued: batches without a result.
    """

    position: int = 0
    checked: int = 0
    missing: int = 0
    is_cut: bool = False
    unreadable: int = 0
    unreadable_name: str = ""
    has_embedded: bool = False
    enqueued: int = 0
    outcomes: dict[str, Any] = {}
    queued: list[QueuedBatch] = []


async def process_missing(
    services: Services,
    task_id: str,
    queue: BatchQueue,
    outcomes: StageOutcomes,
    limit: int,
    now: float,
    report_progress: ReportProgress,
) -> dict[str, Any]:
    """Enqueue due stages of stored messages, wait for them, and return the result of the task.

    What cannot be read is made again, if a stage had stored it; messages are counted and left.
    Afterwards, join the small blocks of vectors that single messages have, and delete unused ones.

    Args:
        services: of the worker.
        task_id: ID of the task, under which its progress is stored.
        queue: takes the batches.
        outcomes: to which the queue adds the results of batches.
        limit: maximum number of messages to enqueue, 0 for all.
        now: when the task was enqueued, Unix seconds.
        report_progress: called with each page and each batch.
    """
    state, key = services.store.state, checkpoint_key(task_id)
    found, _ = await state.get(key)
    run = msgspec.convert(found or {}, MissingCheckpoint)
    outcomes.add_fields(run.outcomes)
    queue.resume(run.queued)
    last = await services.store.last_sequence(MESSAGES)
    model = stage_versions(services.provider)[Stage.EMBEDDED].model
    await delete_other_lengths(services.store, model)
    search = UnreadableSearch(services.store)
    unreadable = await search.run()
    for stage, ids in unreadable.messages.items():
        await services.store.stages.fail_unreadable(stage, ids)
    recent_since = datetime.fromtimestamp(now - GRACE_S, UTC)
    recent_since = max(recent_since, await services.store.stages.created_at() or recent_since)
    blocks = await services.store.vector_blocks(model) - unreadable.blocks

    async def report() -> None:
        text = f"{run.checked:,} messages checked, {run.missing:,} with due stages"
        await report_progress(min(99, 100 * run.position // max(1, last)), text)

    while run.position < last and not (limit and run.missing >= limit):
        page, position = await _page(services, run, recent_since)
        due = await _due(services, page, model, blocks)
        taken = list(due)[: limit - run.missing if limit else None]
        run.has_embedded |= any(Stage.EMBEDDED in due[key] for key in taken)
        batches = _batches(taken)
        for batch in batches:
            await queue.submit(task_id, batch)
        run.position = position or last
        run.checked += len(page)
        run.missing += len(taken)
        run.is_cut = run.is_cut or len(taken) < len(due)
        run.enqueued += len(batches)
        run.outcomes, run.queued = outcomes.to_fields(), queue.queued
        await state.put(key, run)
        await report()
    is_finished = run.position >= last and not run.is_cut
    if is_finished:
        await search.complete()
    await queue.join(report)
    before = datetime.fromtimestamp(now - GRACE_S, UTC)
    joined = await join_blocks(services.store, model, before)
    unused = 0
    if run.has_embedded or await _is_deletion_due(services, now):
        unused = await delete_unused_blocks(services.store, before)
        await state.put(_UNUSED, {"at": now})
    return {
        "checked": run.checked,
        "missing": run.missing,
        "enqueued": run.enqueued,
        "finished": is_finished,
        "blocks_joined": joined,
        "blocks_deleted": unused,
        **_unreadable_fields(
            run.unreadable + len(unreadable.names),
            next(iter(unreadable.names), run.unreadable_name),
        ),
        **outcomes.to_fields(),
    }


def _unreadable_fields(count: int, name: str) -> dict[str, Any]:
    """Return the fields of a result about values that cannot be read; `name` is one of them."""
    if not count:
        return {"unreadable": 0}
    noun = "value cannot" if count == 1 else "values cannot"
    return {"unreadable": count, "message": f"{count:,} {noun} be read, such as {name}"}


def checkpoint_key(task_id: str) -> str:
    """Return the key of the stored progress of a task."""
    return task_key(_KEY, task_id)


@dataclasses.dataclass(frozen=True)
class _Message:
    id: str
    content_hash: str
    is_recent: bool


async def _page(
    services: Services, run: MissingCheckpoint, recent_since: datetime
) -> tuple[list[_Message], int]:
    """Return the messages after the position of a run, and the last sequence, 0 at the end.

    Args:
        services: of the worker.
        run: counts those that cannot be read.
        recent_since: messages stored later are recent.
    """
    found: list[_Message] = []
    async with contextlib.aclosing(services.store.read_since(MESSAGES, run.position)) as entries:
        async for stored in entries:
            if message := read_message(stored.key, stored.value):
                is_recent = stored.stored_at > recent_since
                found.append(_Message(message.id, message.content_hash, is_recent))
            elif stored.value:
                run.unreadable += 1
                run.unreadable_name = f"{MESSAGES} {stored.key}"
            if len(found) == PAGE_SIZE:
                return found, stored.sequence
    return found, 0


async def _is_deletion_due(services: Services, now: float) -> bool:
    """Return whether unused blocks were not deleted for a day, or at a time in the future."""
    found, _ = await services.store.state.get(_UNUSED)
    at = found.get("at") if isinstance(found, dict) else None
    return not isinstance(at, int | float) or not 0 <= now - at < _UNUSED_INTERVAL_S


async def _due(
    services: Services, messages: Sequence[_Message], model: str, blocks: set[str]
) -> dict[str, frozenset[Stage]]:
    """Return the due stages by message ID, without the messages that have none.

    A stage whose record names a block that is not stored is marked as failed.

    Args:
        services: of the worker.
        messages: to check.
        model: embedding model.
        blocks: keys of its blocks that are known to be stored; others that are, are added.
    """
    versions = stage_versions(services.provider)
    records = await services.store.stages.get_many([each.id for each in messages])
    named = {
        key: record.block
        for key, found in records.items()
        if (record := found.get(Stage.EMBEDDED)) and record.block and record.model == model
    }
    blocks |= await services.store.vectors.existing(set(named.values()) - blocks)
    if lost := {key: block for key, block in named.items() if block not in blocks}:
        failed = await services.store.stages.fail_without_block(lost)
        records |= await services.store.stages.get_many(list(failed))
    return {
        each.id: due
        for each in messages
        if (len(records[each.id]) == len(Stage) or not each.is_recent)
        and (due := due_stages(records[each.id], each.content_hash, versions))
    }


def _batches(ids: Sequence[str]) -> list[list[str]]:
    """Group messages into batches, each of one chat."""
    by_chat: dict[str, list[str]] = defaultdict(list)
    for key in ids:
        by_chat[key.rpartition(".")[0]].append(key)
    return [
        chat[first : first + BATCH_SIZE]
        for chat in by_chat.values()
        for first in range(0, len(chat), BATCH_SIZE)
    ]
