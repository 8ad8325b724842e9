"""Ingestion of a source: stores its messages, and enqueues their due stages in batches."""

import dataclasses
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pulse_workers.chat.pipeline.batch import StageOutcomes
from pulse_workers.chat.pipeline.batch_queue import BatchQueue, QueuedBatch
from pulse_workers.chat.pipeline.checkpoint import delete_at_end
from pulse_workers.chat.pipeline.stages import due_stages, stage_versions
from pulse_workers.chat.records import ChatMessage, Stage, StageRecord
from pulse_workers.chat.services import Services
from pulse_workers.chat.sources.telegram_export import MessageBatch
from pulse_workers.chat.store.bucket import Refusals
from pulse_workers.chat.store.messages import MessageChange, change_by
from pulse_workers.chat.store.state import task_key
from pulse_workers.errors import StoreFullError, ValueRefusedError

logger = logging.getLogger("pulse.workers.ingestion")

ReportProgress = Callable[[int, str], Awaitable[None]]
"""Reports per cent and a text."""
_KEY: Final = "ingest"
_MAX_CHATS_NAMED: Final = 3
_MAX_SHOWN: Final = 100
_ANNOUNCED_AGAIN: Final = 1_000
"""Messages before the checkpoint that are announced again after an interruption."""


@dataclasses.dataclass(frozen=True)
class StoredMessages:
    """The outcome of storing messages.

    Attributes:
        counts: of new, updated and unchanged messages.
        refused: by ID, why messages can never be stored.
        due: IDs of those with due stages.
        complete: records of the stages of each of the others.
        full: the error if the bucket has reached its limit; the other fields are about the messages
            that are stored nevertheless.
    """

    counts: Counter[str]
    refused: Mapping[str, ValueRefusedError]
    due: Sequence[str]
    complete: Sequence[Mapping[Stage, StageRecord]]
    full: StoreFullError | None = None


async def store_messages(
    services: Services, messages: Sequence[ChatMessage], task_id: str, *, is_retry: bool = False
) -> StoredMessages:
    """Store messages of any source, announce changes, and return which have due stages.

    Args:
        services: of the worker.
        messages: with what stores them as `ingested_by`.
        task_id: ID of the task that stores them, empty outside of a task.
        is_retry: whether they may have been stored before an interruption, without being announced.
    """
    store = services.store
    stored: list[tuple[ChatMessage, MessageChange]] = []

    def announce(message: ChatMessage, change: MessageChange) -> None:
        stored.append((message, change))
        if change is not MessageChange.UNCHANGED:
            _publish(services, message, change, task_id)

    refused: Refusals = {}
    full: StoreFullError | None = None
    try:
        stored = await store.messages.put_many(
            messages, is_retry=is_retry, on_stored=announce, refusals=refused
        )
    except StoreFullError as error:
        full = error
        positions = {message.id: position for position, message in enumerate(messages)}
        stored.sort(key=lambda each: positions[each[0].id])
    known = [each.id for each, change in stored if change is not MessageChange.NEW]
    records = await store.stages.get_many(known)
    versions = stage_versions(services.provider)
    counts: Counter[str] = Counter()
    due: list[str] = []
    complete: list[Mapping[Stage, StageRecord]] = []
    for message, change in stored:
        counts[change.value] += 1
        found = records.get(message.id, {})
        if due_stages(found, message.content_hash, versions):
            due.append(message.id)
        else:
            complete.append(found)
    return StoredMessages(counts, refused, due, complete, full)


def _publish(services: Services, message: ChatMessage, change: MessageChange, task_id: str) -> None:
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
        "thread": message.thread or None,
        "task_id": task_id,
    }
    if change is MessageChange.UPDATED:
        fields |= {"persisted": True, "avatar_url": None, "edited_at": message.edited_at}
    key = f"{message.ingested_by} {message.id} {message.content_hash} {message.edited_at}"
    services.events.publish("messages", f"message.{change.value}", fields, key=key)


class Checkpoint(msgspec.Struct):
    """Stored progress of a run, from which an interrupted one continues.

    Attributes:
        position: messages of the source that are stored, and whose due stages are enqueued.
        counts: of new, updated and unchanged messages.
        enqueued: number of batches.
        outcomes: of the batches, as fields of a result.
        queued: batches without a result.
    """

    position: int = 0
    counts: dict[str, int] = {}
    enqueued: int = 0
    outcomes: dict[str, Any] = {}
    queued: list[QueuedBatch] = []


class IngestRun:
    """The ingestion of a source by one task."""

    def __init__(
        self, services: Services, task_id: str, queue: BatchQueue, outcomes: StageOutcomes
    ) -> None:
        """Create a run that has not started.

        Args:
            services: of the worker.
            task_id: ID of the task, under which its progress is stored.
            queue: takes the batches.
            outcomes: to which the queue adds the results of batches.
        """
        self._services = services
        self._task_id = task_id
        self._key = task_key(_KEY, task_id)
        self._queue = queue
        self._outcomes = outcomes
        self._counts: Counter[str] = Counter()
        self._enqueued = 0
        self._position = 0
        self._resumed_at = 0
        self._stored = self._not_stored = self._unstorable = 0
        self._skipped = 0
        self._chats: dict[str, None] = {}  # names, in the order of the source
        self._cut_off_at: int | None = None
        self._size = 0
        self._is_first = True
        self._is_finished = False
        self._full = ""
        self._unread_after = 0  # messages, if the bucket is full before the end of the file

    async def run(
        self,
        batches: AsyncIterator[MessageBatch],
        offset: int,
        limit: int,
        report_progress: ReportProgress,
    ) -> dict[str, Any]:
        """Read the source and return the result of the task.

        Args:
            batches: of the source.
            offset: number of messages to skip.
            limit: maximum number of messages to read, 0 for all.
            report_progress: called with each batch.
        """
        async with delete_at_end(self._services.store.state, self._key):
            await self._ingest(batches, offset, offset + limit if limit else None, report_progress)
        return self._result(offset)

    async def _ingest(
        self,
        batches: AsyncIterator[MessageBatch],
        offset: int,
        stop: int | None,
        report_progress: ReportProgress,
    ) -> None:
        await self._resume()
        percent = 0
        await report_progress(0, "messages stored: 0")
        async for batch in batches:
            await self._add(batch, offset, stop)
            if batch.size:
                percent = min(99, 100 * batch.bytes_read // batch.size)
            if stop is not None:
                percent = max(percent, min(99, 100 * (self._position - offset) // (stop - offset)))
            await report_progress(percent, self._describe())
            if self._full or self._is_finished or (stop is not None and self._position >= stop):
                break
        await self._queue.join(lambda: report_progress(percent, self._describe()))
        await report_progress(100, self._describe())

    async def _resume(self) -> None:
        found, _ = await self._services.store.state.get(self._key)
        if found is None:
            return
        checkpoint = msgspec.convert(found, Checkpoint)
        self._resumed_at = checkpoint.position
        self._counts.update(checkpoint.counts)
        self._enqueued = checkpoint.enqueued
        self._outcomes.add_fields(checkpoint.outcomes)
        self._queue.resume(checkpoint.queued)

    async def _add(self, batch: MessageBatch, offset: int, stop: int | None) -> None:
        """Store the messages of a batch that belong to this run, and enqueue it."""
        start, self._position = self._position, self._position + len(batch.messages)
        self._skipped += batch.skipped
        if batch.is_last:
            self._is_finished, self._cut_off_at = True, batch.cut_off_at
            self._size = batch.bytes_read
        end = len(batch.messages)
        if stop is not None and self._position > stop:
            self._is_finished, self._position = False, stop
            end = max(0, stop - start)
        messages = batch.messages[max(0, offset - start) : end]
        self._stored += len(messages)
        self._chats.update(dict.fromkeys(each.source_name for each in messages))
        if not messages:
            return
        if self._position <= self._resumed_at:
            if self._position > self._resumed_at - _ANNOUNCED_AGAIN:
                await self._announce_again(messages)
            return
        if await self._store(messages):
            await self._save()
        else:
            if not self._is_finished and self._position != stop:
                self._unread_after = self._position
            self._position = max(start, offset)

    async def _store(self, messages: Sequence[ChatMessage]) -> bool:
        """Store messages and enqueue what they miss; return False if the bucket is full."""
        own = [msgspec.structs.replace(each, ingested_by=self._task_id) for each in messages]
        # An earlier attempt may have stored the first batch, and not have announced it.
        stored = await store_messages(self._services, own, self._task_id, is_retry=self._is_first)
        self._is_first = False
        self._counts.update(stored.counts)
        for message_id, error in stored.refused.items():
            self._unstorable += 1
            self._outcomes.add_refused(f"{message_id[:_MAX_SHOWN]}: {error}")
        for records in stored.complete:
            self._outcomes.add(records)
        if stored.due:
            await self._queue.submit(self._task_id, stored.due)
            self._enqueued += 1
        if stored.full is None:
            return True
        self._full = f"StoreFullError: {stored.full}"
        self._not_stored = len({each.id for each in own})
        self._not_stored -= stored.counts.total() + len(stored.refused)
        self._stored -= self._not_stored
        self._outcomes.add_failed(self._not_stored, self._full)
        return False

    async def _announce_again(self, messages: Sequence[ChatMessage]) -> None:
        """Announce the changes of an interrupted attempt, whose last events may not be sent.

        Events of the same message have the same ID, so the stream has each of them once.
        """
        stored = await self._services.store.messages.get_many(each.id for each in messages)
        for message in stored:
            change = change_by(message, self._task_id)
            if change is not MessageChange.UNCHANGED:
                _publish(self._services, message, change, self._task_id)

    async def _save(self) -> None:
        checkpoint = Checkpoint(
            self._position,
            dict(self._counts),
            self._enqueued,
            self._outcomes.to_fields(),
            self._queue.queued,
        )
        await self._services.store.state.put(self._key, checkpoint)

    def _describe(self) -> str:
        return (
            f"{self._stored:,} messages stored, {self._queue.done} of "
            f"{self._queue.done + len(self._queue.queued)} batches processed"
        )

    def _describe_cut(self) -> str:
        """Return where a file ends too early, and how much of it was kept; empty if it is whole."""
        if self._cut_off_at is None:
            return ""
        if self._cut_off_at < self._size:
            place = f"in the middle of a message, which begins at byte {self._cut_off_at:,}"
        else:
            place = f"before the export does, at byte {self._size:,}"
        return f"the file ends {place}; {self._stored:,} messages kept"

    def _describe_losses(self) -> list[str]:
        """Return what of the file is not stored."""
        unread = f"the file after its first {self._unread_after:,} messages was not read"
        found = (
            unread if self._unread_after else "",
            self._describe_skipped(),
            self._describe_cut(),
        )
        return [each for each in found if each]

    def _describe_skipped(self) -> str:
        """Return how much of a file was skipped, besides a message in which it ends."""
        is_cut = self._cut_off_at is not None and self._cut_off_at < self._size
        skipped = self._skipped - is_cut
        if skipped <= 0:
            return ""
        return (
            f"{skipped:,} or more messages of the file are skipped: they cannot be read, or have "
            "no ID of their own"
        )

    def _describe_chats(self) -> str:
        if len(self._chats) > _MAX_CHATS_NAMED:
            return f"{len(self._chats):,} chats"
        return ", ".join(self._chats)

    def _result(self, offset: int) -> dict[str, Any]:
        outcomes = self._outcomes.to_fields()
        if losses := self._describe_losses():
            logger.warning("%s", "; ".join(losses))
            message = outcomes.get("message")
            outcomes["message"] = "; ".join([message, *losses] if message else losses)
            if not self._outcomes.failed:
                outcomes["status"] = "error"
        stored = {
            "done": self._counts.total(),
            "refused": self._unstorable,
            "failed": self._not_stored,
        }
        outcomes["stages"] = {"stored": stored, **outcomes["stages"]}
        return {
            "source_name": self._describe_chats(),
            "offset": offset,
            "read": self._stored,
            **{change.value: self._counts[change.value] for change in MessageChange},
            "enqueued": self._enqueued,
            "next_offset": self._position,
            "total": self._position if self._is_finished else None,
            "skipped": self._skipped,
            "cut_off_at": self._cut_off_at,
            "finished": self._is_finished and not self._full,
            **outcomes,
        }
