"""One session: everything about one server, without a window.

The window and the command line both use it. It is asyncio and knows no Qt. The owner either calls
`drain` from a frame timer or lets `start_pump` do so.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.nats_client.aio import retrieve
from pulse_desktop.protocol.inbound import Source
from pulse_desktop.protocol.topics import (
    EVENT_STREAM_SUBJECT,
    EVENT_SUBJECT,
    GIVEN_UP_SUBJECT,
    with_prefix,
)
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.session.history_backfill import HistoryBackfill
from pulse_desktop.session.history_catch_up import RECENT_S, HistoryCatchUp
from pulse_desktop.session.history_streams import HistoryStreams
from pulse_desktop.session.ingestor import Ingestor
from pulse_desktop.session.local_state.group_mark_keeper import GroupMarkKeeper
from pulse_desktop.session.local_state.state_file import LocalStateFile, state_file_path
from pulse_desktop.session.recording.recorder import Recorder, ResultRead
from pulse_desktop.session.result_loader import ResultLoader
from pulse_desktop.session.run_waiter import RunWaiter
from pulse_desktop.session.server_poller import ServerPoller
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.session.session_status import SessionStatus
from pulse_desktop.session.supervisor import Supervisor, TaskFailure
from pulse_desktop.session.system_finder import SystemFinder
from pulse_desktop.session.task_canceller import TaskCanceller
from pulse_desktop.session.task_client import TaskClient
from pulse_desktop.session.worker_commands import WorkerCommands
from pulse_desktop.settings_folder import profile_data_folder
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.history_provisioner import HistoryProvisioner
from pulse_desktop.transport.queued_task_remover import QueuedTaskRemover
from pulse_desktop.transport.worker_control import WorkerControlClient

ADVISORY_POLL_S: Final = 30.0
"""A stream of advisories is rarely made; one that is made here is looked for at once."""
MAX_BACKGROUND_ERRORS: Final = 100
CLOSE_GRACE_S: Final = 3.0
"""Time for an orderly close; then the connection is cut."""
WORK_TIMEOUT_S: Final = 4.0
"""Time after which background work that does not end is left behind, and the rest is closed."""
CLOSE_TIMEOUT_S: Final = 5.0
"""Time after which `Session.close` leaves behind what does not end. More than `WORK_TIMEOUT_S`, so
that the rest is closed too; a window that takes longer to close would pass for hung."""

_log = logging.getLogger(__name__)


class Session(SessionStatus):
    """Connection, state and background work of one server.

    Attributes:
        config: how the session was opened.
        state: what is known of this server.
        connection: to the server.
        arrivals: messages received and not folded yet.
        event_feed: feed of `websocket.*`.
        task_feed: feed of the task subject.
        advisory_feed: feed of the advisories about tasks that are given up, if a stream has them.
        results: reads stored results and watches their bucket.
        tasks: enqueues, re-runs and cancels tasks.
        workers: sends commands to workers.
        backfill: reads history that is older than its newest part.
        history_streams: makes streams that keep history.
        finder: looks for tasks and results under other names.
        group_marks: keeps the marks of failure groups.
        waiter: waits for runs to end.
        guard: passed before every action on the server.
        supervisor: owner of all background work.
        background_errors: crashes of background work, newest last.
        on_activity: called when there is something to fold or to show; perhaps many times.
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        clock: Callable[[], float] = time.time,
        on_failure: Callable[[TaskFailure], None] | None = None,
    ) -> None:
        """Create a session; nothing is sent before `start`.

        Args:
            config: server and options.
            clock: Unix seconds.
            on_failure: called when background work crashes.

        Raises:
            CannotConnectError: there is no valid address.
        """
        self._on_failure = on_failure
        self.on_activity: Callable[[], object] = lambda: None
        self._outcomes_since = math.inf
        self.config = config
        names = config.profile.names
        self.state = SystemState(subject_prefix=names.subject_prefix)
        self.arrivals = ArrivalQueue()
        self.arrivals.on_first = self._note_activity
        self.background_errors: list[TaskFailure] = []
        self.supervisor = Supervisor(self._record_failure)
        self._log_status = _ConnectionLog()
        self.connection = Connection(
            options=config.profile.options,
            is_login_typed=config.is_login_typed,
            clock=clock,
            on_status=self._on_status,
        )
        self.event_feed, self.task_feed, self.advisory_feed = self._make_feeds(clock)
        self._make_readers(clock)
        self._events = EventPublisher(
            self.connection, self.event_feed, self.now, names.subject_prefix
        )
        self.guard = ActionGuard(config.profile)
        self._make_actions()

    def _make_feeds(
        self, clock: Callable[[], float]
    ) -> tuple[SubjectFeed, SubjectFeed, SubjectFeed]:
        """Return the feeds of events, of tasks and of advisories. Needs the connection."""
        names = self.config.profile.names
        feed = partial(
            SubjectFeed,
            self.connection,
            self.arrivals,
            since=clock() - self.config.history_s,
            backlog=self.config.newest,
            clock=self.now,
        )
        events = feed(
            Source.EVENT,
            with_prefix(EVENT_SUBJECT, names.subject_prefix),
            stored_as=with_prefix(EVENT_STREAM_SUBJECT, names.subject_prefix),
        )
        tasks = feed(Source.TASK, names.subject, stream=names.stream)
        advisories = feed(Source.EVENT, GIVEN_UP_SUBJECT, stored_only=True, poll_s=ADVISORY_POLL_S)
        return events, tasks, advisories

    def _make_readers(self, clock: Callable[[], float]) -> None:
        """Make what folds arrivals, and reads history, results and figures of the server.

        Needs the connection, the feeds and the supervisor.
        """
        names, feeds = self.config.profile.names, (self.event_feed, self.task_feed)
        results_s = self.config.results_history_s
        self._catch_up = HistoryCatchUp(
            self.connection,
            feeds,
            self.arrivals,
            self.now,
            lambda: self.results.has_read_latest(self.now() - RECENT_S),
            self._has_read_recent,
            lambda: not self.config.reads_back or self.backfill.has_read_events,
        )
        self._ingestor = Ingestor(
            self.arrivals, self.state, self.now, lambda: self._catch_up.is_complete
        )
        self._ingestor.on_fold = self._note_activity
        self.waiter = RunWaiter(self.state, self._ingestor.folded, self.now)
        self.backfill = HistoryBackfill(
            (*feeds, self.advisory_feed),
            self.arrivals,
            self.waiter,
            is_current=lambda: self._catch_up.has_outcomes,
            has_room=lambda: self.state.log.takes_older,
        )
        self.results = ResultLoader(
            self.connection,
            self.arrivals,
            self._ingestor,
            self.state,
            self.supervisor,
            names.bucket,
            since=None if results_s is None else clock() - results_s,
            backlog=self.config.stored_results,
        )
        self._poller = ServerPoller(
            self.connection,
            names,
            self.config.profile.monitor_url,
            activity=lambda: self.state.runs.changes,
        )
        self.finder = SystemFinder(
            self.connection, lambda: self.names, self.state, self.results.is_result
        )

    def _make_actions(self) -> None:
        """Make what changes something on the server, or marks something on this machine.

        Needs the feeds, what `_make_readers` makes, the publisher of events and the guard.
        """
        profile, prefix = self.config.profile, self.config.profile.names.subject_prefix
        state_file = state_file_path(self.config.local_state or profile_data_folder(), profile)
        self.group_marks = GroupMarkKeeper(
            LocalStateFile(state_file),
            self.state.failure_groups,
            lambda: self.actor,
            self.now,
            self._note_activity,
        )
        control = WorkerControlClient(
            self.connection, self._events.actor, clock=self.now, subject_prefix=prefix
        )
        remover = QueuedTaskRemover(self.connection, profile.names.subject)
        canceller = TaskCanceller(control, self.queue, remover, self._events, self.state, self.now)
        self.tasks = TaskClient(
            self._poller, self.task_feed, self._events, self.state, self.now, canceller, self.guard
        )
        self.workers = WorkerCommands(control, self.state, self.now, self.guard)
        self.history_streams = HistoryStreams(
            self.connection,
            HistoryProvisioner(self.connection, profile.names),
            (self.event_feed, self.task_feed, self.advisory_feed),
            self._events,
            self.guard,
        )

    def rename(self, name: str) -> None:
        """Call the profile by another name; its local state follows when it is moved there."""
        profile = replace(self.config.profile, name=name)
        self.config = replace(self.config, profile=profile)
        self.guard.profile = profile

    def now(self) -> float:
        """Return Unix seconds by the server's clock as far as it is known, else by this machine's.

        Stored messages are dated by it, so ages are differences to this time.
        """
        return self.connection.now()

    def try_now(self) -> None:
        """Try to connect at once instead of waiting for the next attempt."""
        self.connection.try_now()

    def record(self, recorder: Recorder) -> None:
        """Hand everything that is received from now on to a recorder."""
        self._ingestor.observers.append(recorder.add)
        self.results.observers.append(lambda stored, body: recorder.add([ResultRead(stored, body)]))

    def stop_receiving(self) -> None:
        """End what receives and folds messages; the connection stays."""
        for group in ("feed", "results", "pump"):
            self.supervisor.stop_group(group)

    def set_read_only(self, *, read_only: bool) -> None:
        """Refuse or allow actions on the server from now on."""
        self.guard.read_only = read_only

    def start(self) -> None:
        """Start all background work; `close` ends it."""
        self.start_connection()
        self.start_feeds()
        self.results.start()
        self._poller.start(self.supervisor)
        self.supervisor.start("poll.names", self.finder.run)
        self.supervisor.start("group_marks", self.group_marks.run)

    def start_connection(self) -> None:
        """Start only to keep the connection, for a program that needs nothing else or not yet."""
        self.supervisor.start("connection", self.connection.run)

    def start_feeds(self) -> None:
        """Start to receive events and tasks, if only the connection was started."""
        self.supervisor.start("feed.events", self.event_feed.run)
        self.supervisor.start("feed.tasks", self.task_feed.run)
        self.supervisor.start("feed.advisories", self.advisory_feed.run)
        if self.config.reads_back:
            self.supervisor.start("feed.older", self.backfill.run)

    def start_pump(self) -> None:
        """Fold in the background too: for programs without a frame timer."""
        self.supervisor.start("pump", self._pump)

    async def move_to(self, server: str, monitor_url: str = "") -> None:
        """Follow the same system to another address, without a gap and without duplicates.

        Raises:
            CannotConnectError: the address cannot be parsed.
        """
        await self.connection.move_to(server)
        self._poller.move_to(monitor_url)

    async def close(self) -> None:
        """End all background work and the connection, in at most `CLOSE_TIMEOUT_S` seconds.

        Neither a server that does not answer nor a disk holds it up: what waits for the server ends
        when the connection is cut, and what does not end even then is left behind.
        """
        closing = asyncio.ensure_future(self._close())
        closing.add_done_callback(retrieve)
        try:
            await asyncio.wait({closing}, timeout=CLOSE_GRACE_S)
            if not closing.done():
                self.connection.abort()
                await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S - CLOSE_GRACE_S)
                if not closing.done():
                    _log.warning("the session did not close within %g s", CLOSE_TIMEOUT_S)
        finally:
            if not closing.done():
                self.connection.abort()
                closing.cancel()
        if closing.done():
            closing.result()

    async def _close(self) -> None:
        await self.supervisor.close(WORK_TIMEOUT_S)
        # Together, so that none of them waits for the disk or the server of another one.
        errors = await asyncio.gather(
            self._disconnect(),
            self.results.close(),
            self._poller.close(),
            self.group_marks.close(),
            return_exceptions=True,
        )
        if error := next(filter(None, errors), None):
            raise error

    async def _disconnect(self) -> None:
        try:
            await self.backfill.close()
        finally:
            await self.connection.close()

    def drain(self, budget_s: float) -> bool:
        """Fold arrivals for at most about `budget_s` seconds; return whether there is more."""
        if self._catch_up.holds_arrivals():
            return False
        more = self._ingestor.drain(budget_s)
        self._note_history()
        while self._catch_up.update():
            self._note_history()
        self.results.wake()
        return more

    def _note_history(self) -> None:
        """Tell the failure groups how far history has been folded, if it is read back."""
        if not self.config.reads_back:
            return
        groups, now = self.state.failure_groups, self.now()
        if not self._catch_up.is_complete:
            groups.set_known_since(math.inf)
            if self.connection.connected:  # else they are those before the loss
                self._outcomes_since = math.inf
                groups.set_states_known_since(math.inf, now)
        elif not self.arrivals:
            known_since = self.backfill.known_since
            groups.set_known_since(known_since)
            if self._catch_up.has_outcomes and self.group_marks.has_read:
                # What arrives live may wait for a moment: that is no history.
                outcomes_since = max(known_since, self.results.read_since)
                self._outcomes_since = min(self._outcomes_since, outcomes_since)
            groups.set_states_known_since(self._outcomes_since, now)

    def _has_read_recent(self) -> bool:
        """Return whether failures of the last hour can be judged, and those that are muted."""
        earliest = self.now() - RECENT_S
        read = not self.config.reads_back or self.backfill.known_since <= earliest
        return (
            read
            and self._catch_up.has_states
            and self.group_marks.has_read
            and self.state.failure_groups.unjudged_until < earliest
        )

    async def wait_caught_up(self, timeout_s: float = 10.0) -> bool:
        """Wait until history and its results are loaded and folded; False on timeout.

        Needs `start`, and `drain` being called.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.results.wait_caught_up(timeout_s)
                await self._wait_history(timeout_s)
                await self.waiter.wait_for(lambda: not (self.arrivals or self.results.pending))
                return True
        return False

    async def wait_history(self, timeout_s: float = 10.0) -> bool:
        """Wait until the history of events and tasks is loaded and folded; False on timeout.

        Needs `start_feeds`, and `drain` being called.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._wait_history(timeout_s)
                return True
        return False

    async def _wait_history(self, timeout_s: float) -> None:
        await self.event_feed.wait_caught_up(timeout_s)
        await self.task_feed.wait_caught_up(timeout_s)
        await self.advisory_feed.wait_caught_up(timeout_s)
        await self.waiter.wait_for(lambda: not self.arrivals)

    def _note_activity(self) -> None:
        self.on_activity()

    def _on_status(self, status: ConnectionStatus) -> None:
        self._log_status(status)
        self.on_activity()

    async def _pump(self) -> None:
        while True:
            more = self.drain(0.05)
            await asyncio.sleep(0 if more else 0.01)

    def _record_failure(self, failure: TaskFailure) -> None:
        _log.error("%s failed", failure.name, exc_info=failure.error)
        self.background_errors.append(failure)
        del self.background_errors[:-MAX_BACKGROUND_ERRORS]
        if self._on_failure is not None:
            self._on_failure(failure)


class _ConnectionLog:
    """Logs changes of the connection's state, and not those of its figures."""

    def __init__(self) -> None:
        self._logged = ("", "")

    def __call__(self, status: ConnectionStatus) -> None:
        if (status.state, status.problem) != self._logged:
            self._logged = (status.state, status.problem)
            _log.info("%s: %s. %s", status.server, status.state, status.problem)
