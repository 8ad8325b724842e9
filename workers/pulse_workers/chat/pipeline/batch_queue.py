"""Batches as tasks in the queue: a bounded number of them, and their results.

The task that enqueues them keeps a slot of a worker while it waits. If all slots are taken by such
tasks, no worker is left for the batches, so the waiting task runs a batch itself. It also does so
while a worker of the queue does not know the task `process_messages`, as in earlier versions.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from taskiq import AsyncBroker
from taskiq.task import AsyncTaskiqTask

from pulse_workers.chat.current_task import child_id
from pulse_workers.chat.store.state import StateStore, task_key
from pulse_workers.config.known_secrets import describe_error
from pulse_workers.errors import StoreFullError

MAX_BATCHES: Final = 4
START_TIMEOUT_S: Final = 10.0
STARTED: Final = "window"
"""Prefix of the keys that mark the batches that were started."""
STARTED_S: Final = 60.0
"""Seconds after which a mark that is not renewed is that of a worker that was killed."""
_FIRST_POLL_S: Final = 0.05
_MAX_POLL_S: Final = 1.0

Fields = dict[str, Any]
EnqueueBatch = Callable[[str, Sequence[str]], Awaitable[object]]
RunBatch = Callable[[Sequence[str], str], Awaitable[Fields]]


class QueuedBatch(msgspec.Struct, frozen=True):
    """A batch that was enqueued.

    Attributes:
        task_id: ID of its task.
        message_ids: IDs of its messages.
    """

    task_id: str
    message_ids: tuple[str, ...]


class BatchQueue:
    """Enqueues batches of one parent task, and collects their results."""

    def __init__(
        self,
        broker: AsyncBroker,
        state: StateStore,
        enqueue: EnqueueBatch,
        run: RunBatch,
        on_result: Callable[[Fields], None],
        may_enqueue: Callable[[], bool],
    ) -> None:
        """Create a queue without batches.

        Args:
            broker: its result backend has the results.
            state: in which a batch that was started is marked.
            enqueue: enqueues a task with this ID for these messages.
            run: processes messages at once, under a task ID.
            on_result: called with the result of each batch, in any order.
            may_enqueue: returns whether every worker of the queue can run a batch.
        """
        self._broker = broker
        self._state = state
        self._enqueue = enqueue
        self._run = run
        self._on_result = on_result
        self._may_enqueue = may_enqueue
        self._queued: dict[str, QueuedBatch] = {}
        self.done = 0

    @property
    def queued(self) -> list[QueuedBatch]:
        """The batches without a result."""
        return list(self._queued.values())

    def resume(self, batches: Sequence[QueuedBatch]) -> None:
        """Wait for batches that an interrupted attempt has enqueued."""
        self._queued.update({batch.task_id: batch for batch in batches})

    async def submit(self, parent: str, message_ids: Sequence[str]) -> None:
        """Enqueue a batch, as soon as there are few enough; or run it at once.

        Its ID is deterministic: a parent that runs again does not enqueue it twice.
        """
        while len(self._queued) >= MAX_BATCHES:
            await self._wait()
        name = f"window {' '.join(message_ids)}"
        batch = QueuedBatch(child_id(parent, name), tuple(message_ids))
        if self._may_enqueue():
            await self._enqueue(batch.task_id, message_ids)
            self._queued[batch.task_id] = batch
        else:
            self._queued[batch.task_id] = batch
            await self._run_here(batch)

    async def join(self, on_progress: Callable[[], Awaitable[None]]) -> None:
        """Wait until every batch has a result."""
        while self._queued:
            await self._wait()
            await on_progress()

    async def _wait(self) -> None:
        """Wait for the result of a batch; run one that was not started if it takes long."""
        deadline = time.monotonic() + START_TIMEOUT_S
        poll_s = _FIRST_POLL_S
        while not await self._collect():
            if time.monotonic() < deadline:
                await asyncio.sleep(poll_s)
                poll_s = min(2 * poll_s, _MAX_POLL_S)
                continue
            batch = await self._last_not_started()
            if batch is not None:
                await self._run_here(batch)
                return
            deadline = time.monotonic() + START_TIMEOUT_S

    async def _run_here(self, batch: QueuedBatch) -> None:
        try:
            fields = await self._run(batch.message_ids, batch.task_id)
        except StoreFullError as error:  # a failure of these messages, not of the task
            fields = _failed(batch, error)
        self._finish(batch, fields)

    async def _collect(self) -> bool:
        """Take the results that are there; return whether there was any."""
        found = False
        for batch in self.queued:
            task: AsyncTaskiqTask[Any] = AsyncTaskiqTask(batch.task_id, self._broker.result_backend)
            if not await task.is_ready():
                continue
            result = await task.get_result()
            found = True
            failed = _failed(batch, result.error) if result.is_err else None
            self._finish(batch, failed or result.return_value)
        return found

    def _finish(self, batch: QueuedBatch, fields: Fields) -> None:
        del self._queued[batch.task_id]
        self.done += 1
        self._on_result(fields)

    async def _last_not_started(self) -> QueuedBatch | None:
        """Return the batch that waits at the end of the queue, None if all were started."""
        for batch in reversed(self.queued):
            started, _ = await self._state.get(task_key(STARTED, batch.task_id))
            at = started.get("at") if isinstance(started, dict) else None
            if not isinstance(at, int | float) or at < time.time() - STARTED_S:
                return batch
        return None


def _failed(batch: QueuedBatch, error: BaseException | None) -> Fields:
    """Return the fields of a batch whose messages were not processed."""
    reason = describe_error(error) if error is not None else "the batch failed"
    return {"failed": len(batch.message_ids), "reason": reason}
