"""The monitor without a window: connection, feeds, results and queue, folded into one state.

The window and the command line are two faces of this. It is asyncio and knows no Qt; whoever owns
it calls `drain` from a frame timer, or lets `pump` do so.
"""

import asyncio
import contextlib
import getpass
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from pulse_desktop.bus.connection import Connection
from pulse_desktop.bus.connection_status import ConnectionStatus
from pulse_desktop.bus.errors import NotConnectedError, UserFacingError
from pulse_desktop.bus.feed import Feed
from pulse_desktop.bus.inbox import Inbox
from pulse_desktop.bus.results import ResultStore, ResultWatch, WatchStatus
from pulse_desktop.bus.server_monitor import ServerMonitor, ServerSnapshot, guess_monitor_url
from pulse_desktop.bus.supervisor import Supervisor, TaskProblem
from pulse_desktop.bus.task_queue import QueueStatus, Sent, TaskQueue
from pulse_desktop.protocol.addresses import mask_address
from pulse_desktop.protocol.arrival import Channel
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.identifiers import new_task_id
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_message import (
    REQUESTED_BY,
    TASK_NAME,
    encode_task,
    repeated_labels,
)
from pulse_desktop.protocol.task_result import TaskResult, UnreadableResultError, decode_result
from pulse_desktop.protocol.topics import (
    EVENT_STREAM_SUBJECT,
    EVENT_SUBJECT,
    RESULT_BUCKET,
    TASK_SUBJECT,
    subject_of,
)
from pulse_desktop.state.run import OPEN_STATES, TaskRun
from pulse_desktop.state.system import LOG_ROWS, SystemState

SLICE: Final = 100
"""Arrivals folded between two looks at the clock."""

READERS: Final = 8
READ_LIMIT: Final = 1 << 20
"""Larger results are read when somebody opens them, not before."""

THREAD_ABOVE: Final = 32 << 10
"""Bodies larger than this are decoded in a thread, so that no frame waits for them."""

RESULT_WITHIN_S: Final = 1.0
"""How much later than its end a run's result is looked for."""

HISTORY_S: Final = 24 * 3600.0

_log = logging.getLogger(__name__)


class CannotRepeatError(UserFacingError):
    """A run whose arguments were never seen whole, so that it cannot be asked for again."""

    def __init__(self, run: TaskRun) -> None:
        super().__init__(
            f"Cannot run {run.name or run.task_id} again",
            "Its arguments were not seen: it was enqueued before anybody listened, and no stream "
            "kept it.",
            "Run the task by name with arguments instead.",
        )


class Monitor:
    """Everything behind the picture.

    Attributes:
        state: what is true now.
        connection: to the server.
        inbox: what has come and is not folded yet.
        event_feed: `websocket.*`.
        task_feed: the task subject.
        results: reading and saving of stored results.
        results_bucket: the bucket they are in.
        queue: the task queue.
        supervisor: owner of all background work.
        queue_status: as of the latest look, None before the first.
        server: figures of the server, None while its monitoring port does not answer.
        problems: what went wrong in the background, newest last.
        who: who acts, as told in labels and audit events.
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
        on_problem: Callable[[TaskProblem], None] | None = None,
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
        self._clock = clock
        self._on_problem = on_problem
        self.state = SystemState() if state is None else state
        self.inbox = Inbox()
        self._logged = ("", "")
        self.connection = Connection(server, clock=clock, on_status=self._log_status)
        since = clock() - history_s
        self.event_feed = Feed(
            self.connection,
            self.inbox,
            Channel.EVENT,
            EVENT_SUBJECT,
            stored_as=EVENT_STREAM_SUBJECT,
            since=since,
            backlog=backlog,
            clock=clock,
        )
        self.task_feed = Feed(
            self.connection,
            self.inbox,
            Channel.TASK,
            TASK_SUBJECT,
            since=since,
            backlog=backlog,
            clock=clock,
        )
        self._result_watch = ResultWatch(
            self.connection, self.inbox, RESULT_BUCKET, backlog=stored_results
        )
        self._being_read = 0
        self.results_bucket = RESULT_BUCKET
        self.results = ResultStore(self.connection, RESULT_BUCKET)
        url = monitor_url or guess_monitor_url(server)
        self.queue = TaskQueue(self.connection, TASK_SUBJECT, monitor_url=url)
        self._server_monitor = ServerMonitor(url)
        self.supervisor = Supervisor(self._note_problem)
        self.queue_status: QueueStatus | None = None
        self.server: ServerSnapshot | None = None
        self.problems: list[TaskProblem] = []
        self.who = f"{_user()}@{socket.gethostname()}"
        self._swept_at = 0.0
        self._bodies_wanted = asyncio.Event()
        self._folded = asyncio.Event()

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
    def results_status(self) -> WatchStatus:
        """How the result bucket is followed."""
        return self._result_watch.status

    @property
    def hindrances(self) -> list[str]:
        """What cannot be seen or done here, and why, in plain words; empty when all is well."""
        if not self.connection.connected:
            return []
        told = [
            f"{what}: {problem}"
            for what, problem in (
                ("events", self.event_feed.status.problem),
                ("tasks", self.task_feed.status.problem),
                ("results", self.results_status.problem),
                ("queue", self.queue_status.problem if self.queue_status is not None else ""),
            )
            if problem
        ]
        refused = self.connection.permission_problems
        return told + [f"permissions: {each}" for each in refused if each not in "".join(told)]

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
        start("results.watch", self._result_watch.run)
        for number in range(READERS):
            start(f"results.read.{number}", self._read_bodies)
        start("queue.look", self._look_at_queue)
        start("server.look", self._look_at_server)

    def start_pump(self) -> None:
        """Fold in the background too: for programs without a frame timer."""
        self.supervisor.start("pump", self._pump)

    async def move_to(self, server: str, monitor_url: str = "") -> None:
        """Follow the same system to another address: nothing is missing and nothing comes twice.

        Raises:
            CannotConnectError: `server` is no address.
        """
        await self.connection.move_to(server)
        url = monitor_url or guess_monitor_url(server)
        self.queue.move_to(url)
        self._server_monitor.move_to(url)

    async def close(self) -> None:
        """End all background work and the connection."""
        await self.supervisor.close()
        await self._server_monitor.close()
        await self.queue.close()
        await self.connection.close()

    def drain(self, budget_s: float) -> bool:
        """Fold what has come, for at most about `budget_s` seconds; return whether more waits."""
        deadline = time.perf_counter() + budget_s
        inbox, fold = self.inbox, self.state.fold
        while inbox:
            fold(inbox.take(SLICE))
            if time.perf_counter() >= deadline:
                break
        if self.state.to_read:
            self._bodies_wanted.set()
        now = self._clock()
        if now - self._swept_at >= 1.0:
            self._swept_at = now
            self.state.sweep(now)
        self._folded.set()
        return bool(inbox)

    async def caught_up(self, limit_s: float = 10.0) -> bool:
        """Wait until history and its results are read and folded; False when that takes longer.

        Needs `start` and somebody who drains.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self.event_feed.caught_up(limit_s)
                await self.task_feed.caught_up(limit_s)
                await self._result_watch.caught_up(limit_s)
                await self.until(lambda: not (self.inbox or self.state.to_read or self._being_read))
                return True
        return False

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something folded makes a condition true."""
        while not condition():
            self._folded.clear()
            await self._folded.wait()

    async def answered(self, task_id: str, limit_s: float) -> TaskRun | None:
        """Wait for a run to end and its result to be read; return it as it is at last.

        A run that its worker calls ended may have no result: not every task has a result backend.
        So it is waited for only a moment longer.
        """
        known = self.state.runs.get

        def ended() -> bool:
            run = known(task_id)
            return run is not None and run.state not in OPEN_STATES

        def answered() -> bool:
            run = known(task_id)
            return run is not None and run.answer is not None and bool(run.answer.format)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not (ended() and answered()):
                    await self.until(ended)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(RESULT_WITHIN_S):
                            await self.until(answered)
                    if ended():
                        break
        return known(task_id)

    async def enqueue(
        self,
        task_name: str,
        *,
        args: bytes = b"[]",
        kwargs: bytes = b"{}",
        labels: dict[str, Any] | None = None,
        anyway: bool = False,
    ) -> tuple[str, Sent]:
        """Enqueue a task by name.

        Args:
            task_name: as registered with the workers.
            args: JSON array.
            kwargs: JSON object.
            labels: of the task.
            anyway: also while no worker listens.

        Returns:
            The new task's id, and how it was sent.

        Raises:
            NobodyListensError, NotConnectedError, TooLargeError, NotPermittedError.
        """
        task_id = new_task_id()
        told = {REQUESTED_BY: self.who, TASK_NAME: task_name, **(labels or {})}
        payload, headers = encode_task(task_id, task_name, args=args, kwargs=kwargs, labels=told)
        now = self._clock()
        sent = await self.queue.enqueue(
            task_id,
            payload,
            headers,
            anyway=anyway,
            has_live_workers=bool(self.state.workers.alive(now)),
        )
        self.task_feed.echo(TASK_SUBJECT, payload)
        body = msgspec.json.decode(payload)
        await self._tell(
            "tasks",
            "task.queued",
            {
                "task_id": task_id,
                "task_name": task_name,
                "args": body["args"],
                "kwargs": body["kwargs"],
                "labels": body["labels"],
                "queued_at": now,
            },
        )
        return task_id, sent

    async def rerun(self, run: TaskRun, *, anyway: bool = False) -> tuple[str, Sent]:
        """Enqueue a run again, exactly as captured, under a new id.

        Raises:
            CannotRepeatError: its arguments were not seen whole; and what `enqueue` raises.
        """
        request = run.request
        if request is None or not request.complete:
            raise CannotRepeatError(run)
        labels = repeated_labels(
            request.labels, request.labels_types, origin=run.task_id, who=self.who
        )
        task_id, sent = await self.enqueue(
            request.task_name,
            args=request.args,
            kwargs=request.kwargs,
            labels=labels,
            anyway=anyway,
        )
        await self._tell(
            "monitoring",
            "audit",
            {"who": self.who, "action": "rerun", "target": run.task_id, "detail": task_id},
        )
        return task_id, sent

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
        body = await self.results.read(key, limit=limit)
        try:
            return body, await _decoded(body)
        except UnreadableResultError as error:
            return body, str(error)

    def watch_bucket(self, name: str) -> None:
        """Show the results of another bucket from now on."""
        if name == self.results_bucket:
            return
        self.supervisor.stop_group("results.watch")
        while self.drain(0.1):
            pass  # what the old bucket still sent must not be taken for the new one's
        self.state.to_read.clear()
        self.state.results.clear()
        self.results_bucket = name
        self.results = ResultStore(self.connection, name)
        self._result_watch = ResultWatch(self.connection, self.inbox, name)
        self.supervisor.start("results.watch", self._result_watch.run)

    async def _tell(self, topic: str, type_: str, data: dict[str, Any]) -> None:
        """Publish an event of our own; that it cannot be is no reason to fail what it tells of."""
        event_id, payload = encode_event(
            topic, type_, data, source=f"desktop:{self.who}", now=self._clock()
        )
        subject = subject_of(topic)
        try:
            await self.connection.client.publish(
                subject, payload, headers={"Nats-Msg-Id": event_id}
            )
        except Exception as error:  # noqa: BLE001 - told in the log, and to nobody's harm
            _log.warning("cannot publish %s: %s", type_, mask_address(str(error)))
        else:
            self.event_feed.echo(subject, payload)

    async def _pump(self) -> None:
        while True:
            more = self.drain(0.05)
            await asyncio.sleep(0 if more else 0.01)

    async def _read_bodies(self) -> None:
        """Fetch bodies of results as they appear, the newest first."""
        waiting = self.state.to_read
        while True:
            if not waiting:
                self._bodies_wanted.clear()
                await self._bodies_wanted.wait()
                continue
            stored = waiting.pop()
            self._being_read += 1
            try:
                await self._read_body(stored)
            except NotConnectedError:
                waiting.append(stored)
                await self.connection.wait_connected()
            finally:
                self._being_read -= 1

    async def _read_body(self, stored: StoredObject) -> None:
        current = self.state.results.get(stored.key)
        if current is None or current.stored.sequence != stored.sequence:
            return  # a newer version, or its deletion, has come meanwhile
        if stored.size > READ_LIMIT:
            self.state.fold_unreadable_body(stored, "too large to be read unasked: open it")
            return
        try:
            body = await self.results.read(stored, limit=READ_LIMIT)
        except NotConnectedError:
            raise
        except UserFacingError as error:
            self.state.fold_unreadable_body(stored, error.detail or error.title)
            return
        try:
            result = await _decoded(body)
        except UnreadableResultError as error:
            self.state.fold_unreadable_body(stored, str(error))
        else:
            self.state.fold_result(stored, result)
        self._folded.set()

    async def _look_at_queue(self) -> None:
        while True:
            await self.connection.wait_connected()
            with contextlib.suppress(UserFacingError):
                self.queue_status = await self.queue.status()
            await asyncio.sleep(2.0)

    async def _look_at_server(self) -> None:
        while True:
            await self.connection.wait_connected()
            self.server = await self._server_monitor.snapshot()
            await asyncio.sleep(5.0)

    def _log_status(self, status: ConnectionStatus) -> None:
        """Keep a record of how the connection stood; other changes are of no interest later."""
        if (status.state, status.problem) != self._logged:
            self._logged = (status.state, status.problem)
            _log.info("%s to %s. %s", status.state, status.server, status.problem)

    def _note_problem(self, problem: TaskProblem) -> None:
        _log.error("%s failed", problem.name, exc_info=problem.error)
        self.problems.append(problem)
        del self.problems[:-100]
        if self._on_problem is not None:
            self._on_problem(problem)


async def _decoded(body: bytes) -> TaskResult:
    if len(body) > THREAD_ABOVE:
        return await asyncio.to_thread(decode_result, body)
    return decode_result(body)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id: a container
        return "operator"
