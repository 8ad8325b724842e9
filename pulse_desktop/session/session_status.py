"""The status of a session: its connection, how far history was read, what is lost or refused."""

from collections.abc import Sequence
from dataclasses import replace

from pulse_desktop.model.connection_status import ConnectionStatus, HistoryProgress, Outage
from pulse_desktop.model.history_extent import HistoryExtent
from pulse_desktop.protocol.taskiq_names import TaskiqNames
from pulse_desktop.session.action_guard import ActionGuard
from pulse_desktop.session.event_publisher import EventPublisher
from pulse_desktop.session.history_backfill import HistoryBackfill
from pulse_desktop.session.history_catch_up import HistoryCatchUp
from pulse_desktop.session.history_streams import HistoryStreams
from pulse_desktop.session.limitations import limitations, unreadable
from pulse_desktop.session.result_loader import ResultLoader
from pulse_desktop.session.server_poller import ServerPoller
from pulse_desktop.session.session_config import SessionConfig
from pulse_desktop.session.system_finder import SystemFinder
from pulse_desktop.state.system import SystemState
from pulse_desktop.transport.arrival_queue import ArrivalQueue
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.feed import SubjectFeed
from pulse_desktop.transport.feed_status import count_gaps
from pulse_desktop.transport.server_monitor import ServerSnapshot
from pulse_desktop.transport.task_queue import TaskQueue


class SessionStatus:
    """What a session says about itself. Reading it changes nothing and waits for nothing."""

    config: SessionConfig
    state: SystemState
    connection: Connection
    arrivals: ArrivalQueue
    event_feed: SubjectFeed
    task_feed: SubjectFeed
    results: ResultLoader
    backfill: HistoryBackfill
    history_streams: HistoryStreams
    finder: SystemFinder
    guard: ActionGuard
    _catch_up: HistoryCatchUp
    _events: EventPublisher
    _poller: ServerPoller

    @property
    def names(self) -> TaskiqNames:
        """Names in use: those configured, and the bucket that is watched now."""
        return replace(self.config.profile.names, bucket=self.results.bucket)

    @property
    def actor(self) -> str:
        """User and host, as given in labels and audit events."""
        return self._events.actor

    @property
    def queue(self) -> TaskQueue:
        """The task queue."""
        return self._poller.queue

    @property
    def server(self) -> ServerSnapshot | None:
        """Figures of the server, None while its monitoring port does not answer."""
        return self._poller.server

    @property
    def connection_status(self) -> ConnectionStatus:
        """State of the connection."""
        return self.connection.status

    @property
    def history(self) -> HistoryProgress | None:
        """How much of the newest part of history was read; None when all was, or offline."""
        return self._catch_up.progress

    @property
    def history_extent(self) -> HistoryExtent:
        """How much of the whole stored history was read."""
        return self.backfill.extent

    @property
    def is_settled(self) -> bool:
        """Whether history was read long enough ago to judge what is missing, such as workers."""
        return self._catch_up.is_settled

    @property
    def has_outcomes(self) -> bool:
        """Whether the outcomes of the latest runs are known, also those in results."""
        return self._catch_up.has_outcomes

    @property
    def has_states(self) -> bool:
        """Whether the states of all runs are known: no event of one is still to be read."""
        return self._catch_up.has_states

    @property
    def has_recent(self) -> bool:
        """Whether the history of the last hour was read as far as it can be, and the marks."""
        return self._catch_up.has_recent

    @property
    def data_time(self) -> float | None:
        """Unix seconds for which the state is true; None while that is now."""
        status = self.connection.status
        if not self.connection.connected:
            return status.last_alive or status.since
        if self._catch_up.is_complete:
            return None
        log = self.state.log
        return log[log.stop - 1].received_at if log else status.last_alive

    @property
    def outages(self) -> Sequence[Outage]:
        """Times without a connection since the first one, oldest first."""
        return self.connection.outages

    @property
    def is_typed_login_refused(self) -> bool:
        """Whether a person typed the login, and the server has refused and never accepted it."""
        return self.connection.is_typed_login_refused

    @property
    def received(self) -> int:
        """Messages received so far."""
        return self.arrivals.received

    @property
    def waiting(self) -> int:
        """Messages received and not folded yet."""
        return len(self.arrivals)

    @property
    def dropped(self) -> int:
        """Messages lost on this side: the queue was full, or the client library dropped them."""
        return self.arrivals.dropped + self.connection.slow_consumers

    @property
    def gaps(self) -> tuple[int, int]:
        """Number of times in which feeds missed messages: still open, and filled from history."""
        return count_gaps((*self.event_feed.status.gaps, *self.task_feed.status.gaps))

    @property
    def gap_reasons(self) -> Sequence[str]:
        """What happened in these times, sentences without their full stops."""
        gaps = (*self.event_feed.status.gaps, *self.task_feed.status.gaps)
        return tuple(dict.fromkeys(gap.reason for gap in gaps if gap.reason))

    @property
    def jetstream_bytes(self) -> int | None:
        """Bytes that JetStream stores on the server, None when unknown."""
        return self.server.jetstream_bytes if self.server is not None else None

    @property
    def limitations(self) -> list[str]:
        """Limitations on this server, each with its reason."""
        return limitations(
            self.connection,
            self.event_feed.status,
            self.task_feed.status,
            self.results.watch_status,
            self._poller.queue_status,
        )

    @property
    def can_keep_history(self) -> bool:
        """Whether no stream stores events or tasks, and one can be made."""
        return self.history_streams.are_missing

    @property
    def unreadable(self) -> dict[str, str]:
        """Why stored events, tasks and results cannot be read, without those that can be."""
        return unreadable(
            self.connection,
            self.event_feed.status,
            self.task_feed.status,
            self.results.unreadable,
        )

    @property
    def other_names(self) -> TaskiqNames | None:
        """Other names that have tasks or results, if the configured names have none."""
        return self.finder.suggestion

    @property
    def has_permission_errors(self) -> bool:
        """Whether the server refused something to these credentials."""
        return self.connection.connected and bool(self.connection.violations.problems)

    @property
    def is_restricted(self) -> bool:
        """Whether something is refused or switched off, not merely without history."""
        feeds = (self.event_feed.status, self.task_feed.status)
        return self.connection.connected and bool(
            self.connection.violations.problems
            or self.results.watch_status.problem
            or any(feed.mode == "off" and feed.problem for feed in feeds)
        )

    @property
    def read_only(self) -> bool:
        """Whether every action on the server is refused."""
        return self.guard.read_only
