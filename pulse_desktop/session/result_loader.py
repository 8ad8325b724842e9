"""The results of one bucket: followed as they are stored, their bodies fetched and folded."""

import asyncio
from typing import Final

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_result import (
    TaskResult,
    UnreadableResultError,
    decode_progress,
    decode_result,
)
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.result_store import ResultStore, ResultWatch, WatchStatus

CONCURRENCY: Final = 8
READ_LIMIT: Final = 1 << 20
"""Larger results are read when somebody opens them, not before."""

THREAD_ABOVE: Final = 32 << 10
"""Bodies larger than this are decoded in a thread, so that no frame waits for them."""


class ResultLoader:
    """Follows a bucket and reads what appears in it.

    Attributes:
        bucket: its name.
        store: reading and saving of single objects.
        folded: set whenever a body was folded.
    """

    def __init__(
        self,
        connection: Connection,
        inbox: ArrivalQueue,
        state: SystemState,
        bucket: str,
        *,
        backlog: int | None,
        folded: asyncio.Event,
    ) -> None:
        """Put it together.

        Args:
            connection: to the server.
            inbox: where the objects' announcements go.
            state: where the bodies are folded.
            bucket: which to follow.
            backlog: about how many of those stored before to read, None for all.
            folded: to be set whenever a body was folded.
        """
        self._connection = connection
        self._inbox = inbox
        self._state = state
        self.bucket = bucket
        self.store = ResultStore(connection, bucket)
        self._watch = ResultWatch(connection, inbox, bucket, backlog=backlog)
        self.folded = folded
        self._wanted = asyncio.Event()
        self._being_read = 0

    @property
    def status(self) -> WatchStatus:
        """How the bucket is followed."""
        return self._watch.status

    @property
    def unread(self) -> bool:
        """Whether bodies are still to be fetched."""
        return bool(self._state.pending_reads or self._being_read)

    def start(self, supervisor: Supervisor) -> None:
        """Begin to follow and to read."""
        supervisor.start("results.watch", self._watch.run)
        for number in range(CONCURRENCY):
            supervisor.start(f"results.read.{number}", self._read_bodies)

    def move_to(self, bucket: str, supervisor: Supervisor) -> None:
        """Follow another bucket; nothing of the old one may be waiting in the inbox."""
        self._state.pending_reads.clear()
        self._state.results.clear()
        self.bucket = bucket
        self.store = ResultStore(self._connection, bucket)
        self._watch = ResultWatch(self._connection, self._inbox, bucket)
        supervisor.start("results.watch", self._watch.run)

    def look(self) -> None:
        """See whether the state wants bodies."""
        if self._state.pending_reads:
            self._wanted.set()

    async def caught_up(self, limit_s: float) -> None:
        """Wait until what was stored before has been announced."""
        await self._watch.caught_up(limit_s)

    async def read(self, key: str, limit: int) -> tuple[bytes, TaskResult | str]:
        """Read and decode one object; see `Monitor.read_result`."""
        body = await self.store.read(key, limit=limit)
        try:
            return body, await _decoded(body)
        except UnreadableResultError as error:
            return body, str(error)

    async def _read_bodies(self) -> None:
        """Fetch bodies of results as they appear, the newest first."""
        waiting = self._state.pending_reads
        while True:
            if not waiting:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            stored = waiting.pop()
            self._being_read += 1
            try:
                await self._read_body(stored)
            except NotConnectedError:
                waiting.append(stored)
                await self._connection.wait_connected()
            finally:
                self._being_read -= 1

    async def _read_body(self, stored: StoredObject) -> None:
        if stored.key.startswith(PROGRESS_PREFIX):
            await self._read_progress(stored)
            return
        current = self._state.results.get(stored.key)
        if current is None or current.stored.sequence != stored.sequence:
            return  # a newer version, or its deletion, has come meanwhile
        if stored.size > READ_LIMIT:
            self._state.fold_unreadable_body(stored, "too large to be read unasked: open it")
            return
        try:
            body = await self.store.read(stored, limit=READ_LIMIT)
        except NotConnectedError:
            raise
        except UserFacingError as error:
            self._state.fold_unreadable_body(stored, error.detail or error.title)
            return
        try:
            result = await _decoded(body)
        except UnreadableResultError as error:
            self._state.fold_unreadable_body(stored, str(error))
        else:
            self._state.fold_result(stored, result)
        self.folded.set()

    async def _read_progress(self, stored: StoredObject) -> None:
        """Read what a task says of itself; what cannot be read tells nothing."""
        try:
            body = await self.store.read(stored, limit=THREAD_ABOVE)
            self._state.fold_progress(stored, decode_progress(body))
        except NotConnectedError:
            raise
        except (UserFacingError, UnreadableResultError):
            return
        self.folded.set()


async def _decoded(body: bytes) -> TaskResult:
    if len(body) > THREAD_ABOVE:
        return await asyncio.to_thread(decode_result, body)
    return decode_result(body)
