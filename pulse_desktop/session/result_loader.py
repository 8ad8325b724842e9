"""Loads results: watches a bucket, reads the bodies of new objects and folds them."""

import asyncio
import contextlib
import itertools
import math
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.errors import (
    BrokenObjectError,
    NotConnectedError,
    NotFoundError,
    NotPermittedError,
    UserFacingError,
)
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.backoff import Backoff
from pulse_desktop.protocol.stored_object import PROGRESS_PREFIX, StoredObject
from pulse_desktop.protocol.task_result import DecodedResult, TaskResult, UnreadableResultError
from pulse_desktop.session.compared_runs import find_last_good_run, read_return_value
from pulse_desktop.session.ingestor import Ingestor
from pulse_desktop.session.result_decoder import ResultDecoder, decode_small
from pulse_desktop.session.result_pages import CONCURRENCY as MAX_REQUESTS
from pulse_desktop.session.result_pages import ResultPage, result_pages
from pulse_desktop.session.supervisor import Supervisor
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_comparison import ReturnValue
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.body_batch import MAX_BODIES, BodyBatches, fits
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.result_store import MAX_READ_BYTES, ResultStore
from pulse_desktop.transport.result_watch import ResultWatch, WatchStatus

CONCURRENCY: Final = 8
"""Readers of the bodies of new results. Each waits for the server most of the time; more would hold
more bodies of up to `MAX_EAGER_READ_BYTES` in memory."""

MAX_EAGER_READ_BYTES: Final = 1 << 20
"""Larger results are read when they are opened, not before."""

MAX_PROGRESS_BYTES: Final = 32 << 10
"""Larger progress objects are skipped."""

_POLL_S: Final = 0.01
"""How often `read_to_end` looks whether all is read: arrivals are folded between two looks."""
_MAX_VERSIONS: Final = 5
"""Versions of a result that are tried while others replace it."""

RETRY_INTERVAL_S: Final = 5.0
MAX_RETRY_INTERVAL_S: Final = 60.0
MAX_REFUSED: Final = 10_000
"""Results that are read once the permission to do so is granted."""

LOAD_BUDGET_S: Final = 3.0
"""Time to decode a result on arrival."""

OPEN_BUDGET_S: Final = 20.0
"""Time to decode a result that the operator opens."""


class ResultLoader:
    """Watches a bucket, loads the bodies of new results, and reads single ones.

    Attributes:
        store: reads and saves objects of the bucket.
        observers: called with each result that was read on arrival: its metadata, and what it says,
            why it cannot be read, or None if it is too large.
    """

    def __init__(
        self,
        connection: Connection,
        arrivals: ArrivalQueue,
        ingestor: Ingestor,
        state: SystemState,
        supervisor: Supervisor,
        bucket: str,
        *,
        since: float | None,
        backlog: int | None,
    ) -> None:
        """Create a loader.

        Args:
            connection: to the server.
            arrivals: where the bucket's changes go.
            ingestor: folds the arrivals; notified of every body that was folded.
            state: where the bodies are folded.
            supervisor: runs the background work.
            bucket: which to watch.
            since: Unix seconds by this machine's clock of the oldest result wanted, None for any
                age.
            backlog: about how many of the results stored before to load, None for all.
        """
        self._connection = connection
        self._arrivals = arrivals
        self._ingestor = ingestor
        self._state = state
        self._supervisor = supervisor
        self._since, self._backlog = since, backlog
        self.store = ResultStore(connection, bucket)
        self._batches = BodyBatches(connection, bucket)
        self._watch = self._make_watch(bucket)
        self.observers: list[Callable[[StoredObject, TaskResult | str | None], None]] = []
        self._wake = asyncio.Event()
        self._reading = 0
        self._in_flight: list[list[StoredObject]] = []
        self._refusal = ""
        self._refused: dict[str, StoredObject] = {}
        # Two, so that a result that is opened does not wait for those that arrive.
        self._arriving = ResultDecoder(LOAD_BUDGET_S)
        self._opened = ResultDecoder(OPEN_BUDGET_S)

    @property
    def bucket(self) -> str:
        """Name of the bucket that is watched."""
        return self.store.bucket

    @property
    def watch_status(self) -> WatchStatus:
        """State of the watch on the bucket."""
        return self._watch.status

    @property
    def unreadable(self) -> str:
        """Why results cannot be read, empty when they can be."""
        watch = self.watch_status
        return watch.problem if watch.unreadable else self._refusal

    @property
    def pending(self) -> bool:
        """Whether bodies are still to be loaded."""
        return bool(self._state.pending_reads or self._reading)

    def has_read_latest(self, since: float) -> bool:
        """Return whether the results stored since a time, Unix seconds, were read as far as can be.

        The newest are read first.
        """
        return self.read_since < since

    @property
    def read_since(self) -> float:
        """Unix seconds from which on all results were read as far as can be; -inf for all."""
        if self.unreadable:
            return -math.inf
        if not self.watch_status.caught_up:
            return math.inf
        waiting = self._state.pending_reads
        latest = (*waiting[-1:], *itertools.chain.from_iterable(self._in_flight))
        return max((each.stored_at for each in latest), default=-math.inf)

    async def read_to_end(self, since: float, timeout_s: float) -> bool:
        """Read what is stored by now since a time; False if it takes longer than `timeout_s`.

        Args:
            since: Unix seconds.
            timeout_s: seconds.
        """
        with contextlib.suppress(TimeoutError, UserFacingError):
            async with asyncio.timeout(timeout_s):
                await self._watch.read_to_end()
                while True:
                    if not self._arrivals and self.read_since < since:
                        return True
                    await asyncio.sleep(_POLL_S)
        return False

    def unread(self, since: float) -> int:
        """Return how many results stored since a time, Unix seconds, are known and not loaded."""
        batches = (self._state.pending_reads, *self._in_flight)
        return sum(stored.stored_at >= since for batch in batches for stored in batch)

    def start(self) -> None:
        """Start to watch and to load."""
        self._supervisor.start("results.watch", self._watch.run)
        for number in range(CONCURRENCY):
            self._supervisor.start(f"results.load.{number}", self._load_bodies)
        self._supervisor.start("results.retry", self._retry_refused)

    async def is_result(self, body: bytes) -> bool:
        """Whether a stored body can be decoded as a result."""
        try:
            await self._arriving.decode_result(body, whole=False)
        except UnreadableResultError:
            return False
        return True

    async def close(self) -> None:
        """End the processes that decode; the background work must have ended."""
        await self._arriving.close()
        await self._opened.close()

    def watch_bucket(self, name: str) -> None:
        """Watch another bucket from now on."""
        if name == self.bucket:
            return
        self._supervisor.stop_group("results.watch")
        self._forget_bucket()
        self.store = ResultStore(self._connection, name)
        self._batches = BodyBatches(self._connection, name)
        self._watch = self._make_watch(name)
        self._supervisor.start("results.watch", self._watch.run)

    def _make_watch(self, bucket: str) -> ResultWatch:
        return ResultWatch(
            self._connection,
            self._arrivals,
            bucket,
            since=self._since,
            backlog=self._backlog,
            on_removed=self._forget_bucket,
        )

    def _forget_bucket(self) -> None:
        """Forget the objects of a bucket that is not watched, or does not exist, any more."""
        # Changes of the old bucket must not be taken for changes of the new one.
        while self._arrivals:
            self._ingestor.drain(0.1)
        self._state.pending_reads.clear()
        self._refused.clear()
        self._refusal = ""
        self._state.results.clear()

    async def buckets(self) -> list[BucketStatus]:
        """Return the buckets on the server, the watched one with its size.

        The watched one comes first where others exist and it does not: its results are shown.

        Raises:
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            NotPermittedError: the server denies one of the subjects.
            UserFacingError: JetStream reported another error, or did not respond.
        """
        store = self.store
        names = await store.buckets()
        found = [BucketStatus(name) for name in names if name != store.bucket]
        if store.bucket in names:
            watched = replace(await store.status(), watched=True)
            found.insert(names.index(store.bucket), watched)
        elif found:
            found.insert(0, BucketStatus(store.bucket, watched=True, exists=False))
        return found

    def wake(self) -> None:
        """Wake the readers if the state has results to load."""
        if self._state.pending_reads:
            self._wake.set()

    async def wait_caught_up(self, timeout_s: float) -> None:
        """Wait until the watch has listed the objects that were stored before."""
        await self._watch.wait_caught_up(timeout_s)

    async def read(self, task_id: str, limit: int = MAX_READ_BYTES) -> DecodedResult:
        """Read a stored result, decode it without running any code of it, and fold its outcome.

        Args:
            task_id: the object's name.
            limit: bytes; larger objects are refused.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            TooLargeError: it is larger than `limit`; nothing was read.
            BrokenObjectError: chunks are missing or damaged.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
        """
        stored, raw = await self.store.read_latest(await self.store.info(task_id), limit=limit)
        try:
            result = await self._opened.decode_result(raw, whole=True)
        except UnreadableResultError as error:
            if (known := self._known(stored)) is not None:
                self._state.fold_unreadable_body(known, str(error))
            return DecodedResult(raw, None, str(error))
        if (known := self._known(stored)) is not None:
            self._state.fold_result(known, result)
        return DecodedResult(raw, result)

    async def return_value(self, run: TaskRun) -> ReturnValue:
        """Return what a run returned, or why its stored result cannot be read."""
        return await read_return_value(run, self.read)

    async def last_good_run(self, first: TaskRun) -> TaskRun | None:
        """Return the last known run of a task that succeeded by its result too, before another."""
        return (await find_last_good_run(self._state.runs, first, self.read)).run

    async def load_metadata(self, task_ids: Iterable[str]) -> int:
        """Fold the metadata of stored results, as if they arrived now; return how many there are.

        Those that are not stored, or cannot be read, are left out. The bodies are loaded later.
        """
        store, turns = self.store, asyncio.Semaphore(MAX_REQUESTS)

        async def info(task_id: str) -> StoredObject | None:
            async with turns:
                with contextlib.suppress(UserFacingError):
                    return await store.info(task_id)
            return None

        loading = [asyncio.ensure_future(info(task_id)) for task_id in task_ids]
        try:
            found = [stored for stored in await asyncio.gather(*loading) if stored is not None]
        finally:
            await cancel_and_wait(*loading)
        if found:
            self._state.fold(found)
            self.wake()
            self._ingestor.note_folded()
        return len(found)

    async def load_progress(self, task_id: str) -> None:
        """Load the progress that a task has stored, if it has and it can be read."""
        with contextlib.suppress(UserFacingError):
            await self._load_progress(await self.store.info(f"{PROGRESS_PREFIX}{task_id}"))

    def newest_first(
        self, first_page: int, *, since: float | None = None
    ) -> AsyncGenerator[ResultPage, None]:
        """Yield the stored results a page at a time, newest first; see `result_pages`."""
        return result_pages(
            self._connection, self.bucket, self._load_latest, first_page, since=since
        )

    async def save(self, task_id: str, path: Path) -> int:
        """Save the bytes of a stored result to a file and return their number.

        Raises:
            NotFoundError: there is no such object, or it was deleted.
            BrokenObjectError: chunks are missing or damaged.
            NotConnectedError: there is no connection, or it was lost meanwhile.
            NoJetStreamError: the server has no JetStream.
            UserFacingError: the file cannot be written, or JetStream reported another error.
        """
        return (await self.store.save(task_id, path)).size

    async def _load_bodies(self) -> None:
        """Load bodies of results as they appear, the newest first, small ones many at a time."""
        waiting = self._state.pending_reads
        while True:
            if not waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._take_batch()
            self._reading += len(batch)
            self._in_flight.append(batch)
            try:
                await self._load_batch(batch)
            except NotConnectedError:
                self._state.read_later(batch)
                await self._connection.wait_connected()
            finally:
                self._reading -= len(batch)
                self._in_flight = [each for each in self._in_flight if each is not batch]

    def _take_batch(self) -> list[StoredObject]:
        """Take the next result, with those after it as long as they can be read together."""
        waiting = self._state.pending_reads
        batch = [waiting.pop()]
        if self._batches.usable and fits(batch[0]):
            while waiting and len(batch) < MAX_BODIES and fits(waiting[-1]):
                batch.append(waiting.pop())
        return batch

    async def _load_batch(self, batch: list[StoredObject]) -> None:
        """Load some results, and take them off the list one by one as they are folded.

        Raises:
            NotConnectedError: those that are left in the list were not loaded.
        """
        bodies = await self._batches.read(batch) if len(batch) > 1 else {}
        for stored in list(batch):
            body = bodies.get(stored.nuid)
            if body is not None and self._fold_small(stored, body):
                batch.remove(stored)
                self._reading -= 1
        if bodies:
            self._ingestor.note_folded()
        while batch:
            await self._load_body(batch[0])
            del batch[0]
            self._reading -= 1

    def _fold_small(self, stored: StoredObject, body: bytes) -> bool:
        """Fold a result that is cheap to decode; return False for every other object."""
        if stored.key.startswith(PROGRESS_PREFIX):
            return False
        result = decode_small(body)
        if result is not None and self._known(stored) is not None:
            self._fold(stored, result)
        return result is not None

    def _fold(self, stored: StoredObject, body: TaskResult | str | None) -> None:
        """Fold what a result says, why it cannot be read, or None if it is too large."""
        for observe in self.observers:
            observe(stored, body)
        match body:
            case TaskResult() as result:
                self._state.fold_result(stored, result)
            case None:
                self._state.fold_unread_body(stored)
            case problem:
                self._state.fold_unreadable_body(stored, problem)

    async def _load_body(self, stored: StoredObject) -> None:
        if stored.key.startswith(PROGRESS_PREFIX):
            await self._load_progress(stored)
            return
        if self._known(stored) is None:
            return  # replaced or deleted meanwhile
        try:
            body = await self._load(stored)
        except BrokenObjectError as error:
            if await self._is_replaced(stored):
                return  # the watch brings what replaced it
            body = error.detail or error.title
        self._fold(stored, body)
        if body is not None:
            self._ingestor.note_folded()

    async def _load_latest(
        self, stored: StoredObject
    ) -> tuple[StoredObject, TaskResult | str | None] | None:
        """Return metadata and what `_load` returns, of the next version if it is replaced.

        None if it was deleted.

        Raises:
            NotConnectedError: there is no connection.
        """
        for _version in range(_MAX_VERSIONS):
            try:
                return stored, await self._load(stored)
            except BrokenObjectError as error:
                body = error.detail or error.title
                if not await self._is_replaced(stored):
                    break
            try:
                stored = await self.store.info(stored.key)
            except NotFoundError:
                return None
            except NotConnectedError:
                raise
            except UserFacingError:
                break  # what was found is of the version that was listed
        return stored, body

    async def _is_replaced(self, stored: StoredObject) -> bool:
        """Return whether an object was replaced or deleted, as far as that can be asked.

        Raises:
            NotConnectedError: there is no connection.
        """
        try:
            return not await self.store.is_current(stored)
        except NotFoundError:
            return True
        except NotConnectedError:
            raise
        except UserFacingError:
            return False

    async def _load(self, stored: StoredObject) -> TaskResult | str | None:
        """Return a decoded body, why it cannot be read, or None if it is too large.

        Raises:
            BrokenObjectError: chunks are missing or damaged, such as after it was replaced.
            NotConnectedError: there is no connection; what else fails is returned as text.
        """
        if stored.size > MAX_EAGER_READ_BYTES:
            return None
        try:
            body = await self.store.read(stored, limit=MAX_EAGER_READ_BYTES)
            return await self._arriving.decode_result(body, whole=False)
        except (NotConnectedError, BrokenObjectError):
            raise
        except NotPermittedError as error:
            self._refusal = error.detail
            if len(self._refused) < MAX_REFUSED:
                self._refused[stored.key] = stored
            return error.detail
        except UserFacingError as error:
            return error.detail or error.title
        except UnreadableResultError as error:
            return str(error)

    async def _retry_refused(self) -> None:
        """Try one of the results that the server refuses to read; read all once it is permitted."""
        pauses = Backoff(RETRY_INTERVAL_S, MAX_RETRY_INTERVAL_S)
        while True:
            await asyncio.sleep(pauses.next_delay())
            if not self._refused:
                pauses.reset()
                continue
            try:
                await self.store.read(
                    next(iter(self._refused.values())), limit=MAX_EAGER_READ_BYTES
                )
            except (NotConnectedError, NotPermittedError):
                continue
            except UserFacingError:
                pass  # it is permitted: the loader will say what is wrong
            waiting = list(self._refused.values())
            self._refused.clear()
            self._refusal = ""
            self._state.read_later(waiting)
            self.wake()

    def _known(self, stored: StoredObject) -> StoredObject | None:
        """Return the metadata that was folded of the same object, None if it was replaced."""
        row = self._state.results.get(stored.key)
        return row.stored if row is not None and row.stored.sequence == stored.sequence else None

    async def _load_progress(self, stored: StoredObject) -> None:
        """Load a progress object; one that cannot be read is skipped."""
        try:
            body = await self.store.read(stored, limit=MAX_PROGRESS_BYTES)
            self._state.fold_progress(stored, await self._arriving.decode_progress(body))
        except NotConnectedError:
            raise
        except (UserFacingError, UnreadableResultError):
            return
        self._ingestor.note_folded()
