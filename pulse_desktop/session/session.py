"""The monitor without a window: connection, feeds, results and queue, folded into one state.

The window and the command line are two faces of this. It is asyncio and knows no Qt; whoever owns
it calls `drain` from a frame timer, or lets `pump` do so. Its parts are in `core`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pulse_desktop.model.queue_status import PublishReceipt, QueueStatus
from pulse_desktop.protocol.inbound import Source
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.protocol.topics import (
    EVENT_STREAM_SUBJECT,
    EVENT_SUBJECT,
    RESULT_BUCKET,
    TASK_SUBJECT,
)
from pulse_desktop.session.connection_log import ConnectionLog
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.session.ingestor import Ingestor
from pulse_desktop.session.result_loader import ResultLoader
from pulse_desktop.session.server_poller import ServerPoller, limitations
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.session.task_submitter import TaskSubmitter
from pulse_desktop.session.worker_commands import WorkerCommands
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import LOG_ROWS, SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.result_store import ResultStore, WatchStatus
from pulse_desktop.transport.server_monitor import ServerSnapshot

HISTORY_S: Final = 24 * 3600.0

_log = logging.getLogger(__name__)


class Session:
    """Everything behind the picture.

    Attributes:
        state: what is true now.
        connection: to the server.
        inbox: what has come and is not folded yet.
        event_feed: `websocket.*`.
        task_feed: the task subject.
        queue: the task queue.
        control: cancels tasks and gives orders to workers.
        supervisor: owner of all background work.
        problems: what went wrong in the background, newest last.
    """

    def __init__(
        self,
        server: str,
        *,
        state: SystemState | None = None,
        monitor_url: str = "",
        history_s: float = HISTORY_S,
        backlog: int = LOG_ROWS,
        stored_results: int | None = None,
        clock: Callable[[], float] = time.time,
        on_problem: Callable[[TaskFailure], None] | None = None,
    ) -> None:
        """Put the parts together; nothing is sent before `start`.

        Args:
            server: NATS address, credentials included.
            state: where to fold; a new one when None.
            monitor_url: HTTP address of the server's monitoring port; guessed when empty.
            history_s: seconds of history to replay.
            backlog: most stored events to replay.
            stored_results: about how many of the results stored before to read, None for all.
            clock: Unix seconds.
            on_problem: told when background work crashes.

        Raises:
            CannotConnectError: `server` is no address.
        """
        self._on_problem = on_problem
        self.state = SystemState() if state is None else state
        self.inbox = ArrivalQueue()
        self.connection = Connection(server, clock=clock, on_status=ConnectionLog())
        feed = partial(
            SubjectFeed,
            self.connection,
            self.inbox,
            since=clock() - history_s,
            backlog=backlog,
            clock=clock,
        )
        self.event_feed = feed(Source.EVENT, EVENT_SUBJECT, stored_as=EVENT_STREAM_SUBJECT)
        self.task_feed = feed(Source.TASK, TASK_SUBJECT)
        self._folding = Ingestor(self.inbox, self.state, clock)
        self._bodies = ResultLoader(
            self.connection,
            self.inbox,
            self.state,
            RESULT_BUCKET,
            backlog=stored_results,
            folded=self._folding.folded,
        )
        self._looks = ServerPoller(self.connection, TASK_SUBJECT, monitor_url)
        self.queue = self._looks.queue
        self._events = EventPublisher(self.connection, self.event_feed, clock)
        self._requests = TaskSubmitter(self.queue, self.task_feed, self._events, self.state, clock)
        self.control = WorkerCommands(self.connection, self.queue, self._events, self.state, clock)
        self.supervisor = Supervisor(self._note_problem)
        self.problems: list[TaskFailure] = []

    @property
    def who(self) -> str:
        """Who acts, as told in labels and audit events."""
        return self._events.who

    @property
    def results(self) -> ResultStore:
        """Reading and saving of stored results."""
        return self._bodies.store

    @property
    def results_bucket(self) -> str:
        """The bucket they are in."""
        return self._bodies.bucket

    @property
    def results_status(self) -> WatchStatus:
        """How the result bucket is followed."""
        return self._bodies.status

    @property
    def queue_status(self) -> QueueStatus | None:
        """The queue as of the latest look, None before the first."""
        return self._looks.queue_status

    @property
    def server(self) -> ServerSnapshot | None:
        """Figures of the server, None while its monitoring port does not answer."""
        return self._looks.server

    @property
    def dropped(self) -> int:
        """Messages lost on this side: the inbox was full, or the client library dropped them."""
        return self.inbox.dropped + self.connection.slow_consumers

    @property
    def gaps(self) -> tuple[int, int]:
        """How many gaps stay open, and how many history has filled."""
        gaps = (*self.event_feed.status.gaps, *self.task_feed.status.gaps)
        filled = sum(gap.filled for gap in gaps)
        return len(gaps) - filled, filled

    @property
    def limitations(self) -> list[str]:
        """What cannot be seen or done here, and why, in plain words; empty when all is well."""
        return limitations(
            self.connection,
            self.event_feed.status,
            self.task_feed.status,
            self.results_status,
            self.queue_status,
        )

    @property
    def blocked(self) -> bool:
        """Whether something is refused or switched off, not merely without history."""
        feeds = (self.event_feed.status, self.task_feed.status)
        return self.connection.connected and bool(
            self.connection.permission_problems
            or self.results_status.problem
            or any(feed.mode == "off" and feed.problem for feed in feeds)
        )

    def start(self) -> None:
        """Begin all background work; it ends with `close`."""
        start = self.supervisor.start
        start("connection", self.connection.keep)
        start("feed.events", self.event_feed.run)
        start("feed.tasks", self.task_feed.run)
        self._bodies.start(self.supervisor)
        self._looks.start(self.supervisor)

    def start_pump(self) -> None:
        """Fold in the background too: for programs without a frame timer."""
        self.supervisor.start("pump", self._pump)

    async def move_to(self, server: str, monitor_url: str = "") -> None:
        """Follow the same system to another address: nothing is missing and nothing comes twice.

        Raises:
            CannotConnectError: `server` is no address.
        """
        await self.connection.move_to(server)
        self._looks.move_to(monitor_url)

    async def close(self) -> None:
        """End all background work and the connection."""
        await self.supervisor.close()
        await self._looks.close()
        await self.connection.close()

    def drain(self, budget_s: float) -> bool:
        """Fold what has come, for at most about `budget_s` seconds; return whether more waits."""
        more = self._folding.drain(budget_s)
        self._bodies.look()
        return more

    async def caught_up(self, limit_s: float = 10.0) -> bool:
        """Wait until history and its results are read and folded; False when that takes longer.

        Needs `start` and somebody who drains.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self.event_feed.caught_up(limit_s)
                await self.task_feed.caught_up(limit_s)
                await self._bodies.caught_up(limit_s)
                await self.until(lambda: not (self.inbox or self._bodies.unread))
                return True
        return False

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something folded makes a condition true."""
        await self._folding.until(condition)

    async def answered(self, task_id: str, limit_s: float) -> TaskRun | None:
        """Wait for a run to end and its result to be read; return it as it is at last.

        A run that its worker calls ended may have no result: not every task has a result backend.
        So it is waited for only a moment longer, and so is the worker's word after the result.
        """
        return await self._folding.answered(task_id, limit_s)

    async def told(self, task_id: str) -> None:
        """Wait a moment for what its worker tells of a run that was answered just now."""
        await self._folding.told(task_id)

    async def enqueue(
        self,
        task_name: str,
        *,
        args: bytes = b"[]",
        kwargs: bytes = b"{}",
        labels: dict[str, Any] | None = None,
        force: bool = False,
    ) -> tuple[str, PublishReceipt]:
        """Enqueue a task by name.

        Args:
            task_name: as registered with the workers.
            args: JSON array.
            kwargs: JSON object.
            labels: of the task.
            force: also while no worker listens.

        Returns:
            The new task's id, and how it was sent.

        Raises:
            NobodyListensError, NotConnectedError, TooLargeError, NotPermittedError.
        """
        return await self._requests.enqueue(task_name, args, kwargs, labels or {}, force=force)

    async def rerun(self, run: TaskRun, *, force: bool = False) -> tuple[str, PublishReceipt]:
        """Enqueue a run again, exactly as captured, under a new id.

        Raises:
            CannotRepeatError: its arguments were not seen whole; and what `enqueue` raises.
        """
        return await self._requests.rerun(run, force=force)

    async def read_result(self, key: str, limit: int = 64 << 20) -> tuple[bytes, TaskResult | str]:
        """Read a stored object whole and decode it without running any of it.

        Args:
            key: the object's name.
            limit: bytes; larger objects are refused.

        Returns:
            The bytes, and the result or the reason why they are none.

        Raises:
            NotFoundError, TooLargeError, BrokenObjectError, NotConnectedError, NoJetStreamError.
        """
        return await self._bodies.read(key, limit)

    def watch_bucket(self, name: str) -> None:
        """Show the results of another bucket from now on."""
        if name == self.results_bucket:
            return
        self.supervisor.stop_group("results.watch")
        while self.drain(0.1):
            pass  # what the old bucket still sent must not be taken for the new one's
        self._bodies.move_to(name, self.supervisor)

    async def _pump(self) -> None:
        while True:
            more = self.drain(0.05)
            await asyncio.sleep(0 if more else 0.01)

    def _note_problem(self, problem: TaskFailure) -> None:
        _log.error("%s failed", problem.name, exc_info=problem.error)
        self.problems.append(problem)
        del self.problems[:-100]
        if self._on_problem is not None:
            self._on_problem(problem)
